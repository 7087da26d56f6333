# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions of rules as functions of a flight: true, false, or None for what cannot be told."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, chain
from operator import itemgetter
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Surroundings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import (
    ABSENT,
    ALWAYS_KNOWN,
    reader,
    tracked_connection,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_RELATED,
    CT_STATE_DNAT,
    CT_STATE_SNAT,
    CT_STATUS_ASSURED,
    CT_STATUS_CONFIRMED,
    CT_STATUS_SEEN_REPLY,
    AnyBit,
    AnyOf,
    InElements,
    InRanges,
    Masked,
    Match,
    NameStarts,
    OneOf,
    Test,
    Undecidable,
)

Condition = Callable[[Flight], bool | None]


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
        return _beginning_checker(test.beginnings)
    raise TypeError(f"{type(test).__name__} does not test one value")


def _beginning_checker(beginnings: frozenset[str]) -> Callable[[Any], bool]:
    """Names are short, and there can be thousands of beginnings."""
    lengths = sorted({len(beginning) for beginning in beginnings})
    return lambda value: any(value[:length] in beginnings for length in lengths)


def _range_checker(ranges: tuple[tuple[int, int], ...]) -> Callable[[Any], bool]:
    if len(ranges) == 1:
        first, last = ranges[0]
        return lambda value: first <= value <= last
    starts = [start for start, dummy_end in ranges]

    def check(value: Any) -> bool:
        place = bisect_right(starts, value) - 1
        return place >= 0 and value <= ranges[place][1]

    return check


def elements_checker(test: InElements) -> Callable[[tuple[Any, ...]], bool | None]:
    """How a tuple of values, some of them unknown, is tested for lying in one of the elements."""
    elements = sorted(test.elements, key=itemgetter(0))
    starts = [element[0][0] for element in elements]
    # The furthest end of the first parts up to each element: before it nothing is left that a value could be in.
    reach = list(accumulate((element[0][1] for element in elements), max))

    def check(values: tuple[Any, ...]) -> bool | None:
        if None in values:
            exact = (tuple((part, part) for part in element) for element in test.exact)
            return None if any(_could_be(element, values) for element in chain(elements, exact)) else False
        if values in test.exact:
            return True
        place = bisect_right(starts, values[0]) - 1
        while place >= 0 and reach[place] >= values[0]:
            if _inside(elements[place], values):
                return True
            place -= 1
        return False

    return check


def _inside(element: tuple[tuple[Any, Any], ...], values: tuple[Any, ...]) -> bool:
    return all(first <= value <= last for (first, last), value in zip(element, values))


def _could_be(element: tuple[tuple[Any, Any], ...], values: tuple[Any, ...]) -> bool:
    return all(value is None or first <= value <= last for (first, last), value in zip(element, values))


def condition(statement: Match | AnyOf, around: Surroundings) -> Condition:
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
    if field in ALWAYS_KNOWN:
        if negated:
            return lambda flight: not check(read(flight))
        return lambda flight: check(read(flight))

    def judge(flight: Flight) -> bool | None:
        value = read(flight)
        if value is None:
            return None
        return value is not ABSENT and check(value) is not negated

    return judge


def _state_condition(bits: int, match: Match) -> Condition:
    """``--ctstate`` counts SNAT and DNAT among the states (xt_conntrack), which nft never asks for."""
    negated = match.negated

    def judge(flight: Flight) -> bool | None:
        state = flight.state
        connection = tracked_connection(flight)
        if connection is not None:
            state |= CT_STATE_SNAT * connection.snat | CT_STATE_DNAT * connection.dnat
        return (state & bits != 0) is not negated

    return judge


def _status_condition(match: Match, around: Surroundings) -> Condition:
    """Three-valued where it depends on a bit that is not known.

    One is whether a connection with an answer is assured. The other: an error of the host itself has the connection of
    the packet that it is about (nf_ct_attach()), which is confirmed or not by where that was rejected.
    """
    read, check, negated = reader("ct_status", around), checker(match.test), match.negated

    def judge(flight: Flight) -> bool | None:
        value = read(flight)
        if value is ABSENT:
            return False
        answer = check(value)
        if value & CT_STATUS_SEEN_REPLY:
            other = value | CT_STATUS_ASSURED
        else:
            other = value ^ CT_STATUS_CONFIRMED if flight.state == CT_RELATED and not flight.iif else value
        if check(other) is not answer:
            return None
        return answer is not negated

    return judge


def _elements_condition(test: InElements, match: Match, around: Surroundings) -> Condition:
    readers = tuple(reader(field, around) for field in match.fields)
    negated, check = match.negated, elements_checker(test)

    def judge(flight: Flight) -> bool | None:
        values = tuple(read(flight) for read in readers)
        if ABSENT in values:
            return False
        answer = check(values)
        return None if answer is None else answer is not negated

    return judge


def _any_condition(conditions: list[Condition], statement: AnyOf) -> Condition:
    def judge(flight: Flight) -> bool | None:
        answers = [judge_one(flight) for judge_one in conditions]
        if True in answers:
            return not statement.negated
        return None if None in answers else statement.negated

    return judge
