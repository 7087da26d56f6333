# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One leg of a journey: from a namespace or the wire to where the packet comes to rest.

It passes containers (container_path), bridges (bridge_path) and the host's own stack (host_path); each hands it on to
the others through the leg.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    TURNED_AWAY,
    UNSENT,
    UNTOLD,
    Arrival,
    Course,
    Courses,
    decision_text,
    united,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge_forwarding import BridgePath
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_errors import HostError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_path import HostPath, next_hop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    find_host,
    source_doubt,
    source_problem,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    Asked,
    Decision,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, FrameFlight, Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import HookPart
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ICMP,
    ICMPV6,
    TCP,
    address_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, CT_INVALID, DROP, REJECT

ECHO_REPLY = {ICMP: 0, ICMPV6: 129}
"""Type of the message, by protocol (RFC 792, RFC 4443)."""


class Leg:
    """Follows one packet; where a condition cannot be decided it follows both courses."""

    def __init__(self, view: HostView, name: str, courses: Courses) -> None:
        """Name is the leg's, see _model/path.py; courses are those of the whole prediction."""
        self.view = view
        self.name = name
        self._courses = courses
        self.host = HostPath(self)
        self.bridge = BridgePath(self)
        self.container = ContainerPath(self)

    @property
    def is_request(self) -> bool:
        """Whether it is the first packet's: who answers has just been told who asks."""
        return self.name in (REQUEST, PROXY_REQUEST)

    def from_stack(self, stack: Stack, course: Course) -> list[Arrival]:
        """A packet that a program (or the kernel) in a namespace sends; it has its source address."""
        self._courses.begin()
        return united(self.host.send(course) if stack is self.view.host else self.container.send(stack, course))

    def error_from_host(self, course: Course, error: HostError) -> list[Arrival]:
        """An error that the host sends about a packet, after a course of events."""
        self._courses.begin()
        return united(self.host.send_error(course, error))

    def from_wire(self, device: str, course: Course) -> list[Arrival]:
        """A packet that comes in by an uplink of the host."""
        self._courses.begin()
        return united(self._from_wire(device, course))

    def _from_wire(self, device: str, course: Course) -> list[Arrival]:
        bridge = self.view.bridges.get(device)
        behind = () if bridge is None else bridge.foreign
        controlled = self.controlled(course, self.view.host, INGRESS, device, *behind)
        if controlled is not None:
            return [controlled]
        return find_host(self, course, device).then(lambda known: self._received(device, known))

    def _received(self, device: str, course: Course) -> list[Arrival]:
        bridge = self.view.bridges.get(device)
        came_in = course.note(self.name, "wire", "receive")
        if bridge is not None and bridge.calls[course.flight.family]:
            return self.bridge.from_uplink(came_in, bridge)
        return self.host.receive(came_in, device)

    def fresh(self, course: Course) -> Flight:
        """The packet as the host's stack first sees it, with the connection that it belongs to."""
        flight = course.flight.copy()
        flight.iif = flight.oif = flight.physin = flight.physout = ""
        flight.tracked = True
        flight.connection, flight.reply, flight.state, flight.taken = None, False, CT_INVALID, ()
        known = course.tracked
        if known is not None:
            own = (flight.saddr, flight.sport, flight.daddr, flight.dport)
            # Of who asks itself the echo request and its reply have one tuple but for the type, which is part of it.
            if own == known.reply and (own != known.original or _is_echo_reply(flight)):
                flight.connection, flight.reply = known.copy(), True
            elif own == known.original:
                flight.connection = known.copy()
            elif flight.protocol == known.protocol:
                flight.taken = (known.original, known.reply)
        return flight

    def hook(self, name: str, course: Course, flight: Flight) -> Iterator[tuple[Passage, Course]]:
        """Send it through the rules of a hook: each way out, with the course up to there."""
        if self._courses.is_known(name, course, flight):
            return
        problems = tuple(self.view.problems)
        for passage in self.view.traverser.pass_hook(name, flight):
            after = course.passed(self.name, flight, passage)
            yield passage, after._replace(doubts=after.doubts + problems) if problems else after

    def frame_hook(
        self, name: str, course: Course, frame: FrameFlight, part: HookPart
    ) -> Iterator[tuple[Passage, Course]]:
        """Send a frame on a bridge through a part of the rules of one of its hooks, as hook() does it."""
        if self._courses.is_known(f"bridge {name} {part.first}", course, frame):
            return
        for passage in self.view.traverser.pass_frame(name, frame, part):
            flight = course.flight.copy()
            flight.mark = passage.flight.mark
            after = course.passed(self.name, frame, passage).carrying(flight)
            yield passage, after

    def ended(self, passage: Passage, course: Course, own_call: str = "") -> tuple[Arrival, ...]:
        """The end, if the rules ended it; own_call is what the system call of a local sender says to a drop."""
        if passage.verdict == ACCEPT:
            return ()
        reason = decision_text(passage)
        if passage.verdict == DROP or (passage.verdict == REJECT and own_call and course.flight.protocol != TCP):
            # Whoever sends a datagram is told at once, before any error that comes back.
            return (Arrival(LOST, course, reason, error=own_call),)
        if passage.verdict == REJECT:
            return (Arrival(TURNED_AWAY, course, reason, error=passage.reject_with),)
        return (Arrival(UNTOLD, course, reason),)

    def unbelieved(
        self, course: Course, stack: Stack, device: str, decision: Decision, place: str
    ) -> Optional[Arrival]:
        """The end of a packet whose source a stack does not believe, or perhaps does not; None for all others."""
        doubt = source_doubt(stack, course.flight, device, decision)
        if doubt:
            return self.untold(course, doubt)
        problem = source_problem(stack, course.flight, device, decision)
        return Arrival(LOST, course.note(self.name, place, "drop", problem), problem) if problem else None

    def controlled(self, course: Course, stack: Stack, direction: str, *devices: str) -> Optional[Arrival]:
        """The end of a packet at devices where it cannot be known whether it passes; None for all others."""
        is_host = stack is self.view.host
        doubt = self.view.frame_rules.doubt(direction, *devices) if is_host else ""
        doubt = doubt or stack.controls.doubt(course.flight.family, direction, "" if is_host else stack.label, *devices)
        return self.untold(course, doubt) if doubt else None

    def controlled_loop(self, course: Course, stack: Stack) -> Optional[Arrival]:
        """The same at the loopback, by which a namespace sends to itself."""
        return self.controlled(course, stack, EGRESS, "lo") or self.controlled(course, stack, INGRESS, "lo")

    def untold(self, course: Course, what: str) -> Arrival:
        """It cannot be known how it goes on."""
        return Arrival(UNTOLD, course.perhaps(what), f"it is not known {what}")

    def unroutable(self, course: Course, decision: Decision, who: str) -> Arrival:
        """The sender's own stack has no way for it."""
        if decision.kind == UNCERTAIN:
            return self.untold(course, decision.why)
        flight = course.flight
        text = address_text(flight.family, flight.daddr)
        reason = (
            f"{who} has no route to {text}"
            if decision.kind == "no route"
            else f"the route of {who} to {decision.destination or text} is of the kind {decision.kind}"
        )
        return Arrival(UNSENT, course.note(self.name, "routing", "unreachable", reason), reason, error="ENETUNREACH")


def _is_echo_reply(flight: Flight) -> bool:
    return flight.icmp_type is not None and flight.icmp_type == ECHO_REPLY.get(flight.protocol)


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
