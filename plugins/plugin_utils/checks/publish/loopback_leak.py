# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Ports that are published for the host alone, and reached from outside all the same."""

from __future__ import annotations

from functools import partial

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import LOOPBACK_LEAK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import bound_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.evaluation import PACKETS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.from_outside import (
    OpenPort,
    exposed_ports,
    nobody_asks,
)


def _judge_loopback_leak(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    local = sum(_is_local(port) for container in running(snapshot) for port in container.published)
    if not local:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port on a loopback address")]
    found = nobody_asks(examined) or exposed_ports(examined, LOOPBACK_LEAK, partial(_leak, examined))
    return found or [
        passed(
            resources.host(snapshot),
            "Packets from outside reach no port that is published on a loopback address",
            {"bindings on loopback addresses": local},
        )
    ]


def _is_local(port: PublishedPort) -> bool:
    try:
        return bound_address(port).is_loopback
    except ValueError:
        return False


def _leak(examined: Examined, port: OpenPort) -> Verdict:
    bindings = [
        str(item)
        for item in port.container.published
        if (item.container_port, item.protocol) == (port.number, port.protocol) and _is_local(item)
    ]
    ways = "; ".join(f"{uplink} {way}" for uplink, way in port.ways.items())
    return failed(
        port.resource,
        f"{port.resource.name} is published on a loopback address, and reached {ways}",
        {"bindings": bindings, **port.ways},
        "What was published for this host alone is open to machines of the networks that it is on. They send packets "
        "for the loopback or the container's address to this host, which takes them for its own or forwards them.",
        Remedy(_text(examined, port)),
    )


def _text(examined: Examined, port: OpenPort) -> str:
    guard = (
        "in table raw, chain PREROUTING: -d 127.0.0.0/8 ! -i lo -j DROP, and -d CONTAINER-ADDRESS ! -i BRIDGE -j DROP"
    )
    if examined.capabilities.guards_loopback_ports:
        return (
            "Engines of this release keep such ports closed with rules in the raw table (chain PREROUTING, or "
            "raw-PREROUTING of the nftables backend), and those are not there: something flushed them, or "
            "DOCKER_INSECURE_NO_IPTABLES_RAW or allow-direct-routing is set. Restart dockerd (with live-restore, "
            f"containers keep running), or see why. By hand, {guard}"
        )
    return (
        "Engines from 28.0 on keep such ports closed; upgrade. Until then rules of your own do "
        f"what they do, {guard}. Or let {port.container.name} publish nothing, and ask it at its own address"
    )


LEAK = Check(
    id="publish.loopback-leak",
    severity=HIGH,
    title="What is published on a loopback address is not reached from outside",
    rationale=(
        "Before Docker Engine 28, a port published on 127.0.0.1 is open to neighbours that send packets for the "
        "loopback's or the container's own address to the host (moby PR 49325). Later engines guard it by rules, which "
        "can get lost."
    ),
    needs=PACKETS,
    judge=_judge_loopback_leak,
)
