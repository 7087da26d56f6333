# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Values in the JSON of nft: numbers, names, ranges and prefixes (libnftables-json(5), EXPRESSIONS).

The names that ``nft -j`` prints instead of numbers are those of nftables' src/datatype.c, src/ct.c, src/proto.c.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    FIN,
    NUMBERS,
    PSH,
    RST,
    SYN,
    URG,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_RELATED,
    CT_UNTRACKED,
    InRanges,
    NameStarts,
    OneOf,
    Test,
)

_FAMILIES: Mapping[str, int] = {"ipv4": 4, "ip": 4, "ipv6": 6, "ip6": 6, "arp": 0}
_ARP_OPERATIONS: Mapping[str, int] = {"request": 1, "reply": 2}

_ICMP_TYPES: Mapping[str, int] = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}

_ICMP_CODES: Mapping[str, int] = {
    "net-unreachable": 0,
    "host-unreachable": 1,
    "prot-unreachable": 2,
    "port-unreachable": 3,
    "frag-needed": 4,
    "net-prohibited": 9,
    "host-prohibited": 10,
    "admin-prohibited": 13,
}

_ICMPV6_TYPES: Mapping[str, int] = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "nd-router-solicit": 133,
    "nd-router-advert": 134,
    "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}

_ICMPV6_CODES: Mapping[str, int] = {
    "no-route": 0,
    "admin-prohibited": 1,
    "addr-unreachable": 3,
    "port-unreachable": 4,
    "policy-fail": 5,
    "reject-route": 6,
}

_TCP_FLAG_BITS: Mapping[str, int] = {
    "fin": FIN,
    "syn": SYN,
    "rst": RST,
    "psh": PSH,
    "ack": ACK,
    "urg": URG,
    "ecn": 64,
    "cwr": 128,
}

_CT_STATES: Mapping[str, int] = {
    "invalid": CT_INVALID,
    "established": CT_ESTABLISHED,
    "related": CT_RELATED,
    "new": CT_NEW,
    "untracked": CT_UNTRACKED,
}

_CT_STATUSES: Mapping[str, int] = {
    "expected": 1,
    "seen-reply": 2,
    "assured": 4,
    "confirmed": 8,
    "snat": 16,
    "dnat": 32,
    "dying": 512,
}

_CT_DIRECTIONS: Mapping[str, int] = {"original": 0, "reply": 1}


_LONGEST_NUMBER = 40
"""Digits of a number of 128 bits with its prefix; to convert millions of them takes Python hours."""


class Span(NamedTuple):
    """All values between two, both included; for names both are the same."""

    first: int | str
    last: int | str

    @property
    def single(self) -> bool:
        """Whether it is one value."""
        return self.first == self.last


class Beginning(NamedTuple):
    """All names that begin so."""

    text: str


@dataclass(frozen=True, eq=False)
class Datatype:
    """How the values of a field are written."""

    width: int
    """In bits; 0 for what is compared as a name."""
    names: Mapping[str, int] = field(default_factory=dict)
    address_family: int = 0
    """AF_INET or AF_INET6 where values are addresses."""
    flags: bool = False
    """Whether values are sets of bits, and names stand for one of them."""
    wildcards: bool = False
    """Whether a name that ends in ``*`` stands for all that begin so."""
    aliases: Mapping[bool | int | str, str] = field(default_factory=dict)
    """Names that are written in another way as well."""

    @property
    def highest(self) -> int:
        """The highest number."""
        return (1 << self.width) - 1


IPV4 = Datatype(32, address_family=socket.AF_INET)
IPV6 = Datatype(128, address_family=socket.AF_INET6)
PORT = Datatype(16)
PROTOCOL = Datatype(8, NUMBERS)
HOPS = Datatype(8)
FAMILY = Datatype(8, _FAMILIES)
ARP_OPERATION = Datatype(16, _ARP_OPERATIONS)
ICMP_TYPE = Datatype(8, _ICMP_TYPES)
ICMP_CODE = Datatype(8, _ICMP_CODES)
ICMPV6_TYPE = Datatype(8, _ICMPV6_TYPES)
ICMPV6_CODE = Datatype(8, _ICMPV6_CODES)
TCP_FLAGS = Datatype(8, _TCP_FLAG_BITS, flags=True)
MARK = Datatype(32)
USER = Datatype(32, {"root": 0})
CT_STATE = Datatype(32, _CT_STATES, flags=True)
CT_STATUS = Datatype(32, _CT_STATUSES, flags=True)
CT_DIRECTION = Datatype(8, _CT_DIRECTIONS)
DEVICE = Datatype(0, wildcards=True)
DEVICE_INDEX = Datatype(0)
ROUTE_DEVICE = Datatype(0, aliases={False: "", "0": ""})
WORD = Datatype(0)
PACKET_TYPE = Datatype(0, aliases={"unicast": "host"})


def number_of(datatype: Datatype, node: object) -> int | None:
    """The number that is written; None for what is not understood."""
    if isinstance(node, int) and not isinstance(node, bool):
        return node if 0 <= node <= datatype.highest else None
    if isinstance(node, str):
        return _number_of_text(datatype, node)
    if datatype.flags:
        parts = node.get("|") if isinstance(node, dict) else node
        if isinstance(parts, list):
            return _all_bits(datatype, parts)
    return None


def _number_of_text(datatype: Datatype, text: str) -> int | None:
    if datatype.address_family:
        try:
            return int.from_bytes(socket.inet_pton(socket.AddressFamily(datatype.address_family), text), "big")
        except (OSError, ValueError):
            return None
    known = datatype.names.get(text)
    if known is not None:
        return known
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        value = int(text, 0)
    except ValueError:
        return None
    return value if 0 <= value <= datatype.highest else None


def _all_bits(datatype: Datatype, parts: list[object]) -> int | None:
    bits = 0
    for part in parts:
        value = number_of(datatype, part)
        if value is None:
            return None
        bits |= value
    return bits


def span_of(datatype: Datatype, node: object) -> Span | Beginning | None:
    """What a right side or an element of a set stands for; None for what is not understood.

    An element's wrapper (timeout, counter, comment) is taken off; ``*`` as an element is everything.
    """
    if isinstance(node, dict):
        wrapped = node.get("elem")
        if isinstance(wrapped, dict):
            return span_of(datatype, wrapped.get("val"))
        if "range" in node:
            return _range(datatype, node["range"])
        if "prefix" in node:
            return _prefix(datatype, node["prefix"])
    if not datatype.width:
        return _name(datatype, node)
    if node == "*":
        return Span(0, datatype.highest)
    value = number_of(datatype, node)
    return None if value is None else Span(value, value)


def _range(datatype: Datatype, ends: object) -> Span | None:
    if not (datatype.width and isinstance(ends, list) and len(ends) == 2):
        return None
    first, last = number_of(datatype, ends[0]), number_of(datatype, ends[1])
    if first is None or last is None or first > last:
        return None
    return Span(first, last)


def _prefix(datatype: Datatype, node: object) -> Span | None:
    if not isinstance(node, dict):
        return None
    length = node.get("len")
    address = number_of(datatype, node.get("addr"))
    if address is None or not isinstance(length, int) or not 0 <= length <= datatype.width:
        return None
    rest = (1 << (datatype.width - length)) - 1
    return Span(address & ~rest, address | rest)


def _name(datatype: Datatype, node: object) -> Span | Beginning | None:
    if isinstance(node, (bool, str)) and node in datatype.aliases:
        node = datatype.aliases[node]
    elif isinstance(node, int) and not isinstance(node, bool):
        # The index of a device that is no longer there: no device can have a name with a space.
        node = f"index {node}"
    if not isinstance(node, str):
        return None
    if node == "*":
        return Beginning("")
    if datatype.wildcards and node.endswith("\\*"):
        node = node[:-2] + "*"
    elif datatype.wildcards and node.endswith("*"):
        return Beginning(node[:-1])
    return Span(node, node)


def tests_of(spans: list[Span | Beginning]) -> list[Test]:
    """The fewest tests of which one holds exactly for the values in any of these."""
    tests: list[Test] = []
    names = [span for span in spans if isinstance(span, Span) and isinstance(span.first, str)]
    numbers = [span for span in spans if isinstance(span, Span) and isinstance(span.first, int)]
    if names:
        tests.append(OneOf(frozenset(span.first for span in names)))
    beginnings = frozenset(span.text for span in spans if isinstance(span, Beginning))
    if beginnings:
        tests.append(NameStarts(beginnings))
    if numbers and all(span.single for span in numbers):
        tests.append(OneOf(frozenset(span.first for span in numbers)))
    elif numbers:
        tests.append(InRanges(_merged(numbers)))
    return tests or [OneOf(frozenset())]


def _merged(spans: list[Span]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted((int(span.first), int(span.last)) for span in spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)
