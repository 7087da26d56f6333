# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which way the kernel sends a packet: the routing policy database and the tables it leads to (ip-rule(8))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    Link,
    PolicyRule,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import POLICY_RULE, Doubt, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import BITS, parse_prefix

_INITIAL = {
    4: ((0, LOCAL_TABLE), (32766, MAIN_TABLE), (32767, DEFAULT_TABLE)),
    6: ((0, LOCAL_TABLE), (32766, MAIN_TABLE)),
}


class RouteQuery(NamedTuple):
    """What the kernel asks routes with (struct flowi)."""

    family: int
    destination: int
    source: int = 0
    """0 while it is not chosen yet: no rule with a source applies then."""
    incoming: str = "lo"
    """``lo`` for what the namespace itself sends."""
    mark: int | None = 0
    protocol: int = 0
    source_port: int | None = 0
    port: int | None = 0


def route_query(flight: Flight, incoming: str = "lo") -> RouteQuery:
    """What a packet asks the host's routes."""
    return RouteQuery(
        flight.family,
        flight.daddr,
        flight.saddr,
        incoming,
        flight.mark,
        flight.protocol,
        *flight.ports,
    )


def container_route_query(flight: Flight, incoming: str) -> RouteQuery:
    """What it asks the routes of a container: marks stay in the namespace that they were made in."""
    ports = flight.ports
    return RouteQuery(flight.family, flight.daddr, flight.saddr, incoming, 0, flight.protocol, *ports)


class AppliedRule(NamedTuple):
    """One rule that applies."""

    rule: PolicyRule
    longer_than: int = -1
    why: str = ""
    """Set when it cannot be told whether the rule applies."""


class PolicyDatabase:
    """The rules of one family."""

    def __init__(self, family: int, rules: Sequence[PolicyRule], *, has_vrf: bool) -> None:
        own = sorted((rule for rule in rules if rule.family == family), key=lambda rule: rule.priority)
        if not own:
            own = [PolicyRule(priority, family, table=table) for priority, table in _INITIAL[family]]
        self._rules = [rule for rule in own if has_vrf or "l3mdev" not in rule.other]
        initial = set(_INITIAL[family])
        self.custom = any(not _plain(rule) or (rule.priority, rule.table) not in initial for rule in self._rules)
        self.reads_packets = any(_needs_packet(rule) for rule in self._rules)
        """Whether the kernel looks into a packet for its protocol and ports where no one else says them."""
        self._plain = [AppliedRule(rule) for rule in self._rules]

    def steps(self, query: RouteQuery) -> Iterator[AppliedRule]:
        """The rules that apply to a packet, in order."""
        if not self.custom:
            yield from self._plain
            return
        wanted = -1
        for rule in self._rules:
            if rule.priority < wanted:
                continue
            applies = _applies(rule, query)
            if applies is None:
                condition = ", ".join(rule.other) or "its mark or port"
                why = Doubt.about(POLICY_RULE, f"whether policy rule {rule.priority} applies ({condition})")
                yield AppliedRule(rule, why=why)
                return
            if not applies or rule.action == "nop":
                continue
            if rule.action == "goto":
                wanted = rule.goto
                continue
            suppressed = -1 if rule.suppress_prefix_length is None else rule.suppress_prefix_length
            yield AppliedRule(rule, suppressed)


def _needs_packet(rule: PolicyRule) -> bool:
    """As fib_rule_requires_fldissect() has it (include/net/fib_rules.h)."""
    return rule.incoming != "lo" and bool(rule.protocol or rule.source_ports or rule.destination_ports)


def _plain(rule: PolicyRule) -> bool:
    return rule == PolicyRule(rule.priority, rule.family, table=rule.table)


def _applies(rule: PolicyRule, query: RouteQuery) -> bool | None:
    """fib_rule_match() of net/core/fib_rules.c and fib4_rule_match() of net/ipv4/fib_rules.c."""
    answers = [
        not rule.incoming or rule.incoming == query.incoming,
        # Sockets that are bound to a device are not predicted, so nothing is asked with an outgoing one.
        not rule.outgoing,
        _in_prefix(rule.source, query.family, query.source),
        _in_prefix(rule.destination, query.family, query.destination),
        _marked(rule, query.mark),
        not rule.protocol or rule.protocol == query.protocol,
        _in_ports(rule.source_ports, query.source_port),
        _in_ports(rule.destination_ports, query.port),
        None if rule.other else True,
    ]
    if False in answers:
        return rule.inverted
    return None if None in answers else not rule.inverted


def _in_prefix(prefix: str, family: int, address: int) -> bool:
    if not prefix:
        return True
    dummy, number, length = parse_prefix(prefix)
    return length == 0 or (address ^ number) >> (BITS[family] - length) == 0


def _marked(rule: PolicyRule, mark: int | None) -> bool | None:
    if not rule.mask:
        return True
    return None if mark is None else (mark ^ rule.mark) & rule.mask == 0


def _in_ports(ports: list[int] | None, port: int | None) -> bool | None:
    if not ports:
        return True
    return None if port is None else ports[0] <= port <= ports[-1]


UNICAST = "unicast"
LOCAL = "local"
THROW = "throw"
UNREACHABLE = "unreachable"
NULL_KINDS = ("blackhole", UNREACHABLE, "prohibit")
"""Of routes and of policy rules: they refuse or discard what they apply to."""
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
    metric: int = 0
    """Of the route."""
    rule: PolicyRule | None = None
    """The policy rule that led to the route, or that ended the lookup by itself."""


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

    def find(self, destination: int, index: int | None) -> tuple[int, Route] | None:
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
        self._policies = {family: PolicyDatabase(family, rules, has_vrf=has_vrf) for family in BITS}
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

    def as_read(self, query: RouteQuery) -> RouteQuery:
        """What the kernel asks with when it has nothing but a packet (fib4_rules_early_flow_dissect()).

        Without a policy rule that makes it look there for protocol and ports, it asks with none.
        """
        return (
            query if self._policies[query.family].reads_packets else query._replace(protocol=0, source_port=0, port=0)
        )

    def _asked_table(self, family: int, table: int) -> int:
        """The table that a route is found in.

        Until the first policy rule is made, IPv4's main table is one with local, so that the longest prefix of both
        wins (net/ipv4/fib_trie.c, fib_trie_unmerge). That a rule was made and removed again cannot be seen.
        """
        joined = family == 4 and table == MAIN_TABLE and not self._policies[family].custom
        return LOCAL_TABLE if joined else table

    def lookup(self, query: RouteQuery, device: str = "") -> Decision:
        """The route for a packet; with a device only by that one (a bound socket, the check of a source)."""
        policy = self._policies[query.family]
        key = (device, *(query if policy.custom else (query.family, query.destination)))
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            found = self._cache[key] = self._lookup(policy, query, device)
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

    def _lookup(self, policy: PolicyDatabase, query: RouteQuery, device: str) -> Decision:
        index = self._indices.get(device, -1) if device else None
        for step in policy.steps(query):
            if step.why:
                return Decision(UNCERTAIN, why=step.why)
            action = step.rule.action
            if action != "lookup":
                # A rule of this action says ENETUNREACH, a route of this kind EHOSTUNREACH (fib4_rule_action()).
                return Decision(NO_ROUTE if action == UNREACHABLE else action, rule=step.rule)
            table = self._tables.get((query.family, step.rule.table))
            found = table.find(query.destination, index) if table else None
            if found is None or found[1].kind == THROW:
                continue
            length, route = found
            # Only what leads somewhere is suppressed (fib_rules_lookup() asks after errors first).
            if length > step.longer_than or route.kind not in (UNICAST, LOCAL):
                return self._decision(route)._replace(rule=step.rule)
        return Decision(NO_ROUTE)

    def _decision(self, route: Route) -> Decision:
        if route.kind not in (UNICAST, LOCAL):
            return Decision(route.kind, table=route.table, destination=route.destination, metric=route.metric)
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
