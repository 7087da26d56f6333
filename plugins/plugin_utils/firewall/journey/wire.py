# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What leaves the host by a device that is no bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, is_loopback
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.astray import astray
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    LOST,
    OUTSIDE,
    Arrival,
    Course,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.finding import find_outside
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import Decision

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg

# Kinds of links whose other end is in another namespace, where nothing is known of it but for ports of bridges.
_ELSEWHERE = ("veth", "netkit")
_ENOUGH_HOPS = 30
"""Ways over the internet have hardly more routers (traceroute(8) tries no more)."""
_NOWHERE = ("dummy", "blackhole", "nlmon", "ifb")


def onto_wire(leg: Leg, course: Course, decision: Decision, neighbour: int) -> list[Arrival]:
    """The ends of a packet that the host sends to a neighbour on a device, for a machine outside as far as is known."""
    view, flight, device = leg.view, course.flight, decision.device
    link = view.host.links.get(device)
    kind = link.kind if link else ""
    if kind in _NOWHERE:
        reason = f"{device} is a {kind} device: what is sent there vanishes"
        return [Arrival(LOST, course.note(leg.name, "routing", "drop", reason), reason)]
    if kind in _ELSEWHERE and link is not None and link.peer_nsid in view.namespaces:
        return [leg.untold(course, f"what is behind {device}, a {kind} device without a bridge")]
    controlled = leg.controlled(course, view.host, EGRESS, device)
    if controlled is not None:
        return [controlled]
    # Who has which hardware address outside cannot be known, so a fixed entry is taken to be right.
    if view.host.fixed.mac(device, flight.family, neighbour):
        entry = view.host.fixed.words(device, flight.family, neighbour)
        return [_sent(leg, course.note(leg.name, "wire", "send", entry), decision, neighbour)]
    found = find_outside(leg, course, device, neighbour)
    return found.then(lambda known: [_sent(leg, known.note(leg.name, "wire", "send"), decision, neighbour)])


def _sent(leg: Leg, course: Course, decision: Decision, neighbour: int) -> Arrival:
    flight, sent = course.flight, remembered(course)
    by_router = neighbour != flight.daddr
    if by_router and flight.ttl is not None and flight.ttl < _ENOUGH_HOPS:
        return leg.untold(sent, f"how many routers are on its way: its TTL is {flight.ttl}")
    if by_router and not leg.is_request and is_loopback(flight.family, flight.saddr):
        source = address_text(flight.family, flight.saddr)
        # RFC 1812, 5.3.7; Linux takes it for martian (ip_route_input_slow()).
        return Arrival(LOST, sent, f"a router, {decision.gateway}, does not pass on what comes from {source}")
    return astray(leg, sent, decision) or Arrival(OUTSIDE, sent, device=decision.device)
