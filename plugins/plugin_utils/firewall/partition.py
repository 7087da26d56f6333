# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which values no test of the ruleset tells apart.

Two addresses (ports, devices) get the same signature when every test that is no plain comparison with one value says
the same of both. A signature is the exclusive or of random numbers, one for each test that holds (Zobrist hashing), so
that thousands of ranges cost a sort and not a comparison of each with each value.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from typing import Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InElements,
    InRanges,
    Masked,
    NameStarts,
    OneOf,
    Test,
)

ADDRESS = "address"
DEVICE = "device"
HARDWARE = "hardware address"
PORT = "port"

KINDS: dict[str, str] = {
    **dict.fromkeys(("saddr", "daddr", "ct_orig_saddr", "ct_orig_daddr", "ct_reply_saddr", "ct_reply_daddr"), ADDRESS),
    **dict.fromkeys(
        ("iif", "oif", "physin", "physout", "ibr", "obr", "saddr_route_iif", "saddr_route_iif_mark"), DEVICE
    ),
    **dict.fromkeys(("smac", "dmac"), HARDWARE),
    **dict.fromkeys(("sport", "dport", "ct_orig_sport", "ct_orig_dport", "ct_reply_sport", "ct_reply_dport"), PORT),
}
"""What the fields hold whose values belong to containers and networks; the others are the same for all of them."""

Value = Union[int, str, bool]


class Partition:
    """Collects tests, then tells values apart."""

    def __init__(self) -> None:
        self._numbers = random.Random(1)  # noqa: S311 (no secret: values that look alike must only be rare)
        self._seen: set[tuple[tuple[str, ...], Test]] = set()
        self._single: dict[tuple[str, Value], int] = {}
        self._borders: dict[str, dict[int, int]] = {}
        self._beginnings: dict[tuple[str, str], int] = {}
        self._masked: list[tuple[str, Masked, int]] = []
        self._sorted: dict[str, tuple[list[int], list[int]]] = {}

    def add(self, fields: tuple[str, ...], test: Test) -> None:
        """Take a test in. Comparisons with a single value are for whoever calls to look at."""
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
                self._beginnings[kinds[0], beginning] = self._beginnings.get((kinds[0], beginning), 0) ^ number
        elif isinstance(test, Masked):
            self._masked.append((kinds[0], test, self._number()))

    def add_range(self, kind: str, first: int, last: int, number: int = 0) -> None:
        """Take in a range that something other than a rule asks about (a route's destination)."""
        number = number or self._number()
        borders = self._borders.setdefault(kind, {})
        borders[first] = borders.get(first, 0) ^ number
        borders[last + 1] = borders.get(last + 1, 0) ^ number
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
        self._single[(kind, value)] = self._single.get((kind, value), 0) ^ number

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
