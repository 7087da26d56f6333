# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The nouns of a prediction: what happened to a packet, one possible branch of it, where a leg ends, how a branch ends.

A prediction splits where a condition cannot be decided; branches that differ only in what is past are followed once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Responder,
    Subject,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    RouteQuery,
    route_query,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Step,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.chain_walk import (
    connection_key,
    flight_key,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ACK, ICMP, ICMPV6, RST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_INVALID,
    CT_RELATED,
    DROP,
    REJECT,
)

# Dispositions: how a leg ends.
ARRIVED = "arrived"  # in a network namespace that has its destination address
OUTSIDE = "outside"  # sent out by an uplink, to a machine that is not this host
MISROUTED = "misrouted"  # the same, for an address that is local on this host
LOST = "lost"  # dropped silently
REJECTED = "rejected"  # an error or a reset goes back to the sender
NEIGHBOUR_UNREACHABLE = "neighbour unreachable"  # who sends it on does not learn a hardware address
NOT_SENT = "not sent"  # the sender's own namespace refuses it
UNDETERMINED = "undetermined"


class StepGroup(NamedTuple):
    """Steps of a leg one after the other, with the devices that the packet had before them."""

    leg: str
    family: int
    incoming: str
    outgoing: str
    steps: tuple[Step, ...]


class Branch(NamedTuple):
    """One possible course of events, up to now."""

    flight: Flight
    trace: tuple[StepGroup, ...] = ()
    undetermined: tuple[str, ...] = ()
    """What was assumed on it, each with its rule."""
    tracked: Connection | None = None
    """What the host's connection tracking keeps of the packets before this one."""
    learnt: tuple[tuple[str, int], ...] = ()
    """Who (the label of a stack) was just told by a question from which address where its sender is."""

    def note(
        self,
        leg: str,
        place: str,
        action: str,
        note: str = "",
        mechanism: str = "",
        subject: Subject | None = None,
    ) -> Branch:
        """The same with one more step; mechanism and subject as of PathStep."""
        flight = self.flight
        ends = (flight.saddr, flight.sport, flight.daddr, flight.dport)
        step = Step(place, None, None, action, *ends, note, mechanism, subject)
        group = StepGroup(leg, flight.family, flight.iif, flight.oif, (step,))
        return Branch(flight, (*self.trace, group), self.undetermined, self.tracked, self.learnt)

    # Not _replace(), which takes several times as long: these are for each hook of each packet.

    def carrying(self, flight: Flight) -> Branch:
        """The same with another packet, or with the packet as something changed it."""
        return Branch(flight, self.trace, self.undetermined, self.tracked, self.learnt)

    def passed(self, leg: str, before: Flight, passage: Passage) -> Branch:
        """Through a hook; before: the packet as it came there."""
        trace = (*self.trace, StepGroup(leg, before.family, before.iif, before.oif, passage.steps))
        return Branch(passage.flight, trace, self.undetermined + passage.undetermined, self.tracked, self.learnt)

    def learning(self, who: str, address: int) -> Branch:
        """The same after somebody was asked by the neighbour with that address."""
        known = (who, address) in self.learnt
        return self if known else self._replace(learnt=(*self.learnt, (who, address)))

    def perhaps(self, doubt: str) -> Branch:
        """The same with one more assumption."""
        return self._replace(undetermined=(*self.undetermined, doubt))


class LegResult(NamedTuple):
    """How one leg ended, on one branch."""

    disposition: str
    branch: Branch
    reason: str = ""
    """One sentence, where it did not arrive."""
    stack: Stack | None = None
    """Namespace that it arrived in; for ``rejected`` that of a sender whose own stack says so."""
    device: str = ""
    """Device that it arrived by, or left by."""
    error: str = ""
    """For ``rejected``: what the sender is told, in the words of reject (nft(8)); for others what its
    own system call says, empty if nothing."""


def remembered(branch: Branch) -> Branch:
    """The branch after the host's stack let go of the packet: connection tracking keeps the connection."""
    connection = branch.flight.connection
    return branch if connection is None else branch._replace(tracked=connection)


MOST_HOOKS = 5000
"""How many times packets pass a hook for one prediction; without open conditions it is some thirty times."""


class TooManyBranchesError(Exception):
    """There are so many open conditions that not all branches can be followed."""


class Branches:
    """The branches of one prediction."""

    def __init__(self) -> None:
        """Nothing was followed yet."""
        self._left = MOST_HOOKS
        self._seen: set[tuple[Any, ...]] = set()

    def begin(self) -> None:
        """A packet sets out."""
        self._seen.clear()

    def is_known(self, hook: str, branch: Branch, flight: Flight) -> bool:
        """Whether the packet came to this hook like this before, on a branch that differed only in what is past.

        Raises TooManyCoursesError.
        """
        self._left -= 1
        if self._left < 0:
            raise TooManyBranchesError
        if not branch.undetermined:
            return False
        key = (hook, flight.iif, flight.oif, flight.physin, flight.physout, flight_key(flight))
        known = key in self._seen
        self._seen.add(key)
        return known


def united(results: list[LegResult]) -> list[LegResult]:
    """Those that end alike as one."""
    if len(results) < 2:
        return results
    groups: dict[tuple[Any, ...], list[LegResult]] = {}
    for result in results:
        groups.setdefault(_key(result), []).append(result)
    return [_one_of(group) for group in groups.values()]


def _one_of(group: list[LegResult]) -> LegResult:
    undetermined = tuple(dict.fromkeys(doubt for result in group for doubt in result.branch.undetermined))
    return group[0]._replace(branch=group[0].branch._replace(undetermined=undetermined))


def _key(result: LegResult) -> tuple[Any, ...]:
    flight = result.branch.flight
    addresses = (flight.saddr, flight.sport, flight.daddr, flight.dport, flight.state, flight.tracked)
    tracked = _connection_key(result.branch.tracked)
    return (
        result.disposition,
        id(result.stack),
        result.device,
        result.error,
        _mark(result),
        addresses,
        tracked,
        _connection_key(flight.connection),
        result.branch.learnt,
    )


def _mark(result: LegResult) -> int | None:
    """The mark that what the host sends in reply can have; others stay behind in the namespace that is left."""
    arrived = result.disposition == ARRIVED and result.stack is not None and result.stack.settings.keeps_marks
    return result.branch.flight.mark if arrived or result.disposition == REJECTED else 0


def _connection_key(connection: Connection | None) -> tuple[Any, ...]:
    return () if connection is None else connection_key(connection)


_RESET = "reset"
_PORT = "port-unreach"
# Errors that the kernel takes for passing ones: a connected UDP socket does not hear of them (__udp4_lib_err()).
_PASSING = ("net-unreach", "host-unreach", "no-route", "addr-unreach")


def is_reset(error: str) -> bool:
    """Whether it is a TCP reset; all others are ICMP errors."""
    return _RESET in error


def seen_as(error: str, protocol: str) -> str:
    """``refused``, ``unreachable`` or ``timed out``, for an error in the words of reject (nft(8))."""
    if is_reset(error):
        return REFUSED
    if _PORT in error:
        return REFUSED
    if protocol == "udp" and any(word in error for word in _PASSING):
        return TIMED_OUT
    return UNREACHABLE


class Ending(NamedTuple):
    """See _model/path.py for the words."""

    verdict: str
    observed: str
    reason: str
    branch: Branch
    responder: Responder | None = None
    translated_source: str = ""


def ending_of_request(result: LegResult, protocol: str) -> Ending:
    """A request that reached no one."""
    if result.disposition == UNDETERMINED:
        return Ending(UNKNOWN, UNKNOWN, result.reason, result.branch)
    if result.disposition == LOST:
        # What a hook drops on the way out is an error of sendto(2); TCP only tries again.
        seen = UNREACHABLE if result.error and protocol != "tcp" else TIMED_OUT
        return Ending(DROPPED, seen, result.reason, result.branch)
    if result.disposition == MISROUTED:
        # Routers outside drop it, or say so: within the limits that each of them has for such errors.
        return Ending(UNREACHABLE, UNKNOWN, result.reason, result.branch)
    if result.disposition == NEIGHBOUR_UNREACHABLE:
        # Who has asked in vain is told so, who still knows the neighbour's address sends the packet to its end.
        return Ending(UNREACHABLE, NO_ANSWER, result.reason, result.branch)
    if result.disposition == NOT_SENT:
        return Ending(UNREACHABLE, UNREACHABLE, result.reason, result.branch)
    seen = seen_as(result.error, protocol)
    return Ending(REFUSED if seen == REFUSED else UNREACHABLE, seen, result.reason, result.branch)


def ending_of_reply(result: LegResult) -> Ending:
    """An answer that did not come back."""
    if result.disposition == UNDETERMINED:
        return Ending(UNKNOWN, UNKNOWN, result.reason, result.branch)
    seen = NO_ANSWER if result.disposition == NEIGHBOUR_UNREACHABLE else TIMED_OUT
    return Ending(NO_ANSWER, seen, f"the answer is lost: {result.reason}", result.branch)


_WORDS = {DROP: "drops", REJECT: "rejects"}


def decision_text(passage: Passage) -> str:
    """The rule or policy that ended a packet's way in a hook."""
    last = next((step for step in reversed(passage.steps) if step.chain is not None), None)
    if passage.verdict not in _WORDS:
        return "the verdict is undetermined" + (f": {passage.undetermined[-1]}" if passage.undetermined else "")
    if last is None or last.chain is None:
        return f"the {passage.steps[-1].place if passage.steps else 'ruleset'} hook {_WORDS[passage.verdict]} it"
    place = f"chain {last.chain.name} ({last.chain.table_name})"
    if last.rule is None:
        return f"the policy of {place} {_WORDS[passage.verdict]} it"
    rule = f"rule {last.rule.number} of {place}"
    if passage.steps[-1] is not last:
        return (
            f"{rule} translates it to addresses that another connection uses, so connection tracking drops it: "
            f"{last.rule.text}"
        )
    return f"{rule} {_WORDS[passage.verdict]} it: {last.rule.text}"


# Type and code by the words that tell errors apart; the first that is in the name counts.
_TYPES = {
    4: {
        "port-unreach": (3, 3),
        "host-unreach": (3, 1),
        "net-unreach": (3, 0),
        "prot": (3, 2),
        "net-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "": (3, 13),
    },
    6: {
        "port-unreach": (1, 4),
        "no-route": (1, 0),
        "addr-unreach": (1, 3),
        "policy-fail": (1, 5),
        "reject-route": (1, 6),
        "": (1, 1),
    },
}


class HostError(NamedTuple):
    """An error on its way out of the host."""

    flight: Flight
    """It is RELATED to the connection of the packet that it is about (nf_ct_attach())."""
    route_query: RouteQuery
    """For its route."""


def error_about(host: Stack, flight: Flight, error: str) -> HostError:
    """The reset or ICMP error for a packet that the host turns away, in the words of reject (nft(8))."""
    return _reset(host, flight) if is_reset(error) else _icmp_error(host, flight, error)


def _reset(host: Stack, flight: Flight) -> HostError:
    """It comes from where the packet was going (nf_reject_ipv4.c, nf_reject_ipv6.c)."""
    reset = Flight(flight.family, flight.protocol, flight.daddr, flight.dport, flight.saddr, flight.sport)
    reset.tcp_flags = RST | ACK
    question = route_query(_related(host, reset, flight))
    # nf_send_reset6() says the protocol and the ports, nf_send_reset() has nothing but the packet.
    return HostError(reset, question if flight.family == 6 else host.fib.as_read(question))


def _icmp_error(host: Stack, flight: Flight, error: str) -> HostError:
    """It has the ports of what it quotes, which connection tracking knows it by."""
    family = flight.family
    protocol = ICMP if family == 4 else ICMPV6
    question = RouteQuery(family, flight.saddr, _asked_source(host, flight), protocol=protocol)
    question = question._replace(mark=host.settings.mark_of_reply(flight.mark))
    source = question.source or host.source_for(question, host.fib.lookup(question)) or 0
    reply = Flight(family, protocol, source, flight.dport, flight.saddr, flight.sport)
    reply.icmp_type, reply.icmp_code = next(found for word, found in _TYPES[family].items() if word in error)
    return HostError(_related(host, reply, flight), question)


def _asked_source(host: Stack, flight: Flight) -> int:
    """The source that its route is asked with; 0 where the route has to choose it.

    It is the address that was asked, where that is the host's (__icmp_send()); of IPv6 otherwise one of the device that
    the packet came in by, unless the route has one of its own (icmp6_send()).
    """
    family = flight.family
    if host.has_address(family, flight.daddr):
        return flight.daddr
    if family == 4 or not flight.iif:
        return 0
    if host.fib.lookup(RouteQuery(6, flight.saddr, protocol=ICMPV6)).source:
        return 0
    return host.select_source(6, flight.saddr, _noted_device(flight)) or 0


def _noted_device(flight: Flight) -> str:
    """The device that IPv6 notes a packet to have come in by (ip6_rcv_core()).

    Of a frame that a bridge port has translated, and routed for it, that is the one it leaves by
    (br_nf_pre_routing_finish_ipv6()).
    """
    connection = flight.connection
    translated = connection is not None and (connection.snat if flight.reply else connection.dnat)
    return flight.oif if translated and flight.physin else flight.iif


def _related(host: Stack, reply: Flight, flight: Flight) -> Flight:
    reply.mark = host.settings.mark_of_reply(flight.mark)
    reply.skuid = reply.skgid = NO_SOCKET
    reply.connection = None if flight.connection is None else flight.connection.copy()
    reply.reply = reply.connection is not None and not flight.reply
    reply.state = CT_INVALID if reply.connection is None else CT_RELATED
    return reply
