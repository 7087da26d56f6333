# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Ports of containers that are not published, and reached from outside by routing."""

from __future__ import annotations

from functools import partial
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import ISOLATION, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import NOT_PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.evaluation import PACKETS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.own_rules import place_of_own_rules
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.from_outside import (
    OpenPort,
    exposed_ports,
    nobody_asks,
)


def _judge_direct_access(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    on_bridges = _on_bridges(snapshot)
    if not on_bridges:
        return [not_applicable(resources.host(snapshot), "No running container is on a bridge network")]
    found = nobody_asks(examined) or [
        *exposed_ports(examined, NOT_PUBLISHED, partial(_reached, snapshot.engine)),
        *_unread(snapshot, on_bridges),
    ]
    return found or [
        passed(
            resources.host(snapshot),
            "Packets from outside reach no port of a container that is not published",
            {"containers on bridge networks": len(on_bridges)},
        )
    ]


def _on_bridges(snapshot: HostSnapshot) -> list[Container]:
    bridged = {network.id for network in snapshot.networks if network.bridge is not None}
    return [item for item in running(snapshot) if any(end.network_id in bridged for end in item.endpoints)]


def _unread(snapshot: HostSnapshot, containers: list[Container]) -> list[Verdict]:
    """An unknown for each container whose listening ports were not read."""
    seen = {space.inode for space in snapshot.inner}
    return [
        unknown(resources.container(item), f"which ports {item.name} listens on was not read")
        for item in containers
        if item.netns not in seen
    ]


def _reached(engine: Optional[Engine], port: OpenPort) -> Verdict:
    ways = "; ".join(f"{uplink} {way}" for uplink, way in port.ways.items())
    return failed(
        port.resource,
        f"{port.resource.name} is not published, and reached {ways}",
        {"published": [str(item) for item in port.container.published], **port.ways},
        "Whoever is on the same network, or has a route to the container's subnet by this host, uses the service as if "
        "it were published. Nobody sees that in docker ps.",
        Remedy(f"A human decides whether it may be so. {_way_to_close(engine)}"),
    )


def _way_to_close(engine: Optional[Engine]) -> str:
    place = place_of_own_rules(engine)
    if layout_of(engine) == ISOLATION:
        return (
            "To close it, let the policy of the chain FORWARD be DROP (module ip_forward, forward_policy), or filter "
            f"in {place}; engines from 28.0 on drop such packets by themselves"
        )
    return (
        "Engines of this release drop such packets, unless allow-direct-routing, the gateway mode nat-unprotected, a "
        "trusted interface or DOCKER_INSECURE_NO_IPTABLES_RAW lets them in, or those rules were flushed, which a "
        f"restart of dockerd mends. To close it besides, filter in {place}"
    )


DIRECT_ACCESS = Check(
    id="publish.direct-access",
    severity=MEDIUM,
    title="Only published ports are reached from outside",
    rationale=(
        "A host that forwards is a router to its containers. Unless its rules drop what is not published, each port "
        "that a container listens on is open to all who can send packets for it to the host."
    ),
    needs=PACKETS,
    judge=_judge_direct_access,
)
