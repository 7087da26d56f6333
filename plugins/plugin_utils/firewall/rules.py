# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A parsed ruleset: tables, chains and rules of iptables-nft, iptables-legacy and nftables in one form.

A rule is a list of statements that are executed in order, as nftables does it (nft(8), STATEMENTS); a rule of iptables
is its conditions followed by its target. What neither decides nor changes anything (counters, logs, comments) is left
out by the parsers.

In conditions addresses are integers, ports and protocols are numbers, devices are names. A field that a packet does not
have (the output device in PREROUTING) is the empty string or 0 as for the kernel; one that is not known is None, and a
condition on it is then neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Fields. ct_state and ct_status carry bits, see below.
FIELDS = (
    "family",  # 4 or 6
    "protocol",  # IANA number: 6, 17, 1, 58
    "saddr",
    "daddr",
    "sport",
    "dport",
    "icmp_type",
    "icmp_code",
    "tcp_flags",  # bits as on the wire: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32
    "iif",
    "oif",
    "physin",  # bridge ports, where bridge netfilter hands a bridged frame to IP's hooks
    "physout",
    "mark",
    "ct_state",
    "ct_status",
    "ct_direction",  # 0 original, 1 reply
    "ct_mark",
    "ct_orig_saddr",
    "ct_orig_daddr",
    "ct_orig_sport",
    "ct_orig_dport",
    "ct_reply_saddr",
    "ct_reply_daddr",
    "ct_reply_sport",
    "ct_reply_dport",
    "ct_protocol",
    "saddr_type",  # local, unicast, broadcast, multicast, blackhole, unreachable, prohibit, anycast
    "daddr_type",
    "saddr_type_iif",  # the same, asked of one device only (--limit-iface-in)
    "daddr_type_iif",
    "saddr_type_oif",
    "daddr_type_oif",
    "fib_saddr_type",  # the same as nftables asks for it: IPv6 with the other address and the protocol
    "fib_daddr_type",
    "fib_saddr_type_iif",
    "fib_daddr_type_iif",
    "fib_saddr_type_oif",
    "fib_daddr_type_oif",
    "fib_saddr_type_mark",  # the same, asked with the packet's mark
    "fib_daddr_type_mark",
    "fib_saddr_type_iif_mark",
    "fib_daddr_type_iif_mark",
    "fib_saddr_type_oif_mark",
    "fib_daddr_type_oif_mark",
    "saddr_route_iif",  # the device that a route to saddr leads to, asked with iif; "" for none (fib, rpfilter)
    "saddr_route_iif_mark",  # the same, asked with the packet's mark (fib ... mark, --validmark)
    "ttl",  # of IPv6 the hop limit
    "pkttype",  # host, broadcast, multicast, other
    "fragment",  # False: probes are never fragments
    "skuid",  # user of the local socket that sends
    "skgid",
    "smac",  # of frames on bridges, hardware addresses
    "dmac",
    "arp_operation",  # 1 request, 2 reply
    "ibr",  # the bridge of the port that a frame came in by
    "obr",
)

# ct_state: those of nft, with the two that iptables counts among the states (xt_conntrack.h).
CT_INVALID = 1
CT_ESTABLISHED = 2
CT_RELATED = 4
CT_NEW = 8
CT_UNTRACKED = 64
CT_STATE_SNAT = 0x80
CT_STATE_DNAT = 0x100

# ct_status: enum ip_conntrack_status of linux/netfilter/nf_conntrack_common.h.
CT_STATUS_EXPECTED = 1
CT_STATUS_SEEN_REPLY = 2
CT_STATUS_ASSURED = 4
CT_STATUS_CONFIRMED = 8
CT_STATUS_SNAT = 16
CT_STATUS_DNAT = 32


@dataclass(frozen=True)
class OneOf:
    """The value is one of these; the only test that an index can be built on. Prefixes of full length are this, too."""

    values: frozenset[int | str | bool]


@dataclass(frozen=True)
class InRanges:
    """The value lies in one of these, both ends included, sorted and not overlapping; also for prefixes."""

    ranges: tuple[tuple[int, int], ...]

    def __hash__(self) -> int:
        """As quick for a large set as for a small one: rules that ask the same set are sorted by it."""
        return hash((len(self.ranges), self.ranges[:1], self.ranges[-1:]))


@dataclass(frozen=True)
class Masked:
    """value & mask == wanted; for marks, TCP flags, and address masks with holes."""

    mask: int
    wanted: int


@dataclass(frozen=True)
class AnyBit:
    """value & bits is not 0; for ct_state and ct_status."""

    bits: int


@dataclass(frozen=True)
class NameStarts:
    """A device's name begins with one of these: ``br-+`` of iptables, ``br-*`` of nft; with "" does any name at all."""

    beginnings: frozenset[str]


@dataclass(frozen=True)
class InElements:
    """For concatenations: the tuple of values lies in one element, each part between its two ends (names: the same)."""

    elements: tuple[tuple[tuple[int | str, int | str], ...], ...]
    exact: frozenset[tuple[int | str, ...]]
    """Those elements whose parts are all single values, for a quick answer; they are not in ``elements``."""

    def __hash__(self) -> int:
        """As quick for a large set as for a small one, like that of InRanges; a frozenset remembers its own."""
        return hash((len(self.elements), self.elements[:1], self.elements[-1:], self.exact))


@dataclass(frozen=True)
class Undecidable:
    """A condition that nothing but the running kernel can answer (-m recent, -m statistic, limits, time...)."""

    why: str


Test = OneOf | InRanges | Masked | AnyBit | NameStarts | InElements | Undecidable


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

    fixed: int | None = None
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
    addresses: tuple[int, int] | None = None
    """First and last; None for masquerade and redirect, and where only the port changes."""
    ports: tuple[int, int] | None = None
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


Statement = Match | AnyOf | Verdict | VerdictMap | SetMark | MarkMap | SetHops | Notrack | Nat | NatMap | Unpredictable


@dataclass(frozen=True)
class Rule:
    """One rule. After the last statement the next rule follows, as if it had said ``continue``."""

    number: int
    """Place in its chain, from 1."""
    statements: tuple[Statement, ...]
    text: str
    """As the program shows it that made it: a line of iptables-save, or nft's own words as far as they are known."""
    handle: int | None = None
    comment: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        """All that it asks of a packet, of FIELDS, sorted."""
        return tuple(sorted({name for statement in self.statements for name in _fields_of(statement)}))


def _fields_of(statement: Statement) -> tuple[str, ...]:
    if isinstance(statement, AnyOf):
        return tuple(name for match in statement.matches for name in match.fields)
    return statement.fields if isinstance(statement, Match | VerdictMap | MarkMap | NatMap) else ()


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
