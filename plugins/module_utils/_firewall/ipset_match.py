# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Conditions on sets of ipset(8): ``-m set --match-set NAME src,dst``. Pure.

When a set matches was read in the kernel's net/netfilter/xt_set.c and net/netfilter/ipset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ipset_elements import (
    Element,
    Part,
    read_elements,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ipset_save import IpSet
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.iptables_option import (
    Asked,
    Condition,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.save_values import NEVER, in_ranges
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import InElements

_FAMILIES = {4: "inet", 6: "inet6"}
_NOTHING = Match(("protocol",), NEVER)


class IpSets:
    """The sets of a host by name."""

    def __init__(self, sets: Mapping[str, IpSet], changing: Collection[str] = (), unread: str = "") -> None:
        """``changing``: names of sets that rules themselves add to or remove from; ``unread``: why sets are missing."""
        self._sets = sets
        self._changing = changing
        self._unread = unread or "it was not read"

    def condition(self, asked: Sequence[Asked], family: int, text: str) -> Condition:
        """What ``-m set`` with these options asks. Raises ValueError for what cannot be told."""
        options = {each.option: each for each in asked}
        if "--match-set" not in options:
            raise ValueError("names no set")
        wanted = options["--match-set"]
        name, directions = wanted.values
        # With --return-nomatch the exceptions are asked for, not what they are exceptions to (ip_set_enomatch()).
        outcome = "--return-nomatch" not in options
        matches = [
            match
            for member in self._members(name)
            for match in self._matches(member, directions.split(","), family, outcome=outcome)
        ]
        if len(matches) == 1:
            return Match(matches[0].fields, matches[0].test, wanted.negated, text)
        return AnyOf(tuple(matches), wanted.negated, text)

    def _members(self, name: str) -> list[IpSet]:
        """The set itself, or for a list those in it, which are no lists themselves (ip_set_list_set.c)."""
        found = self._set(name)
        return [self._set(member) for member, _ in found.elements] if found.kind == "list:set" else [found]

    def _set(self, name: str) -> IpSet:
        if name not in self._sets:
            raise ValueError(f"depends on the set {name[:60]!r}: {self._unread}")
        if name in self._changing:
            raise ValueError(f"depends on the set {name[:60]!r}, which rules change")
        return self._sets[name]

    @staticmethod
    def _matches(of: IpSet, directions: list[str], family: int, *, outcome: bool) -> list[Match]:
        # ip_set_test(): too few directions, or another family, is no match.
        if len(directions) < len(of.dimensions) or of.family not in ("", _FAMILIES[family]):
            return [_NOTHING]
        by_fields: dict[tuple[str, ...], list[Element]] = defaultdict(list)
        for element in read_elements(of, directions, family):
            by_fields[element.fields].append(element)
        if of.dimensions == ["net", "iface"]:
            # The longest prefix that any device has is the only one looked at (hash_netiface4_data_equal(): multi).
            own = _own_ranges({element.parts[0] for elements in by_fields.values() for element in elements})
            rows = {fields: _rows_by_device(elements, own, outcome=outcome) for fields, elements in by_fields.items()}
        else:
            rows = {fields: _rows(elements, of, outcome=outcome) for fields, elements in by_fields.items()}
        return [_match(fields, each) for fields, each in rows.items()] or [_NOTHING]


def _match(fields: tuple[str, ...], rows: Iterable[tuple[Part, ...]]) -> Match:
    rows = list(rows)
    if not rows:
        return _NOTHING
    if len(fields) == 1:
        return Match(fields, in_ranges((int(low), int(high)) for ((low, high),) in rows))
    exact = frozenset(tuple(low for low, _ in row) for row in rows if all(low == high for low, high in row))
    return Match(fields, InElements(tuple(row for row in rows if any(low != high for low, high in row)), exact))


def _rows(elements: list[Element], of: IpSet, *, outcome: bool) -> list[tuple[Part, ...]]:
    """What the fields must hold for that outcome."""
    if all(element.matches for element in elements):
        return [element.parts for element in elements] if outcome else []
    if of.dimensions.count("net") != 1:
        raise ValueError("depends on a set with exceptions from two networks")
    at = next(index for index, field in enumerate(elements[0].fields) if field in ("saddr", "daddr"))
    others: dict[tuple[Part, ...], list[tuple[int, int, bool]]] = defaultdict(list)
    for element in elements:
        low, high = element.parts[at]
        others[element.parts[:at] + element.parts[at + 1 :]].append((int(low), int(high), element.matches))
    return [
        (*other[:at], piece, *other[at:])
        for other, networks in others.items()
        for piece in _most_specific(networks, outcome=outcome)
    ]


def _rows_by_device(
    elements: list[Element], own: Mapping[Part, Sequence[Part]], *, outcome: bool
) -> list[tuple[Part, ...]]:
    """What network and device must hold for that outcome; ``own`` are the ranges in which a network is the longest."""
    return [
        (piece, device)
        for (network, device), matches in ((element.parts, element.matches) for element in elements)
        if matches == outcome
        for piece in own.get(network, ())
    ]


def _own_ranges(networks: Collection[Part]) -> dict[Part, list[Part]]:
    """The ranges of addresses for which each network has the longest prefix of all."""
    own: dict[Part, list[Part]] = defaultdict(list)
    open_ends: list[tuple[int, Part]] = []
    at = 0

    def until(end: int) -> None:
        nonlocal at
        if open_ends and at <= end:
            own[open_ends[-1][1]].append((at, end))
        at = end + 1

    for low, high in sorted(((int(low), int(high)) for low, high in networks), key=lambda each: (each[0], -each[1])):
        while open_ends and open_ends[-1][0] < low:
            until(open_ends[-1][0])
            open_ends.pop()
        until(low - 1)
        open_ends.append((high, (low, high)))
    while open_ends:
        until(open_ends[-1][0])
        open_ends.pop()
    return own


def _most_specific(networks: list[tuple[int, int, bool]], *, outcome: bool) -> list[tuple[int, int]]:
    """Ranges of the addresses for which the longest of their prefixes has that outcome."""
    pieces: list[tuple[int, int]] = []
    open_ends: list[tuple[int, bool]] = []
    at = 0

    def until(end: int) -> None:
        nonlocal at
        if open_ends and open_ends[-1][1] == outcome and at <= end:
            pieces.append((at, end))
        at = end + 1

    for low, high, matches in sorted(networks, key=lambda network: (network[0], -network[1])):
        while open_ends and open_ends[-1][0] < low:
            until(open_ends[-1][0])
            open_ends.pop()
        until(low - 1)
        open_ends.append((high, matches))
    while open_ends:
        until(open_ends[-1][0])
        open_ends.pop()
    return pieces
