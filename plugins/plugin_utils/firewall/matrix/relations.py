# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How two places stand to each other, as far as the host can treat pairs of them differently.

The networks that they share count, and where the rules about one network stand among those about the other: Docker
writes one block of rules after the other, and which of two blocks comes first can decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.catalogue import (
    Catalogue,
    SharedRule,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.effects import commute
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Places
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import Mention

Nets = tuple[int, ...]


class Relation(NamedTuple):
    """What is the same for all pairs that are treated alike, given their classes."""

    shared: tuple[int, ...]
    """For each network of the one, its place among those of the other, or -1."""
    order: tuple[int, ...]


class Relations:
    """Relations between the networks of a host."""

    def __init__(self, places: Places, catalogue: Catalogue) -> None:
        self._rules = [catalogue.shared_of(net) for net in places.nets]
        self._order: dict[tuple[int, int], int] = {}
        self._numbers: dict[tuple[int, ...], int] = {}
        self._known: dict[tuple[Nets, Nets], Relation] = {}

    def between(self, source: Nets, destination: Nets) -> Relation:
        """The relation of a place on some networks to one on others."""
        key = (source, destination)
        if key not in self._known:
            shared = tuple(destination.index(net) if net in destination else -1 for net in source)
            order = tuple(self._order_of(one, other) for one in source for other in destination if one != other)
            self._known[key] = Relation(shared, order)
        return self._known[key]

    def _order_of(self, one: int, other: int) -> int:
        key = (one, other)
        if key not in self._order:
            signs = tuple(self._signs(self._rules[one], self._rules[other]))
            self._order[key] = self._numbers.setdefault(signs, len(self._numbers))
        return self._order[key]

    def _signs(
        self,
        mine: dict[int, list[SharedRule]],
        others: dict[int, list[SharedRule]],
    ) -> Iterator[int]:
        for chain, rules in mine.items():
            for other in others.get(chain, ()):
                for rule in rules:
                    if rule.place != other.place and _order_counts(rule, other):
                        yield 1 if rule.place > other.place else -1


def _order_counts(one: SharedRule, other: SharedRule) -> bool:
    return not commute(one.effect, other.effect) and not _exclude(one.keys, other.keys)


def _exclude(one: Mapping[str, Mention], other: Mapping[str, Mention]) -> bool:
    """Whether no packet can meet both: they ask for different values of one field."""
    return any(field in other and other[field] != value for field, value in one.items())
