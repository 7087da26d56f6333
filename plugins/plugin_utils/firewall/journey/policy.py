# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The routing policy database: which table is asked for which packet, in which order (ip-rule(8))."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    PolicyRule,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import BITS, parse_prefix

_INITIAL = {
    4: ((0, LOCAL_TABLE), (32766, MAIN_TABLE), (32767, DEFAULT_TABLE)),
    6: ((0, LOCAL_TABLE), (32766, MAIN_TABLE)),
}


class Asked(NamedTuple):
    """What the kernel asks routes with (struct flowi)."""

    family: int
    destination: int
    source: int = 0
    """0 while it is not chosen yet: no rule with a source applies then."""
    incoming: str = "lo"
    """``lo`` for what the namespace itself sends."""
    mark: Optional[int] = 0
    protocol: int = 0
    source_port: Optional[int] = 0
    port: Optional[int] = 0


def asked(flight: Flight, incoming: str = "lo") -> Asked:
    """What a packet asks the host's routes."""
    return Asked(
        flight.family,
        flight.daddr,
        flight.saddr,
        incoming,
        flight.mark,
        flight.protocol,
        *flight.ports,
    )


def asked_inside(flight: Flight, incoming: str) -> Asked:
    """What it asks the routes of a container: marks stay in the namespace that they were made in."""
    ports = flight.ports
    return Asked(flight.family, flight.daddr, flight.saddr, incoming, 0, flight.protocol, *ports)


class Step(NamedTuple):
    """One rule that applies."""

    action: str
    table: int = 0
    longer_than: int = -1
    priority: int = 0
    why: str = ""
    """Set when it cannot be told whether the rule applies."""


class Policy:
    """The rules of one family."""

    def __init__(self, family: int, rules: Sequence[PolicyRule], *, has_vrf: bool) -> None:
        own = sorted((rule for rule in rules if rule.family == family), key=lambda rule: rule.priority)
        if not own:
            own = [PolicyRule(priority, family, table=table) for priority, table in _INITIAL[family]]
        self._rules = [rule for rule in own if has_vrf or "l3mdev" not in rule.other]
        initial = set(_INITIAL[family])
        self.custom = any(not _plain(rule) or (rule.priority, rule.table) not in initial for rule in self._rules)
        self.reads_packets = any(_needs_packet(rule) for rule in self._rules)
        """Whether the kernel looks into a packet for its protocol and ports where nobody else says them."""
        self._plain = [Step("lookup", rule.table, priority=rule.priority) for rule in self._rules]

    def steps(self, asked: Asked) -> Iterator[Step]:
        """The rules that apply to a packet, in order."""
        if not self.custom:
            yield from self._plain
            return
        wanted = -1
        for rule in self._rules:
            if rule.priority < wanted:
                continue
            applies = _applies(rule, asked)
            if applies is None:
                yield Step(
                    "",
                    why=f"whether policy rule {rule.priority} applies ({', '.join(rule.other) or 'its mark or port'})",
                )
                return
            if not applies or rule.action == "nop":
                continue
            if rule.action == "goto":
                wanted = rule.goto
                continue
            suppressed = -1 if rule.suppress_prefix_length is None else rule.suppress_prefix_length
            yield Step(rule.action, rule.table, suppressed, rule.priority)


def _needs_packet(rule: PolicyRule) -> bool:
    """As fib_rule_requires_fldissect() has it (include/net/fib_rules.h)."""
    return rule.incoming != "lo" and bool(rule.protocol or rule.source_ports or rule.destination_ports)


def _plain(rule: PolicyRule) -> bool:
    return rule == PolicyRule(rule.priority, rule.family, table=rule.table)


def _applies(rule: PolicyRule, asked: Asked) -> Optional[bool]:
    """fib_rule_match() of net/core/fib_rules.c and fib4_rule_match() of net/ipv4/fib_rules.c."""
    answers = [
        not rule.incoming or rule.incoming == asked.incoming,
        # Sockets that are bound to a device are not predicted, so nothing is asked with an outgoing one.
        not rule.outgoing,
        _in_prefix(rule.source, asked.family, asked.source),
        _in_prefix(rule.destination, asked.family, asked.destination),
        _marked(rule, asked.mark),
        not rule.protocol or rule.protocol == asked.protocol,
        _in_ports(rule.source_ports, asked.source_port),
        _in_ports(rule.destination_ports, asked.port),
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


def _marked(rule: PolicyRule, mark: Optional[int]) -> Optional[bool]:
    if not rule.mask:
        return True
    return None if mark is None else (mark ^ rule.mark) & rule.mask == 0


def _in_ports(ports: Optional[list[int]], port: Optional[int]) -> Optional[bool]:
    if not ports:
        return True
    return None if port is None else ports[0] <= port <= ports[-1]
