"""Breaks a lab host at random: the same number breaks it in the same way again.

What is drawn is put together from what operators do: kernel settings changed by hand or by files that contradict each
other, daemon.json in every style, a docker-proxy switched under live-restore, flags of bridge ports lost, a FORWARD
chain closed or open, and containers of all sorts on top.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.lab.breaks import DAEMON_JSON, live_restore_on
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload, wait_for_ipv6

Draw = random.Random


@dataclass
class BrokenHost:
    """How a host is broken, and what it is hardened with."""

    number: str
    scenario: Scenario = field(default_factory=Scenario)
    before: list[tuple[str, Callable[[Host], None]]] = field(default_factory=list)
    """Steps ahead of the containers, by what they do."""
    after: list[tuple[str, Callable[[Host], None]]] = field(default_factory=list)
    variables: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        steps = [*(name for name, dummy in self.before), *map(_words, self.scenario.containers)]
        steps += [name for name, dummy in self.after]
        return f"host {self.number}: {'; '.join(steps)}\n  hardened with {json.dumps(self.variables)}"

    def apply(self, host: Host) -> None:
        """Bring a host that was reset into this state, and wait until it stands still."""
        for dummy, step in self.before:
            step(host)
        host.deploy(self.scenario)
        for dummy, step in self.after:
            step(host)
        wait_for_ipv6(host)


def broken_host(seed: int, number: int) -> BrokenHost:
    """The host of that number in the series of a seed."""
    draw = Draw(f"{seed}/{number}")  # not for secrets
    made = BrokenHost(f"{seed}/{number}", _scenario(draw), variables=_variables(draw))
    made.before = _pick(draw, BOOT_FILES, 2)
    made.after = _daemon(draw) + _pick(draw, KERNEL, 3)
    return made


def _words(container: Workload) -> str:
    where = container.network_mode or ",".join(container.networks) or "bridge"
    policy = "rm" if container.rm else container.restart
    return f"container {container.name} on {where}, {policy}, {' '.join([*container.publish, *container.options])}"


def _pick(draw: Draw, steps: dict[str, Callable[[Host], None]], most: int) -> list[tuple[str, Callable[[Host], None]]]:
    chosen = draw.sample(sorted(steps), draw.randint(0, most))
    return [(name, steps[name]) for name in chosen]


# ---- containers ------------------------------------------------------------------------------------------------------


def _scenario(draw: Draw) -> Scenario:
    networks = [
        NetworkSpec("front", subnet="172.30.1.0/24"),
        NetworkSpec("back", subnet="172.30.2.0/24", ipv6_subnet=draw.choice([None, "2001:db8:30::/64"])),
        NetworkSpec("inner", internal=True),
    ]
    containers = [_container(draw, number) for number in range(draw.randint(0, 3))]
    return Scenario(networks[: draw.randint(1, 3)] if not containers else networks, containers)


def _container(draw: Draw, number: int) -> Workload:
    name = f"c{number}"
    kind = draw.choice(["front", "front", "back", "both", "bridge", "host", "inner", "static"])
    published = kind not in ("host", "inner") and draw.random() < 0.8
    address = draw.choice(["", "", "127.0.0.1:", "0.0.0.0:", "[::]:"])
    return Workload(
        name,
        networks={"both": ["front", "back"], "static": ["back"], "bridge": [], "host": []}.get(kind, [kind]),
        network_mode="host" if kind == "host" else "",
        publish=[f"{address}{8080 + number}:80"] if published else [],
        restart=draw.choice(["no", "always", "unless-stopped", "on-failure"]),
        serve=[9100 + number] if kind == "host" else [80],
        rm=draw.random() < 0.15,
        options=[f"--ip=172.30.2.{50 + number}"] if kind == "static" else [],
    )


# ---- files that boot reads -------------------------------------------------------------------------------------------


def _file(path: str, content: str, mode: int = 0o644) -> Callable[[Host], None]:
    return lambda host: host.write(path, content, mode)


def _forget_forwarding(host: Host) -> None:
    host.run("grep -ls ip_forward /etc/sysctl.conf /etc/sysctl.d/* | xargs -r sed -i /ip_forward/d")


BOOT_FILES: dict[str, Callable[[Host], None]] = {
    "no file forwards": _forget_forwarding,
    "90-forward.conf forwards": _file("/etc/sysctl.d/90-forward.conf", "net.ipv4.ip_forward = 1\n"),
    "99-zz-off.conf does not forward": _file("/etc/sysctl.d/99-zz-off.conf", "# hardening\nnet.ipv4.ip_forward=0\n"),
    "zzz.conf closes all by the other name": _file("/etc/sysctl.d/zzz.conf", "net/ipv4/conf/all/forwarding = 0\n"),
    "50-default.conf closes default": _file("/etc/sysctl.d/50-default.conf", "net.ipv4.conf.default.forwarding = 0\n"),
    "97-docker0.conf closes docker0": _file("/etc/sysctl.d/97-docker0.conf", "-net.ipv4.conf.docker0.forwarding = 0\n"),
    "95-six.conf closes IPv6": _file("/etc/sysctl.d/95-six.conf", "net.ipv6.conf.all.forwarding = 0\n"),
}


# ---- the running kernel ----------------------------------------------------------------------------------------------


def _sysctl(key: str, value: str) -> Callable[[Host], None]:
    return lambda host: host.set_sysctl(key, value)


def _hairpins(host: Host) -> None:
    """Flip the flag of every other port."""
    host.run(
        "n=0; for port in /sys/class/net/*/brport/hairpin_mode; do [ -e $port ] || continue; n=$((n + 1)); "
        "[ $((n % 2)) = 0 ] || { read old <$port; echo $((1 - old)) >$port; }; done"
    )


def _policy(program: str, policy: str) -> Callable[[Host], None]:
    return lambda host: _quietly(host, f"{program} -w 10 -P FORWARD {policy}")


def _quietly(host: Host, text: str) -> None:
    host.run(text)


KERNEL: dict[str, Callable[[Host], None]] = {
    "ip_forward is 0": _sysctl("net.ipv4.ip_forward", "0"),
    "docker0 does not forward": _sysctl("net.ipv4.conf.docker0.forwarding", "0"),
    "eth0 does not forward": _sysctl("net.ipv4.conf.eth0.forwarding", "0"),
    "new interfaces do not forward": _sysctl("net.ipv4.conf.default.forwarding", "0"),
    "IPv6 does not forward": _sysctl("net.ipv6.conf.all.forwarding", "0"),
    "IPv6 forwards": _sysctl("net.ipv6.conf.all.forwarding", "1"),
    "docker0 routes 127/8": _sysctl("net.ipv4.conf.docker0.route_localnet", "1"),
    "every other port's hairpin flag is flipped": _hairpins,
    "FORWARD accepts": _policy("iptables", "ACCEPT"),
    "FORWARD drops": _policy("iptables", "DROP"),
    "FORWARD of IPv6 accepts": _policy("ip6tables", "ACCEPT"),
    "FORWARD of IPv6 drops": _policy("ip6tables", "DROP"),
}


# ---- the daemon ------------------------------------------------------------------------------------------------------

STYLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "two blanks": lambda values: json.dumps(values, indent=2) + "\n",
    "tabs": lambda values: json.dumps(values, indent="\t"),
    "one line": lambda values: json.dumps(values) + "\n",
    "no blanks": lambda values: json.dumps(values, separators=(",", ":")),
    "CRLF": lambda values: json.dumps(values, indent=4).replace("\n", "\r\n") + "\r\n",
    "commas ahead": lambda values: (
        "{ " + "\n, ".join(f'"{key}" : {json.dumps(values[key])}' for key in values) + "\n}\n"
    ),
}
HARMLESS: dict[str, Any] = {
    "log-opts": {"max-size": "10m"},
    "labels": ["site=a"],
    "registry-mirrors": ["https://mirror.example"],
    "x-comment": {},
    "shutdown-timeout": 20,
    "debug": False,
}


def _daemon(draw: Draw) -> list[tuple[str, Callable[[Host], None]]]:
    """What daemon.json says, and which part of it is in force."""
    style = draw.choice(sorted(STYLES))
    extra = {key: HARMLESS[key] for key in draw.sample(sorted(HARMLESS), draw.randint(0, 2))}
    mode = draw.choice([0o644, 0o644, 0o600, 0o640])
    linked = draw.random() < 0.2
    way = draw.choice(["untouched", "file only", "live", "live and off", "off", "true", "pending off", "pending live"])
    if way == "untouched":
        return []

    def write(values: dict[str, Any]) -> Callable[[Host], None]:
        text = STYLES[style]({**extra, **values})
        return lambda host: _write_config(host, text, mode, linked=linked)

    says = {
        "file only": {},
        "live": {"live-restore": True},
        "live and off": {"live-restore": True, "userland-proxy": False},
        "off": {"userland-proxy": False},
        "true": {"userland-proxy": True},
        "pending off": {"userland-proxy": False},
        "pending live": {"live-restore": True},
    }[way]
    steps: list[tuple[str, Callable[[Host], None]]] = []
    if way in ("live", "live and off"):
        steps.append(("live-restore by reload", live_restore_on))
    described = f"daemon.json ({style}, {mode:o}{', linked' if linked else ''}): {json.dumps({**extra, **says})}"
    steps.append((described, write(says)))
    if way in ("live and off", "off", "true"):
        steps.append(("restart", _restart))
    return steps


def _write_config(host: Host, text: str, mode: int, *, linked: bool) -> None:
    if not linked:
        host.write(DAEMON_JSON, text, mode)
        return
    host.write("/srv/docker-daemon.json", text, mode)
    host.run(["ln", "--symbolic", "--force", "/srv/docker-daemon.json", DAEMON_JSON])


def _restart(host: Host) -> None:
    host.restart_docker()
    host.wait_for(lambda: host.docker("ps", check=False).rc == 0, 120, "the daemon to answer")


# ---- what it is hardened with ----------------------------------------------------------------------------------------


def _variables(draw: Draw) -> dict[str, Any]:
    chosen: dict[str, Any] = {
        "harden_profile": draw.choice(["default", "default", "strict"]),
        "harden_userland_proxy": draw.choice(["auto", "auto", "keep", "disabled", "enabled"]),
        "harden_live_restore": draw.choice(["keep", "enabled"]),
        "harden_on_disruption": draw.choice(["refuse", "allow"]),
        "harden_ip_forward_families": draw.choice([["ipv4"], ["ipv4"], ["ipv4", "ipv6"], ["ipv6"]]),
        "harden_ip_forward_persistent": draw.choice(["auto", "enabled", "keep"]),
        "harden_accept_ra": draw.choice(["refuse", "allow"]),
        "harden_forward_policy": draw.choice(["drop", "drop", "keep"]),
    }
    if draw.random() < 0.3:
        chosen["harden_on_other_forwarders"] = "allow"
    if draw.random() < 0.3:
        key = draw.choice(["log-opts", "labels", "debug", "mtu", "live-restore"])
        value = {
            "log-opts": {"max-size": "20m"},
            "labels": ["rack=7"],
            "debug": True,
            "mtu": 1450,
            "live-restore": True,
        }
        chosen["harden_daemon_config"] = {key: value[key]}
    return chosen
