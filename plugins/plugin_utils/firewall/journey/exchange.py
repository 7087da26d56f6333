# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One connection as whoever asks sees it: who is reached, and what becomes of the answer."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import DROPPED, REFUSED, TIMED_OUT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.conversation import Conversation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    ARRIVED,
    OUTSIDE,
    TURNED_AWAY,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.endings import (
    Ending,
    ending_of_request,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.holder import DOCKER_PROXY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.outside import reached_outside
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.proxied import ROOT, proxied
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.way_back import (
    Start,
    datagram_source,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import TRANSPORTS

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
