"""Named ways to break a host. Host.reset() repairs all of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab.proc import LabError

if TYPE_CHECKING:
    from tests.lab.host import Host

DAEMON_JSON = "/etc/docker/daemon.json"
DROP_IN = "/etc/systemd/system/docker.service.d/lab-flags.conf"
RELOAD_LIMIT = 120.0


@dataclass(frozen=True)
class Break:
    """One way to break a host, in one line and as what is done."""

    summary: str
    apply: Callable[[Host], None]


def apply(host: Host, name: str) -> None:
    if name not in BREAKS:
        raise LabError(f"no such break: {name!r}. Known: {', '.join(BREAKS)}")
    BREAKS[name].apply(host)


def _file(path: str, content: str | bytes) -> Callable[[Host], None]:
    return lambda host: host.write(path, content)


def _forwarding_off(host: Host) -> None:
    host.set_sysctl("net.ipv4.ip_forward", "0")


def _forwarding_not_persistent(host: Host) -> None:
    host.run("grep -ls ip_forward /etc/sysctl.conf /etc/sysctl.d/* | xargs -r sed -i /ip_forward/d")
    # dockerd turns on what no file speaks of.
    host.write("/etc/sysctl.d/60-hardening.conf", "net.ipv4.ip_forward = 0\n")
    host.set_sysctl("net.ipv4.ip_forward", "1")


def _sysctl_overrides(host: Host) -> None:
    host.write("/etc/sysctl.d/90-forward.conf", "net.ipv4.ip_forward = 1\n")
    host.write("/etc/sysctl.d/99-zz-router-off.conf", "# hardening\nnet.ipv4.ip_forward = 0\n")
    host.set_sysctl("net.ipv4.ip_forward", "1")


def live_restore_on(host: Host) -> None:
    """Live-restore by reload, as its documentation says, until the daemon itself reports it."""
    host.write(DAEMON_JSON, json.dumps({"live-restore": True}, indent=2) + "\n")
    host.run(["systemctl", "reload", "docker.service"])

    def in_force() -> bool:
        return host.docker("info", "--format", "{{.LiveRestoreEnabled}}").out.strip() == "true"

    host.wait_for(in_force, RELOAD_LIMIT, "live-restore to be in force")


def _proxy_off_under_live_restore(host: Host) -> None:
    live_restore_on(host)
    host.write(DAEMON_JSON, json.dumps({"live-restore": True, "userland-proxy": False}, indent=2) + "\n")
    host.restart_docker()


def _hairpin_off(host: Host) -> None:
    host.run('for port in /sys/class/net/*/brport; do [ ! -d "$port" ] || echo 0 > "$port/hairpin_mode"; done')


def _bridge_netfilter_off(host: Host) -> None:
    for family in ("ip", "ip6"):
        host.set_sysctl(f"net.bridge.bridge-nf-call-{family}tables", "0")


def _rules_flushed(host: Host) -> None:
    """As a ruleset that somebody loads does it, or a firewall of the host that starts behind dockerd."""
    host.run("for table in raw mangle nat filter; do iptables -t $table -F; iptables -t $table -X; done")
    # Where dockerd has its own.
    host.run(["nft", "delete", "table", "ip", "docker-bridges"], check=False)


def _daemon_stopped(host: Host) -> None:
    host.run(["systemctl", "stop", "docker.socket", "docker.service"])


def _without_package(package: str) -> Callable[[Host], None]:
    return lambda host: void(host.run(["dpkg", "--purge", "--force-depends", package]))


def _flag_conflict(host: Host) -> None:
    host.write(DAEMON_JSON, '{\n  "userland-proxy": false\n}\n')
    start = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock --userland-proxy=false"
    host.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={start}\n")
    host.run(["systemctl", "daemon-reload"])


def void(dummy: object) -> None:
    """Drop a result."""


BREAKS = {
    "forwarding-off": Break("net.ipv4.ip_forward is 0 in the running kernel", _forwarding_off),
    "forwarding-not-persistent": Break("forwarding is on, and a file turns it off at boot", _forwarding_not_persistent),
    "sysctl-overrides": Break("one sysctl.d file turns forwarding on, a later one turns it off", _sysctl_overrides),
    "proxy-off-under-live-restore": Break(
        "live-restore by reload, then userland-proxy false by restart: running containers keep hairpin off",
        _proxy_off_under_live_restore,
    ),
    "proxy-true-explicit": Break(
        'daemon.json says "userland-proxy": true, which makes reloads fail from engine 25 on',
        _file(DAEMON_JSON, '{\n  "userland-proxy": true\n}\n'),
    ),
    "hairpin-off": Break("the hairpin flag of every bridge port is off", _hairpin_off),
    "bridge-netfilter-off": Break("rules do not see what passes between two ports of a bridge", _bridge_netfilter_off),
    "rules-flushed": Break("all rules of iptables are gone, and those of dockerd for IPv4", _rules_flushed),
    "daemon-stopped": Break("docker.service and docker.socket are stopped", _daemon_stopped),
    "no-pyroute2": Break("python3-pyroute2 is not installed", _without_package("python3-pyroute2")),
    "no-docker-sdk": Break("python3-docker is not installed", _without_package("python3-docker")),
    "daemon-json-trailing-comma": Break(
        "daemon.json has a comma too many", _file(DAEMON_JSON, '{\n  "live-restore": true,\n  "mtu": 1400,\n}\n')
    ),
    "daemon-json-bom": Break(
        "daemon.json begins with a byte order mark", _file(DAEMON_JSON, b'\xef\xbb\xbf{\n  "live-restore": true\n}\n')
    ),
    "daemon-json-duplicate-key": Break(
        "daemon.json says userland-proxy twice",
        _file(DAEMON_JSON, '{\n  "userland-proxy": true,\n  "live-restore": true,\n  "userland-proxy": false\n}\n'),
    ),
    "daemon-json-wrong-type": Break(
        "daemon.json has a string where a boolean belongs", _file(DAEMON_JSON, '{\n  "userland-proxy": "false"\n}\n')
    ),
    "daemon-json-unknown-key": Break(
        "daemon.json has a key that dockerd does not know",
        _file(DAEMON_JSON, '{\n  "live-restore": true,\n  "userland_proxy": false\n}\n'),
    ),
    "flag-conflict": Break("userland-proxy is both a flag of the unit and a key of daemon.json", _flag_conflict),
}
