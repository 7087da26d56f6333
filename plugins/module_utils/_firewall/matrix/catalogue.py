# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which rules speak of which container, network or port, and where they stand among the others.

A rule is of one of three levels. One that does nothing unless an address or a port of a container is in the packet is
*single*; one that does nothing unless a network's device or subnet is, is *shared*; all others are *common*. Two
packets meet the same rules in the same order when the rules about their own values are alike and stand alike among
those of the higher levels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.map_facts import MapFacts, Maps
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.effects import Effect, Effects
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.places import Net, Places
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.partition import ADDRESS, PORT, Partition
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rule_form import (
    CHAIN,
    RANGE,
    Mention,
    Names,
    RuleFacts,
    facts_of,
    form_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import Chain, RuleBook
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import InRanges

COMMON = 0
SHARED = 1
SINGLE = 2


class Reference(NamedTuple):
    """A rule, or one entry of its maps."""

    chain: int
    position: int
    entry: int
    """-1 for the rule itself."""


class AskedMap(NamedTuple):
    """A map as a rule asks it."""

    chain: int
    position: int
    first: int
    """How many entries the rule's maps before it have."""
    facts: MapFacts


class SharedRule(NamedTuple):
    """A rule about a network, in a chain of all."""

    place: int
    keys: Mapping[str, Mention]
    """What it asks for."""
    effect: Effect


@dataclass
class _Standing:
    """A chain with, for each of its rules, how many of the higher levels stand before it."""

    chain: Chain
    owner: Optional[Net] = None
    """The network that the chain is for, where all ways into it ask for that network."""
    facts: list[RuleFacts] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)
    common: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)


class Catalogue:
    """The rules of a host by the values they speak of."""

    def __init__(self, book: RuleBook, places: Places, ports: frozenset[int]) -> None:
        """Go through all rules once; ports: those that are published or listened on."""
        self.partition = Partition()
        self._ports = ports
        self._nets: dict[Mention, Net] = {value: net for net in places.nets for value in net.names}
        self._singles: dict[Mention, frozenset[int]] = {
            value: frozenset(station.nets) for station in places.stations for value in station.names
        }
        self._by_value: dict[Mention, list[Reference]] = {}
        self._maps = Maps()
        self._by_entry: dict[Mention, list[tuple[MapFacts, int]]] = {}
        self._asked: dict[MapFacts, list[AskedMap]] = {}
        self._asking: dict[tuple[int, int], list[AskedMap]] = {}
        self._shared: dict[tuple[int, int], list[int]] = {}
        self._standings = [_Standing(chain) for chain in book.chains.values()]
        self._effects = Effects(book)
        self._read()
        self._find_owned_chains()
        for number, standing in enumerate(self._standings):
            self._place(number, standing)
        self.chain_names: dict[int, Names] = self._names_of_chains()

    def about(self, values: Iterable[Mention]) -> list[Reference]:
        """References that speak of one of these values, in the order of the rules."""
        found: set[Reference] = set()
        for value in values:
            found.update(self._by_value.get(value, ()))
            for facts, number in self._by_entry.get(value, ()):
                found.update(Reference(item.chain, item.position, item.first + number) for item in self._asked[facts])
        return sorted(found)

    def of_net(self, net: Net) -> list[Reference]:
        """References that speak of a network, those left out that ask for one of its containers."""
        found = set(self.about(net.names))
        for number, standing in enumerate(self._standings):
            if standing.owner is net:
                found.update(Reference(number, place, -1) for place in range(len(standing.facts)))
        return sorted(item for item in found if not self._asks_for_one_on(net, self.facts(item)))

    def _asks_for_one_on(self, net: Net, facts: RuleFacts) -> bool:
        """Whether a rule is for a container's address, or for a port that is translated to one."""
        asked = set(facts.keys.values())
        if any(kind == PORT for kind, dummy in asked):
            asked |= facts.mentions - facts.conditions
        return any(net.number in self._singles.get(value, ()) for value in asked)

    def facts(self, reference: Reference) -> RuleFacts:
        """What a reference says."""
        if reference.entry >= 0:
            facts, number = self._entry(reference)
            return facts[number]
        return self._standings[reference.chain].facts[reference.position]

    def mentions(self, reference: Reference) -> frozenset[Mention]:
        """The values in a reference."""
        return self.facts(reference).mentions

    def is_single(self, value: Mention) -> bool:
        """Whether a value is a container's own."""
        return value in self._singles

    def level(self, reference: Reference) -> int:
        """The level of the rule that a reference is to."""
        return self._standings[reference.chain].levels[reference.position]

    def owner(self, reference: Reference) -> Optional[Net]:
        """The network that the rule's chain is for, None for chains of all."""
        return self._standings[reference.chain].owner

    def standing(self, reference: Reference) -> tuple[Hashable, int, int]:
        """The chain, and how many common and shared rules of it stand before the reference."""
        standing = self._standings[reference.chain]
        label: Hashable = standing.chain.key
        if standing.owner is not None:
            label = (*standing.chain.key[:3], self.chain_names[standing.owner.number][(CHAIN, standing.chain.name)])
        return (label, standing.common[reference.position], standing.shared[reference.position])

    def shared_before(self, reference: Reference, net: Net) -> int:
        """How many of a network's rules stand before a reference in its chain."""
        return bisect_left(self._shared.get((reference.chain, net.number), []), reference.position)

    def shared_of(self, net: Net) -> dict[int, list[SharedRule]]:
        """A network's rules in chains of all, by chain."""
        return {
            chain: [self._shared_rule(self._standings[chain], place) for place in places]
            for (chain, number), places in self._shared.items()
            if number == net.number and self._standings[chain].owner is None
        }

    def _shared_rule(self, standing: _Standing, place: int) -> SharedRule:
        return SharedRule(
            place, standing.facts[place].keys, self._effects.of(standing.chain.rules[place], standing.chain)
        )

    def is_net_range(self, ends: tuple[int, int]) -> bool:
        """Whether a range of addresses is a network's subnet."""
        return (RANGE, ends) in self._nets

    def is_named(self, address: int) -> bool:
        """Whether an address is one container's or one network's own."""
        return (ADDRESS, address) in self._singles or (ADDRESS, address) in self._nets

    def form(self, reference: Reference, names: Names) -> Hashable:
        """The rule with names in place of values."""
        if reference.entry >= 0:
            facts, number = self._entry(reference)
            return facts.form(number, names)
        return form_of(self._standings[reference.chain].chain.rules[reference.position], names)

    def _entry(self, reference: Reference) -> tuple[MapFacts, int]:
        """The map that an entry is in, and its place there."""
        asked = [item for item in self._asking[reference.chain, reference.position] if item.first <= reference.entry]
        return asked[-1].facts, reference.entry - asked[-1].first

    def _read(self) -> None:
        for number, standing in enumerate(self._standings):
            for position, rule in enumerate(standing.chain.rules):
                facts = facts_of(rule)
                standing.facts.append(facts)
                for value in self._values_in(facts):
                    self._by_value.setdefault(value, []).append(Reference(number, position, -1))
                self._read_maps(number, position, self._maps.of(rule))

    def _read_maps(self, number: int, position: int, maps: list[MapFacts]) -> None:
        first = 0
        for facts in maps:
            if facts not in self._asked:
                self._index(facts)
            asked = AskedMap(number, position, first, facts)
            self._asked.setdefault(facts, []).append(asked)
            self._asking.setdefault((number, position), []).append(asked)
            first += len(facts)

    def _index(self, of: MapFacts) -> None:
        for number, facts in enumerate(of):
            for value in self._values_in(facts):
                self._by_entry.setdefault(value, []).append((of, number))

    def _values_in(self, facts: RuleFacts) -> Iterator[Mention]:
        """Those values of a rule or an entry that somebody will look for; the partition is told of the others."""
        for fields, test in facts.tests:
            self.partition.add(fields, test)
        # What asks for a container's address beside its port is found by the address.
        found_by_address = facts.keys.get("daddr") in self._singles
        for mention in facts.mentions:
            kind, value = mention
            if kind == PORT:
                if value in self._ports and not found_by_address:
                    yield mention
            elif mention in self._nets or mention in self._singles:
                yield mention
            elif kind == RANGE and isinstance(value, tuple):
                self.partition.add(("saddr",), InRanges((value,)))

    def _find_owned_chains(self) -> None:
        ways: dict[tuple[str, str, str, str], set[Optional[int]]] = {}
        inside = {facts: {way for entry in facts for way in self._ways(entry)} for facts in self._asked}
        for number, standing in enumerate(self._standings):
            for position, facts in enumerate(standing.facts):
                jumps = set(self._ways(facts))
                for asked in self._asking.get((number, position), ()):
                    jumps |= inside[asked.facts]
                for target, owner in jumps:
                    ways.setdefault((*standing.chain.key[:3], target), set()).add(owner)
        nets = {net.number: net for net in self._nets.values()}
        for standing in self._standings:
            owners = ways.get(standing.chain.key, {None})
            if not standing.chain.hook and len(owners) == 1:
                (owner,) = owners
                standing.owner = None if owner is None else nets[owner]

    def _ways(self, facts: RuleFacts) -> Iterator[tuple[str, Optional[int]]]:
        """The chains that a rule or an entry leads to, with the network that it asks for; None for not just one."""
        if facts.jumps:
            owners = {self._nets[key].number for key in facts.keys.values() if key in self._nets}
            owner = owners.pop() if len(owners) == 1 else None
            yield from ((target, owner) for target in facts.jumps)

    def _place(self, number: int, standing: _Standing) -> None:
        common = shared = 0
        for position, facts in enumerate(standing.facts):
            level = self._level_of(facts, standing)
            standing.levels.append(level)
            standing.common.append(common)
            standing.shared.append(shared)
            if level == SHARED:
                for net in {self._nets[key].number for key in facts.keys.values() if key in self._nets}:
                    self._shared.setdefault((number, net), []).append(position)
            common += level == COMMON
            shared += level == SHARED

    def _level_of(self, facts: RuleFacts, standing: _Standing) -> int:
        keys = facts.keys.values()
        if any(key in self._singles or (key[0] == PORT and key[1] in self._ports) for key in keys):
            return SINGLE
        return SHARED if standing.owner is not None or any(key in self._nets for key in keys) else COMMON

    def _names_of_chains(self) -> dict[int, Names]:
        """Names for the chains of one network: the chain's own with the bridge's left out of it."""
        names: dict[int, dict[Mention, str]] = {}
        for standing in self._standings:
            if standing.owner is not None:
                chain = standing.chain.name
                plain = chain.replace(standing.owner.link.name, "@bridge")
                names.setdefault(standing.owner.number, {})[(CHAIN, chain)] = plain
        return dict(names)
