# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules made ready to be run, when the first packet comes by their chain.

Conditions become functions, maps dictionaries, and what does nothing is left out. The rules of a long chain that can
concern a packet are found without going through all of them: those that want a field to have a certain value are kept
in a dictionary by that value, those that want it within ranges in the sorted list of where these begin and end; the
others are always tried. Each rule is in one such group, and in a limited number of places there, so that the index
grows as the chain does. What a chain's own rules can change while it runs (marks, the state after notrack) is never
asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from operator import attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Surroundings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import ABSENT, reader
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.matching import (
    Condition,
    checker,
    condition,
    elements_checker,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CONTINUE,
    AnyOf,
    Chain,
    InElements,
    InRanges,
    MarkMap,
    Match,
    Nat,
    NatMap,
    Notrack,
    OneOf,
    Rule,
    SetHops,
    SetMark,
    Statement,
    Test,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

Result = TypeVar("Result", Verdict, Nat, SetMark)

_MOST_SEARCHES = 4096
"""Answers of a map that are remembered before all are forgotten."""


class Lookup(Generic[Result]):
    """A map of verdicts, translations or marks by the value of one field or of several."""

    def __init__(self, fields: tuple[str, ...], entries: tuple[tuple[Test, Result], ...], around: Surroundings) -> None:
        self._readers = tuple(reader(field, around) for field in fields)
        self._exact: dict[tuple[Any, ...], Result] = {}
        self._others: list[tuple[Callable[[tuple[Any, ...]], bool | None], Result]] = []
        self._searched: dict[tuple[Any, ...], tuple[Result | None, ...]] = {}
        for test, result in entries:
            exact = _exact_values(test)
            for values in exact:
                self._exact.setdefault(values, result)
            if not exact or (isinstance(test, InElements) and test.elements):
                self._others.append((_tuple_checker(test), result))

    def find(self, flight: Flight) -> tuple[Result | None, ...]:
        """What it can yield, None for no entry; more than one only where it cannot be told."""
        values = tuple(read(flight) for read in self._readers)
        if ABSENT in values:
            return (None,)
        if None not in values and values in self._exact:
            return (self._exact[values],)
        known = self._searched.get(values)
        if known is None:
            if len(self._searched) >= _MOST_SEARCHES:
                self._searched.clear()
            known = self._searched[values] = self._search(values)
        return known

    def _search(self, values: tuple[Any, ...]) -> tuple[Result | None, ...]:
        found: dict[Result | None, None] = {}
        if None in values:
            for exact, result in self._exact.items():
                if all(value is None or value == part for value, part in zip(values, exact)):
                    found[result] = None
        for check, result in self._others:
            answer = check(values)
            if answer is not False:
                found[result] = None
            if answer:
                return tuple(found)
        found[None] = None
        return tuple(found)


def _exact_values(test: Test) -> frozenset[tuple[Any, ...]]:
    if isinstance(test, InElements):
        return test.exact
    if isinstance(test, OneOf):
        return frozenset((value,) for value in test.values)
    return frozenset()


def _tuple_checker(test: Test) -> Callable[[tuple[Any, ...]], bool | None]:
    if isinstance(test, Undecidable):
        return lambda dummy: None
    if isinstance(test, InElements):
        return elements_checker(test)
    check = checker(test)
    return lambda values: None if values[0] is None else check(values[0])


Change = SetMark | SetHops | Notrack
AnyLookup = Lookup[Verdict] | Lookup[Nat] | Lookup[SetMark]
Terminal = Verdict | Nat | AnyLookup | Unpredictable
_Piece = tuple[list[Match | AnyOf], list[Change], Terminal | None]


class Program(NamedTuple):
    """A rule, or the rest of one that has conditions behind statements that change something."""

    place: int
    """Of the rule in its chain, from 0."""
    rule: Rule
    conditions: tuple[Condition, ...]
    matches: tuple[Match | AnyOf, ...]
    """What the conditions were made of."""
    changes: tuple[Change, ...]
    terminal: Terminal | None
    rest: tuple[Program, ...]
    """What follows when all conditions hold and nothing ended the rule, at most one; a map without an entry ends it."""


class Compiler:
    """Makes programs of rules; conditions that many rules have are made once."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._conditions: dict[Match | AnyOf, Condition] = {}
        self._lookups: dict[tuple[tuple[str, ...], int], AnyLookup] = {}

    def rule(self, place: int, rule: Rule) -> Program | None:
        """A rule as a program; None for one that neither decides nor changes anything."""
        program: Program | None = None
        for matches, changes, terminal in reversed(self._pieces(rule.statements)):
            if changes or terminal is not None or program is not None:
                conditions = tuple(self._condition(match) for match in matches)
                rest = (program,) if program is not None else ()
                program = Program(place, rule, conditions, tuple(matches), tuple(changes), terminal, rest)
        return program

    def _pieces(self, statements: tuple[Statement, ...]) -> list[_Piece]:
        """A rule in pieces of conditions, changes and a decision; what can never be reached is left out."""
        pieces: list[_Piece] = []
        matches: list[Match | AnyOf] = []
        changes: list[Change] = []
        for statement in statements:
            if isinstance(statement, (Match, AnyOf)):
                if changes:
                    pieces.append((matches, changes, None))
                    matches, changes = [], []
                matches.append(statement)
            elif isinstance(statement, (SetMark, SetHops, Notrack)):
                changes.append(statement)
            else:
                terminal = self._terminal(statement)
                if terminal is None:
                    continue
                pieces.append((matches, changes, terminal))
                matches, changes = [], []
                if not isinstance(terminal, Lookup):
                    return pieces
        return [*pieces, (matches, changes, None)]

    def _condition(self, match: Match | AnyOf) -> Condition:
        known = self._conditions.get(match)
        if known is None:
            known = self._conditions[match] = condition(match, self._around)
        return known

    def _terminal(self, statement: Verdict | VerdictMap | MarkMap | Nat | NatMap | Unpredictable) -> Terminal | None:
        if isinstance(statement, Verdict):
            return None if statement.kind == CONTINUE else statement
        if isinstance(statement, (Nat, Unpredictable)):
            return statement
        # Rules that ask the same named map share its entries; the rules, and so these, outlive the compiler.
        key = (statement.fields, id(statement.entries))
        known = self._lookups.get(key)
        if known is None:
            entries: tuple[tuple[Test, Any], ...] = statement.entries
            known = self._lookups[key] = Lookup(statement.fields, entries, self._around)
        return known


def open_condition(program: Program, flight: Flight) -> str | None:
    """The text of the first condition that cannot be told; None where another one does not hold."""
    texts: list[str] = []
    for condition_of, match in zip(program.conditions, program.matches):
        answer = condition_of(flight)
        if answer is False:
            return None
        if answer is None:
            texts.append(match.text or "a condition")
    return texts[0]


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
Bucket = Programs | Finder

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


def _best_group(programs: Programs, fields: frozenset[str], room: int) -> tuple[Finder, set[int]] | None:
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


def _by_range(members: Members, field: str, left: frozenset[str], room: int) -> Finder | None:
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


class ReadyChain:
    """A chain, the function that finds its rules for a packet, and the table that its jumps lead into."""

    __slots__ = ("chain", "programs_for", "table")

    def __init__(self, chain: Chain, table: ReadyTable, compiler: Compiler) -> None:
        self.chain = chain
        self.table = table
        compiled = (compiler.rule(place, rule) for place, rule in enumerate(chain.rules))
        self.programs_for = rule_index(tuple(program for program in compiled if program is not None))


class ReadyTable:
    """The chains of a table by name."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._chains: dict[str, Chain] = {}
        self._ready: dict[str, ReadyChain] = {}

    def add(self, chain: Chain) -> None:
        """Take in a chain as it was parsed."""
        self._chains[chain.name] = chain

    def find(self, name: str) -> ReadyChain | None:
        """The chain of that name, None if there is none."""
        ready = self._ready.get(name)
        if ready is None and name in self._chains:
            ready = self._ready[name] = ReadyChain(self._chains[name], self, self._compiler)
        return ready
