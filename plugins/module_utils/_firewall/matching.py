# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions of rules as functions of a flight: true, false, or None for what cannot be told."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Any, Callable, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import (
    Connection,
    Flight,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import (
    CT_INVALID,
    CT_NEW,
    CT_STATE_DNAT,
    CT_STATE_SNAT,
    CT_STATUS_ASSURED,
    CT_STATUS_CONFIRMED,
    CT_STATUS_DNAT,
    CT_STATUS_SEEN_REPLY,
    CT_STATUS_SNAT,
    AnyBit,
    InElements,
    InRanges,
    Masked,
    NameStarts,
    OneOf,
    Test,
    Undecidable,
)

Condition = Callable[[Flight], Optional[bool]]
Reader = Callable[[Flight], Any]
"""Value of a field: None for what is not known, ABSENT for what the packet has not."""


class _Absent:
    """What a packet has not: a connection before it is tracked."""


ABSENT = _Absent()
NO_SOCKET = -1
"""User and group of a packet that no local socket sends: ``! --uid-owner`` holds for it (owner_mt of xt_owner.c)."""

ATTRIBUTES = frozenset(
    (
        "family",
        "protocol",
        "saddr",
        "daddr",
        "sport",
        "dport",
        "icmp_type",
        "icmp_code",
        "tcp_flags",
        "iif",
        "oif",
        "physin",
        "physout",
        "mark",
        "pkttype",
    )
)
"""Fields that a flight has by that name."""

_ALWAYS_KNOWN = frozenset(("family", "protocol", "saddr", "daddr", "iif", "oif", "physin", "physout", "pkttype"))

# Field, tuple of the connection, place in it.
_TUPLES = {
    f"ct_{name}_{part}": (attribute, place)
    for name, attribute in (("orig", "original"), ("reply", "reply"))
    for place, part in enumerate(("saddr", "sport", "daddr", "dport"))
}


def tracked_connection(flight: Flight) -> Optional[Connection]:
    """The connection as rules see it: none before connection tracking at priority -200, none for invalid packets."""
    return None if flight.state == CT_INVALID else flight.connection


def reader(field: str, around: Surroundings) -> Reader:
    """How to read a field of values.FIELDS; KeyError for any other name."""
    if field in ATTRIBUTES:
        return attrgetter(field)
    if field in _TUPLES:
        return _tuple_reader(*_TUPLES[field])
    if field.startswith(("saddr_type", "daddr_type")):
        return _type_reader(field, around)
    if field == "saddr_route_iif":
        return lambda flight: _device_back(flight, around)
    return _READERS[field]


def _tuple_reader(attribute: str, place: int) -> Reader:
    def read(flight: Flight) -> Any:
        connection = tracked_connection(flight)
        return ABSENT if connection is None else getattr(connection, attribute)[place]

    return read


def _type_reader(field: str, around: Surroundings) -> Reader:
    address = attrgetter(field[:5])
    device: Reader = attrgetter(field[-3:]) if field.endswith("if") else lambda dummy: ""
    return lambda flight: around.address_type(flight.family, address(flight), device(flight))


def _ct_direction(flight: Flight) -> Any:
    return ABSENT if tracked_connection(flight) is None else int(flight.reply)


def _ct_mark(flight: Flight) -> Any:
    connection = tracked_connection(flight)
    return ABSENT if connection is None else connection.mark


def _ct_protocol(flight: Flight) -> Any:
    connection = tracked_connection(flight)
    return ABSENT if connection is None else connection.protocol


def _ct_status(flight: Flight) -> Any:
    """Bits that are certain; whether the connection is assured is not known once there was a reply."""
    connection = tracked_connection(flight)
    if connection is None:
        return ABSENT
    bits = CT_STATUS_SNAT * connection.snat | CT_STATUS_DNAT * connection.dnat
    if connection.seen_reply:
        bits |= CT_STATUS_SEEN_REPLY
    # nf_confirm runs last in INPUT and POSTROUTING: the first packet finds its connection unconfirmed until then, but
    # what comes in by the loopback has been through POSTROUTING.
    if connection.seen_reply or flight.reply or flight.state != CT_NEW or flight.iif == "lo":
        bits |= CT_STATUS_CONFIRMED
    return bits


def _socket_reader(field: str) -> Reader:
    read = attrgetter(field)

    def find(flight: Flight) -> Any:
        # What came in by a device was sent by no socket of this host (skb->sk is NULL).
        return NO_SOCKET if flight.iif else read(flight)

    return find


_READERS: dict[str, Reader] = {
    "ct_state": attrgetter("state"),
    "ct_status": _ct_status,
    "ct_direction": _ct_direction,
    "ct_mark": _ct_mark,
    "ct_protocol": _ct_protocol,
    "fragment": lambda dummy: False,
    "skuid": _socket_reader("skuid"),
    "skgid": _socket_reader("skgid"),
}


def _device_back(flight: Flight, around: Surroundings) -> Optional[str]:
    """Of what comes in by the loopback it is that device, whatever the routes say (nft_fib_is_loopback())."""
    return "lo" if flight.iif == "lo" else around.device_towards(flight.family, flight.saddr, flight.iif)


def checker(test: Test) -> Callable[[Any], bool]:
    """How a known value is tested. Not for concatenations and what is undecidable."""
    if isinstance(test, OneOf):
        return test.values.__contains__
    if isinstance(test, InRanges):
        return _range_checker(test.ranges)
    if isinstance(test, Masked):
        mask, wanted = test.mask, test.wanted
        return lambda value: value & mask == wanted
    if isinstance(test, AnyBit):
        bits = test.bits
        return lambda value: value & bits != 0
    if isinstance(test, NameStarts):
        beginning = test.beginning
        return lambda value: value.startswith(beginning)
    raise TypeError(f"{type(test).__name__} does not test one value")


def _range_checker(ranges: tuple[tuple[int, int], ...]) -> Callable[[Any], bool]:
    if len(ranges) == 1:
        first, last = ranges[0]
        return lambda value: first <= value <= last
    starts = [start for start, dummy_end in ranges]

    def check(value: Any) -> bool:
        place = bisect_right(starts, value) - 1
        return place >= 0 and value <= ranges[place][1]

    return check


def in_elements(test: InElements, values: tuple[Any, ...]) -> Optional[bool]:
    """Whether a tuple of values, some of them unknown, lies in one of the elements."""
    if None not in values:
        return values in test.exact or any(_inside(element, values) for element in test.elements)
    elements = [*test.elements, *(tuple((part, part) for part in element) for element in test.exact)]
    return None if any(_could_be(element, values) for element in elements) else False


def _inside(element: tuple[tuple[Any, Any], ...], values: tuple[Any, ...]) -> bool:
    return all(first <= value <= last for (first, last), value in zip(element, values))


def _could_be(element: tuple[tuple[Any, Any], ...], values: tuple[Any, ...]) -> bool:
    return all(value is None or first <= value <= last for (first, last), value in zip(element, values))


def condition(statement: Union[Match, AnyOf], around: Surroundings) -> Condition:
    """A condition as a function. A field that the packet has not makes it false, negated or not, as in the kernel."""
    if isinstance(statement, AnyOf):
        return _any_condition([condition(match, around) for match in statement.matches], statement)
    if isinstance(statement.test, Undecidable):
        return lambda dummy: None
    if isinstance(statement.test, InElements):
        return _elements_condition(statement.test, statement, around)
    (field,) = statement.fields
    if field == "ct_state" and isinstance(statement.test, AnyBit):
        return _state_condition(statement.test.bits, statement)
    if field == "ct_status":
        return _status_condition(statement, around)
    return _plain_condition(field, statement, around)


def _plain_condition(field: str, match: Match, around: Surroundings) -> Condition:
    read, check, negated = reader(field, around), checker(match.test), match.negated
    if field in _ALWAYS_KNOWN:
        if negated:
            return lambda flight: not check(read(flight))
        return lambda flight: check(read(flight))

    def judge(flight: Flight) -> Optional[bool]:
        value = read(flight)
        if value is None:
            return None
        return value is not ABSENT and check(value) is not negated

    return judge


def _state_condition(bits: int, match: Match) -> Condition:
    """``--ctstate`` counts SNAT and DNAT among the states (xt_conntrack), which nft never asks for."""
    negated = match.negated

    def judge(flight: Flight) -> Optional[bool]:
        state = flight.state
        connection = tracked_connection(flight)
        if connection is not None:
            state |= CT_STATE_SNAT * connection.snat | CT_STATE_DNAT * connection.dnat
        return (state & bits != 0) is not negated

    return judge


def _status_condition(match: Match, around: Surroundings) -> Condition:
    """Three-valued where it hangs on the bit that is not known."""
    read, check, negated = reader("ct_status", around), checker(match.test), match.negated

    def judge(flight: Flight) -> Optional[bool]:
        value = read(flight)
        if value is ABSENT:
            return False
        answer = check(value)
        if value & CT_STATUS_SEEN_REPLY and check(value | CT_STATUS_ASSURED) is not answer:
            return None
        return answer is not negated

    return judge


def _elements_condition(test: InElements, match: Match, around: Surroundings) -> Condition:
    readers = tuple(reader(field, around) for field in match.fields)
    negated = match.negated

    def judge(flight: Flight) -> Optional[bool]:
        values = tuple(read(flight) for read in readers)
        if ABSENT in values:
            return False
        answer = in_elements(test, values)
        return None if answer is None else answer is not negated

    return judge


def _any_condition(conditions: list[Condition], statement: AnyOf) -> Condition:
    def judge(flight: Flight) -> Optional[bool]:
        answers = [judge_one(flight) for judge_one in conditions]
        if True in answers:
            return not statement.negated
        return None if None in answers else statement.negated

    return judge
