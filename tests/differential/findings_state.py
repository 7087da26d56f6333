"""What of a host's state is put back quickly: rules, policy rules, routes of main, settings of interfaces."""

from __future__ import annotations

from tests.lab.host import Host

SAVES = ("iptables", "ip6tables")
SETTINGS = "grep -r . /proc/sys/net/ipv4/conf/*/ /proc/sys/net/ipv6/conf/*/ 2>/dev/null | grep -v stable_secret"
OWN_RULES = ("0:", "32766:", "32767:")


class State:
    """As it was when it was taken."""

    def __init__(self, host: Host) -> None:
        self._rules = {program: host.run([f"{program}-save"]).out for program in SAVES}
        self._tables = self._listed(host, "nft list tables")
        self._routes = {family: self._listed(host, f"ip -{family} route show") for family in (4, 6)}
        self._settings = self._listed(host, SETTINGS)

    @staticmethod
    def _listed(host: Host, command: str) -> list[str]:
        return [line.strip() for line in host.run(command, check=False).out.splitlines()]

    def restore(self, host: Host) -> None:
        """Put it back, as far as it goes; whether that was enough is for the caller to see."""
        commands = [
            f"nft delete {table}" for table in self._listed(host, "nft list tables") if table not in self._tables
        ]
        for line in self._listed(host, SETTINGS):
            if line not in self._settings:
                path = line.partition(":")[0]
                old = next((item for item in self._settings if item.startswith(f"{path}:")), "")
                commands += [f"echo {old.partition(':')[2]} > {path}"] if old else []
        for family, wanted in self._routes.items():
            for rule in self._listed(host, f"ip -{family} rule show"):
                if not rule.startswith(OWN_RULES):
                    commands.append(f"ip -{family} rule del pref {rule.partition(':')[0]}")
            now = self._listed(host, f"ip -{family} route show")
            commands += [f"ip -{family} route del {route}" for route in now if route not in wanted]
            commands += [f"ip -{family} route add {route}" for route in wanted if route not in now]
        if commands:
            host.run("\n".join(commands), check=False)
        for program, text in self._rules.items():
            host.run([f"{program}-restore"], stdin=text, check=False)
