# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules made ready to be run: conditions as functions, maps as dictionaries, what does nothing left out."""

from __future__ import annotations

from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar, Union, cast

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight, Surroundings
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matching import (
    ABSENT,
    Condition,
    checker,
    condition,
    in_elements,
    reader,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import (
    CONTINUE,
    AnyOf,
    MarkMap,
    Match,
    Nat,
    NatMap,
    Notrack,
    Rule,
    SetMark,
    Statement,
    Unpredictable,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import (
    InElements,
    OneOf,
    Test,
    Undecidable,
)

Result = TypeVar("Result", Verdict, Nat, SetMark)


class Lookup(Generic[Result]):
    """A map of verdicts, translations or marks by the value of one field or of several."""

    def __init__(self, fields: tuple[str, ...], entries: tuple[tuple[Test, Result], ...], around: Surroundings) -> None:
        self._readers = tuple(reader(field, around) for field in fields)
        self._exact: dict[tuple[Any, ...], Result] = {}
        self._others: list[tuple[Callable[[tuple[Any, ...]], Optional[bool]], Result]] = []
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
        return self._search(values)

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
        return lambda values: in_elements(test, values)
    check = checker(test)
    return lambda values: None if values[0] is None else check(values[0])


Change = Union[SetMark, Notrack]
Terminal = Union[Verdict, Nat, Lookup[Verdict], Lookup[Nat], Lookup[SetMark], Unpredictable]


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


def compile_rule(place: int, rule: Rule, around: Surroundings) -> Optional[Program]:
    """A rule as a program; None for one that neither decides nor changes anything."""
    return _compile(place, rule, rule.statements, around)


def _compile(place: int, rule: Rule, statements: tuple[Statement, ...], around: Surroundings) -> Optional[Program]:
    at = 0
    matches: list[Union[Match, AnyOf]] = []
    while at < len(statements) and isinstance(statements[at], (Match, AnyOf)):
        matches.append(cast("Union[Match, AnyOf]", statements[at]))
        at += 1
    changes: list[Change] = []
    while at < len(statements) and isinstance(statements[at], (SetMark, Notrack)):
        changes.append(cast("Change", statements[at]))
        at += 1
    terminal: Optional[Terminal] = None
    if at < len(statements) and not isinstance(statements[at], (Match, AnyOf)):
        terminal = _terminal(statements[at], around)
        at += 1
    rest = None
    if at < len(statements) and (terminal is None or isinstance(terminal, Lookup)):
        rest = _compile(place, rule, statements[at:], around)
    if not changes and terminal is None and rest is None:
        return None
    conditions = tuple(condition(match, around) for match in matches)
    return Program(place, rule, conditions, tuple(matches), tuple(changes), terminal, (rest,) if rest else ())


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


def _terminal(statement: Statement, around: Surroundings) -> Optional[Terminal]:
    if isinstance(statement, Verdict):
        return None if statement.kind == CONTINUE else statement
    if isinstance(statement, (Nat, Unpredictable)):
        return statement
    if isinstance(statement, VerdictMap):
        return Lookup(statement.fields, statement.entries, around)
    if isinstance(statement, MarkMap):
        return Lookup(statement.fields, statement.entries, around)
    if isinstance(statement, NatMap):
        return Lookup(statement.fields, statement.entries, around)
    raise TypeError(f"{type(statement).__name__} is no statement")
