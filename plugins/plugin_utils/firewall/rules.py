# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A parsed ruleset: tables, chains and rules of iptables-nft, iptables-legacy and nftables in one form.

A rule is a list of statements that are executed in order, as nftables does it (nft(8), STATEMENTS); a rule of iptables
is its conditions followed by its target. What neither decides nor changes anything (counters, logs, comments) is left
out by the parsers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import Test

# Hooks, in the words of nft.
PREROUTING = "prerouting"
INPUT = "input"
FORWARD = "forward"
OUTPUT = "output"
POSTROUTING = "postrouting"

NFT = "nft"
LEGACY = "legacy"

# Kinds of verdicts.
ACCEPT = "accept"
DROP = "drop"
REJECT = "reject"
RETURN = "return"
CONTINUE = "continue"
JUMP = "jump"
GOTO = "goto"

# Kinds of address translation.
DNAT = "dnat"
SNAT = "snat"
MASQUERADE = "masquerade"
REDIRECT = "redirect"
NETMAP = "netmap"


@dataclass(frozen=True)
class Match:
    """A condition on one field, or on several at once (a concatenation of nft, or --src-type with limits)."""

    fields: tuple[str, ...]
    test: Test
    negated: bool = False
    text: str = ""
    """As written, for people: said when the condition could not be decided."""


@dataclass(frozen=True)
class AnyOf:
    """At least one of these holds; for what one condition of iptables asks of two fields (multiport --ports)."""

    matches: tuple[Match, ...]
    negated: bool = False
    text: str = ""


@dataclass(frozen=True)
class Verdict:
    """What becomes of the packet."""

    kind: str
    target: str = ""
    """Chain, for ``jump`` and ``goto``; it is one of the same table."""
    reject_with: str = ""
    """For ``reject``: ``tcp reset``, ``port-unreachable``, ``host-unreachable``, ``admin-prohibited``..."""


@dataclass(frozen=True)
class VerdictMap:
    """A verdict looked up by one field or a concatenation; without an entry the rule ends (nft_lookup_eval)."""

    fields: tuple[str, ...]
    entries: tuple[tuple[Test, Verdict], ...]
    """For concatenations each test is an InElements with one element."""
    text: str = ""


@dataclass(frozen=True)
class SetMark:
    """new = (old & keep) ^ flip, on ``mark`` or ``ct_mark``; with ``copied_from`` the other one stands in for old."""

    field: str
    keep: int
    flip: int
    copied_from: str = ""
    own: int = 0
    """With ``copied_from``, the bits of the field itself that stay: new = (old & own) ^ (other & keep) ^ flip."""


@dataclass(frozen=True)
class MarkMap:
    """A change to a mark that is looked up, as in ``meta mark set ip saddr map { ... }``; no entry ends the rule."""

    fields: tuple[str, ...]
    entries: tuple[tuple[Test, SetMark], ...]


@dataclass(frozen=True)
class SetHops:
    """Another TTL for IPv4, or hop limit for IPv6."""

    fixed: Optional[int] = None
    """The new one; None where it depends on the old one."""
    added: int = 0
    """What is added to the old one; below 0 for what is taken off."""


@dataclass(frozen=True)
class Notrack:
    """Connection tracking leaves the packet alone (only before it, in the raw tables)."""


@dataclass(frozen=True)
class Nat:
    """Translation of source or destination for the connection, decided by its first packet."""

    kind: str
    addresses: Optional[tuple[int, int]] = None
    """First and last; None for masquerade and redirect, and where only the port changes."""
    ports: Optional[tuple[int, int]] = None
    """First and last; None where the port stays if it can."""
    random_port: bool = False


@dataclass(frozen=True)
class NatMap:
    """Translation whose address and port are looked up, as in ``dnat to tcp dport map { ... }``."""

    kind: str
    fields: tuple[str, ...]
    entries: tuple[tuple[Test, Nat], ...]


@dataclass(frozen=True)
class Unpredictable:
    """A statement that changes or takes the packet in a way which cannot be told (TPROXY, NFQUEUE, synproxy...)."""

    why: str


Statement = Union[Match, AnyOf, Verdict, VerdictMap, SetMark, MarkMap, SetHops, Notrack, Nat, NatMap, Unpredictable]


@dataclass(frozen=True)
class Rule:
    """One rule. After the last statement the next rule follows, as if it had said ``continue``."""

    number: int
    """Place in its chain, from 1."""
    statements: tuple[Statement, ...]
    text: str
    """As the program shows it that made it: a line of iptables-save, or nft's own words as far as they are known."""
    handle: Optional[int] = None
    comment: str = ""


@dataclass(frozen=True)
class Chain:
    """A chain; a base chain if it has a hook."""

    backend: str
    """``nft`` or ``legacy``."""
    family: str
    """``ip``, ``ip6``, ``inet``, ``bridge``, ``arp`` or ``netdev``."""
    table: str
    name: str
    rules: tuple[Rule, ...] = ()
    hook: str = ""
    """Empty for a chain that is only jumped to."""
    priority: int = 0
    kind: str = ""
    """``filter``, ``nat`` or ``route``; empty for a chain that is only jumped to."""
    policy: str = ACCEPT
    devices: tuple[str, ...] = ()
    """Of ingress and egress chains."""
    unreadable: str = ""
    """Why its rules are not known; whatever passes it is then undecided."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from all others of a host."""
        return (self.backend, self.family, self.table, self.name)

    @property
    def table_name(self) -> str:
        """Family and table for people; those of iptables-legacy are marked as such."""
        prefix = "legacy " if self.backend == LEGACY else ""
        return f"{prefix}{self.family} {self.table}"


@dataclass(frozen=True)
class RuleBook:
    """All rules of a host at one time."""

    chains: dict[tuple[str, str, str, str], Chain] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Parts that exist and are not in ``chains``, one sentence each: any verdict can depend on them."""

    def base_chains(self, hook: str, family: int) -> list[Chain]:
        """The base chains at a hook that a packet of this family (4 or 6) passes, in the kernel's order.

        Of those with the same priority the one that was registered last comes first (nf_hook_entries_grow()); programs
        list those of a table in the order in which they were made. Of several tables that is nowhere to be seen.
        """
        return self._in_order(hook, ("inet", "ip" if family == 4 else "ip6"))

    def frame_chains(self, hook: str) -> list[Chain]:
        """The base chains at a hook of bridges, in the same order."""
        return self._in_order(hook, ("bridge",))

    def _in_order(self, hook: str, families: tuple[str, ...]) -> list[Chain]:
        latest_first = [
            chain for chain in reversed(self.chains.values()) if chain.hook == hook and chain.family in families
        ]
        return sorted(latest_first, key=lambda chain: chain.priority)


class RulesetError(ValueError):
    """Text that is no ruleset: the message names the source, the line (or place in the document) and what is wrong."""
