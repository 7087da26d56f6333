# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules made ready to be run: conditions as functions, maps as dictionaries, what does nothing left out."""

from __future__ import annotations

from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar, Union

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
    MarkMap,
    Match,
    Nat,
    NatMap,
    Notrack,
    Rule,
    SetHops,
    SetMark,
    Statement,
    Unpredictable,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InElements,
    OneOf,
    Test,
    Undecidable,
)

Result = TypeVar("Result", Verdict, Nat, SetMark)

_MOST_SEARCHES = 4096
"""Answers of a map that are remembered before all are forgotten."""


class Lookup(Generic[Result]):
    """A map of verdicts, translations or marks by the value of one field or of several."""

    def __init__(self, fields: tuple[str, ...], entries: tuple[tuple[Test, Result], ...], around: Surroundings) -> None:
        self._readers = tuple(reader(field, around) for field in fields)
        self._exact: dict[tuple[Any, ...], Result] = {}
        self._others: list[tuple[Callable[[tuple[Any, ...]], Optional[bool]], Result]] = []
        self._searched: dict[tuple[Any, ...], tuple[Optional[Result], ...]] = {}
        for test, result in entries:
            exact = _exact_values(test)
            for values in exact:
                self._exact.setdefault(values, result)
            if not exact or (isinstance(test, InElements) and test.elements):
                self._others.append((_tuple_checker(test), result))

    def find(self, flight: Flight) -> tuple[Optional[Result], ...]:
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

    def _search(self, values: tuple[Any, ...]) -> tuple[Optional[Result], ...]:
        found: dict[Optional[Result], None] = {}
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


def _tuple_checker(test: Test) -> Callable[[tuple[Any, ...]], Optional[bool]]:
    if isinstance(test, Undecidable):
        return lambda dummy: None
    if isinstance(test, InElements):
        return elements_checker(test)
    check = checker(test)
    return lambda values: None if values[0] is None else check(values[0])


Change = Union[SetMark, SetHops, Notrack]
AnyLookup = Union[Lookup[Verdict], Lookup[Nat], Lookup[SetMark]]
Terminal = Union[Verdict, Nat, AnyLookup, Unpredictable]
_Piece = tuple[list[Union[Match, AnyOf]], list[Change], Optional[Terminal]]


class Program(NamedTuple):
    """A rule, or the rest of one that has conditions behind statements that change something."""

    place: int
    """Of the rule in its chain, from 0."""
    rule: Rule
    conditions: tuple[Condition, ...]
    matches: tuple[Union[Match, AnyOf], ...]
    """What the conditions were made of."""
    changes: tuple[Change, ...]
    terminal: Optional[Terminal]
    rest: tuple[Program, ...]
    """What follows when all conditions hold and nothing ended the rule, at most one; a map without an entry ends it."""


class Compiler:
    """Makes programs of rules; conditions that many rules have are made once."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._conditions: dict[Union[Match, AnyOf], Condition] = {}
        self._lookups: dict[tuple[tuple[str, ...], int], AnyLookup] = {}

    def rule(self, place: int, rule: Rule) -> Optional[Program]:
        """A rule as a program; None for one that neither decides nor changes anything."""
        program: Optional[Program] = None
        for matches, changes, terminal in reversed(self._pieces(rule.statements)):
            if changes or terminal is not None or program is not None:
                conditions = tuple(self._condition(match) for match in matches)
                rest = (program,) if program is not None else ()
                program = Program(place, rule, conditions, tuple(matches), tuple(changes), terminal, rest)
        return program

    def _pieces(self, statements: tuple[Statement, ...]) -> list[_Piece]:
        """A rule in pieces of conditions, changes and a decision; what can never be reached is left out."""
        pieces: list[_Piece] = []
        matches: list[Union[Match, AnyOf]] = []
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

    def _condition(self, match: Union[Match, AnyOf]) -> Condition:
        known = self._conditions.get(match)
        if known is None:
            known = self._conditions[match] = condition(match, self._around)
        return known

    def _terminal(
        self, statement: Union[Verdict, VerdictMap, MarkMap, Nat, NatMap, Unpredictable]
    ) -> Optional[Terminal]:
        if isinstance(statement, Verdict):
            return None if statement.kind == CONTINUE else statement
        if isinstance(statement, (Nat, Unpredictable)):
            return statement
        # Rules that ask the same named map share its entries; the rules, and so these, outlive the compiler.
        key = (statement.fields, id(statement.entries))
        known = self._lookups.get(key)
        if known is None:
            known = self._lookups[key] = _lookup(statement, self._around)
        return known


def _lookup(statement: Union[VerdictMap, MarkMap, NatMap], around: Surroundings) -> AnyLookup:
    if isinstance(statement, VerdictMap):
        return Lookup(statement.fields, statement.entries, around)
    if isinstance(statement, MarkMap):
        return Lookup(statement.fields, statement.entries, around)
    return Lookup(statement.fields, statement.entries, around)


def open_condition(program: Program, flight: Flight) -> Optional[str]:
    """The text of the first condition that cannot be told; None where another one does not hold."""
    texts: list[str] = []
    for condition_of, match in zip(program.conditions, program.matches):
        answer = condition_of(flight)
        if answer is False:
            return None
        if answer is None:
            texts.append(match.text or "a condition")
    return texts[0]
