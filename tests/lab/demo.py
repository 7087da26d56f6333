"""`make harden` without an inventory: a Docker host with typical faults is made, audited and hardened.

The host is one of the lab's, a container of this machine in a closed network; nothing of the machine's own Docker or
settings is touched. It stays, so that one can look around, and a later run makes its faults anew.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.lab import lifecycle, ssh
from tests.lab.host import Host
from tests.lab.identity import ROOT, Identity
from tests.lab.kinds import KINDS, parse_hosts
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.scenario import NetworkSpec, Scenario, Workload

DESCRIPTION = "Make a disposable Docker host with typical faults, audit it, harden it, and show what became better."

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
# What a site may add of its own: networks made from now on get addresses that the office does not use.
WISHES = {"harden_daemon_config": {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}}


class Demo:
    """One showing, on one host."""

    def __init__(self, identity: Identity, kind: str) -> None:
        self.identity = identity
        self.kind = kind
        self._began = time.monotonic()

    def run(self) -> int:
        """Return 0 when the host was hardened and traffic proves it."""
        host = self._make_host()
        before, started = self._traffic(host), host.container("web").started_at
        self.say("auditing it: dockernet.baseline.audit_docker_net")
        status = self._playbook("audit_docker_net")
        if status == 0:
            self.say("hardening it: dockernet.baseline.harden_docker_net, with address pools of the site's own")
            restarts = _starts(host)
            status = self._playbook("harden_docker_net", WISHES)
        if status != 0:
            self.say(f"the playbook failed with status {status}; the host is left as it is")
            self._farewell(host)
            return status
        after = self._traffic(host)
        print("\nproof by traffic", " " * 41, "before       after")
        for path in before:
            print(f"  {path:56}  {before[path]:11}  {after[path]}")
        kept = host.container("web").started_at == started
        print(f"  container web, started at {started[:19]}Z: {'never restarted' if kept else 'RESTARTED'}")
        print(f"  restarts of dockerd for all of it: {_starts(host) - restarts}")
        print(f"  the chain FORWARD, for what no rule accepts: {_policy(host)}\n")
        self.say("what going back would do: harden_state=reverted, in check mode")
        self._playbook("harden_docker_net", {"harden_state": "reverted"}, "--check")
        self._farewell(host)
        return 0 if kept and set(after.values()) == {"answered"} else 1

    def say(self, line: str) -> None:
        print(f"[{time.monotonic() - self._began:5.1f} s] {line}", flush=True)

    def _make_host(self) -> Host:
        self.say(f"making a disposable Docker host, {self.kind} (its image is built first where there is none)")
        lifecycle.up(self.identity, parse_hosts([self.kind]), self.say)
        host = Lab.open(self.identity.name).host(self.kind)
        host.reset()
        self.say(f"giving it a workload: {', '.join(container.name for container in WORKLOAD.containers)}")
        host.deploy(WORKLOAD)
        self.say(
            "giving it faults: forwarding that a file turns off at boot; docker-proxy switched off under live-restore,"
        )
        self.say("    which leaves hairpin off; bridges that pass by the rules; then all rules flushed, dockerd's too;")
        self.say("    besides, ports on every address and a container in the host's network")
        for fault in FAULTS:
            host.break_(fault)
        return host

    def _traffic(self, host: Host) -> dict[str, str]:
        """What becomes of connections to web's published port, by where they come from."""
        lab = Lab.open(self.identity.name)
        url = f"http://{host.address}:{WEB_PORT}/"
        places = {
            f"from web itself to {url}": host.container("web"),
            f"from another machine to {url}": lab.outside,
        }
        return {path: place.tcp(host.address, WEB_PORT, ANSWER_SECONDS) for path, place in places.items()}

    def _playbook(self, name: str, variables: Mapping[str, Any] | None = None, *options: str) -> int:
        """Run a playbook of the staged collection over SSH, as a user would; its output goes to the terminal."""
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_HOME": str(ROOT / ".build" / "ansible-home"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build"),
        }
        argv = ["ansible-playbook", "--inventory", str(self.identity.inventory), f"dockernet.baseline.{name}"]
        argv += ["--extra-vars", json.dumps(variables)] if variables else []
        return subprocess.run([*argv, *options], env=environment, check=False).returncode

    def _farewell(self, host: Host) -> None:
        settings = self.identity.state / "ssh_config"
        ssh.write_whole(settings, SSH_CONFIG.format(host=host, key=self.identity.key, known=self.identity.known_hosts))
        print("The host is left for you.")
        print(f"  to look around: ssh -F {settings.relative_to(ROOT)} {host.name}")
        print(f"  to remove it:   LAB={self.identity.name} make lab-down")


def _starts(host: Host) -> int:
    """How often systemd started dockerd since the host came up."""
    return sum(line.startswith("Started ") for line in host.journal(lines=1000).splitlines())


def _policy(host: Host) -> str:
    """What the kernel does, and whether a unit does it at boot, too."""
    unit = host.run(["systemctl", "is-enabled", "dockernet-forward-policy.service"], check=False).out.strip()
    return f"{host.run('iptables -S FORWARD | head -n 1').out.split()[2]}, kept at boot by a unit that is {unit}"


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
