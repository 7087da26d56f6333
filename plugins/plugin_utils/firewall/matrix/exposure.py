# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What machines outside reach although it is not published, not for them, or denied by the host's own rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    DENIED_BY_HOST,
    EXPOSURES,
    LOOPBACK_LEAK,
    NOT_PUBLISHED,
    PUBLISHED,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DELIVERED, OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import decision_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import departure
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Connection, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    PSH,
    TCP,
    is_loopback_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import TargetPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import Answer
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CT_INVALID,
    DROP,
    INPUT,
    PREROUTING,
    REJECT,
)

# Uplink, family, labels.
_Ports = tuple[str, int, tuple[str, ...]]


@dataclass(frozen=True)
class Exposed:
    """Ports that are open to machines outside, and perhaps were not meant to be."""

    kind: str
    """One of the kinds of exposure in _model.matrix."""
    uplink: str
    ports: tuple[TargetPort, ...]
    reason: str
    example: Packet
    at: tuple[str, ...] = ()
    """Of published ports the addresses of the host that are asked, see Answer.at; empty for others."""
    not_at: tuple[str, ...] = ()
    """Those at which they are open and not exposed in this way."""

    @property
    def labels(self) -> list[str]:
        """The ports for people, each once."""
        return list(dict.fromkeys(item.label for item in self.ports))


def exposed_by(view: HostView, answers: Iterable[Answer]) -> list[Exposed]:
    """Go through what machines outside reach, given the answers to the questions of a plan."""
    found: dict[tuple[str, _Ports], Exposed] = {}
    at: dict[tuple[str, _Ports], list[str]] = {}
    open_at: dict[_Ports, list[str]] = {}
    for answer in answers:
        # Another container, or a program of the host, can have the same port at an address of the host.
        source, targets, packet = answer.source, answer.targets, answer.packet
        if source.kind != OUTSIDE or answer.path.verdict != DELIVERED or answer.instead:
            continue
        reached = list(answer.ports)
        judged = _published(view, answer) if targets.kind == PUBLISHED else _inner(reached, packet)
        if answer.at and not is_loopback_text(packet.destination):
            open_at.setdefault(_reached_ports(answer, reached), []).append(answer.at)
        for kind, ports, reason in judged:
            exposed = Exposed(kind, source.uplink, tuple(reached if ports is None else ports), reason, packet)
            key = (kind, _reached_ports(answer, exposed.ports))
            found.setdefault(key, exposed)
            at.setdefault(key, []).extend([answer.at] if answer.at else [])
    everything = [
        replace(
            exposed,
            at=tuple(dict.fromkeys(at[key])),
            not_at=tuple(dict.fromkeys(text for text in open_at.get(key[1], ()) if text not in at[key])),
        )
        for key, exposed in found.items()
    ]
    return sorted(everything, key=lambda item: (EXPOSURES.index(item.kind), item.uplink, item.labels))


def _reached_ports(answer: Answer, ports: Iterable[TargetPort]) -> _Ports:
    return answer.source.uplink, answer.targets.family, tuple(dict.fromkeys(item.label for item in ports))


def _published(view: HostView, answer: Answer) -> list[tuple[str, list[TargetPort] | None, str]]:
    """How a published port that machines outside reach is exposed."""
    host_ip, packet = answer.targets.host_ip, answer.packet
    if is_loopback_text(host_ip):
        return [(LOOPBACK_LEAK, None, f"published on {host_ip}, but reached at {packet.destination}")]
    if is_loopback_text(packet.destination):
        return []
    reason = denied_by_host(view, packet)
    return [(DENIED_BY_HOST, None, reason)] if reason else []


def _inner(target: list[TargetPort], packet: Packet) -> list[tuple[str, list[TargetPort] | None, str]]:
    """How ports are exposed that machines outside reach at the container's own address."""
    reason = f"a machine that routes packets for {packet.destination} to this host reaches it"
    found: list[tuple[str, list[TargetPort] | None, str]] = []
    for kind in (NOT_PUBLISHED, LOOPBACK_LEAK):
        ports = [item for item in target if exposure_if_reached(item) == kind]
        if ports:
            found.append((kind, ports, reason))
    return found


def exposure_if_reached(target: TargetPort) -> str:
    """How a port is exposed if machines outside reach it as asked; empty if it is published for them anyway."""
    if target.host_port:
        return LOOPBACK_LEAK if is_loopback_text(target.host_ip) else ""
    addresses = [
        binding.address
        for container in target.namespace.containers
        for binding in container.published
        if (binding.protocol, binding.container_port) == (target.protocol, target.port)
    ]
    if any(_is_routed(container, target) for container in target.namespace.containers):
        return ""
    if not addresses:
        return NOT_PUBLISHED
    return LOOPBACK_LEAK if all(address and is_loopback_text(address) for address in addresses) else ""


def _is_routed(container: Container, target: TargetPort) -> bool:
    """Whether a port is published for those who ask at the container's own address."""
    return RoutedPort(target.protocol, target.port) in container.routed


def denied_by_host(view: HostView, packet: Packet) -> str:
    """The rule of INPUT that would keep this packet from a program of the host; empty if none surely would.

    Docker's packets are translated before that and pass FORWARD instead, so that a firewall which guards INPUT alone,
    as ufw and firewalld do with their ordinary rules, does not see them. Of TCP it can be the data that is denied, once
    the connection is made.
    """
    start, first = departure(view, packet)
    connection = Connection(first.protocol, (first.saddr, first.sport, first.daddr, first.dport))
    # For a program of the host nothing would translate it, and the marks that it gets before INPUT would be the same.
    connection.dnat_decided = True
    first.iif, first.state, first.connection = start.device, CT_INVALID, connection
    reason = _denied_at_input(view, first.copy())
    if reason or first.protocol != TCP:
        return reason
    connection.seen_reply, first.tcp_flags = True, ACK | PSH
    return _denied_at_input(view, first)


def _denied_at_input(view: HostView, flight: Flight) -> str:
    ways = [way for way in view.traverser.pass_hook(PREROUTING, flight) if way.verdict == ACCEPT]
    passages = [passage for way in ways for passage in view.traverser.pass_hook(INPUT, way.flight)]
    denied = all(passage.verdict in (DROP, REJECT) for passage in passages)
    return f"for a program of the host, {decision_text(passages[0])}" if passages and denied else ""
