# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Addresses of machines outside that stand for all that rules and routes treat alike.

Each test of a rule on addresses, and each route, divides the addresses of a family into those that it holds for and
the others. Addresses for which the same tests hold are alike. Tests of rules that follow each other in a chain and
differ in the addresses alone (a list of banned addresses) count as one, so that a long list makes no long work.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from functools import cached_property

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNICAST,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    address_text,
    parse_address,
    parse_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import ADDRESS, KINDS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Chain,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NatMap,
    OneOf,
    Rule,
    Statement,
    Test,
    VerdictMap,
)

_LONGEST = 200
"""Characters of a rule that is named."""
MOST_KINDS = 64
"""Kinds of addresses that the host distinguishes, of one uplink and family."""

_Range = tuple[int, int]

# What machines on the way to this host can have: neither this network, loopback, link-local, multicast nor reserved.
_USABLE: dict[int, tuple[_Range, ...]] = {
    4: ((1 << 24, (127 << 24) - 1), (128 << 24, (0xA9FE << 16) - 1), (0xA9FF << 16, (224 << 24) - 1)),
    6: ((1 << 125, (2 << 125) - 1), (0xFC << 120, (0xFE << 120) - 1)),
}
# What a network that is named can have besides, such as the metadata service of a cloud.
_POSSIBLE: dict[int, tuple[_Range, ...]] = {
    4: ((1 << 24, (127 << 24) - 1), (128 << 24, (224 << 24) - 1)),
    6: ((1 << 120, (0xFE80 << 112) - 1),),
}


class TooManyKindsError(Exception):
    """Rules tell more kinds of addresses apart than are asked; the message says so."""


class AddressRanges:
    """The addresses of one host's rules and routes."""

    def __init__(self, view: HostView) -> None:
        """Take the host."""
        self._view = view
        self._numbers = random.Random(1)  # noqa: S311 (no secret: kinds that look alike must only be rare)
        self._ids: dict[Hashable, int] = {}
        self._borders: dict[int, dict[int, dict[int, int]]] = {4: {}, 6: {}}
        self._masked: dict[int, str] = {}
        """By family, the first rule that compares single bits of addresses."""

    def divide(self, cidrs: Iterable[CIDR]) -> None:
        """Tell addresses in these networks from all others as well; before anything is asked."""
        for cidr in cidrs:
            self._add(cidr.version, int(cidr[0]), int(cidr[-1]), ("asked", cidr))

    def beyond(self, uplink: str, family: int, cidrs: Sequence[CIDR]) -> dict[int, str]:
        """Return an address of each kind by the number of its kind, of those to which the host routes by that uplink.

        cidrs: of these alone; empty for all. Raises TooManyKindsError.
        """
        return self._kinds(family, cidrs, lambda number: self._leads_to(family, number, {uplink}))

    def outside(self, family: int, cidrs: Sequence[CIDR]) -> dict[int, str]:
        """Return the same of those to which the host routes by any uplink, or by none at all."""
        uplinks = {link.name for link in outer_links(self._view.snapshot, family)}
        return self._kinds(family, cidrs, lambda number: self._leads_to(family, number, uplinks | {""}))

    def doubt(self, family: int, cidrs: Sequence[CIDR]) -> str:
        """Return why the kinds of a family do not stand for all addresses in these networks; empty where they do.

        cidrs: as of beyond(). A mask with holes (10.0.0.1/255.0.0.255) holds for addresses all over, each of which
        would be a range of its own; single addresses are asked themselves.
        """
        dummy_segments = self._all_segments
        rule = self._masked.get(family)
        if rule is None or (cidrs and all(item.version != family or item.num_addresses == 1 for item in cidrs)):
            return ""
        return f"a rule compares single bits of addresses, so no machine outside stands for others ({rule})"

    def unrouted(self, family: int, cidrs: Sequence[CIDR]) -> list[str]:
        """Return an address of each kind in these networks to which the host has no route. Raises TooManyKindsError."""
        return list(self._kinds(family, cidrs, lambda number: self._leads_to(family, number, {""})).values())

    def kind_of(self, family: int, number: int) -> int:
        """The number of the kind of an address."""
        found = 0
        for first, last, kind in self._segments(family):
            if first <= number <= last:
                found = kind
        return found

    def kind_of_text(self, address: str) -> int:
        """Return the same for an address as text."""
        return self.kind_of(*parse_address(address))

    def networks(self, family: int, kinds: Collection[int]) -> list[CIDR]:
        """Return all addresses of some kinds as networks, few and large."""
        parts = [
            (max(first, usable[0]), min(last, usable[1]))
            for usable in _USABLE[family]
            for first, last, kind in self._segments(family)
            if kind in kinds
        ]
        wanted = [(low, high) for low, high in parts if low <= high]
        if family == 4:
            v4 = (ipaddress.summarize_address_range(*map(ipaddress.IPv4Address, ends)) for ends in wanted)
            return list(ipaddress.collapse_addresses(network for some in v4 for network in some))
        v6 = (ipaddress.summarize_address_range(*map(ipaddress.IPv6Address, ends)) for ends in wanted)
        return list(ipaddress.collapse_addresses(network for some in v6 for network in some))

    def _leads_to(self, family: int, number: int, devices: set[str]) -> bool:
        decision = self._view.host.fib.lookup(RouteQuery(family, number))
        return decision.kind != LOCAL and (decision.device if decision.kind == UNICAST else "") in devices

    def _kinds(self, family: int, cidrs: Sequence[CIDR], accept: Callable[[int], bool]) -> dict[int, str]:
        asked = [
            (max(int(item[0]), possible[0]), min(int(item[-1]), possible[1]))
            for item in cidrs
            if item.version == family
            for possible in _POSSIBLE[family]
        ]
        found: dict[int, str] = {}
        for wanted in asked if cidrs else _USABLE[family]:
            for first, last, kind in self._segments(family):
                low, high = max(first, wanted[0]), min(last, wanted[1])
                if kind in found or low > high:
                    continue
                usable = next((number for number in _some(low, high) if accept(number)), None)
                if usable is not None:
                    found[kind] = address_text(family, usable)
                    if len(found) > MOST_KINDS:
                        reason = f"rules and routes tell more than {MOST_KINDS} kinds of machines outside apart"
                        raise TooManyKindsError(reason)
        return found

    def _segments(self, family: int) -> list[tuple[int, int, int]]:
        return self._all_segments[family]

    @cached_property
    def _all_segments(self) -> dict[int, list[tuple[int, int, int]]]:
        for chain in self._view.book.chains.values():
            self._add_chain(chain)
        for route in self._view.snapshot.routes:
            self._add_prefix(route.destination, ("route", route.destination))
        for rule in self._view.snapshot.policy_rules:
            self._add_prefix(rule.source, ("rule", rule.source))
            self._add_prefix(rule.destination, ("rule", rule.destination))
        return {family: list(self._sweep(family)) for family in (4, 6)}

    def _sweep(self, family: int) -> Iterator[tuple[int, int, int]]:
        borders = self._borders[family]
        open_: dict[int, int] = {}
        kind, start = 0, 0
        for place in sorted(borders):
            if place > start:
                yield start, place - 1, kind
            for number, change in borders[place].items():
                before = open_.get(number, 0)
                open_[number] = before + change
                if bool(before) != bool(open_[number]):
                    kind ^= number
            start = place
        yield start, (1 << BITS[family]) - 1, kind

    # ---- what divides

    def _add(self, family: int, first: int, last: int, what: Hashable) -> None:
        number = self._ids.get(what)
        if number is None:
            number = self._ids[what] = self._numbers.getrandbits(64) | 1
        for place, change in ((first, 1), (last + 1, -1)):
            changes = self._borders[family].setdefault(place, {})
            changes[number] = changes.get(number, 0) + change

    def _add_prefix(self, text: str, what: Hashable) -> None:
        if not text:
            return
        try:
            family, number, length = parse_prefix(text)
        except ValueError:
            return
        size = 1 << (BITS[family] - length)
        first = number // size * size
        self._add(family, first, first + size - 1, what)

    def _add_chain(self, chain: Chain) -> None:
        families = {"ip": (4,), "ip6": (6,)}.get(chain.family, (4, 6))
        rest: Hashable = None
        run = 0
        for rule in chain.rules:
            other = _without_addresses(rule)
            run, rest = (run, rest) if other == rest else (run + 1, other)
            for fields, test, label in _tests(rule):
                if not self._add_test(families, fields, test, (chain.key, run, fields, label)):
                    place = f"{chain.table} {chain.name} rule {rule.number}: {safe(rule.text)[:_LONGEST]}"
                    self._masked.update({family: place for family in families if family not in self._masked})

    def _add_test(self, families: tuple[int, ...], fields: tuple[str, ...], test: Test, what: Hashable) -> bool:
        """Take a test in; false where no ranges say for which addresses it holds."""
        places = [place for place, name in enumerate(fields) if KINDS.get(name) == ADDRESS]
        if isinstance(test, Masked):
            return not places
        if isinstance(test, InElements):
            for element in test.exact:
                self._add_ends(families, places, [(value, value) for value in element], what)
            for ranges in test.elements:
                self._add_ends(families, places, ranges, what)
        elif isinstance(test, OneOf) and places:
            for value in test.values:
                self._add_ends(families, [0], [(value, value)], what)
        elif isinstance(test, InRanges) and places:
            for one in test.ranges:
                self._add_ends(families, [0], [one], what)
        return True

    def _add_ends(
        self, families: tuple[int, ...], places: list[int], ends: Iterable[tuple[int | str, int | str]], what: Hashable
    ) -> None:
        parts = list(ends)
        others = tuple(part for place, part in enumerate(parts) if place not in places)
        for place in places:
            first, last = parts[place]
            if isinstance(first, int) and isinstance(last, int):
                for family in families:
                    if last < 1 << BITS[family]:
                        self._add(family, first, last, (what, place, others))


def _some(low: int, high: int) -> Iterator[int]:
    """A few addresses of a range: those at its ends are often networks' own, or broadcast."""
    yield from dict.fromkeys(
        number for number in (low + 10, low + 1, (low + high) // 2, low, high) if low <= number <= high
    )


def _tests(rule: Rule) -> Iterator[tuple[tuple[str, ...], Test, Hashable]]:
    """All tests of a rule on addresses; with those of its maps what they lead to."""
    for statement in rule.statements:
        for match in statement.matches if isinstance(statement, AnyOf) else (statement,):
            if isinstance(match, Match) and _asks(match.fields):
                yield match.fields, match.test, match.negated
        if isinstance(statement, (VerdictMap, NatMap, MarkMap)) and _asks(statement.fields):
            for test, result in statement.entries:
                yield statement.fields, test, result


def _asks(fields: tuple[str, ...]) -> bool:
    return any(KINDS.get(name) == ADDRESS for name in fields)


def _without_addresses(rule: Rule) -> Hashable:
    return tuple(_plain(statement) for statement in rule.statements)


def _plain(statement: Statement) -> Hashable:
    if isinstance(statement, Match) and _asks(statement.fields):
        return (statement.fields, statement.negated)
    if isinstance(statement, AnyOf):
        return tuple(_plain(match) for match in statement.matches)
    if isinstance(statement, (VerdictMap, NatMap, MarkMap)):
        return (type(statement).__name__, id(statement.entries))
    return statement
