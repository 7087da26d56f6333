# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that the catalogue breaks: at the baseline, with a bit of everything that is no fault."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

SYSCTLS = "/etc/sysctl.d/99-forward.conf"
PORT = 8080

# Bridges have names, so that cases can name them. Each network is meant for one kind of break:
FRONT = NetworkSpec("front", "10.88.1.0/24", options={"com.docker.network.bridge.name": "front0"})
"""Of ``web`` and ``api``: links, sysctls, hairpin."""
BACK = NetworkSpec("back", "10.88.2.0/24", options={"com.docker.network.bridge.name": "back0"})
"""Of ``api`` and ``db``: rules."""
DUAL = NetworkSpec(
    "dual", "10.88.3.0/24", ipv6_subnet="fd88:3::/64", options={"com.docker.network.bridge.name": "dual0"}
)
"""Of ``six``: IPv6."""
INNER = NetworkSpec("inner", "10.88.4.0/24", internal=True, options={"com.docker.network.bridge.name": "inner0"})
"""Of ``vault``; leads nowhere."""

NAMES = ("web", "api", "db", "six", "vault")


def containers(host: Host) -> list[Workload]:
    """Those of the healthy host; ``web`` is published on one address of the host and none on all."""
    published = [f"{host.address}:{PORT}:80"]
    return [
        Workload("web", ["front"], publish=published, restart="always", labels={"tier": "front"}),
        Workload("api", ["front", "back"], restart="always"),
        Workload("db", ["back"], restart="always"),
        Workload("six", ["dual"], restart="always"),
        Workload("vault", ["inner"], restart="always"),
    ]


def settings(host: Host) -> dict[str, Any]:
    """daemon.json of the healthy host."""
    # ip6tables is on by default from 27.0, and wants "experimental" before.
    before_27 = {"ip6tables": True, "experimental": True} if release(host) < (27, 0) else {}
    return {"live-restore": True, "icc": False, **before_27}


def release(host: Host) -> tuple[int, int]:
    """Of the host's engine."""
    major, minor = host.release.split(".")[:2]
    return int(major), int(minor)


def uses_nftables(host: Host) -> bool:
    """Whether its engine (from 29.0 on) is told by its unit to make its rules so: see tests/lab/README.md."""
    return "--firewall-backend=nftables" in host.read("/etc/default/docker")


def configure(host: Host, **changes: Any) -> None:
    """Write daemon.json: the healthy host's with changes; underscores stand for hyphens, None takes a key out.

    It takes effect when dockerd is reloaded or restarted.
    """
    values = {**settings(host), **{key.replace("_", "-"): value for key, value in changes.items()}}
    host.write(DAEMON_JSON, json.dumps({key: value for key, value in values.items() if value is not None}, indent=2))


def restart_with(host: Host, **changes: Any) -> None:
    """The same, and restart dockerd. Containers live on if live-restore was in force."""
    configure(host, **changes)
    host.restart_docker()


def restart_containers(host: Host, *names: str) -> None:
    """Give containers of the healthy host new endpoints, made as dockerd makes them now; all where none is named."""
    host.docker("restart", "--time", "0", *(names or NAMES))


def make_healthy(host: Host) -> None:
    """Make the healthy host of a fresh one."""
    host.write(SYSCTLS, "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n")
    host.set_sysctl("net.ipv6.conf.all.forwarding", "1")
    restart_with(host)
    if not uses_nftables(host):
        # dockerd did so for IPv4 when it turned forwarding on; IPv6 was on before.
        host.run(["ip6tables", "--policy", "FORWARD", "DROP"])
    host.deploy(Scenario([FRONT, BACK, DUAL, INNER], containers(host)))
