# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area publish."""

from __future__ import annotations

from tests.integration.catalogue.case import Case
from tests.integration.catalogue.scenario import FRONT, release, uses_nftables
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

OPEN = NetworkSpec(
    "open",
    "10.88.9.0/24",
    options={
        "com.docker.network.bridge.name": "open0",
        "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
    },
)


def wide(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("wide", ["front"], publish=["8081:80"])]))


def low(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("low", ["front"], publish=[f"{host.address}:1023:80"])]))


def dead(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("dead", ["front"], publish=[f"{host.address}:8082:81"])]))


def local(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("local", ["front"], publish=["127.0.0.1:8083:80"], restart="always")]))


def leaking(host: Host) -> None:
    """Engines before 28 leak by themselves, later ones without the rules that they have against it."""
    local(host)
    if uses_nftables(host):
        host.run(["nft", "flush", "chain", "ip", "docker-bridges", "raw-PREROUTING"])
    elif release(host) >= (28, 0):
        host.run(["iptables", "--table", "raw", "--flush", "PREROUTING"])


def guarded(host: Host) -> None:
    """What engines from 28 on do by themselves."""
    local(host)
    if release(host) < (28, 0):
        for destination, device in (("127.0.0.0/8", "lo"), (str(FRONT.subnet), "front0")):
            guard = ["--destination", destination, "!", "--in-interface", device, "--jump", "DROP"]
            host.run(["iptables", "--table", "raw", "--append", "PREROUTING", *guard])


def routed_to(host: Host) -> None:
    """Before 28 all that the chain FORWARD lets through is let in, later only what a network is told to let in."""
    if release(host) >= (28, 0):
        host.deploy(Scenario([OPEN], [Workload("bare", ["open"])]))
    else:
        host.deploy(Scenario(containers=[Workload("bare", ["back"])]))
        host.run(["iptables", "--policy", "FORWARD", "ACCEPT"])


CASES: tuple[Case, ...] = (
    Case("publish.wildcard", wide, "wide:80/tcp", "workload"),
    Case("publish.privileged", low, "low:80/tcp", "workload"),
    Case("publish.no-listener", dead, "dead:81/tcp", "workload"),
    Case("publish.loopback-leak", leaking, "local:80/tcp", "rules", healthy=guarded, healthy_group="uplinks"),
    Case("publish.direct-access", routed_to, "bare:80/tcp", "rules"),
)
