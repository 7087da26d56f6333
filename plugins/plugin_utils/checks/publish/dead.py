# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Published ports that nothing listens on inside the container."""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, INNER, NAMESPACES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.bindings_by_port import (
    counted,
    places_of,
    published_ports,
)

_PROTOCOLS = ("tcp", "udp")
"""Those whose sockets are read."""


def _judge_dead(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    published = published_ports(snapshot)
    if not published:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port")]
    waiting: dict[int, dict[tuple[str, int], list[Listener]]] = {}
    for space in snapshot.inner:
        ports = waiting.setdefault(space.inode, {})
        for listener in space.listeners:
            ports.setdefault((listener.protocol, listener.port), []).append(listener)
    found = []
    for container, ports_of_it in published:
        inside = waiting.get(container.netns) if container.netns is not None else None
        found += _judge_port(container, ports_of_it, inside)
    return found or [
        passed(resources.host(snapshot), "Something listens behind every published port", counted(snapshot))
    ]


def _judge_port(
    container: Container, ports: list[PublishedPort], inside: dict[tuple[str, int], list[Listener]] | None
) -> list[Verdict]:
    number, protocol = ports[0].container_port, ports[0].protocol
    resource = resources.port(container, number, protocol)
    evidence: dict[str, Any] = {
        "bindings": [str(port) for port in ports],
        "state of the container": f"{container.status}, started at {container.started_at}",
    }
    if protocol not in _PROTOCOLS:
        return [unknown(resource, f"sockets of {protocol} are not read", evidence)]
    if container.status == "paused":
        return [unknown(resource, f"{container.name} is paused, so nothing in it answers for now", evidence)]
    if inside is None:
        return [unknown(resource, f"the network namespace of {container.name} was not read", evidence)]
    listeners = inside.get((protocol, number), [])
    if any(not ipaddress.ip_address(item.address).is_loopback for item in listeners):
        return []
    return [_unanswered(container, ports, listeners, evidence)]


def _unanswered(
    container: Container, ports: list[PublishedPort], listeners: list[Listener], evidence: dict[str, Any]
) -> Verdict:
    number, protocol = ports[0].container_port, ports[0].protocol
    evidence["sockets inside"] = [f"{item.address} {item.port}/{item.protocol}" for item in listeners]
    if listeners:
        why = f"the program inside listens on {listeners[0].address} alone, which published ports do not lead to"
        text = f"Have the program in {container.name} listen on all its addresses, or publish the port no more"
    else:
        why = "nothing inside listens on it"
        text = (
            f"A human decides: publish {number}/{protocol} of {container.name} no more, correct the number, or start "
            "what should listen there"
        )
    return failed(
        resources.port(container, number, protocol),
        f"{container.name} publishes {number}/{protocol} on {places_of(ports)}, and {why}",
        evidence,
        "Whoever asks there gets nothing. Whatever is started in the container on that port later is at once open to "
        "all who reach the host.",
        Remedy(text),
    )


DEAD = Check(
    id="publish.dead",
    severity=LOW,
    title="Something listens behind every published port",
    rationale=(
        "A port that is published and not used is an open door to an empty room: mostly a wrong number, a service that "
        "died, or one that was moved. docker-proxy accepts connections to it all the same, so a look from outside does "
        "not show it."
    ),
    needs=(ENGINE, NAMESPACES, INNER),
    judge=_judge_dead,
)
