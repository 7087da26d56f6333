# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which rules speak of which container, network or port, and where they stand among the others.

A rule is of one of three levels. One that does nothing unless an address or a port of a container is in the packet is
*single*; one that does nothing unless a network's device or subnet is, is *shared*; all others are *common*. Two
packets meet the same rules in the same order when the rules about their own values are alike and stand alike among
those of the higher levels. Where single rules about others stand between shared ones, or rules about the gateway of
another network, it counts for a network which of them come before its own.

How two places stand to each other follows: the networks that they share count, and where the rules about one network
stand among those about the other. Docker writes one block of rules after the other, and which of two comes first can
decide.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Namespace, Net, Places
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import (
    ADDRESS,
    CHAIN,
    HARDWARE,
    PORT,
    RANGE,
    MapFacts,
    Maps,
    Mention,
    Names,
    Partition,
    RuleFacts,
    facts_of,
    form_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    FORWARD,
    JUMP,
    RETURN,
    AnyOf,
    Chain,
    InRanges,
    Match,
    Nat,
    OneOf,
    Rule,
    RuleBook,
    Statement,
    Verdict,
)

NOTHING = "nothing"

Effect = Hashable | None
"""What a rule does to a packet that meets it; None where that is more than one thing."""


class RuleEffects:
    """What the rules of a host do, the chains that they jump to included."""

    def __init__(self, book: RuleBook) -> None:
        """Take the rules of a host."""
        self._chains = book.chains
        self._known: dict[tuple[str, str, str, str], Effect] = {}

    def of(self, rule: Rule, chain: Chain) -> Effect:
        """The effect of a rule of that chain."""
        return _only(self._each(rule, chain, inside=False))

    def _each(self, rule: Rule, chain: Chain, *, inside: bool) -> Iterator[Effect]:
        for statement in rule.statements:
            if not isinstance(statement, (Match, AnyOf)):
                yield self._of_statement(statement, chain, inside=inside)

    def _of_statement(self, statement: Statement, chain: Chain, *, inside: bool) -> Effect:
        """inside: what follows a return is not for this rule to decide, for the chain was jumped to."""
        if isinstance(statement, Nat):
            return statement
        if not isinstance(statement, Verdict):
            return None
        if statement.kind in (ACCEPT, DROP):
            return statement.kind
        if statement.kind == CONTINUE or (statement.kind == RETURN and inside):
            return NOTHING
        return self._of_chain((*chain.key[:3], statement.target)) if statement.kind == JUMP else None

    def _of_chain(self, key: tuple[str, str, str, str]) -> Effect:
        if key not in self._known:
            chain = self._chains.get(key)
            self._known[key] = None
            if chain is not None and not chain.unreadable:
                effects = (effect for rule in chain.rules for effect in self._each(rule, chain, inside=True))
                self._known[key] = _only(effects)
        return self._known[key]


def commute(one: Effect, other: Effect) -> bool:
    """Whether it makes no difference to a packet that meets both rules which of them comes first."""
    return NOTHING in (one, other) or (one is not None and one == other)


def _only(effects: Iterable[Effect]) -> Effect:
    found = set(effects) - {NOTHING}
    if not found:
        return NOTHING
    return found.pop() if len(found) == 1 else None


class Reference(NamedTuple):
    """A rule, or one entry of its maps."""

    chain: int
    position: int
    entry: int = -1
    """Less than 0 for the rule itself; else its place among those of all the rule's maps."""


class ReferencedMaps:
    """The maps of one host."""

    def __init__(self) -> None:
        self._maps = Maps()
        self._by_value: dict[Mention, list[tuple[MapFacts, int]]] = {}
        self._references: dict[MapFacts, list[Reference]] = {}
        """Where each map's first entry is, for every rule that asks it."""
        self._maps_of: dict[tuple[int, int], list[tuple[int, MapFacts]]] = {}

    def add(self, chain: int, position: int, rule: Rule) -> Iterator[tuple[MapFacts, bool]]:
        """Take up what a rule asks: its maps, and of each whether no rule asked it before."""
        first = 0
        for facts in self._maps.of(rule):
            is_new = facts not in self._references
            self._references.setdefault(facts, []).append(Reference(chain, position, first))
            self._maps_of.setdefault((chain, position), []).append((first, facts))
            first += len(facts)
            yield facts, is_new

    def remember(self, value: Mention, facts: MapFacts, number: int) -> None:
        """An entry speaks of a value that somebody will look for."""
        self._by_value.setdefault(value, []).append((facts, number))

    def about(self, value: Mention) -> Iterator[Reference]:
        """The entries that speak of a value, for each rule that asks their map."""
        for facts, number in self._by_value.get(value, ()):
            for chain, position, first in self._references[facts]:
                yield Reference(chain, position, first + number)

    def entry(self, reference: Reference) -> tuple[MapFacts, int]:
        """The map that an entry is in, and its place there."""
        maps = self._maps_of[reference.chain, reference.position]
        first, facts = [item for item in maps if item[0] <= reference.entry][-1]
        return facts, reference.entry - first


Way = tuple[str, int | None]
"""A chain that rules lead to, with the network that they ask for; None for not just one."""

COMMON = 0
SHARED = 1
SINGLE = 2


class PlacedRule(NamedTuple):
    """A rule about a network or a container, in a chain of all."""

    place: int
    keys: Mapping[str, Mention]
    """What it asks for."""
    effect: Effect


class _OtherRule(NamedTuple):
    rule: PlacedRule
    facts: RuleFacts


@dataclass
class _Standing:
    """A chain with, for each of its rules, how many of the higher levels stand before it."""

    chain: Chain
    owner: Net | None = None
    """The network that the chain is for, where all ways into it ask for that network."""
    levels: list[int] = field(default_factory=list)
    nets: dict[int, frozenset[int]] = field(default_factory=dict)
    """The networks that a rule asks for, by its position."""
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
            value: frozenset(namespace.nets) for namespace in places.namespaces for value in namespace.names
        }
        self._by_value: dict[Mention, list[Reference]] = {}
        self._facts: dict[tuple[int, int], RuleFacts] = {}
        self._maps = ReferencedMaps()
        self._ways_in: dict[MapFacts, set[Way]] = {}
        self._owners: dict[tuple[str, str, str, str], set[int | None]] = {}
        self._led: dict[tuple[str, str, str, str], set[tuple[str, str, str, str]]] = {}
        self._shared: dict[tuple[int, int], list[int]] = {}
        self._between: dict[int, dict[Effect, list[_OtherRule]]] = {}
        self._of_nets: dict[int, list[PlacedRule]] = {}
        self._standings = [_Standing(chain) for chain in book.chains.values()]
        self._effects = RuleEffects(book)
        self._read()
        self._find_owned_chains()
        self._of_host = self._chains_of_host()
        for number, standing in enumerate(self._standings):
            self._place(number, standing)
        self.chain_names: dict[int, Names] = self._names_of_chains()

    def about(self, values: Iterable[Mention]) -> list[Reference]:
        """References that speak of one of these values, in the order of the rules."""
        found: set[Reference] = set()
        for value in values:
            found.update(self._by_value.get(value, ()))
            found.update(self._maps.about(value))
        return sorted(found)

    def of_net(self, net: Net) -> list[Reference]:
        """References that speak of a network, those left out that ask for one of its containers."""
        found = set(self.about(net.names))
        for number, standing in enumerate(self._standings):
            if standing.owner is net:
                found.update(Reference(number, place) for place in range(len(standing.levels)))
        return sorted(item for item in found if not self._asks_for_one_on(net.number, self.facts(item)))

    def of_gateway(self, net: Net) -> list[Reference]:
        """Those of a network's rules that can meet packets for its gateway which neither come from it nor go to it.

        None of its devices is on their way. In chains that see nothing of the host neither are its addresses: there
        the gateway's has been translated.
        """
        return [item for item in self.of_net(net) if not self._is_passed_by(item, net)]

    def _is_passed_by(self, reference: Reference, net: Net) -> bool:
        keys = self.facts(reference).keys
        fields = ("iif", "oif") if self._is_of_host(reference) else ("iif", "oif", "saddr", "daddr")
        return any(keys.get(field) in net.names for field in fields)

    def _asks_for_one_on(self, net: int, facts: RuleFacts) -> bool:
        """Whether a rule is for the address of a container on a network, or for a port that is translated to one."""
        mentioned = set(facts.keys.values())
        if any(kind == PORT for kind, dummy in mentioned):
            mentioned |= facts.mentions - facts.conditions
        return any(net in self._singles.get(value, ()) for value in mentioned)

    def facts(self, reference: Reference) -> RuleFacts:
        """What a reference says."""
        if reference.entry >= 0:
            facts, number = self._maps.entry(reference)
            return facts[number]
        known = self._facts.get(reference[:2])
        # Of very many rules most speak of nothing that is asked for, and those that do are kept.
        return facts_of(self._rule(reference)) if known is None else known

    def _rule(self, reference: Reference) -> Rule:
        return self._standings[reference.chain].chain.rules[reference.position]

    def mentions(self, reference: Reference) -> frozenset[Mention]:
        """The values in a reference."""
        return self.facts(reference).mentions

    def is_single(self, value: Mention) -> bool:
        """Whether a value is a container's own."""
        return value in self._singles

    def level(self, reference: Reference) -> int:
        """The level of the rule that a reference is to."""
        return self._standings[reference.chain].levels[reference.position]

    def owner(self, reference: Reference) -> Net | None:
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

    def others_before(self, reference: Reference, net: Net) -> tuple[int, ...]:
        """The places of rules about others that come before a rule about a network, where that counts.

        Those of single rules, and of those about the gateway of another network.
        """
        if reference.entry >= 0 or self._standings[reference.chain].owner is not None:
            return ()
        others = self._others_between(reference.chain)
        if not others:
            return ()
        own = self._placed_rule(reference)
        return tuple(
            other.rule.place
            for effect, rules in others.items()
            if not commute(own.effect, effect)
            for other in rules
            if other.rule.place < own.place and not _exclude(own.keys, other.rule.keys)
            # The order of a network's own rules is in its form. A port that is translated to one of its containers can
            # be one of others as well.
            if other.facts.mentions.isdisjoint(net.names)
            and not any(net.number in self._singles.get(value, ()) for value in other.rule.keys.values())
        )

    def led_to(self, namespace: Namespace, ports: frozenset[int]) -> bool:
        """Whether rules translate to an address of a container what others can be asked for; ports: its alone."""
        for reference in self.about(namespace.names):
            facts = self.facts(reference)
            port = facts.keys.get("dport")
            is_own = port is not None and port[1] in ports
            if not is_own and not namespace.names.keys().isdisjoint(facts.mentions - facts.conditions):
                return True
        return False

    def leads_to_container(self, reference: Reference) -> bool:
        """Whether a rule translates what it is for to the address of a container, which is on some network."""
        facts = self.facts(reference)
        return any(
            kind == ADDRESS and (kind, value) in self._singles for kind, value in facts.mentions - facts.conditions
        )

    def _others_between(self, chain: int) -> dict[Effect, list[_OtherRule]]:
        """Those rules of a chain by their effects; none where all of them stand on one side of those about networks."""
        if chain not in self._between:
            standing = self._standings[chain]
            places = [
                place
                for place, level in enumerate(standing.levels)
                if level == SINGLE or (level == SHARED and self._asks_for_gateway(Reference(chain, place)))
            ]
            nets = self._about_nets(chain)
            found = self._between[chain] = {}
            if nets and places and places[0] < nets[-1].place and nets[0].place < places[-1]:
                for place in places:
                    reference = Reference(chain, place)
                    rule = self._placed_rule(reference)
                    found.setdefault(rule.effect, []).append(_OtherRule(rule, self.facts(reference)))
        return self._between[chain]

    def _asks_for_gateway(self, reference: Reference) -> bool:
        """Whether a shared rule is about addresses among which a network's gateway can be, see of_gateway()."""
        is_of_host = self._is_of_host(reference)
        return any(
            kind in (ADDRESS, RANGE) and (is_of_host or field not in ("saddr", "daddr"))
            for field, (kind, dummy) in self.facts(reference).keys.items()
        )

    def _is_of_host(self, reference: Reference) -> bool:
        return self._standings[reference.chain].chain.key in self._of_host

    def gateway_place(self, reference: Reference) -> int | None:
        """The place of a rule about a network's gateway, where it counts which rules about networks come before it."""
        if reference.entry >= 0 or not self._asks_for_gateway(reference):
            return None
        own = self._placed_rule(reference)
        counts = any(_order_counts(own, other) for other in self._about_nets(reference.chain))
        return reference.position if counts else None

    def _about_nets(self, chain: int) -> list[PlacedRule]:
        """A chain's rules about networks."""
        if chain not in self._of_nets:
            nets = self._standings[chain].nets
            places = [place for place, own in nets.items() if self._is_about_one_of(own, chain, place)]
            self._of_nets[chain] = [self._placed_rule(Reference(chain, place)) for place in places]
        return self._of_nets[chain]

    def _is_about_one_of(self, nets: frozenset[int], chain: int, place: int) -> bool:
        """Whether a rule is among those of one of these networks, see of_net()."""
        facts = self.facts(Reference(chain, place))
        return not all(self._asks_for_one_on(net, facts) for net in nets)

    def shared_of(self, net: Net) -> dict[int, list[PlacedRule]]:
        """A network's rules in chains of all, by chain."""
        return {
            chain: [self._placed_rule(Reference(chain, place)) for place in places]
            for (chain, number), places in self._shared.items()
            if number == net.number and self._standings[chain].owner is None
        }

    def _placed_rule(self, reference: Reference) -> PlacedRule:
        chain = self._standings[reference.chain].chain
        effect = self._effects.of(self._rule(reference), chain)
        return PlacedRule(reference.position, self.facts(reference).keys, effect)

    def is_net_range(self, ends: tuple[int, int]) -> bool:
        """Whether a range of addresses is a network's subnet."""
        return (RANGE, ends) in self._nets

    def is_named(self, address: int) -> bool:
        """Whether an address is one container's or one network's own."""
        return (ADDRESS, address) in self._singles or (ADDRESS, address) in self._nets

    def form(self, reference: Reference, names: Names) -> Hashable:
        """The rule with names in place of values."""
        if reference.entry >= 0:
            facts, number = self._maps.entry(reference)
            return facts.form(number, names)
        return form_of(self._rule(reference), names)

    def _read(self) -> None:
        for number, standing in enumerate(self._standings):
            for device in standing.chain.devices:
                # Whoever is behind it is like nobody else.
                self.partition.add(("iif",), OneOf(frozenset((device,))))
            for position, rule in enumerate(standing.chain.rules):
                facts = facts_of(rule)
                for value in self._values_in(facts):
                    self._by_value.setdefault(value, []).append(Reference(number, position))
                    self._facts[number, position] = facts
                self._read_level(standing, position, facts)
                self._lead(standing.chain, self._ways(facts))
                for entries, is_new in self._maps.add(number, position, rule):
                    if is_new:
                        self._read_map(entries)
                    self._lead(standing.chain, self._ways_in[entries])

    def _read_level(self, standing: _Standing, position: int, facts: RuleFacts) -> None:
        keys = facts.keys.values()
        nets = frozenset(self._nets[key].number for key in keys if key in self._nets)
        if nets:
            standing.nets[position] = nets
        single = any(key in self._singles or (key[0] == PORT and key[1] in self._ports) for key in keys)
        standing.levels.append(SINGLE if single else SHARED if nets else COMMON)

    def _read_map(self, facts: MapFacts) -> None:
        ways: set[Way] = set()
        for number, entry in enumerate(facts):
            for value in self._values_in(entry):
                self._maps.remember(value, facts, number)
            ways.update(self._ways(entry))
        self._ways_in[facts] = ways

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
            elif kind == HARDWARE:
                self.partition.add(("smac",), OneOf(frozenset((str(value),))))
            elif kind == RANGE and isinstance(value, tuple):
                self.partition.add(("saddr",), InRanges((value,)))

    def _find_owned_chains(self) -> None:
        nets = {net.number: net for net in self._nets.values()}
        for standing in self._standings:
            owners = self._owners.get(standing.chain.key, {None})
            if not standing.chain.hook and len(owners) == 1:
                (owner,) = owners
                standing.owner = None if owner is None else nets[owner]

    def _chains_of_host(self) -> set[tuple[str, str, str, str]]:
        """Chains that packets for the host, or from it, can meet."""
        found: set[tuple[str, str, str, str]] = set()
        waiting = [item.chain.key for item in self._standings if item.chain.hook not in ("", FORWARD)]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self._led.get(key, ()))
        return found

    def _lead(self, chain: Chain, ways: Iterable[Way]) -> None:
        for target, owner in ways:
            self._owners.setdefault((*chain.key[:3], target), set()).add(owner)
            self._led.setdefault(chain.key, set()).add((*chain.key[:3], target))

    def _ways(self, facts: RuleFacts) -> Iterator[Way]:
        """Those of a rule or an entry."""
        if facts.jumps:
            owners = {self._nets[key].number for key in facts.keys.values() if key in self._nets}
            owner = owners.pop() if len(owners) == 1 else None
            yield from ((target, owner) for target in facts.jumps)

    def _place(self, number: int, standing: _Standing) -> None:
        common = shared = 0
        for position, own in enumerate(standing.levels):
            level = SHARED if own == COMMON and standing.owner is not None else own
            standing.levels[position] = level
            standing.common.append(common)
            standing.shared.append(shared)
            if level == SHARED:
                for net in standing.nets.get(position, ()):
                    self._shared.setdefault((number, net), []).append(position)
            common += level == COMMON
            shared += level == SHARED

    def _names_of_chains(self) -> dict[int, Names]:
        """Names for the chains of one network: the chain's own with the bridge's left out of it."""
        names: dict[int, dict[Mention, str]] = {}
        for standing in self._standings:
            if standing.owner is not None:
                chain = standing.chain.name
                plain = chain.replace(standing.owner.link.name, "@bridge")
                names.setdefault(standing.owner.number, {})[(CHAIN, chain)] = plain
        return dict(names)


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
        self._numbers: dict[tuple[bool, ...], int] = {}
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
        mine: dict[int, list[PlacedRule]],
        others: dict[int, list[PlacedRule]],
    ) -> Iterator[bool]:
        for chain, rules in mine.items():
            for other in others.get(chain, ()):
                for rule in rules:
                    if rule.place != other.place and _order_counts(rule, other):
                        yield rule.place > other.place


def _order_counts(one: PlacedRule, other: PlacedRule) -> bool:
    return not commute(one.effect, other.effect) and not _exclude(one.keys, other.keys)


def _exclude(one: Mapping[str, Mention], other: Mapping[str, Mention]) -> bool:
    """Whether no packet can meet both: they ask for different values of one field."""
    return any(field in other and other[field] != value for field, value in one.items())
