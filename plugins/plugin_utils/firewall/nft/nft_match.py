# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions and lookups of nft (libnftables-json(5), MATCH, VERDICT MAP)."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import number_of, span_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_sets import Pairs, entries_of, part_tests, tests_for
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_operand import (
    Operand,
    Part,
    needs_in,
    operand_in,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_sets import NamedSets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.nft_value import Span
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import AnyOf, Match, Statement
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    AnyBit,
    InRanges,
    OneOf,
    Test,
    Undecidable,
)


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


def _condition(operand: Operand, op: str, right: object, table: Table, text: str) -> Optional[Statement]:
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


def set_elements(node: object, table: Table) -> Optional[list[object]]:
    """The elements of a set or a map that stands in a rule or is named by it; None if this is none, or is unknown."""
    if isinstance(node, str) and node.startswith("@"):
        return table.sets.elements(table.family, table.name, node[1:])
    if isinstance(node, dict) and "set" in node:
        elements = node["set"]
        return elements if isinstance(elements, list) else [elements]
    return None


def _set_tests(operand: Operand, right: object, elements: list[object], table: Table) -> Optional[list[Test]]:
    if isinstance(right, str):
        return table.sets.tests(table.family, table.name, right[1:], operand)
    return tests_for(operand, elements)


def _value_tests(part: Part, op: str, right: object) -> Optional[list[Test]]:
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
        return [_compared(op, int(span.first), part.datatype.highest)]
    return None


def _compared(op: str, value: int, highest: int) -> Test:
    ends = {
        "<": (0, value - 1),
        "<=": (0, value),
        ">": (value + 1, highest),
        ">=": (value, highest),
    }
    first, last = ends.get(op, (1, 0))
    return InRanges(((first, last),)) if first <= last else OneOf(frozenset())


def map_entries(key: object, data: object, table: Table) -> Optional[tuple[Operand, Pairs]]:
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
