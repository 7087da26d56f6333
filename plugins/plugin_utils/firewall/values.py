# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a rule can ask of a packet, and in which way: the atoms of a parsed ruleset.

Addresses are integers, ports and protocols are numbers, devices are names. A field that a packet does not have (the
output device in PREROUTING) is the empty string or 0 as for the kernel; one that is not known is None, and a condition
on it is then neither true nor false.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

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

    values: frozenset[Union[int, str, bool]]


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

    elements: tuple[tuple[tuple[Union[int, str], Union[int, str]], ...], ...]
    exact: frozenset[tuple[Union[int, str], ...]]
    """Those elements whose parts are all single values, for a quick answer; they are not in ``elements``."""

    def __hash__(self) -> int:
        """As quick for a large set as for a small one, like that of InRanges; a frozenset remembers its own."""
        return hash((len(self.elements), self.elements[:1], self.elements[-1:], self.exact))


@dataclass(frozen=True)
class Undecidable:
    """A condition that nothing but the running kernel can answer (-m recent, -m statistic, limits, time...)."""

    why: str


Test = Union[OneOf, InRanges, Masked, AnyBit, NameStarts, InElements, Undecidable]
