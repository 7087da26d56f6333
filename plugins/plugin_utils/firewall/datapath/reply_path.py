# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The reply path: answers, resets and errors, and whether who asked takes them for an answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS, Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    OUTSIDE,
    REJECTED,
    UNDETERMINED,
    Branch,
    Ending,
    LegResult,
    ending_of_reply,
    ending_of_request,
    error_about,
    is_reset,
    seen_as,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import ECHO_REPLY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_path import outgoing_device
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.leg import Leg
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNICAST,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import IPSEC_POLICY, Doubt, Flight
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

    stack: Stack | None
    """None for outside."""
    device: str = ""
    """Uplink, for outside."""


class ReplyPath:
    """The reply path of one connection."""

    def __init__(self, view: HostView, start: Start, first: Flight, leg: Leg) -> None:
        """Take the packet that it answers, as its sender sent it."""
        self._view = view
        self._start = start
        self._first = first
        self._leg = leg

    def answer_to(self, result: LegResult) -> Flight:
        """The packet that answers one that arrived."""
        flight = result.branch.flight
        reply = Flight(flight.family, flight.protocol, flight.daddr, flight.dport, flight.saddr, flight.sport)
        if flight.protocol == TCP:
            reply.tcp_flags = SYN | ACK
        if flight.protocol in ECHO_REPLY:
            reply.icmp_type, reply.icmp_code = ECHO_REPLY[flight.protocol], 0
        # Marks stay in the namespace that they were made in.
        reply.mark = self._view.settings.mark_of_reply(flight.mark) if result.stack is self._view.host else 0
        return reply

    def refusal_of(self, result: LegResult) -> Flight:
        """What the kernel sends where no one listens: a reset, or an ICMP error."""
        reply = self.answer_to(result)
        if reply.protocol == TCP:
            reply.tcp_flags = RST | ACK
        else:
            # Its ports stay those of the datagram that it quotes, which connection tracking knows it by.
            reply.protocol, reply.icmp_type, reply.icmp_code = _PORT_UNREACHABLE[reply.family]
        reply.skuid = reply.skgid = NO_SOCKET
        return reply

    def send(self, result: LegResult, branch: Branch, reply: Flight) -> Iterator[Branch | Ending]:
        """Send an answer from where a packet arrived: the branch of one that came back, or how it ended."""
        untracked = branch.tracked and self._view.settings.cannot_track(self._first.protocol)
        if untracked:
            what = f"whether connection tracking knows the connection when its answer comes: {untracked}"
            yield ending_of_reply(self._leg.context.undetermined(branch, what))
            return
        back = branch.carrying(reply)
        if result.stack is not None:
            results = self._leg.from_stack(result.stack, back)
        else:
            results = self._leg.from_outside(result.device, back)
        for end in results:
            if end.disposition not in (ARRIVED, OUTSIDE):
                yield self._not_back(end, result.stack)
                continue
            mismatch = self._mismatch(end)
            if mismatch:
                # Who knows no such connection resets it, whereupon who answers may reset what is sent again.
                is_open = reply.protocol == TCP and not (reply.tcp_flags or 0) & (SYN | RST)
                seen = UNKNOWN if is_open else TIMED_OUT
                yield Ending(NO_ANSWER, seen, f"the answer is lost: {mismatch}", end.branch)
            else:
                yield self._by_another_uplink(end) or end.branch

    def _not_back(self, end: LegResult, answering: Stack | None) -> Ending:
        """An answer that was lost on its way; what says so goes to who answers.

        But what rules make of a reset about the answer to a SYN may come to who asks (nf_send_unreach()).
        """
        lost, flight = ending_of_reply(end), end.branch.flight
        if end.disposition != REJECTED:
            return lost
        if flight.protocol in ECHO_REPLY and answering is self._start.stack is self._view.host:
            return self._told_as_answering(end, lost)
        # A bridge port sends its reset past all hooks (nf_send_reset()).
        is_open = is_reset(end.error) and not flight.physin
        return lost._replace(observed=UNKNOWN) if is_open and flight.tcp_flags == SYN | ACK else lost

    def _told_as_answering(self, end: LegResult, lost: Ending) -> Ending:
        """An echo reply of the host to itself that a rule rejects: the error comes to the host, which asked as well.

        A raw socket is told, as one of ping(8) with CAP_NET_RAW may be. A socket for pings is told of errors about
        requests alone (icmp_err(), icmpv6_err()), and which of them asks is not known.
        """
        error = error_about(self._view.host, end.branch.flight, end.error)
        after = self._leg.error_from_host(end.branch, error)
        if not any(one.disposition in (ARRIVED, UNDETERMINED) for one in after):
            return lost
        seen = UNKNOWN if seen_as(end.error, "icmp") == REFUSED else NO_ANSWER
        reason = f"{lost.reason}; the error comes back to the host, where raw sockets are told, those for pings are not"
        return lost._replace(observed=seen, reason=reason)

    def _by_another_uplink(self, end: LegResult) -> Ending | None:
        """An answer that others have to hand on, since it leaves by another uplink than it was asked by; else None."""
        family, number = end.branch.flight.family, end.branch.flight.daddr
        if end.disposition != OUTSIDE or end.device == self._start.device:
            return None
        if self._view.host.is_on_link(family, number, end.device):
            return None
        requester = address_text(family, number)
        return ending_of_reply(
            self._leg.context.undetermined(end.branch, f"{PASSED_ON} {end.device} forward packets for {requester}")
        )

    def _mismatch(self, end: LegResult) -> str:
        """Why an answer is none for who asked; empty when it is one."""
        first, flight = self._first, end.branch.flight
        if (end.disposition == OUTSIDE) != (self._start.stack is None) or end.stack is not self._start.stack:
            where = end.stack.label if end.stack else f"the wire behind {end.device}"
            return f"it ends at {where}"
        if _is_answer(flight, first):
            return ""
        came, expected = (address_text(first.family, number) for number in (flight.saddr, first.daddr))
        if came == expected:
            return f"it comes back as a connection of its own, from another port of {expected} than {first.dport}"
        return f"it comes back past connection tracking, from {came} instead of {expected}"

    def send_error(self, result: LegResult, protocol: str) -> list[Ending]:
        """The host says no on the way: what it sends has to come back."""
        ending = ending_of_request(result, protocol)
        if result.stack is not None and result.stack is self._start.stack:
            return [ending]
        flight = result.branch.flight
        if flight.physin and is_reset(result.error):
            # nf_send_reset() puts it on the bridge port it came from, past all hooks, which leaves it untranslated.
            if (flight.daddr, flight.dport) == (self._first.daddr, self._first.dport):
                kept = self._reset_unsent(result) or self._reset_controlled(result.branch)
                return [ending if kept is None else ending_of_request(kept, protocol)]
            reason = f"{ending.reason}; the reset comes back past connection tracking, from another address"
            return [Ending(DROPPED, TIMED_OUT, reason, result.branch)]
        endings = []
        error = error_about(self._view.host, flight, result.error)
        for end in self._leg.error_from_host(result.branch, error):
            if end.disposition in (ARRIVED, OUTSIDE) and (end.disposition == OUTSIDE) == (self._start.stack is None):
                told = ending._replace(branch=end.branch._replace(trace=result.branch.trace))
                endings.append(self._by_another_uplink(end) or told)
            elif end.disposition == UNDETERMINED:
                endings.append(ending_of_reply(end))
            else:
                reason = f"{ending.reason}; the error message is lost: {end.reason or 'it goes elsewhere'}"
                endings.append(Ending(DROPPED, TIMED_OUT, reason, end.branch))
        return endings

    def _reset_unsent(self, result: LegResult) -> LegResult | None:
        """The end of a reset that goes out by a bridge port where it is not known that it is sent; None where it is.

        The host asks for a route for it all the same, and IPsec policies with the route (nf_send_reset(),
        nf_send_reset6()).
        """
        branch, host = result.branch, self._view.host
        error = error_about(host, branch.flight, result.error)
        decision = host.fib.lookup(error.route_query)
        if decision.kind not in (UNICAST, LOCAL):
            why = decision.why or "whether the host sends a reset that it has no route for"
            return self._leg.context.undetermined(branch, why)
        found = self._view.ipsec.sending(error.flight, outgoing_device(decision))
        if found is None:
            return None
        return self._leg.context.undetermined(branch, Doubt.about(IPSEC_POLICY, f"of the reset: {found.text}"))

    def _reset_controlled(self, branch: Branch) -> LegResult | None:
        """The end of a reset at the bridge port that it goes out by, and inside; None where nothing is in its way."""
        controlled = self._leg.context.controlled(branch, self._view.host, EGRESS, branch.flight.physin)
        stack = self._start.stack
        if controlled is None and stack is not None:
            return self._leg.context.controlled(branch, stack, INGRESS, *stack.links)
        return controlled


def _is_answer(flight: Flight, question: Flight) -> bool:
    """Whether it has the addresses and ports of an answer to that packet."""
    wanted = (question.daddr, question.dport, question.saddr, question.sport)
    return (flight.saddr, flight.sport, flight.daddr, flight.dport) == wanted


def datagram_source(stack: Stack, listener: Listener, reply: Flight) -> int:
    """The source of an answer from a plain UDP socket: what it is bound to, or what the route gives."""
    bound = parse_address(listener.address)[1]
    if bound:
        return bound
    query = RouteQuery(reply.family, reply.daddr, 0, "lo", 0, UDP, reply.sport, reply.dport)
    decision = stack.fib.lookup(query)
    chosen = stack.source_for(query, decision)
    return reply.saddr if chosen is None else chosen
