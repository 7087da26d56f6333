# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the entries of maps say of addresses, devices and ports.

A named map of many entries can be asked by many rules: what is known of it is kept once for all of them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from functools import cached_property
from typing import Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import (
    Mention,
    Names,
    RuleFacts,
    addresses_in,
    devices_in,
    form_of_result,
    form_of_test,
    single_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    MarkMap,
    Nat,
    NatMap,
    Rule,
    SetMark,
    Verdict,
    VerdictMap,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import Test

AnyMap = Union[VerdictMap, NatMap, MarkMap]
Result = Union[Verdict, Nat, SetMark]


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
