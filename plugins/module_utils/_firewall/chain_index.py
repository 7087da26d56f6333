# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The rules of a chain that can concern a packet, found without going through all of them.

A tree grows as packets come by. Each of its nodes asks for one field, the one that leaves fewest rules. Values that all
rules of the node treat alike share a branch; a branch holds the rules that are left, without the conditions that are
answered by then. What a chain's own rules can change while it runs (marks, the state after notrack) is never asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from operator import attrgetter
from typing import Any, Callable, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight, Surroundings
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matching import checker
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.program import Program, compile_rule
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import Chain, Match
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import InRanges, NameStarts, OneOf

_NUMBERS = frozenset(("saddr", "daddr", "sport", "dport", "protocol", "icmp_type"))
_NAMES = frozenset(("iif", "oif", "physin", "physout"))
_FIELDS = _NUMBERS | _NAMES

_FEW = 3
"""So many rules are tried one by one."""
_WORTH_IT = 0.75
"""A node must leave this part of its rules or less."""
_LARGE = 64
"""Sets larger than this stay conditions: a branch for each of their values would be too many."""
_MOST_ENTRIES_PER_RULE = 16
"""A tree that has come to hold more than this is grown anew."""

Programs = tuple[Program, ...]


class ReadyChain:
    """A chain whose rules are compiled and indexed."""

    __slots__ = ("_budget", "_programs", "_root", "chain")

    def __init__(self, chain: Chain, around: Surroundings) -> None:
        self.chain = chain
        compiled = (compile_rule(rule, around) for rule in chain.rules)
        self._programs = tuple(program for program in compiled if program is not None)
        self._budget = _Budget(_MOST_ENTRIES_PER_RULE * (len(self._programs) + 64))
        self._root: Union[_Node, Programs, None] = None

    def programs_for(self, flight: Flight) -> Programs:
        """The rules that can concern a packet, in order, with the conditions that are still open."""
        if self._root is None or self._budget.left < 0:
            self._budget.renew()
            self._root = _grow(self._programs, _FIELDS, self._budget)
        at = self._root
        while at.__class__ is _Node:
            at = at.branch(at.read(flight))
        return at  # type: ignore[return-value]


class _Budget:
    """Entries that a tree can still take."""

    __slots__ = ("left", "size")

    def __init__(self, size: int) -> None:
        self.size = self.left = size

    def renew(self) -> None:
        self.left = self.size


def _grow(programs: Programs, fields: frozenset[str], budget: _Budget) -> Union[_Node, Programs]:
    """A tree over some rules that asks for these fields, or the rules themselves when no field leaves fewer."""
    budget.left -= len(programs) + 1
    field = _best_field(programs, fields)
    return programs if field is None else _Node(programs, field, fields - {field}, budget)


def _best_field(programs: Programs, fields: frozenset[str]) -> Optional[str]:
    """The field after which fewest rules are left on average."""
    if len(programs) <= _FEW:
        return None
    asking: dict[str, int] = defaultdict(int)
    values: dict[str, set[object]] = defaultdict(set)
    for program in programs:
        for field, test in {match.fields[0]: match.test for match in _indexable(program, fields)}.items():
            asking[field] += 1
            values[field].add(test)
    left = {field: len(programs) - count + count / len(values[field]) for field, count in asking.items()}
    best = min(left, key=lambda field: (left[field], field), default=None)
    return best if best is not None and left[best] <= _WORTH_IT * len(programs) else None


def _indexable(program: Program, fields: frozenset[str]) -> list[Match]:
    return [
        match
        for match in program.matches
        if isinstance(match, Match) and len(match.fields) == 1 and match.fields[0] in fields and _is_small(match)
    ]


def _is_small(match: Match) -> bool:
    test = match.test
    if isinstance(test, OneOf):
        return len(test.values) <= _LARGE
    if isinstance(test, InRanges):
        return len(test.ranges) <= _LARGE
    return isinstance(test, NameStarts)


class _Node:
    """Asks for one field."""

    __slots__ = (
        "_bounds",
        "_branches",
        "_budget",
        "_by_value",
        "_exact",
        "_field",
        "_others",
        "_programs",
        "_rest",
        "read",
    )

    def __init__(self, programs: Programs, field: str, rest: frozenset[str], budget: _Budget) -> None:
        self.read: Callable[[Flight], Any] = attrgetter(field)
        self._programs = programs
        self._field = field
        self._rest = rest
        self._budget = budget
        self._branches: dict[Any, Union[_Node, Programs]] = {}
        self._by_value: dict[Any, list[int]] = defaultdict(list)
        """Places of the rules that want this very value."""
        self._others: list[int] = []
        self._exact: set[Any] = set()
        """Values that a branch of their own is needed for; None for all of them."""
        self._bounds: list[int] = []
        """Where a range begins, or is over."""
        for place, program in enumerate(programs):
            self._sort_in(place, _indexable(program, frozenset((field,))))
        self._bounds = sorted(set(self._bounds))

    def _sort_in(self, place: int, matches: list[Match]) -> None:
        wanted: Optional[frozenset[Any]] = None
        for match in matches:
            test = match.test
            if isinstance(test, OneOf):
                self._exact |= test.values
                wanted = wanted if match.negated else test.values
            elif isinstance(test, InRanges):
                for first, last in test.ranges:
                    self._bounds += (first, last + 1)
        if wanted is None:
            self._others.append(place)
        for value in wanted or ():
            self._by_value[value].append(place)

    def branch(self, value: Any) -> Union[_Node, Programs]:
        """What is left when the field has this value."""
        found = self._branches.get(value)
        return self._branch_of_class(value) if found is None else found

    def _branch_of_class(self, value: Any) -> Union[_Node, Programs]:
        if value is None or value in self._exact or self._field in _NAMES:
            key = value
        else:
            # Below all values, so that it is taken for none.
            key = -1 - bisect_right(self._bounds, value)
        if key not in self._branches:
            self._branches[key] = _grow(self._left(value), self._rest, self._budget)
        return self._branches[key]

    def _left(self, value: Any) -> Programs:
        """The rules that can hold for a value, without the conditions that it answers; for None with all."""
        if value is None:
            return self._programs
        left: list[Program] = []
        for place in sorted((*self._by_value.get(value, ()), *self._others)):
            program = self._answered(self._programs[place], value)
            if program is not None:
                left.append(program)
        return tuple(left)

    def _answered(self, program: Program, value: Any) -> Optional[Program]:
        answered = _indexable(program, frozenset((self._field,)))
        if any(checker(match.test)(value) is match.negated for match in answered):
            return None
        if not answered:
            return program
        open_places = [place for place, match in enumerate(program.matches) if match not in answered]
        return program._replace(
            conditions=tuple(program.conditions[place] for place in open_places),
            matches=tuple(program.matches[place] for place in open_places),
        )


FindChain = Callable[[Chain, str], Optional[ReadyChain]]
"""Finds the chain that a rule of another one jumps to, by name."""
