# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The way back: answers, resets and errors, and whether whoever asked takes them for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS, Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    TIMED_OUT,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    OUTSIDE,
    TURNED_AWAY,
    UNTOLD,
    Arrival,
    Course,
    Ending,
    ending_of_reply,
    ending_of_request,
    error_about,
    is_reset,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import ECHO_REPLY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.leg import Leg
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    Asked,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    ICMP,
    ICMPV6,
    RST,
    SYN,
    TCP,
    UDP,
    address_text,
    parse_address,
)

_PORT_UNREACHABLE = {4: (ICMP, 3, 3), 6: (ICMPV6, 1, 4)}

PASSED_ON = "whether machines behind"
"""How the doubt begins that an answer causes which leaves by another uplink than the question came in by."""


class Start(NamedTuple):
    """Where a connection begins."""

    stack: Optional[Stack]
    """None for outside."""
    device: str = ""
    """Uplink, for outside."""


class WayBack:
    """The way back of one connection."""

    def __init__(self, view: HostView, start: Start, first: Flight, leg: Leg) -> None:
        """Take the packet that it answers, as its sender sent it."""
        self._view = view
        self._start = start
        self._first = first
        self._leg = leg

    def answer_to(self, arrival: Arrival) -> Flight:
        """The packet that answers one that arrived."""
        flight = arrival.course.flight
        reply = Flight(flight.family, flight.protocol, flight.daddr, flight.dport, flight.saddr, flight.sport)
        if flight.protocol == TCP:
            reply.tcp_flags = SYN | ACK
        if flight.protocol in ECHO_REPLY:
            reply.icmp_type, reply.icmp_code = ECHO_REPLY[flight.protocol], 0
        reply.mark = self._mark_of_answer(arrival)
        return reply

    def refusal_of(self, arrival: Arrival) -> Flight:
        """What the kernel sends where nobody listens: a reset, or an ICMP error."""
        reply = self.answer_to(arrival)
        if reply.protocol == TCP:
            reply.tcp_flags = RST | ACK
        else:
            # Its ports stay those of the datagram that it quotes, which connection tracking knows it by.
            reply.protocol, reply.icmp_type, reply.icmp_code = _PORT_UNREACHABLE[reply.family]
        reply.skuid = reply.skgid = NO_SOCKET
        reply.mark = self._mark_without_socket(arrival)
        return reply

    def _mark_of_answer(self, arrival: Arrival) -> Optional[int]:
        flight = arrival.course.flight
        if flight.protocol in ECHO_REPLY:
            return self._mark_without_socket(arrival)
        # Marks stay in the namespace that they were made in.
        is_accepted = flight.protocol == TCP and arrival.stack is self._view.host
        return self._view.settings.mark_of_accepted(flight.mark) if is_accepted else 0

    def _mark_without_socket(self, arrival: Arrival) -> Optional[int]:
        flight = arrival.course.flight
        is_host = arrival.stack is self._view.host
        return self._view.settings.mark_of_reply(flight.family, flight.mark) if is_host else 0

    def send(self, arrival: Arrival, course: Course, reply: Flight) -> Iterator[Union[Course, Ending]]:
        """Send an answer from where a packet arrived: the course of one that came back, or how it ended."""
        back = course.carrying(reply)
        if arrival.stack is not None:
            arrivals = self._leg.from_stack(arrival.stack, back)
        else:
            arrivals = self._leg.from_wire(arrival.device, back)
        for end in arrivals:
            if end.kind not in (ARRIVED, OUTSIDE):
                yield from self._not_back(end)
                continue
            stray = self._stray(end)
            if stray:
                yield Ending(NO_ANSWER, TIMED_OUT, f"the answer is lost: {stray}", end.course)
            else:
                yield self._by_another_uplink(end) or end.course

    def _not_back(self, end: Arrival) -> Iterator[Ending]:
        """An answer that was lost on its way; what says so goes to whoever answers.

        But an error about a reset goes to where the reset says that it comes from, which is whoever asks
        (nf_send_unreach()). It ends what is not connected yet (tcp_v4_err()).
        """
        lost = ending_of_reply(end)
        flight = end.course.flight
        # A bridge port sends its reset past all hooks (nf_send_reset()).
        if end.kind != TURNED_AWAY or not is_reset(end.error) or flight.tcp_flags != SYN | ACK or flight.physin:
            yield lost
            return
        reset = error_about(self._view.host, flight, end.error)
        for further in self._leg.error_from_host(end.course, reset):
            if further.kind == UNTOLD:
                yield ending_of_reply(further)
            elif further.kind != TURNED_AWAY or is_reset(further.error):
                yield lost._replace(course=lost.course._replace(doubts=further.course.doubts))
            else:
                yield from self._told_of_reset(lost, further)

    def _told_of_reset(self, lost: Ending, turned_away: Arrival) -> Iterator[Ending]:
        for ending in self.send_error(turned_away, "tcp"):
            if ending.verdict == UNKNOWN:
                yield ending
            elif ending.seen == TIMED_OUT:
                yield lost._replace(course=lost.course._replace(doubts=ending.course.doubts))
            else:
                reason = f"{lost.reason}; the reset for who answers is turned away: {ending.reason}"
                yield ending._replace(verdict=lost.verdict, reason=reason)

    def _by_another_uplink(self, end: Arrival) -> Optional[Ending]:
        """An answer that others have to hand on, since it leaves by another uplink than it was asked by; else None."""
        family, number = end.course.flight.family, end.course.flight.daddr
        if end.kind != OUTSIDE or end.device == self._start.device:
            return None
        if self._view.host.is_on_link(family, number, end.device):
            return None
        asking = address_text(family, number)
        return ending_of_reply(
            self._leg.context.untold(end.course, f"{PASSED_ON} {end.device} hand on what is for {asking}")
        )

    def _stray(self, end: Arrival) -> str:
        """Why an answer is none for whoever asked; empty when it is one."""
        first, flight = self._first, end.course.flight
        if (end.kind == OUTSIDE) != (self._start.stack is None) or end.stack is not self._start.stack:
            where = end.stack.label if end.stack else f"the wire behind {end.device}"
            return f"it ends at {where}"
        wanted = (first.daddr, first.dport, first.saddr, first.sport)
        if (flight.saddr, flight.sport, flight.daddr, flight.dport) == wanted:
            return ""
        came, asked = (address_text(first.family, number) for number in (flight.saddr, first.daddr))
        if came == asked:
            return f"it comes back as a connection of its own, from another port of {asked} than {first.dport}"
        return f"it comes back past connection tracking, from {came} instead of {asked}"

    def send_error(self, arrival: Arrival, protocol: str) -> list[Ending]:
        """The host says no on the way: what it sends has to come back."""
        ending = ending_of_request(arrival, protocol)
        if arrival.stack is not None and arrival.stack is self._start.stack:
            return [ending]
        flight = arrival.course.flight
        if flight.physin and is_reset(arrival.error):
            # nf_send_reset() puts it on the bridge port it came from, past all hooks, which leaves it untranslated.
            if (flight.daddr, flight.dport) == (self._first.daddr, self._first.dport):
                kept = self._reset_without_way(arrival) or self._reset_controlled(arrival.course)
                return [ending if kept is None else ending_of_request(kept, protocol)]
            reason = f"{ending.reason}; the reset comes back past connection tracking, from another address"
            return [Ending(DROPPED, TIMED_OUT, reason, arrival.course)]
        endings = []
        error = error_about(self._view.host, flight, arrival.error)
        for end in self._leg.error_from_host(arrival.course, error):
            if end.kind in (ARRIVED, OUTSIDE) and (end.kind == OUTSIDE) == (self._start.stack is None):
                told = ending._replace(course=end.course._replace(happened=arrival.course.happened))
                endings.append(self._by_another_uplink(end) or told)
            elif end.kind == UNTOLD:
                endings.append(ending_of_reply(end))
            else:
                reason = f"{ending.reason}; what says so is lost: {end.reason or 'it goes elsewhere'}"
                endings.append(Ending(DROPPED, TIMED_OUT, reason, end.course))
        return endings

    def _reset_without_way(self, arrival: Arrival) -> Optional[Arrival]:
        """The end of a reset that the host has no route for: that is asked before it goes out by the bridge port."""
        course, host = arrival.course, self._view.host
        decision = host.fib.lookup(error_about(host, course.flight, arrival.error).asked)
        if decision.kind == UNCERTAIN:
            return self._leg.context.untold(course, decision.why)
        if decision.kind in (UNICAST, LOCAL):
            return None
        reason = f"{arrival.reason}; the host has no way to send the reset"
        return Arrival(LOST, course.note(self._leg.context.name, "routing", "drop", reason), reason)

    def _reset_controlled(self, course: Course) -> Optional[Arrival]:
        """The end of a reset at the bridge port that it goes out by, and inside; None where nothing is in its way."""
        controlled = self._leg.context.controlled(course, self._view.host, EGRESS, course.flight.physin)
        stack = self._start.stack
        if controlled is None and stack is not None:
            return self._leg.context.controlled(course, stack, INGRESS, *stack.links)
        return controlled


def datagram_source(stack: Stack, listener: Listener, reply: Flight) -> int:
    """The source of an answer from a plain UDP socket: what it is bound to, or what the route gives."""
    bound = parse_address(listener.address)[1]
    if bound:
        return bound
    asked = Asked(reply.family, reply.daddr, 0, "lo", 0, UDP, reply.sport, reply.dport)
    decision = stack.fib.lookup(asked)
    chosen = stack.source_for(asked, decision)
    return reply.saddr if chosen is None else chosen
