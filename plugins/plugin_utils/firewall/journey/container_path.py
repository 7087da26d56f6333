# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A packet that a container sends, as far as the bridge port that it comes out of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    ARRIVED,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_path import next_hop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import LOCAL, UNICAST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg


class ContainerPath:
    """The container's part of a leg. Its own namespace has no rules but dockerd's for the name server."""

    def __init__(self, leg: Leg) -> None:
        """Take the leg that it is part of."""
        self._leg = leg

    def send(self, stack: Stack, course: Course) -> list[Arrival]:
        """To itself, or out by one of its links."""
        if stack.doubt:
            return [self._leg.untold(course, stack.doubt)]
        flight = course.flight
        decision = stack.fib.lookup(Asked(flight.family, flight.daddr, flight.saddr))
        if decision.kind == LOCAL:
            looped = course.note(self._leg.name, "container", "loop")
            controlled = self._leg.controlled_loop(course, stack)
            return [controlled or Arrival(ARRIVED, looped, stack=stack, device="lo")]
        if decision.kind != UNICAST:
            return [self._leg.unroutable(course, decision, stack.label)]
        place = self._leg.view.ports.get((id(stack), decision.device))
        if place is None:
            link = stack.links.get(decision.device)
            kind = (link.kind if link else "") or "device"
            return [
                self._leg.untold(
                    course, f"where {decision.device} of {stack.label} leads, a {kind} on no bridge of this host"
                )
            ]
        controlled = self._leg.controlled(course, stack, EGRESS, decision.device)
        if controlled is not None:
            return [controlled]
        flight = flight.copy()
        flight.iif, flight.oif = "", decision.device
        flight.ttl = stack.first_hops(flight.family, decision.device)
        sent = course.carrying(flight).note(self._leg.name, "container", "send")
        return self._leg.bridge.receive(sent, place[0], place[1], next_hop(flight, decision))
