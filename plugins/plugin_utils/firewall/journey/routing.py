# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which way the kernel sends a packet: the routing policy database and the tables it leads to (ip-rule(8))."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    LOCAL_TABLE,
    MAIN_TABLE,
    Link,
    PolicyRule,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import BITS, parse_prefix
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked, Policy

UNICAST = "unicast"
LOCAL = "local"
THROW = "throw"
UNREACHABLE = "unreachable"
NO_ROUTE = "no route"
UNCERTAIN = "uncertain"

_CACHED = 65536


class Decision(NamedTuple):
    """Where a packet goes."""

    kind: str
    """``unicast``, ``local``, ``blackhole``, ``unreachable``, ``prohibit``, ``no route``, or ``uncertain``."""
    device: str = ""
    """Of a unicast route, or the one that has the address of a local one."""
    gateway: str = ""
    """Empty for what is on link."""
    source: str = ""
    """Preferred source address, empty without one."""
    table: int = 0
    destination: str = ""
    """The route's prefix."""
    why: str = ""
    """For ``uncertain``: what is not known."""
    priority: int = 0
    """Of the policy rule that led to the route."""


class _Table:
    """One routing table of one family: routes by prefix length, longest first."""

    def __init__(self, family: int) -> None:
        self._bits = BITS[family]
        self._lengths: list[tuple[int, dict[int, list[Route]]]] = []
        self._by_length: dict[int, dict[int, list[Route]]] = {}

    def add(self, number: int, length: int, route: Route) -> None:
        self._by_length.setdefault(length, {}).setdefault(number >> (self._bits - length), []).append(route)

    def close(self) -> None:
        for entries in self._by_length.values():
            for routes in entries.values():
                # Of a table that is joined with main the local routes come first (fib_trie.c, fib_insert_alias).
                routes.sort(key=lambda route: (-route.table, route.metric))
        self._lengths = sorted(self._by_length.items(), reverse=True)

    def find(self, destination: int, index: Optional[int]) -> Optional[tuple[int, Route]]:
        """The best route with its prefix length, with an index only of those that lead to that link."""
        for length, entries in self._lengths:
            for route in entries.get(destination >> (self._bits - length), ()):
                if index is None or index in route.interfaces:
                    return length, route
        return None


class Fib:
    """The forwarding information base of one network namespace."""

    def __init__(self, routes: Iterable[Route], rules: Sequence[PolicyRule], links: Iterable[Link]) -> None:
        """Take what was read; without rules of a family the three that every namespace begins with stand in."""
        listed = list(links)
        self._names = {link.index: link.name for link in listed}
        self._indices = {link.name: link.index for link in listed}
        has_vrf = any(link.kind == "vrf" for link in listed)
        self._policies = {family: Policy(family, rules, has_vrf=has_vrf) for family in BITS}
        self._tables: dict[tuple[int, int], _Table] = {}
        for route in routes:
            if route.usable:
                family, number, length = parse_prefix(route.destination)
                table = self._tables.setdefault((family, self._asked_table(family, route.table)), _Table(family))
                table.add(number, length, route)
        for table in self._tables.values():
            table.close()
        self._cache: dict[tuple[object, ...], Decision] = {}
        self._kinds: dict[tuple[int, int, str], str] = {}

    def has_custom_rules(self, family: int) -> bool:
        """Whether there are policy rules beyond those that every namespace begins with."""
        return self._policies[family].custom

    def as_read(self, asked: Asked) -> Asked:
        """What the kernel asks with when it has nothing but a packet (fib4_rules_early_flow_dissect()).

        Without a policy rule that makes it look there for protocol and ports, it asks with none.
        """
        return (
            asked if self._policies[asked.family].reads_packets else asked._replace(protocol=0, source_port=0, port=0)
        )

    def _asked_table(self, family: int, table: int) -> int:
        """The table that a route is found in.

        Until the first policy rule is made, IPv4's main table is one with local, so that the longest prefix of both
        wins (net/ipv4/fib_trie.c, fib_trie_unmerge). That a rule was made and removed again cannot be seen.
        """
        joined = family == 4 and table == MAIN_TABLE and not self._policies[family].custom
        return LOCAL_TABLE if joined else table

    def lookup(self, asked: Asked, device: str = "") -> Decision:
        """The route for a packet; with a device only by that one (a bound socket, the check of a source)."""
        policy = self._policies[asked.family]
        key = (device, *(asked if policy.custom else (asked.family, asked.destination)))
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            found = self._cache[key] = self._lookup(policy, asked, device)
        return found

    def local_kind(self, family: int, address: int, device: str = "") -> str:
        """Kind of the entry of the local table for an address, ``unicast`` without one (inet_addr_type())."""
        key = (family, address, device)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _CACHED:
                self._kinds.clear()
            kind = self._kinds[key] = self._kind_of(family, address, device)
        return kind

    def _kind_of(self, family: int, address: int, device: str) -> str:
        table = self._tables.get((family, LOCAL_TABLE))
        found = table.find(address, None) if table else None
        if found is None:
            return UNICAST
        route = found[1]
        if device and self._indices.get(device) not in route.interfaces:
            return UNICAST
        return route.kind

    def _lookup(self, policy: Policy, asked: Asked, device: str) -> Decision:
        index = self._indices.get(device, -1) if device else None
        for step in policy.steps(asked):
            if step.why:
                return Decision(UNCERTAIN, why=step.why)
            if step.action != "lookup":
                # A rule of this action says ENETUNREACH, a route of this kind EHOSTUNREACH (fib4_rule_action()).
                return Decision(NO_ROUTE if step.action == UNREACHABLE else step.action)
            table = self._tables.get((asked.family, step.table))
            found = table.find(asked.destination, index) if table else None
            if found is None or found[1].kind == THROW:
                continue
            length, route = found
            # Only what leads somewhere is suppressed (fib_rules_lookup() asks after errors first).
            if length > step.longer_than or route.kind not in (UNICAST, LOCAL):
                return self._decision(route)._replace(priority=step.priority)
        return Decision(NO_ROUTE)

    def _decision(self, route: Route) -> Decision:
        if route.kind not in (UNICAST, LOCAL):
            return Decision(route.kind, table=route.table, destination=route.destination)
        names = [self._names.get(index, "") for index in route.interfaces]
        if len(set(names)) > 1:
            why = f"the route to {route.destination} has several ways: {', '.join(names)}"
            return Decision(UNCERTAIN, table=route.table, destination=route.destination, why=why)
        return Decision(
            route.kind,
            names[0] if names else "",
            route.gateways[0] if route.gateways else "",
            route.source or "",
            route.table,
            route.destination,
        )
