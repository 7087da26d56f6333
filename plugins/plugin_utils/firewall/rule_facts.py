# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What rules and the entries of their maps say of addresses, devices and ports.

Docker writes the same rules for each container and each network, with other values in them. With its own values
replaced by names, a container's rule becomes equal to that of the next one. Two values are interchangeable if each
range, mask and set of the rules holds for both or for neither. Each of these tests has a random number; a value's
signature is the exclusive or of the numbers of those that hold for it (Zobrist hashing), and equal signatures mean
interchangeable values. So thousands of ranges cost a sort, and not a comparison of each range with each value.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NameStarts,
    Nat,
    NatMap,
    OneOf,
    Rule,
    SetMark,
    Statement,
    Test,
    Verdict,
    VerdictMap,
)

ADDRESS = "address"
DEVICE = "device"
HARDWARE = "hardware address"
PORT = "port"
RANGE = "range"
CHAIN = "chain"

KINDS: dict[str, str] = {
    **dict.fromkeys(("saddr", "daddr", "ct_orig_saddr", "ct_orig_daddr", "ct_reply_saddr", "ct_reply_daddr"), ADDRESS),
    **dict.fromkeys(
        ("iif", "oif", "physin", "physout", "ibr", "obr", "saddr_route_iif", "saddr_route_iif_mark"), DEVICE
    ),
    **dict.fromkeys(("smac", "dmac"), HARDWARE),
    **dict.fromkeys(("sport", "dport", "ct_orig_sport", "ct_orig_dport", "ct_reply_sport", "ct_reply_dport"), PORT),
}
"""What the fields hold whose values belong to containers and networks; the others are the same for all of them."""

Value = int | str | bool

Mention = tuple[str, Value | tuple[int, int]]
"""A kind (``address``, ``device``, ``port``, ``range`` of addresses, ``chain``) and a value."""
Names = Mapping[Mention, str]


class RuleFacts(NamedTuple):
    """One rule, or one entry of a map in it."""

    keys: dict[str, Mention]
    """What must be so for the rule to do anything, by field."""
    mentions: frozenset[Mention]
    """All single values and single ranges in it, those of its translation included."""
    conditions: frozenset[Mention]
    """Those that it asks for."""
    tests: tuple[tuple[tuple[str, ...], Test], ...]
    """Tests on more than one value, which a Partition is for."""
    jumps: tuple[str, ...]
    protocols: frozenset[Value] = frozenset()
    """The protocols that the rule is for, empty for all."""


def facts_of(rule: Rule) -> RuleFacts:
    """What a rule says, its maps left out."""
    keys: dict[str, Mention] = {}
    conditions: set[Mention] = set()
    translations: set[Mention] = set()
    tests: list[tuple[tuple[str, ...], Test]] = []
    jumps: list[str] = []
    protocols: frozenset[Value] = frozenset()
    leading = True
    for statement in rule.statements:
        leading = leading and isinstance(statement, (Match, AnyOf))
        if leading and isinstance(statement, Match) and statement.fields == ("protocol",) and not statement.negated:
            protocols = statement.test.values if isinstance(statement.test, OneOf) else protocols
        for match in matches_of(statement):
            single = single_of(match.fields, match.test)
            if single is not None:
                conditions.add(single)
                if leading and match is statement and not match.negated:
                    keys.setdefault(match.fields[0], single)
            else:
                tests.append((match.fields, match.test))
        if isinstance(statement, Verdict) and statement.target:
            jumps.append(statement.target)
        if isinstance(statement, Nat):
            translations.update(addresses_in(statement))
    asked = frozenset(conditions)
    # Of very many rules most translate nothing.
    mentions = asked.union(translations) if translations else asked
    return RuleFacts(keys, mentions, asked, tuple(tests), tuple(jumps), protocols)


def matches_of(statement: Statement) -> Iterator[Match]:
    """The conditions in a statement."""
    if isinstance(statement, Match):
        yield statement
    elif isinstance(statement, AnyOf):
        yield from statement.matches


def single_of(fields: tuple[str, ...], test: Test) -> Mention | None:
    """The one value, or the one range of addresses, that a test asks for; None if it asks for something else."""
    kind = KINDS.get(fields[0], "") if len(fields) == 1 else ""
    if not kind:
        return None
    if isinstance(test, OneOf) and len(test.values) == 1:
        return (kind, next(iter(test.values)))
    if isinstance(test, InRanges) and len(test.ranges) == 1 and kind != PORT:
        return (RANGE, test.ranges[0])
    return None


def devices_in(facts: RuleFacts) -> frozenset[str]:
    """The single devices that a rule or an entry asks for."""
    return frozenset(str(value) for kind, value in facts.conditions if kind == DEVICE)


def addresses_in(nat: Nat) -> tuple[Mention, ...]:
    """The single address that a translation leads to."""
    if nat.addresses is None or nat.addresses[0] != nat.addresses[1]:
        return ()
    return ((ADDRESS, nat.addresses[0]),)


def form_of(rule: Rule, names: Names) -> Hashable:
    """The rule with names in place of values."""
    return tuple(_statement_form(statement, names) for statement in rule.statements)


def _statement_form(statement: Statement, names: Names) -> Hashable:
    if isinstance(statement, Match):
        return (statement.fields, form_of_test(statement.fields, statement.test, names), statement.negated)
    if isinstance(statement, AnyOf):
        return (tuple(_statement_form(match, names) for match in statement.matches), statement.negated)
    if isinstance(statement, (Verdict, Nat)):
        return form_of_result(statement, names)
    if isinstance(statement, (VerdictMap, NatMap, MarkMap)):
        return (type(statement).__name__, statement.fields)
    return statement


def form_of_result(result: Verdict | Nat | SetMark, names: Names) -> Hashable:
    """What a rule or an entry does, with names in place of values."""
    if isinstance(result, Verdict):
        return (result.kind, names.get((CHAIN, result.target), result.target), result.reject_with)
    if isinstance(result, SetMark):
        return result
    addresses: Hashable = result.addresses
    if result.addresses is not None and result.addresses[0] == result.addresses[1]:
        addresses = names.get((ADDRESS, result.addresses[0]), addresses)
    ports: Hashable = result.ports
    if result.ports is not None and result.ports[0] == result.ports[1]:
        ports = names.get((PORT, result.ports[0]), ports)
    return (result.kind, addresses, ports, result.random_port)


def form_of_test(fields: tuple[str, ...], test: Test, names: Names) -> Hashable:
    """A test with a name in place of the one value that it asks for."""
    single = single_of(fields, test)
    if single is None:
        return test
    return names.get(single, single)


AnyMap = VerdictMap | NatMap | MarkMap
Result = Verdict | Nat | SetMark


class MapFacts:
    """The entries of one map, by their places in it; each is worked out when somebody asks for it."""

    def __init__(self, of: AnyMap) -> None:
        self._fields = of.fields
        self._entries: tuple[tuple[Test, Result], ...] = of.entries
        self._known: dict[int, RuleFacts] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> RuleFacts:
        known = self._known.get(number)
        if known is None:
            known = self._known[number] = _facts(self._fields, *self._entries[number])
        return known

    def __iter__(self) -> Iterator[RuleFacts]:
        """All of them; none is kept."""
        return (_facts(self._fields, test, result) for test, result in self._entries)

    @cached_property
    def devices(self) -> frozenset[str]:
        """Those that its entries ask for."""
        return frozenset(name for facts in self for name in devices_in(facts))

    def form(self, number: int, names: Names) -> Hashable:
        """An entry with names in place of values."""
        test, result = self._entries[number]
        return (self._fields, form_of_test(self._fields, test, names), form_of_result(result, names))


class Maps:
    """The maps of a host."""

    def __init__(self) -> None:
        # By the identity of their entries, which the facts keep alive.
        self._known: dict[tuple[tuple[str, ...], int], MapFacts] = {}

    def of(self, rule: Rule) -> list[MapFacts]:
        """Those that a rule asks; always the same object for the same named map."""
        return [self._facts(item) for item in rule.statements if isinstance(item, (VerdictMap, NatMap, MarkMap))]

    def of_all(self, rules: Iterable[Rule]) -> list[MapFacts]:
        """Those that any of the rules asks, each once."""
        return list({id(item): item for rule in rules for item in self.of(rule)}.values())

    def _facts(self, of: AnyMap) -> MapFacts:
        key = (of.fields, id(of.entries))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = MapFacts(of)
        return known


def _facts(fields: tuple[str, ...], test: Test, result: Result) -> RuleFacts:
    single = single_of(fields, test)
    conditions: frozenset[Mention] = frozenset() if single is None else frozenset((single,))
    translations = addresses_in(result) if isinstance(result, Nat) else ()
    jumps = (result.target,) if isinstance(result, Verdict) and result.target else ()
    return RuleFacts(
        {} if single is None else {fields[0]: single},
        conditions.union(translations) if translations else conditions,
        conditions,
        () if single is not None else ((fields, test),),
        jumps,
    )


class Partition:
    """Collects tests, then tells values apart."""

    def __init__(self) -> None:
        self._numbers = random.Random(1)  # noqa: S311 (no secret: values that look alike must only be rare)
        self._seen: set[tuple[tuple[str, ...], Test]] = set()
        self._single: defaultdict[tuple[str, Value], int] = defaultdict(int)
        self._borders: dict[str, defaultdict[int, int]] = {}
        self._beginnings: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._masked: list[tuple[str, Masked, int]] = []
        self._sorted: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, fields: tuple[str, ...], test: Test) -> None:
        """Take a test in. Comparisons with a single value are for the caller to look at."""
        kinds = [KINDS.get(field, "") for field in fields]
        if not any(kinds) or (fields, test) in self._seen:
            return
        self._seen.add((fields, test))
        if isinstance(test, InElements):
            self._add_elements(kinds, test)
        elif isinstance(test, OneOf):
            number = self._number()
            for value in test.values:
                self._mark(kinds[0], value, number)
        elif isinstance(test, InRanges):
            number = self._number()
            for first, last in test.ranges:
                self.add_range(kinds[0], first, last, number)
        elif isinstance(test, NameStarts):
            number = self._number()
            for beginning in _shortest(test.beginnings):
                self._beginnings[kinds[0], beginning] ^= number
        elif isinstance(test, Masked):
            self._masked.append((kinds[0], test, self._number()))

    def add_range(self, kind: str, first: int, last: int, number: int = 0) -> None:
        """Take in a range that something other than a rule asks about (a route's destination)."""
        number = number or self._number()
        borders = self._borders.setdefault(kind, defaultdict(int))
        borders[first] ^= number
        borders[last + 1] ^= number
        self._sorted.pop(kind, None)

    def signature(self, kind: str, value: Value) -> int:
        """A number that values have in common which all tests treat alike."""
        found = self._single.get((kind, value), 0)
        if isinstance(value, int) and kind in self._borders:
            places, numbers = self._sorted.get(kind) or self._sort(kind)
            index = bisect_right(places, value)
            found ^= numbers[index - 1] if index else 0
        if isinstance(value, str) and self._beginnings:
            for length in range(len(value) + 1):
                found ^= self._beginnings.get((kind, value[:length]), 0)
        for of, test, number in self._masked:
            if of == kind and isinstance(value, int) and value & test.mask == test.wanted:
                found ^= number
        return found

    def _add_elements(self, kinds: list[str], test: InElements) -> None:
        for exact in test.exact:
            for kind, value in zip(kinds, exact):
                if kind:
                    self._mark(kind, value, self._number())
        for element in test.elements:
            for kind, (first, last) in zip(kinds, element):
                if kind and isinstance(first, int) and isinstance(last, int):
                    self.add_range(kind, first, last)
                elif kind:
                    self._mark(kind, first, self._number())

    def _mark(self, kind: str, value: Value, number: int) -> None:
        self._single[kind, value] ^= number

    def _number(self) -> int:
        return self._numbers.getrandbits(64) | 1

    def _sort(self, kind: str) -> tuple[list[int], list[int]]:
        borders = self._borders[kind]
        places = sorted(borders)
        numbers: list[int] = []
        inside = 0
        for place in places:
            inside ^= borders[place]
            numbers.append(inside)
        self._sorted[kind] = (places, numbers)
        return places, numbers


def _shortest(beginnings: frozenset[str]) -> list[str]:
    """Those that begin with no other one: a name begins with one of them at most."""
    return [text for text in beginnings if not any(text[:length] in beginnings for length in range(len(text)))]
