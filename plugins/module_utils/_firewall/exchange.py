# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Request and answer: the packets of one connection, there and back, until it is clear what whoever asks will see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.course import (
    ARRIVED,
    OUTSIDE,
    TURNED_AWAY,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.endings import (
    Ending,
    ending_of_request,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.holder import (
    DOCKER_PROXY,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ip_numbers import (
    address_text,
    is_private,
    parse_address,
    same_prefix,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.leg import Leg
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.policy import Asked
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.way_back import (
    TCP,
    UDP,
    Start,
    WayBack,
    datagram_source,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sockets import Listener

NUMBERS = {"tcp": TCP, "udp": UDP}
ROOT = 0
_ACK_PUSH = 0x18
# From this engine on docker-proxy answers datagrams from the address that was asked (udp_proxy_linux.go).
_PROXY_KEEPS_ADDRESS = (28, 0)


class Exchange:
    """One connection. docker-proxy makes a second one, which is an exchange of its own."""

    def __init__(self, view: HostView, start: Start, first: Flight, protocol: str, *, by_proxy: bool = False) -> None:
        """Take the first packet; by_proxy only names the legs."""
        self._view = view
        self._start = start
        self._first = first
        self._protocol = protocol
        self._there = Leg(view, PROXY_REQUEST if by_proxy else REQUEST)
        self._way_back = WayBack(view, start, first, Leg(view, PROXY_REPLY if by_proxy else REPLY))

    def run(self, before: Course) -> list[Ending]:
        """All ways in which it can end, each with its course; before is what happened until now."""
        course = before._replace(flight=self._first, tracked=None)
        return [ending for arrival in self._send(course) for ending in self._reached(arrival)]

    def _send(self, course: Course) -> list[Arrival]:
        if self._start.stack is not None:
            return self._there.from_stack(self._start.stack, course)
        return self._there.from_wire(self._start.device, course)

    def _reached(self, arrival: Arrival) -> list[Ending]:
        if arrival.kind == OUTSIDE:
            return self._outside(arrival)
        if arrival.kind == TURNED_AWAY:
            return self._way_back.send_error(arrival, self._protocol)
        if arrival.kind != ARRIVED or arrival.stack is None:
            return [ending_of_request(arrival, self._protocol)]
        if self._protocol == "icmp":
            if arrival.stack is self._view.host and self._view.settings.ignores_echo(arrival.course.flight.family):
                key = self._view.settings.echo_key(arrival.course.flight.family)
                after = arrival.course.note(self._there.name, "socket", "drop", f"{key} is 1")
                return [Ending(DROPPED, TIMED_OUT, f"{key} is 1: the host answers no echo requests", after)]
            return self._answered(arrival, arrival.stack.label, self._way_back.answer_to(arrival))
        stack = arrival.stack
        if stack.sockets is None:
            return [self._unknown(arrival.course, f"which ports {stack.label} listens on")]
        flight = arrival.course.flight
        port = flight.dport or 0
        listener = stack.sockets.find(self._protocol, flight.family, flight.daddr, port, arrival.device)
        if listener is None:
            return self._turned_away(arrival)
        return self._host_socket(arrival, listener) if stack is self._view.host else self._served(arrival, listener)

    # Who answers.

    def _outside(self, arrival: Arrival) -> list[Ending]:
        """Machines outside are taken to answer, if they can know the way back."""
        flight = arrival.course.flight
        if self._start.stack is not None and not self._is_known_outside(flight, arrival.device):
            source = address_text(flight.family, flight.saddr)
            if is_private(flight.family, flight.saddr):
                reason = f"it leaves with the source {source}, which machines outside have no way back to"
                return [Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course, source_at_end=source)]
            return [self._unknown(arrival.course, f"whether machines outside have a way back to {source}")]
        if self._start == Start(None, arrival.device) and self._is_known_outside(flight, arrival.device):
            return self._between_neighbours(arrival)
        return self._answered(arrival, "outside", self._way_back.answer_to(arrival))

    def _between_neighbours(self, arrival: Arrival) -> list[Ending]:
        """Sent on to where it came from: the answer goes straight back, past this host."""
        reply = self._way_back.answer_to(arrival)
        source = address_text(reply.family, reply.daddr)
        course = arrival.course
        if reply.daddr == self._first.saddr and (reply.saddr, reply.sport) == (self._first.daddr, self._first.dport):
            return [
                Ending(DELIVERED, ANSWERED, "outside answers, past this host", outcome, "outside", source)
                if isinstance(outcome, Course)
                else outcome
                for outcome in self._data_there(arrival, course)
            ]
        if self._view.host.has_address(reply.family, reply.daddr):
            return self._answered(arrival, "outside", reply)
        reason = f"the answer goes straight back on {arrival.device}, past the address translation of this host"
        return [Ending(NO_ANSWER, TIMED_OUT, reason, course, source_at_end=source)]

    def _is_known_outside(self, flight: Flight, device: str) -> bool:
        host = self._view.host
        near = any(
            same_prefix(flight.family, item.number, flight.saddr, item.length)
            for item in host.addresses(flight.family, device)
        )
        return near or host.has_address(flight.family, flight.saddr)

    def _host_socket(self, arrival: Arrival, listener: Listener) -> list[Ending]:
        proxy = self._view.holders.proxy_behind(listener)
        if proxy is not None:
            return self._proxied(arrival, listener, proxy)
        if listener.owner == DOCKER_PROXY:
            return [self._unknown(arrival.course, f"where docker-proxy on port {listener.port} leads")]
        reason = self._view.holders.only_held(listener)
        return [self._silent(arrival, reason)] if reason else self._served(arrival, listener)

    def _silent(self, arrival: Arrival, reason: str) -> Ending:
        return Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course.note(self._there.name, "socket", "hold", reason))

    def _served(self, arrival: Arrival, listener: Listener) -> list[Ending]:
        """Somebody listens, and answers."""
        assert arrival.stack is not None  # noqa: S101
        if self._view.is_asleep(arrival.stack):
            return [self._silent(arrival, f"{arrival.stack.label} is paused, so nobody answers")]
        reply = self._way_back.answer_to(arrival)
        program = f" ({listener.owner})" if listener.owner else ""
        if self._protocol == "udp":
            chosen = datagram_source(arrival.stack, listener, reply)
            if chosen != reply.saddr:
                asked, used = (address_text(reply.family, number) for number in (reply.saddr, chosen))
                who = f"the program on UDP port {listener.port} of {arrival.stack.label}"
                return [self._unknown(arrival.course, f"whether {who} answers from {asked}, not {used}")]
        return self._answered(arrival, arrival.stack.label + program, reply)

    def _answered(self, arrival: Arrival, who: str, reply: Flight) -> list[Ending]:
        source = address_text(reply.family, reply.daddr)
        delivered = arrival.course.note(self._there.name, "socket", "deliver", who)
        return [
            Ending(DELIVERED, ANSWERED, f"{who} answers, and the answer comes back", outcome, who, source)
            if isinstance(outcome, Course)
            else outcome
            for outcome in self._round_trip(arrival, delivered, reply)
        ]

    def _turned_away(self, arrival: Arrival) -> list[Ending]:
        """Nobody listens: TCP sends a reset, UDP an ICMP error, which have to come back, too."""
        assert arrival.stack is not None  # noqa: S101
        flight = arrival.course.flight
        where = f"{arrival.stack.label} on {self._protocol} port {flight.dport}"
        reason = f"nobody listens at {where}"
        course = arrival.course.note(self._there.name, "socket", "refuse", reason)
        reply = self._way_back.refusal_of(arrival)
        endings = []
        for outcome in self._way_back.send(arrival, course, reply):
            if isinstance(outcome, Course):
                endings.append(Ending(REFUSED, REFUSED, reason, outcome))
            else:
                endings.append(outcome._replace(reason=f"{reason}, and {outcome.reason}"))
        return endings

    # docker-proxy.

    def _proxied(self, arrival: Arrival, listener: Listener, proxy: ProxyProcess) -> list[Ending]:
        course = arrival.course.note(self._there.name, "proxy", "deliver", f"docker-proxy, process {proxy.pid}")
        reply = self._way_back.answer_to(arrival)
        reply.skuid = reply.skgid = ROOT
        if self._protocol == "udp":
            if self._view.snapshot.engine is None or self._view.snapshot.engine.release < _PROXY_KEEPS_ADDRESS:
                assert arrival.stack is not None  # noqa: S101
                reply.saddr = datagram_source(arrival.stack, listener, reply)
            return self._relayed(arrival, course, reply, self._through_proxy(course, proxy))
        endings: list[Ending] = []
        for outcome in self._round_trip(arrival, course, reply):
            endings += self._through_proxy(outcome, proxy) if isinstance(outcome, Course) else [outcome]
        return [_as_proxy_shows(ending) for ending in endings]

    def _relayed(self, arrival: Arrival, course: Course, reply: Flight, inner: list[Ending]) -> list[Ending]:
        """A datagram's answer goes back once the container's came to docker-proxy."""
        endings = []
        for ending in inner:
            if ending.seen != ANSWERED:
                endings.append(ending if ending.verdict == UNKNOWN else ending._replace(seen=TIMED_OUT))
                continue
            tracked = ending.course._replace(tracked=course.tracked)
            endings += [
                ending._replace(course=outcome) if isinstance(outcome, Course) else outcome
                for outcome in self._way_back.send(arrival, tracked, reply)
            ]
        return endings

    def _through_proxy(self, course: Course, proxy: ProxyProcess) -> list[Ending]:
        family, address = parse_address(proxy.container_ip)
        host = self._view.host
        asked = Asked(family, address, 0, "lo", 0, NUMBERS[self._protocol], None, proxy.container_port)
        source = host.source_for(asked, host.fib.lookup(asked)) or 0
        port = self._view.free_port(*self._view.settings.ephemeral_ports())
        flight = Flight(family, NUMBERS[self._protocol], source, port, address, proxy.container_port)
        flight.skuid = flight.skgid = ROOT
        return Exchange(self._view, Start(host), flight, self._protocol, by_proxy=True).run(course)

    def _round_trip(self, arrival: Arrival, course: Course, reply: Flight) -> Iterator[Union[Course, Ending]]:
        """The answer's way back, and for TCP that of the data that follows."""
        for outcome in self._way_back.send(arrival, course, reply):
            if self._protocol != "tcp" or not isinstance(outcome, Course):
                yield outcome
                continue
            for there in self._data_there(arrival, outcome):
                if isinstance(there, Course):
                    yield from self._data_back(arrival, there)
                else:
                    yield there

    def _data_there(self, arrival: Arrival, course: Course) -> Iterator[Union[Course, Ending]]:
        """For TCP the first packet with data, of a connection that is established by now."""
        if self._protocol != "tcp":
            yield course
            return
        flight = self._first.copy()
        flight.tcp_flags = _ACK_PUSH
        for end in self._send(course._replace(flight=flight)):
            if (end.kind, end.stack) == (arrival.kind, arrival.stack):
                # It takes the same way again; only what decides is worth showing.
                yield course._replace(doubts=end.course.doubts, tracked=end.course.tracked)
                continue
            yield from self._data_lost(end)

    def _data_back(self, arrival: Arrival, course: Course) -> Iterator[Union[Course, Ending]]:
        """The first data that comes back; it may be what connection tracking sees first (nf_conntrack_tcp_loose)."""
        reply = self._way_back.answer_to(arrival)
        reply.tcp_flags = _ACK_PUSH
        for outcome in self._way_back.send(arrival, course, reply):
            if isinstance(outcome, Course):
                yield course._replace(doubts=outcome.doubts, tracked=outcome.tracked)
            else:
                yield outcome

    def _data_lost(self, end: Arrival) -> Iterator[Ending]:
        """A reset ends an established connection, other errors do not (tcp_v4_err())."""
        is_reset = end.kind == TURNED_AWAY and "reset" in end.error
        endings = (
            self._way_back.send_error(end, self._protocol) if is_reset else [ending_of_request(end, self._protocol)]
        )
        for ending in endings:
            if ending.verdict == UNKNOWN:
                yield ending
                continue
            seen = CLOSED if is_reset and ending.seen == REFUSED else TIMED_OUT
            reason = f"the connection is made, then its data is lost: {ending.reason}"
            yield ending._replace(verdict=DROPPED, seen=seen, reason=reason)

    def _unknown(self, course: Course, what: str) -> Ending:
        return Ending(UNKNOWN, UNKNOWN, f"it is not known {what}", course._replace(doubts=(*course.doubts, what)))


def _as_proxy_shows(ending: Ending) -> Ending:
    """docker-proxy accepts first: when it cannot reach the container it closes the connection."""
    return ending._replace(seen=CLOSED) if ending.seen in (REFUSED, UNREACHABLE) else ending
