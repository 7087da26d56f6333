# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions, sets and maps of nft as tests on a packet (libnftables-json(5), MATCH, SET, MAP, ELEMENT)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, NamedTuple, TypeVar

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.operands import (
    Operand,
    OperandPart,
    needs_in,
    operand_in,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.values import (
    Beginning,
    Span,
    number_of,
    span_of,
    tests_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyBit,
    AnyOf,
    InElements,
    InRanges,
    Masked,
    Match,
    Nat,
    OneOf,
    SetMark,
    Statement,
    Test,
    Undecidable,
    Verdict,
)

Pairs = tuple[tuple[Test, object], ...]
"""Keys of a map as tests, and what stands beside them in the document."""

Result = TypeVar("Result", Verdict, Nat, SetMark)
Entries = tuple[tuple[Test, Result], ...]

_HIGHEST_NAME = "\U0010ffff"


class NamedSets:
    """The named sets and maps of a ruleset. Their elements are turned into tests once for each way they are used."""

    def __init__(self, expressions: list[tuple[str, str, object]]) -> None:
        """``expressions``: family, table and statements of each rule, for which sets they ask."""
        self._expressions = expressions
        self._looked_up: set[tuple[str, str, str]] | None = None
        self._elements: dict[tuple[str, str, str], list[object]] = {}
        self._tests: dict[tuple[tuple[str, str, str], tuple[OperandPart, ...]], list[Test] | None] = {}
        self._results: dict[tuple[int, Hashable], tuple[Pairs, Entries[Any] | None]] = {}
        self._entries: dict[tuple[tuple[str, str, str], tuple[OperandPart, ...]], Pairs | None] = {}

    def add(self, family: str, table: str, name: str, elements: list[object]) -> None:
        """Take up a set or a map; elements of a map are pairs."""
        self._elements[family, table, name] = elements

    def elements(self, family: str, table: str, name: str) -> list[object] | None:
        """The elements as they stand in the document; None for a set that is not there."""
        return self._elements.get((family, table, name))

    def is_looked_up(self, family: str, table: str, name: str) -> bool:
        """Whether a rule asks for what is in a set or a map."""
        if self._looked_up is None:
            self._looked_up = {
                (in_family, in_table, asked)
                for in_family, in_table, expression in self._expressions
                for asked in _names_in(expression)
            }
        return (family, table, name) in self._looked_up

    def tests(self, family: str, table: str, name: str, operand: Operand) -> list[Test] | None:
        """Tests of which one holds when the operand's value is in the set; None where one element is not understood."""
        key = ((family, table, name), operand.parts)
        if key not in self._tests:
            elements = self.elements(family, table, name)
            self._tests[key] = None if elements is None else tests_for(operand, elements)
        return self._tests[key]

    def entries(self, family: str, table: str, name: str, operand: Operand) -> Pairs | None:
        """The pairs of a map with their keys as tests; None where one is not understood.

        Each time the same tuple, so that whoever makes something of it can remember it by its identity.
        """
        key = ((family, table, name), operand.parts)
        if key not in self._entries:
            elements = self.elements(family, table, name)
            self._entries[key] = None if elements is None else entries_of(operand, elements)
        return self._entries[key]

    def results(
        self, pairs: Pairs, use: Hashable, result_of: Callable[[object], Result | None]
    ) -> Entries[Result] | None:
        """The pairs with what a rule makes of them, the same tuple for the same use; None where one makes nothing."""
        # The pairs are kept, so that no other tuple can get their identity.
        known = self._results.get((id(pairs), use))
        if known is None:
            found = [(test, result_of(node)) for test, node in pairs]
            entries = tuple((test, result) for test, result in found if result is not None)
            known = self._results[id(pairs), use] = (pairs, entries if len(entries) == len(found) else None)
        return known[1]


def _names_in(node: object) -> Iterator[str]:
    """Names of the sets that an expression refers to, but for those that it writes to."""
    if isinstance(node, str):
        if node.startswith("@"):
            yield node[1:]
    elif isinstance(node, list):
        for item in node:
            yield from _names_in(item)
    elif isinstance(node, dict):
        for key, item in node.items():
            if not (key in ("set", "map") and isinstance(item, str)):
                yield from _names_in(item)


def tests_for(operand: Operand, elements: list[object]) -> list[Test] | None:
    """Tests of which one holds when the operand's value is among the elements; None where one is not understood."""
    if len(operand.parts) > 1:
        test = _concatenation(operand, elements)
        return None if test is None else [test]
    part = operand.parts[0]
    spans: list[Span | Beginning] = []
    for element in elements:
        span = span_of(part.datatype, element)
        if span is None:
            return None
        spans.append(span)
    return part_tests(part, spans)


def part_tests(part: OperandPart, spans: list[Span | Beginning]) -> list[Test] | None:
    """Tests of which one holds when the part's value, masked as it asks, lies in one of these."""
    numbers = [int(span.first) for span in spans if isinstance(span, Span) and span.single and part.datatype.width]
    if part.mask is not None:
        if len(numbers) != len(spans):
            return None
        return [Masked(part.mask, number) for number in dict.fromkeys(numbers)] or [OneOf(frozenset())]
    if part.field == "ct_state" and len(numbers) == len(spans) and all(_is_bit(number) for number in numbers):
        # The kernel's value is one bit (NF_CT_STATE_BIT), so to be one of these is to have one of these.
        return [AnyBit(sum(set(numbers)))]
    return tests_of(spans)


def _is_bit(number: int) -> bool:
    return number > 0 and number & (number - 1) == 0


def _concatenation(operand: Operand, elements: list[object]) -> InElements | None:
    ranges: list[tuple[tuple[int | str, int | str], ...]] = []
    exact: set[tuple[int | str, ...]] = set()
    for element in elements:
        spans = _element_spans(operand, element)
        if spans is None:
            return None
        if all(span.single for span in spans):
            exact.add(tuple(span.first for span in spans))
        else:
            ranges.append(tuple((span.first, span.last) for span in spans))
    return InElements(tuple(ranges), frozenset(exact))


def _element_spans(operand: Operand, element: object) -> list[Span] | None:
    if isinstance(element, dict) and isinstance(element.get("elem"), dict):
        element = element["elem"].get("val")
    if element == "*":
        return [_everything(part) for part in operand.parts]
    nodes = element.get("concat") if isinstance(element, dict) else None
    if not isinstance(nodes, list) or len(nodes) != len(operand.parts):
        return None
    spans: list[Span] = []
    for part, node in zip(operand.parts, nodes):
        span = span_of(part.datatype, node)
        if isinstance(span, Beginning):
            span = Span(span.text, span.text + _HIGHEST_NAME)
        if span is None:
            return None
        spans.append(span)
    return spans


def _everything(part: OperandPart) -> Span:
    return Span(0, part.datatype.highest) if part.datatype.width else Span("", _HIGHEST_NAME)


def entries_of(operand: Operand, elements: list[object]) -> Pairs | None:
    """A map's pairs with the key as a test, the one for everything else last; None where one is not understood."""
    entries: list[tuple[Test, object]] = []
    for pair in sorted(elements, key=_is_catchall):
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        tests = tests_for(operand, [pair[0]])
        if tests is None:
            return None
        entries.extend((test, pair[1]) for test in tests)
    return tuple(entries)


def _is_catchall(pair: object) -> bool:
    key = pair[0] if isinstance(pair, list) and pair else None
    if isinstance(key, dict) and isinstance(key.get("elem"), dict):
        key = key["elem"].get("val")
    return key == "*"


class Table(NamedTuple):
    """Where a rule stands, and the sets it can refer to."""

    family: str
    name: str
    sets: NamedSets
    version: tuple[int, ...]
    """Of the nft that printed it."""


_LOOKUPS = ("==", "!=", "in")


def undecidable(text: str) -> Match:
    """A condition that only the running kernel can answer."""
    return Match((), Undecidable(text), text=text)


def match_statements(body: dict[str, object], table: Table, text: str) -> list[Statement]:
    """What a match asks for, with what it implies; one undecidable condition where it has no words here."""
    operand = operand_in(table.family, body.get("left"))
    op, right = body.get("op", "=="), body.get("right")
    if operand is None:
        return [undecidable(text)]
    if isinstance(right, bool):
        # exists and missing: true is the opposite of the one value that stands for nothing.
        op, right = ("!=" if (op == "==") == right else "=="), False
    condition = _condition(operand, str(op), right, table, text)
    if condition is None:
        return [undecidable(text)]
    return [*needs_in(table.family, operand.needs), condition]


def _condition(operand: Operand, op: str, right: object, table: Table, text: str) -> Statement | None:
    negated = op in ("!=", "!")
    elements = set_elements(right, table)
    if elements is not None:
        tests = _set_tests(operand, right, elements, table) if op in _LOOKUPS else None
    elif len(operand.parts) > 1:
        tests = tests_for(operand, [right]) if op in _LOOKUPS else None
    else:
        tests = _value_tests(operand.parts[0], op, right)
    if tests is None:
        return None
    return one_of_tests(operand, tests, text, negated=negated)


def one_of_tests(operand: Operand, tests: list[Test], text: str, *, negated: bool) -> Statement:
    """A condition that holds if one of the tests does."""
    if len(tests) == 1:
        return Match(operand.fields, tests[0], negated, text)
    return AnyOf(tuple(Match(operand.fields, test) for test in tests), negated, text)


def set_elements(node: object, table: Table) -> list[object] | None:
    """The elements of a set or a map that stands in a rule or is named by it; None if this is none, or is unknown."""
    if isinstance(node, str) and node.startswith("@"):
        return table.sets.elements(table.family, table.name, node[1:])
    if isinstance(node, dict) and "set" in node:
        elements = node["set"]
        return elements if isinstance(elements, list) else [elements]
    return None


def _set_tests(operand: Operand, right: object, elements: list[object], table: Table) -> list[Test] | None:
    if isinstance(right, str):
        return table.sets.tests(table.family, table.name, right[1:], operand)
    return tests_for(operand, elements)


def _value_tests(part: OperandPart, op: str, right: object) -> list[Test] | None:
    if part.field == "fragment":
        # No packet that is asked about is a fragment: the offset is 0, and there is no fragment header.
        return [OneOf(frozenset({False}))] if right in (0, False) and op in ("==", "!=") else None
    if part.datatype.flags and (op in ("in", "!") or (part.field == "ct_state" and part.mask is None)):
        bits = number_of(part.datatype, right)
        if bits is not None and op in ("==", "!=") and bits & (bits - 1):
            # Only with == and != several flags are one value, and a packet has just one state.
            return [OneOf(frozenset())]
        return None if bits is None or part.mask is not None or op not in ("in", "!", *_LOOKUPS) else [AnyBit(bits)]
    span = span_of(part.datatype, right)
    if span is None:
        return None
    if op in _LOOKUPS:
        return part_tests(part, [span])
    if part.mask is None and isinstance(span, Span) and span.single and part.datatype.width:
        return _compared(op, int(span.first), part.datatype.highest)
    return None


def _compared(op: str, value: int, highest: int) -> list[Test] | None:
    ends = {
        "<": (0, value - 1),
        "<=": (0, value),
        ">": (value + 1, highest),
        ">=": (value, highest),
    }
    if op not in ends:
        return None
    first, last = ends[op]
    return [InRanges(((first, last),)) if first <= last else OneOf(frozenset())]


def map_entries(key: object, data: object, table: Table) -> tuple[Operand, Pairs] | None:
    """What is looked up, and the pairs of a map with their keys as tests; None where one is not understood."""
    operand = operand_in(table.family, key)
    elements = set_elements(data, table)
    if operand is None or elements is None:
        return None
    if isinstance(data, str):
        entries = table.sets.entries(table.family, table.name, data[1:], operand)
    else:
        entries = entries_of(operand, elements)
    return None if entries is None else (operand, entries)
