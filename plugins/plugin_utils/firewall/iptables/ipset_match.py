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
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipset_elements import (
    Element,
    Part,
    read_elements,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipset_save import IpSet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.iptables_option import (
    Asked,
    Condition,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.save_values import NEVER, in_ranges
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import AnyOf, Match
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import InElements

_FAMILIES = {4: "inet", 6: "inet6"}
_NOTHING = Match(("protocol",), NEVER)


class IpSets:
    """The sets of a host by name."""

    def __init__(self, sets: Mapping[str, IpSet], changing: Collection[str] = (), unread: str = "") -> None:
        """``changing``: names of sets that rules themselves add to or remove from; ``unread``: why sets are missing."""
        self._sets = sets
        self._changing = changing
        self._unread = unread or "it was not read"
        self._known: dict[tuple[str, str, int, bool], list[Match]] = {}

    def condition(self, asked: Sequence[Asked], family: int, text: str) -> Condition:
        """What ``-m set`` with these options asks. Raises ValueError for what cannot be told."""
        options = {each.option: each for each in asked}
        if "--match-set" not in options:
            raise ValueError("names no set")
        wanted = options["--match-set"]
        name, directions = wanted.values
        # With --return-nomatch the exceptions are asked for, not what they are exceptions to (ip_set_enomatch()).
        outcome = "--return-nomatch" not in options
        asked_for = (name, directions, family, outcome)
        matches = self._known.get(asked_for)
        if matches is None:
            # A set can be large, and many rules can ask for it.
            matches = self._known[asked_for] = [
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
        return [self._set(member) for member, dummy in found.elements] if found.kind == "list:set" else [found]

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
        # Of networks with devices the longest prefix that any device has is the only one looked at
        # (hash_netiface4_data_equal() in ip_set_hash_netiface.c: multi).
        shared = (
            longest_prefixes(element.parts[0] for elements in by_fields.values() for element in elements)
            if of.dimensions == ["net", "iface"]
            else None
        )
        return [
            _match(fields, _rows(elements, of, shared, outcome=outcome)) for fields, elements in by_fields.items()
        ] or [_NOTHING]


def _match(fields: tuple[str, ...], rows: Iterable[tuple[Part, ...]]) -> Match:
    rows = list(rows)
    if not rows:
        return _NOTHING
    if len(fields) == 1:
        return Match(fields, in_ranges((int(low), int(high)) for ((low, high),) in rows))
    exact = frozenset(tuple(low for low, dummy in row) for row in rows if all(low == high for low, high in row))
    return Match(fields, InElements(tuple(row for row in rows if any(low != high for low, high in row)), exact))


def _rows(
    elements: list[Element], of: IpSet, shared: Optional[Mapping[Part, list[Part]]], *, outcome: bool
) -> list[tuple[Part, ...]]:
    """What the fields must hold for that outcome; ``shared``: where each network has the longest prefix of the set."""
    if shared is None and all(element.matches for element in elements):
        return [element.parts for element in elements] if outcome else []
    if of.dimensions.count("net") != 1:
        raise ValueError("depends on a set with exceptions from two networks")
    at = next(index for index, field in enumerate(elements[0].fields) if field in ("saddr", "daddr"))
    others: dict[tuple[Part, ...], list[Element]] = defaultdict(list)
    for element in elements:
        others[element.parts[:at] + element.parts[at + 1 :]].append(element)
    rows: list[tuple[Part, ...]] = []
    for other, same in others.items():
        longest = shared or longest_prefixes(element.parts[at] for element in same)
        pieces = [
            piece for element in same if element.matches == outcome for piece in longest.get(element.parts[at], ())
        ]
        rows += [(*other[:at], piece, *other[at:]) for piece in pieces]
    return rows


def longest_prefixes(networks: Iterable[Part]) -> dict[Part, list[Part]]:
    """For each of these networks the ranges of addresses for which no other has a longer prefix."""
    found: dict[Part, list[Part]] = defaultdict(list)
    # Last addresses of the networks that hold the present one, the shortest prefix first.
    around: list[tuple[int, Part]] = []
    at = 0

    def until(end: int) -> None:
        nonlocal at
        if around and at <= end:
            found[around[-1][1]].append((at, end))
        at = end + 1

    for low, high in sorted({(int(low), int(high)) for low, high in networks}, key=lambda each: (each[0], -each[1])):
        while around and around[-1][0] < low:
            until(around[-1][0])
            around.pop()
        until(low - 1)
        around.append((high, (low, high)))
    while around:
        until(around[-1][0])
        around.pop()
    return found
