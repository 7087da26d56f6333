# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The rules of a chain that can concern a packet, found without going through all of them.

Rules that want a field to have a certain value are kept in a dictionary by that value, rules that want it within ranges
in the sorted list of where these begin and end; the others are always tried. Each rule is in one such group, and in a
limited number of places there, so that the index grows as the chain does. What a chain's own rules can change while it
runs (marks, the state after notrack) is never asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from operator import attrgetter, itemgetter
from typing import Any, Callable, Optional, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.program import Program
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Match
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import InRanges, OneOf

FIELDS = frozenset(("saddr", "daddr", "sport", "dport", "protocol", "icmp_type", "iif", "oif", "physin", "physout"))

_FEW = 3
"""So many rules are tried one by one."""
_WORTH_IT = 2.0
"""A group must spare a packet so many rules on average."""
_ROOM = 64
"""Places that a rule has on average at most: it is in one for each value or range that it wants, and in groups within
groups for all combinations of them."""
_MOST_PLACES = 8
"""Ranges within ranges put a rule in many places; with more than this on average they make no group."""
_MOST_MIXED = 250_000
"""Rules in all combinations that are remembered, before all are forgotten; eight bytes each."""

Programs = tuple[Program, ...]
Finder = Callable[[Flight], Programs]
Members = list[tuple[Program, Match]]
"""Rules of a group, each with its condition on the group's field."""
Bucket = Union[Programs, Finder]

_place = attrgetter("place")


def rule_index(programs: Programs, fields: frozenset[str] = FIELDS, room: int = _ROOM) -> Finder:
    """A function that finds those of the rules, in order, that can concern a packet."""
    finders: list[Finder] = []
    rest = programs
    while len(rest) > _FEW:
        group = _best_group(rest, fields, room)
        if group is None:
            break
        finder, places = group
        finders.append(finder)
        rest = tuple(program for program in rest if program.place not in places)
    if not finders:
        return lambda dummy: programs
    return finders[0] if len(finders) == 1 and not rest else _Mixture(tuple(finders), rest).find


class _Mixture:
    """Rules out of several groups, in their order."""

    def __init__(self, finders: tuple[Finder, ...], rest: Programs) -> None:
        self._finders = finders
        self._rest = rest
        self._known: dict[tuple[int, ...], tuple[list[Programs], Programs]] = {}
        self._mixed = 0

    def find(self, flight: Flight) -> Programs:
        parts = [part for part in [find(flight) for find in self._finders] if part]
        if not parts:
            return self._rest
        if len(parts) == 1 and not self._rest:
            return parts[0]
        key = tuple(map(id, parts))
        known = self._known.get(key)
        if known is None:
            mixed = [program for part in (*parts, self._rest) for program in part]
            self._mixed += len(mixed)
            if self._mixed > _MOST_MIXED:
                self._known.clear()
                self._mixed = len(mixed)
            # The parts are kept, too: as long as they live, nothing else has their ids.
            known = self._known[key] = (parts, tuple(sorted(mixed, key=_place)))
        return known[1]


def _best_group(programs: Programs, fields: frozenset[str], room: int) -> Optional[tuple[Finder, set[int]]]:
    """The group that spares a packet most rules, with the places of its rules."""
    groups: dict[tuple[str, type], dict[int, tuple[Program, Match]]] = defaultdict(dict)
    for program in programs:
        for match in program.matches:
            if isinstance(match, Match) and _can_be_indexed(match, fields, room):
                groups[match.fields[0], type(match.test)].setdefault(program.place, (program, match))
    gains = [(_gain(list(members.values())), key) for key, members in groups.items()]
    for gain, key in sorted(gains, key=itemgetter(0), reverse=True):
        if gain < _WORTH_IT:
            return None
        (field, kind), members = key, groups[key]
        finder = (_by_value if kind is OneOf else _by_range)(list(members.values()), field, fields - {field}, room)
        if finder is not None:
            return finder, set(members)
    return None


def _can_be_indexed(match: Match, fields: frozenset[str], room: int) -> bool:
    if match.negated or len(match.fields) != 1 or match.fields[0] not in fields:
        return False
    test = match.test
    if isinstance(test, OneOf):
        return len(test.values) <= room
    return isinstance(test, InRanges) and len(test.ranges) <= room


def _gain(members: Members) -> float:
    different = len({match.test for dummy_program, match in members})
    return len(members) - len(members) / different


def _without(program: Program, answered: Match) -> Program:
    """The rule without a condition that is known to hold."""
    left = [place for place, match in enumerate(program.matches) if match is not answered]
    return program._replace(
        conditions=tuple(program.conditions[place] for place in left),
        matches=tuple(program.matches[place] for place in left),
    )


def _bucket(programs: list[Program], fields: frozenset[str], room: int) -> Bucket:
    return tuple(programs) if len(programs) <= _FEW else rule_index(tuple(programs), fields, room)


def _room_within(room: int, places: int, members: Members) -> int:
    """What is left for groups within a group whose rules have so many places in it."""
    return room * len(members) // places if places > len(members) else room


def _by_value(members: Members, field: str, left: frozenset[str], room: int) -> Finder:
    sorted_in: dict[Any, list[Program]] = defaultdict(list)
    for program, match in members:
        opened = _without(program, match)
        for value in match.test.values if isinstance(match.test, OneOf) else ():
            sorted_in[value].append(opened)
    within = _room_within(room, sum(map(len, sorted_in.values())), members)
    buckets = {value: _bucket(programs, left, within) for value, programs in sorted_in.items()}
    return _finder(field, members, lambda value: buckets.get(value, ()))


def _by_range(members: Members, field: str, left: frozenset[str], room: int) -> Optional[Finder]:
    ranges = [
        (first, last, _without(program, match))
        for program, match in members
        for first, last in (match.test.ranges if isinstance(match.test, InRanges) else ())
    ]
    bounds = sorted({bound for first, last, dummy in ranges for bound in (first, last + 1)})
    pieces: list[list[Program]] = [[] for dummy in range(len(bounds) + 1)]
    places = 0
    for first, last, program in ranges:
        start, end = bisect_right(bounds, first), bisect_right(bounds, last)
        places += end + 1 - start
        if places > min(_MOST_PLACES * len(ranges), room * len(members)):
            return None
        for piece in pieces[start : end + 1]:
            piece.append(program)
    within = _room_within(room, places, members)
    buckets = [_bucket(programs, left, within) for programs in pieces]
    return _finder(field, members, lambda value: buckets[bisect_right(bounds, value)])


def _finder(field: str, members: Members, choose: Callable[[Any], Bucket]) -> Finder:
    read = attrgetter(field)
    everything = tuple(program for program, dummy_match in members)

    def find(flight: Flight) -> Programs:
        value = read(flight)
        if value is None:
            return everything
        bucket = choose(value)
        return bucket if isinstance(bucket, tuple) else bucket(flight)

    return find
