# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of connection tracking."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import TrackedFlow
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONNTRACK,
    ENGINE,
    LINKS,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict, failed, passed, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_of, interface_of

_SHOWN = 5

_Way = tuple[str, int, str, int]
"""Where to, and where it is delivered."""


def _judge(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    tracked = snapshot.conntrack
    if tracked is None:
        return [unknown(resources.host(snapshot), "connection tracking was not read")]
    ways: dict[_Way, list[TrackedFlow]] = {}
    for flow in tracked.flows:
        way = (flow.destination, flow.destination_port, flow.translated, flow.translated_port)
        ways.setdefault(way, []).append(flow)
    reasons = _reasons(snapshot, set(ways))
    verdicts = [_stale(way, flows, reasons[way]) for way, flows in ways.items() if reasons[way]]
    if not verdicts and not tracked.complete:
        reason = f"only the first {len(tracked.flows)} translated UDP flows were read; none of them is stale"
        return [unknown(resources.host(snapshot), reason)]
    words = "No UDP flow is delivered to a container that no longer exists"
    return verdicts or [passed(resources.host(snapshot), words, {"translated flows": len(tracked.flows)})]


def _reasons(snapshot: HostSnapshot, ways: set[_Way]) -> dict[_Way, str]:
    """What is wrong with where each way leads; empty where nothing is, or it is none of Docker's."""
    subnets = [
        interface_of(item.subnet).network
        for network in snapshot.networks
        if network.driver == "bridge" and not (network.name == "docker_gwbridge" and _in_swarm(snapshot))
        for item in network.subnets
        if item.subnet
    ]
    taken = {
        text for item in running(snapshot) for end in item.endpoints for text in (end.address, end.address6) if text
    }
    own = {address.partition("/")[0] for link in snapshot.links for address in link.addresses}
    published = _published(snapshot)
    found = {}
    for way in ways:
        dummy, port, address, inner_port = way
        ours = any(address_of(address) in subnet for subnet in subnets)
        targets = published.get(port, set())
        if not ours or address in own:
            found[way] = ""
        elif address not in taken:
            found[way] = f"no running container has {address}"
        elif targets and (address, inner_port) not in targets:
            others = ", ".join(sorted(socket_name(*target) for target in targets))
            found[way] = f"{port}/udp is published by {others} now"
        else:
            found[way] = ""
    return found


def _in_swarm(snapshot: HostSnapshot) -> bool:
    return snapshot.engine is not None and snapshot.engine.swarm


def _published(snapshot: HostSnapshot) -> dict[int, set[tuple[str, int]]]:
    """Where published ports of UDP lead, by the port of the host."""
    found: dict[int, set[tuple[str, int]]] = {}
    for container in running(snapshot):
        for port in container.published:
            if port.protocol == "udp":
                for end in container.endpoints:
                    texts = [text for text in (end.address, end.address6) if text]
                    found.setdefault(port.host_port, set()).update((text, port.container_port) for text in texts)
    return found


def _stale(way: _Way, flows: list[TrackedFlow], reason: str) -> Verdict:
    destination, port, address, inner_port = way
    outside, inside = socket_name(destination, port), socket_name(address, inner_port)
    clients = [socket_name(flow.source, flow.source_port) for flow in flows]
    shown = clients[:_SHOWN] + ([f"and {len(clients) - _SHOWN} more"] if len(clients) > _SHOWN else [])
    count = "a flow" if len(flows) == 1 else f"{len(flows)} flows"
    return failed(
        resources.host_port(outside, "udp"),
        f"{count} of UDP to {outside}: connection tracking still delivers to {inside}, and {reason}",
        {"from": shown, "longest remaining lifetime, in seconds": max(flow.timeout for flow in flows)},
        "These clients get no answer as long as they send from the same port, as DNS servers, syslog and telephones "
        "do: each datagram renews the entry, and no rule is evaluated again. Other clients are served.",
        Remediation(f"Delete the stale entries: conntrack -D -p udp --orig-port-dst {port} --reply-src {address}"),
    )


STALE = Check(
    id="conntrack.stale",
    grades=(Grade(BREAKS, "a client that keeps its source port gets no answer; others are served"),),
    title="No UDP flow is pinned to a container that no longer exists",
    rationale=(
        "The first packet of a flow decides its address translation. UDP has no end of connection, so an entry can "
        "outlive its container. dockerd deletes such entries, but not in all releases, and not while it is not running."
    ),
    needs=(ENGINE, LINKS, CONNTRACK),
    judge=_judge,
    finds_orphans=True,
)

CHECKS: tuple[Check, ...] = (STALE,)
"""In the order in which reports show them."""
