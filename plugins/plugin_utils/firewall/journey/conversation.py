# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The packets of one connection, there and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    DELIVERED,
    DROPPED,
    NO_ANSWER,
    PROXY_REPLY,
    PROXY_REQUEST,
    REFUSED,
    REPLY,
    REQUEST,
    TIMED_OUT,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    TURNED_AWAY,
    UNTOLD,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.courses import Courses
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.endings import (
    Ending,
    ending_of_request,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.errors_seen import is_reset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.way_back import Start, WayBack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ACK, PSH


class Conversation:
    """What the two ends of one connection send each other."""

    def __init__(
        self,
        view: HostView,
        start: Start,
        first: Flight,
        protocol: str,
        courses: Courses,
        *,
        by_proxy: bool = False,
    ) -> None:
        """Take the first packet; by_proxy only names the legs, courses are those of the whole prediction."""
        self.courses = courses
        self.view = view
        self.start = start
        self.first = first
        self.protocol = protocol
        self.there = Leg(view, PROXY_REQUEST if by_proxy else REQUEST, courses)
        self.way_back = WayBack(view, start, first, Leg(view, PROXY_REPLY if by_proxy else REPLY, courses))

    def send(self, course: Course) -> list[Arrival]:
        """Send a packet from where the connection begins."""
        if self.start.stack is not None:
            return self.there.from_stack(self.start.stack, course)
        return self.there.from_wire(self.start.device, course)

    def answered(self, arrival: Arrival, who: str, reply: Flight) -> list[Ending]:
        """Somebody answers: the endings, by what becomes of the answer and of the data that follows."""
        source = address_text(reply.family, reply.daddr)
        delivered = arrival.course.note(self.there.name, "socket", "deliver", who)
        return [
            Ending(DELIVERED, ANSWERED, f"{who} answers, and the answer comes back", outcome, who, source)
            if isinstance(outcome, Course)
            else outcome
            for outcome in self.round_trip(arrival, delivered, reply)
        ]

    def silent(self, arrival: Arrival, reason: str) -> Ending:
        """It arrived, and nobody answers."""
        return Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course.note(self.there.name, "socket", "hold", reason))

    def unknown(self, course: Course, what: str) -> Ending:
        """It cannot be known how it ends."""
        return Ending(UNKNOWN, UNKNOWN, f"it is not known {what}", course.perhaps(what))

    def round_trip(self, arrival: Arrival, course: Course, reply: Flight) -> Iterator[Union[Course, Ending]]:
        """The answer's way back, and for TCP that of the data that follows."""
        for outcome in self.opened(arrival, course, reply):
            if isinstance(outcome, Course) and self.protocol == "tcp":
                yield from self.first_back(arrival, outcome, ACK | PSH)
            else:
                yield outcome

    def opened(self, arrival: Arrival, course: Course, reply: Flight) -> Iterator[Union[Course, Ending]]:
        """The answer's way back, and for TCP the way of the first data there."""
        for outcome in self.way_back.send(arrival, course, reply):
            if not isinstance(outcome, Course):
                yield from self._sent_again(outcome)
                continue
            if self.protocol != "tcp":
                yield outcome
                continue
            yield from self.data_there(arrival, outcome)

    def _sent_again(self, lost: Ending) -> Iterator[Ending]:
        """An answer to a SYN is lost, so its sender sends it again: what becomes of it is what the sender sees.

        Once connection tracking has seen an answer it is of an established connection to rules (resolve_normal_ct()),
        which can refuse it now.
        """
        connection = lost.course.flight.connection
        is_silent = self.protocol == "tcp" and lost.seen in (TIMED_OUT, NO_ANSWER)
        if not is_silent or connection is None or not connection.seen_reply:
            yield lost
            return
        for end in self.send(lost.course._replace(flight=self.first, tracked=connection)):
            if end.kind == TURNED_AWAY:
                for ending in self.way_back.send_error(end, self.protocol):
                    reason = f"{lost.reason}; the SYN is sent again, and {ending.reason}"
                    yield ending if ending.verdict == UNKNOWN else ending._replace(verdict=lost.verdict, reason=reason)
            elif end.kind == UNTOLD:
                yield ending_of_request(end, self.protocol)
            else:
                yield lost._replace(course=lost.course._replace(doubts=end.course.doubts))

    def data_there(self, arrival: Arrival, course: Course) -> Iterator[Union[Course, Ending]]:
        """For TCP the first packet with data, of a connection that is established by now."""
        if self.protocol != "tcp":
            yield course
            return
        flight = self.first.copy()
        flight.tcp_flags = ACK | PSH
        for end in self.send(course.carrying(flight)):
            if (end.kind, end.stack) == (arrival.kind, arrival.stack):
                # It takes the same way again; only what decides is worth showing.
                yield course._replace(doubts=end.course.doubts, tracked=end.course.tracked)
                continue
            yield from self._data_lost(end)

    def first_back(self, arrival: Arrival, course: Course, flags: int) -> Iterator[Union[Course, Ending]]:
        """What comes back first over an open connection, by its TCP flags.

        Data may be what connection tracking sees first (nf_conntrack_tcp_loose), a reset is not.
        """
        reply = self.way_back.answer_to(arrival)
        reply.tcp_flags = flags
        for outcome in self.way_back.send(arrival, course, reply):
            if isinstance(outcome, Course):
                yield course._replace(doubts=outcome.doubts, tracked=outcome.tracked)
            else:
                yield outcome

    def _data_lost(self, end: Arrival) -> Iterator[Ending]:
        """A reset ends an established connection, other errors do not (tcp_v4_err())."""
        resets = end.kind == TURNED_AWAY and is_reset(end.error)
        endings = self.way_back.send_error(end, self.protocol) if resets else [ending_of_request(end, self.protocol)]
        for ending in endings:
            if ending.verdict == UNKNOWN:
                yield ending
                continue
            seen = CLOSED if resets and ending.seen == REFUSED else TIMED_OUT
            reason = f"the connection is made, then its data is lost: {ending.reason}"
            yield ending._replace(verdict=DROPPED, seen=seen, reason=reason)
