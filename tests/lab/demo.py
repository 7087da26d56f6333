"""`make harden` without an inventory: a Docker host with typical faults is made, audited and hardened.

The host is one of the lab's, a container of this machine in a closed network; nothing of the machine's own Docker or
settings is touched. It stays, so that one can look around, and a later run makes its faults anew.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab import lifecycle, ssh
from tests.lab.host import Host
from tests.lab.identity import ROOT, Identity
from tests.lab.kinds import KINDS, parse_hosts
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.scenario import NetworkSpec, Scenario, Workload

DESCRIPTION = (
    "Make a throw-away Docker host with typical faults, audit it, harden it, and test connections before and after."
)

WEB_PORT = 8080
ANSWER_SECONDS = 3.0
WORKLOAD = Scenario(
    networks=[NetworkSpec("front"), NetworkSpec("back")],
    containers=[
        Workload("web", networks=["front", "back"], publish=[f"{WEB_PORT}:80"], restart="unless-stopped"),
        Workload("web-metrics", network_mode="container:web", serve=[9090]),
        Workload("api", networks=["back"], publish=["127.0.0.1:9000:80"], restart="unless-stopped"),
        Workload("node-agent", network_mode="host", serve=[9100], restart="always"),
        Workload("legacy", publish=["8081:80"]),
    ],
)
SSH_CONFIG = """Host {host.name}
  HostName {host.address}
  User root
  IdentityFile {key}
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {known}
"""
FAULTS = ("forwarding-not-persistent", "proxy-off-under-live-restore", "bridge-netfilter-off", "rules-flushed")
IN_WORDS = (
    "a file in /etc/sysctl.d turns IPv4 forwarding off at the next boot",
    "docker-proxy is turned off, without the hairpin mode that containers then need to reach published ports",
    "net.bridge.bridge-nf-call-iptables=0: firewall rules do not apply within a network",
    "all iptables rules are flushed, those of dockerd as well",
    "besides, not broken but worth a finding: ports on all addresses, and a container in the host's network",
)
# What a site may add of its own: networks that are created from now on get addresses that the office does not use.
WISHES = {"harden_daemon_config": {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}}
# Of Ansible's own lines, those that say that a task ran and changed nothing.
QUIET = {"ANSIBLE_DISPLAY_OK_HOSTS": "false", "ANSIBLE_DISPLAY_INCLUDED_HOSTS": "false"}
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OF_HOST = re.compile(r"(?:changed|failed|fatal|unreachable): \[|\[(?:WARNING|ERROR)")
_PLANNED = re.compile(r"^ *\* baseline_rollback: (.+)$", re.MULTILINE)


class Demo:
    """One showing, on one host."""

    def __init__(self, identity: Identity, host: str) -> None:
        self.identity = identity
        self.name = host
        self._began = time.monotonic()

    def run(self) -> int:
        """Make the host, and show what is done on it; the status is that of show()."""
        self.say(f"Making the Docker host {self.name}")
        lifecycle.up(self.identity, parse_hosts([self.name]), self.say)
        return self.show()

    def show(self) -> int:
        """Return 0 when the host was hardened, connections that failed are answered, and no container was restarted."""
        host = self._broken_host()
        before, started = self._connections(host), host.container("web").started_at
        self.say("Auditing it: ansible-playbook dockernet.baseline.audit_docker_net")
        status = self._playbook("audit_docker_net")
        if status == 0:
            self.say("Hardening it: ansible-playbook dockernet.baseline.harden_docker_net")
            print("          (with an address pool for new networks, as a site may add one: harden_daemon_config)")
            restarts = _starts(host)
            status = self._playbook("harden_docker_net", WISHES)
        if status != 0:
            self.say(f"The playbook failed with status {status}. The host is left as it is.")
            self._farewell(host)
            return status
        after, kept = self._connections(host), host.container("web").started_at == started
        self._prove(host, before, after, [_restarts(_starts(host) - restarts), _started(started, kept)])
        self._show_way_back()
        self._farewell(host)
        return 0 if kept and set(after.values()) == {"answered"} else 1

    def say(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {line}", flush=True)

    def _broken_host(self) -> Host:
        host = Lab.open(self.identity.name).host(self.name)
        host.reset()
        self.say(f"Starting containers on it: {', '.join(container.name for container in WORKLOAD.containers)}")
        host.deploy(WORKLOAD)
        self.say("Breaking it:")
        for words in IN_WORDS:
            print(f"          * {words}", flush=True)
        for fault in FAULTS:
            host.break_(fault)
        return host

    def _connections(self, host: Host) -> dict[str, str]:
        """What becomes of connections to web's published port, by where they come from."""
        lab = Lab.open(self.identity.name)
        url = f"http://{host.address}:{WEB_PORT}/"
        places = {
            f"from container web to {url}": host.container("web"),
            f"from another machine to {url}": lab.outside,
        }
        return {path: place.tcp(host.address, WEB_PORT, ANSWER_SECONDS) for path, place in places.items()}

    def _prove(self, host: Host, before: Mapping[str, str], after: Mapping[str, str], facts: Sequence[str]) -> None:
        print(f"\n{'Connectivity test':58}before       after")
        for path in before:
            print(f"  {path:56}{before[path]:13}{after[path]}")
        for fact in (*facts, _policy(host)):
            print(f"  {fact}")

    def _show_way_back(self) -> None:
        """Three lines of what reverting would do, from a run in check mode."""
        done = self._captured("harden_docker_net", {"harden_state": "reverted"}, "--check")
        planned = _PLANNED.findall(done.stdout)
        if done.returncode != 0 or not planned:
            raise LabError(f"harden_state=reverted failed in check mode:\n{done.stdout}{done.stderr}")
        print(f"\nTo revert it all: harden_state=reverted. Check mode plans {len(planned)} changes, among them")
        for change in planned[:2]:
            print(f"  * {change}")

    def _playbook(self, name: str, variables: Mapping[str, Any] | None = None) -> int:
        """Run a playbook of the staged collection over SSH, as a user would, and show its output."""
        colour = {"ANSIBLE_FORCE_COLOR": "true"} if sys.stdout.isatty() else {}
        command, environment = self._command(name, variables), {**_environment(), **colour}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as run:
            for line in without_empty_tasks(run.stdout or ()):
                print(line, flush=True)
        return run.returncode

    def _captured(self, name: str, variables: Mapping[str, Any], option: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command(name, variables), option]
        return subprocess.run(command, env=_environment(), check=False, capture_output=True, text=True)

    def _command(self, name: str, variables: Mapping[str, Any] | None) -> list[str]:
        argv = ["ansible-playbook", "--inventory", str(self.identity.inventory), "--limit", self.name]
        argv += ["--extra-vars", json.dumps(variables)] if variables else []
        return [*argv, f"dockernet.baseline.{name}"]

    def _farewell(self, host: Host) -> None:
        settings = self.identity.state / "ssh_config"
        ssh.write_whole(settings, SSH_CONFIG.format(host=host, key=self.identity.key, known=self.identity.known_hosts))
        print("\nHow to go on")
        print(f"  look around on this host       ssh -F {settings.relative_to(ROOT)} {host.name}")
        print(f"  remove it                      LAB={self.identity.name} make lab-down")
        print("  plan for your own hosts        make harden INVENTORY=hosts.yml CHECK=1   (changes nothing)")
        print("  harden your own hosts          make harden INVENTORY=hosts.yml")


def without_empty_tasks(lines: Iterable[str]) -> Iterator[str]:
    """Leave out names of tasks below which no host has a line, such as those of included files."""
    held, is_blank = "", False
    for line in lines:
        text = line.rstrip()
        plain = _COLOUR.sub("", text)
        if plain.startswith("TASK ["):
            held = text
            continue
        if held and plain:
            if _OF_HOST.match(plain):
                yield held
            held = ""
        if plain or not (held or is_blank):
            yield text
        is_blank = not plain


def _environment() -> dict[str, str]:
    """The project's own settings, and nothing of the user's."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".build" / "ansible-home"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        **QUIET,
    }


def _starts(host: Host) -> int:
    """How often systemd started dockerd, by all of its journal: a long-used host has thousands of lines."""
    words = ["journalctl", "--unit", "docker.service", "--no-pager", "--grep", "^Started ", "--output=cat"]
    return len(host.run(words, check=False).out.splitlines())


def _restarts(number: int) -> str:
    return f"dockerd: restarted {'once' if number == 1 else f'{number} times'}"


def _started(at: str, kept: bool) -> str:
    return f"container web, running since {at[:19]}Z: {'not restarted' if kept else 'RESTARTED'}"


def _policy(host: Host) -> str:
    """What the kernel does, and whether a unit does it at boot, too."""
    unit = "dockernet-forward-policy.service"
    enabled = host.run(["systemctl", "is-enabled", unit], check=False).out.strip()
    policy = host.run("iptables -S FORWARD | head -n 1").out.split()[2]
    return f"FORWARD policy: {policy}, set again at boot by {unit} ({enabled})"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make harden", description=DESCRIPTION)
    parser.add_argument("--lab", default="demo", metavar="NAME", help="the lab that the host belongs to (demo)")
    parser.add_argument("--host", default="debian13", choices=list(KINDS), help="what it runs (debian13)")
    arguments = parser.parse_args(argv)
    try:
        return Demo(Identity.of(arguments.lab), arguments.host).run()
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; run it again to begin anew", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
