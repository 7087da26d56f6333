# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One connection as its sender sees it: the packets there and back, who is reached, and what becomes of the answer.

The one who is reached is the host, a container, docker-proxy (which makes a second connection to a container), or a
machine outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
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
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    OUTSIDE,
    TURNED_AWAY,
    UNTOLD,
    Arrival,
    Course,
    Courses,
    Ending,
    ending_of_request,
    is_reset,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import (
    DOCKER_PROXY,
    HostView,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.leg import Leg
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.reply_path import (
    Start,
    WayBack,
    datagram_source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    PSH,
    RST,
    TRANSPORTS,
    address_text,
    is_loopback,
    is_private,
    parse_address,
)

_LOOPBACK6 = 1


class Exchange:
    """One connection. docker-proxy makes a second one, which is an exchange of its own."""

    def __init__(self, talk: Conversation) -> None:
        """Take what the two ends can send each other."""
        self._talk = talk
        self._view = talk.view
        self._protocol = talk.protocol

    def run(self, before: Course) -> list[Ending]:
        """All ways in which it can end, each with its course; before is what happened until now."""
        course = before._replace(flight=self._talk.first, tracked=None)
        return [ending for arrival in self._talk.send(course) for ending in self._reached(arrival)]

    def _reached(self, arrival: Arrival) -> list[Ending]:
        if arrival.kind == OUTSIDE:
            return reached_outside(self._talk, arrival)
        if arrival.kind == TURNED_AWAY:
            return self._talk.way_back.send_error(arrival, self._protocol)
        if arrival.kind != ARRIVED or arrival.stack is None:
            return [ending_of_request(arrival, self._protocol)]
        if self._protocol == "icmp":
            settings = arrival.stack.settings
            if settings.ignores_echo(arrival.course.flight.family):
                key = settings.echo_key(arrival.course.flight.family)
                after = arrival.course.note(self._talk.there.name, "socket", "drop", f"{key} is 1")
                return [
                    Ending(DROPPED, TIMED_OUT, f"{key} is 1: the {arrival.stack.label} answers no echo requests", after)
                ]
            return self._talk.answered(arrival, arrival.stack.label, self._talk.way_back.answer_to(arrival))
        stack = arrival.stack
        if stack.sockets is None:
            return [self._talk.unknown(arrival.course, f"which ports {stack.label} listens on")]
        flight = arrival.course.flight
        port = flight.dport or 0
        listener = stack.sockets.find(self._protocol, flight.family, flight.daddr, port, arrival.device)
        if listener is None:
            return self._turned_away(arrival)
        return self._host_socket(arrival, listener) if stack is self._view.host else self._served(arrival, listener)

    def _host_socket(self, arrival: Arrival, listener: Listener) -> list[Ending]:
        proxy = self._view.holders.proxy_behind(listener)
        if proxy is not None:
            return proxied(self._talk, arrival, listener, proxy, lambda course: self._dial(course, proxy))
        if listener.owner == DOCKER_PROXY:
            return [self._talk.unknown(arrival.course, f"where docker-proxy on port {listener.port} leads")]
        reason = self._view.holders.only_held(listener)
        return [self._talk.silent(arrival, reason)] if reason else self._served(arrival, listener)

    def _served(self, arrival: Arrival, listener: Listener) -> list[Ending]:
        """Somebody listens, and answers."""
        if arrival.stack is None:
            raise AssertionError("only what came to a stack can be answered by one")
        if self._view.is_asleep(arrival.stack):
            return [self._talk.silent(arrival, f"{arrival.stack.label} is paused, so nobody answers")]
        reply = self._talk.way_back.answer_to(arrival)
        program = f" ({listener.owner})" if listener.owner else ""
        if self._protocol == "udp":
            chosen = datagram_source(arrival.stack, listener, reply)
            if chosen != reply.saddr:
                asked, used = (address_text(reply.family, number) for number in (reply.saddr, chosen))
                who = f"the program on UDP port {listener.port} of {arrival.stack.label}"
                return [self._talk.unknown(arrival.course, f"whether {who} answers from {asked}, not {used}")]
        return self._talk.answered(arrival, arrival.stack.label + program, reply)

    def _turned_away(self, arrival: Arrival) -> list[Ending]:
        """Nobody listens: TCP sends a reset, UDP an ICMP error, which have to come back, too."""
        if arrival.stack is None:
            raise AssertionError("only what came to a stack can be answered by one")
        flight = arrival.course.flight
        where = f"{arrival.stack.label} on {self._protocol} port {flight.dport}"
        reason = f"nobody listens at {where}"
        if self._has_no_way_for_a_reset(flight, arrival.stack):
            return [self._talk.silent(arrival, f"{reason}, and a reset for ::1 finds no way but from ::1")]
        course = arrival.course.note(self._talk.there.name, "socket", "refuse", reason)
        reply = self._talk.way_back.refusal_of(arrival)
        endings = []
        for outcome in self._talk.way_back.send(arrival, course, reply):
            if isinstance(outcome, Course):
                endings.append(Ending(REFUSED, REFUSED, reason, outcome))
            else:
                endings.append(outcome._replace(reason=f"{reason}, and {outcome.reason}"))
        return endings

    def _has_no_way_for_a_reset(self, flight: Flight, stack: Stack) -> bool:
        """Whether a SYN that came from ::1 to another address of its own host is answered by nothing.

        The kernel looks for a way to ::1 by the device that has the address (tcp_v6_send_response(): rt6_need_strict()
        and inet6_iif(), which is the one of the address for what never left the host).
        """
        if self._protocol != "tcp" or flight.family == 4 or flight.saddr != _LOOPBACK6:
            return False
        return flight.daddr not in (address.number for address in stack.addresses(6, "lo"))

    def _dial(self, course: Course, proxy: ProxyProcess) -> list[Ending]:
        """The connection of docker-proxy to its container."""
        family, address = parse_address(proxy.container_ip)
        host = self._view.host
        asked = Asked(family, address, 0, "lo", 0, TRANSPORTS[self._protocol], 0, proxy.container_port)
        source = host.source_for(asked, host.fib.lookup(asked)) or 0
        port = self._view.free_port(*self._view.settings.ephemeral_ports())
        flight = Flight(family, TRANSPORTS[self._protocol], source, port, address, proxy.container_port)
        flight.skuid = flight.skgid = ROOT
        talk = Conversation(self._view, Start(host), flight, self._protocol, self._talk.courses, by_proxy=True)
        return Exchange(talk).run(course)


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


def reached_outside(talk: Conversation, arrival: Arrival) -> list[Ending]:
    """Machines outside are taken to answer, if they can know the way back."""
    flight = arrival.course.flight
    if is_loopback(flight.family, flight.saddr):
        source = address_text(flight.family, flight.saddr)
        reason = f"it leaves with the source {source}, which machines outside do not believe"
        return [Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course, source_at_end=source)]
    if talk.start.stack is not None and not _is_known(talk, flight, arrival.device):
        source = address_text(flight.family, flight.saddr)
        if is_private(flight.family, flight.saddr):
            reason = f"it leaves with the source {source}, which machines outside have no way back to"
            return [Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course, source_at_end=source)]
        return [talk.unknown(arrival.course, f"whether machines outside have a way back to {source}")]
    if talk.start == Start(None, arrival.device) and _is_known(talk, flight, arrival.device):
        return _between_neighbours(talk, arrival)
    return talk.answered(arrival, "outside", talk.way_back.answer_to(arrival))


def _between_neighbours(talk: Conversation, arrival: Arrival) -> list[Ending]:
    """Sent on to where it came from: the answer goes straight back, past this host."""
    reply = talk.way_back.answer_to(arrival)
    source = address_text(reply.family, reply.daddr)
    course = arrival.course
    if reply.daddr == talk.first.saddr and (reply.saddr, reply.sport) == (talk.first.daddr, talk.first.dport):
        return [
            Ending(DELIVERED, ANSWERED, "outside answers, past this host", outcome, "outside", source)
            if isinstance(outcome, Course)
            else outcome
            for outcome in talk.data_there(arrival, course)
        ]
    if talk.view.host.has_address(reply.family, reply.daddr):
        return talk.answered(arrival, "outside", reply)
    reason = f"the answer goes straight back on {arrival.device}, past the address translation of this host"
    return [Ending(NO_ANSWER, TIMED_OUT, reason, course, source_at_end=source)]


def _is_known(talk: Conversation, flight: Flight, device: str) -> bool:
    host, source = talk.view.host, flight.saddr
    return host.is_on_link(flight.family, source, device) or host.has_address(flight.family, source)


ROOT = 0
# From this engine on it answers datagrams from the address that was asked (udp_proxy_linux.go).
_KEEPS_ADDRESS = (28, 0)

Dial = Callable[[Course], list[Ending]]


def proxied(talk: Conversation, arrival: Arrival, listener: Listener, proxy: ProxyProcess, dial: Dial) -> list[Ending]:
    """A connection to docker-proxy; dial is the one that it makes to its container, after a course of events."""
    course = arrival.course.note(talk.there.name, "proxy", "deliver", f"docker-proxy, process {proxy.pid}")
    reply = talk.way_back.answer_to(arrival)
    reply.skuid = reply.skgid = ROOT
    if talk.protocol == "udp":
        if talk.view.snapshot.engine is None or talk.view.snapshot.engine.release < _KEEPS_ADDRESS:
            if arrival.stack is None:
                raise AssertionError("only what came to a stack can be answered by one")
            reply.saddr = datagram_source(arrival.stack, listener, reply)
        return _relayed(talk, arrival, course, reply, dial(course))
    endings: list[Ending] = []
    for outcome in talk.opened(arrival, course, reply):
        if isinstance(outcome, Course):
            endings += [shown for inner in dial(outcome) for shown in _shown(talk, arrival, outcome, inner)]
        else:
            endings.append(outcome)
    return endings


def _relayed(talk: Conversation, arrival: Arrival, course: Course, reply: Flight, inner: list[Ending]) -> list[Ending]:
    """A datagram's answer goes back once the container's came to docker-proxy."""
    endings = []
    for ending in inner:
        if ending.seen != ANSWERED:
            endings.append(ending if ending.verdict == UNKNOWN else ending._replace(seen=TIMED_OUT))
            continue
        tracked = ending.course._replace(tracked=course.tracked)
        endings += [
            ending._replace(course=outcome) if isinstance(outcome, Course) else outcome
            for outcome in talk.way_back.send(arrival, tracked, reply)
        ]
    return endings


def _shown(talk: Conversation, arrival: Arrival, opened: Course, inner: Ending) -> list[Ending]:
    """What comes back of docker-proxy's own connection: data, or, where it was refused, the end of the one it accepted.

    It closes with the request unread, which is a reset (tcp_close()).
    """
    closes = inner.seen in (REFUSED, UNREACHABLE)
    ending = inner._replace(seen=CLOSED) if closes else inner
    if ending.verdict == UNKNOWN or ending.seen not in (ANSWERED, CLOSED):
        return [ending]
    course = inner.course._replace(tracked=opened.tracked)
    return [
        ending._replace(course=outcome) if isinstance(outcome, Course) else outcome
        for outcome in talk.first_back(arrival, course, RST | ACK if closes else ACK | PSH)
    ]
