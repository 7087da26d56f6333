# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The maps that rules ask, with the entries that speak of somebody's value.

A map of tens of thousands of entries can be asked by hundreds of rules: its entries are gone through once, and where
rules ask it is put together only for the few that somebody looks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.map_facts import MapFacts, Maps
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import Mention
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Rule


class Reference(NamedTuple):
    """A rule, or one entry of its maps."""

    chain: int
    position: int
    entry: int
    """-1 for the rule itself; else its place among those of all the rule's maps."""


class AskedMaps:
    """The maps of one host."""

    def __init__(self) -> None:
        self._maps = Maps()
        self._by_value: dict[Mention, list[tuple[MapFacts, int]]] = {}
        self._asked: dict[MapFacts, list[Reference]] = {}
        """Where each map's first entry is, for every rule that asks it."""
        self._asking: dict[tuple[int, int], list[tuple[int, MapFacts]]] = {}

    def add(self, chain: int, position: int, rule: Rule) -> Iterator[tuple[MapFacts, bool]]:
        """Take up what a rule asks: its maps, and of each whether no rule asked it before."""
        first = 0
        for facts in self._maps.of(rule):
            is_new = facts not in self._asked
            self._asked.setdefault(facts, []).append(Reference(chain, position, first))
            self._asking.setdefault((chain, position), []).append((first, facts))
            first += len(facts)
            yield facts, is_new

    def remember(self, value: Mention, facts: MapFacts, number: int) -> None:
        """An entry speaks of a value that somebody will look for."""
        self._by_value.setdefault(value, []).append((facts, number))

    def about(self, value: Mention) -> Iterator[Reference]:
        """The entries that speak of a value, for each rule that asks their map."""
        for facts, number in self._by_value.get(value, ()):
            for chain, position, first in self._asked[facts]:
                yield Reference(chain, position, first + number)

    def entry(self, reference: Reference) -> tuple[MapFacts, int]:
        """The map that an entry is in, and its place there."""
        maps = self._asking[reference.chain, reference.position]
        first, facts = [item for item in maps if item[0] <= reference.entry][-1]
        return facts, reference.entry - first
