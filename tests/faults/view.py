"""What a fault may not have spoiled: read by the host's own programs, not by the collection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.lab.host import Host

DAEMON_JSON = "/etc/docker/daemon.json"
READY_SECONDS = 300.0
READY = (
    'test "$(systemctl show docker.service --property=ActiveState,Job --value | tr -d "\\n")" = active'
    " && docker version >/dev/null"
)
PROGRAM = r"""
import json, os, re, subprocess

def out(*words):
    return subprocess.run(words, stdout=subprocess.PIPE, universal_newlines=True).stdout

path = "/etc/docker/daemon.json"
try:
    status = os.stat(path)
    with open(path) as stream:
        config = [stream.read(), status.st_mode, status.st_uid, status.st_gid]
except FileNotFoundError:
    config = None
ids = out("docker", "ps", "--all", "--quiet", "--no-trunc").split()
states = json.loads(out("docker", "inspect", *ids)) if ids else []
info = json.loads(out("docker", "info", "--format", "{{json .}}"))
rules = []
for program in ("iptables-save", "ip6tables-save"):
    rules += [re.sub(r"\[[0-9:]*\]", "", line) for line in out(program).splitlines() if not line.startswith("#")]
routing = "/proc/sys/net/ipv4/conf"
print(json.dumps({
    "config": config,
    "leftovers": sorted(name for name in os.listdir("/etc/docker") if name.startswith(".daemon")),
    "containers": {state["Name"]: [state["State"]["Pid"], state["State"]["StartedAt"]] for state in states},
    "live_restore": info["LiveRestoreEnabled"],
    "debug": info["Debug"],
    "proxies": len(out("pidof", "docker-proxy").split()),
    "kernel": sorted(rules)
    + re.findall(r"(\w+)@.*? .*?\n.*?hairpin (\w+)", out("bridge", "-d", "link", "show"))
    + [[name, open(f"{routing}/{name}/route_localnet").read()] for name in sorted(os.listdir(routing))],
}))
"""


@dataclass(frozen=True)
class View:
    """A host whose daemon runs and has nothing left to do."""

    config: tuple[Any, ...] | None
    """Text, mode and owner of daemon.json; None where there is no file."""
    leftovers: list[str]
    """Temporary files beside daemon.json."""
    containers: dict[str, Any]
    """By name, the process and the time of the start."""
    live_restore: bool
    debug: bool
    proxies: int
    """Running docker-proxy processes."""
    kernel: list[Any]
    """Rules, hairpin flags and route_localnet."""

    @property
    def text(self) -> str | None:
        return self.config[0] if self.config else None

    @property
    def mode_and_owner(self) -> tuple[int, ...] | None:
        return self.config[1:] if self.config else None


def settle(host: Host) -> View:
    """Wait until dockerd runs, answers and systemd has no job left for it, and look at the host."""
    host.wait_for(lambda: host.run(READY, check=False).rc == 0, READY_SECONDS, "dockerd to run and answer")
    seen = json.loads(host.run(["python3", "-"], stdin=PROGRAM).out)
    return View(**{**seen, "config": seen["config"] and tuple(seen["config"])})
