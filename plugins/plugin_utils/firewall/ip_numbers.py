# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Addresses, prefixes and protocols as numbers, which is how rules and routes are compared.

Protocols by IANA's Assigned Internet Protocol Numbers, flags of TCP by RFC 9293, 3.1.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Mapping
from functools import lru_cache

BITS = {4: 32, 6: 128}

# What no one on the Internet has a route to: RFC 1918, 6598, 3927, 4193 and 4291.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
) + tuple(ipaddress.ip_network(text) for text in ("fc00::/7", "fe80::/10"))


# The same few addresses and subnets stand in links, routes, rules, endpoints and proxies, and are immutable.
address_of = lru_cache(maxsize=65536)(ipaddress.ip_address)
"""An address as an object. Raises ValueError when it is none."""
interface_of = lru_cache(maxsize=65536)(ipaddress.ip_interface)
"""An address with its prefix length and its subnet (``.network``). Raises ValueError when it is none."""


@lru_cache(maxsize=65536)
def parse_address(text: str) -> tuple[int, int]:
    """Return the family (4 or 6) and the number of an address; an IPv4 address mapped to IPv6 counts as IPv4.

    Raises ValueError when it is none.
    """
    address = address_of(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (address.version, int(address))


@lru_cache(maxsize=65536)
def parse_prefix(text: str) -> tuple[int, int, int]:
    """Return family, number and length of an address with its prefix length; without one it is the full length.

    The bits behind the prefix are kept. Raises ValueError when it is none.
    """
    interface = interface_of(text)
    return interface.version, int(interface.ip), interface.network.prefixlen


def family_of(text: str) -> int:
    """4 or 6, of an address or a subnet."""
    return 6 if ":" in text else 4


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        address_of(text)
        return True
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def is_loopback_text(text: str) -> bool:
    """Whether it is an address of a machine itself; false for what is none."""
    try:
        return address_of(text).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=65536)
def address_text(family: int, number: int) -> str:
    """An address as people write it."""
    if family == 4:
        return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big"))
    return socket.inet_ntop(socket.AF_INET6, number.to_bytes(16, "big"))


def same_prefix(family: int, one: int, other: int, length: int) -> bool:
    """Whether two addresses are in one subnet of that prefix length."""
    return (one ^ other) >> (BITS[family] - length) == 0


def is_loopback(family: int, number: int) -> bool:
    """127.0.0.0/8 or ::1."""
    return number >> 24 == 127 if family == 4 else number == 1


def is_multicast(family: int, number: int) -> bool:
    """224.0.0.0/4 or ff00::/8."""
    return number >> 28 == 0xE if family == 4 else number >> 120 == 0xFF


def is_link_local(family: int, number: int) -> bool:
    """169.254.0.0/16 or fe80::/10."""
    return number >> 16 == 0xA9FE if family == 4 else number >> 118 == 0x3FA


def is_private(family: int, number: int) -> bool:
    """Whether machines on the Internet can have no route to it."""
    address = ipaddress.ip_address(number.to_bytes(BITS[family] // 8, "big"))
    return any(address in network for network in _PRIVATE if network.version == address.version)


ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
ICMPS = (ICMP, ICMPV6)

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

TRANSPORTS: Mapping[str, int] = {"tcp": TCP, "udp": UDP}
"""Those with ports that packets are followed of."""

# /etc/protocols as distributions ship it, where iptables and nft look first (getprotobynumber(3)).
NUMBERS: Mapping[str, int] = {
    "ip": 0,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ggp": 3,
    "ipencap": 4,
    "st": 5,
    "tcp": 6,
    "egp": 8,
    "igp": 9,
    "pup": 12,
    "udp": 17,
    "hmp": 20,
    "xns-idp": 22,
    "rdp": 27,
    "iso-tp4": 29,
    "dccp": 33,
    "xtp": 36,
    "ddp": 37,
    "idpr-cmtp": 38,
    "ipv6": 41,
    "ipv6-route": 43,
    "ipv6-frag": 44,
    "idrp": 45,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "skip": 57,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "rspf": 73,
    "vmtp": 81,
    "eigrp": 88,
    "ospf": 89,
    "ospfigp": 89,
    "ax.25": 93,
    "ipip": 94,
    "etherip": 97,
    "encap": 98,
    "pim": 103,
    "ipcomp": 108,
    "comp": 108,
    "vrrp": 112,
    "l2tp": 115,
    "isis": 124,
    "sctp": 132,
    "fc": 133,
    "mobility-header": 135,
    "udplite": 136,
    "mpls-in-ip": 137,
    "manet": 138,
    "hip": 139,
    "shim6": 140,
    "wesp": 141,
    "rohc": 142,
    "ethernet": 143,
}
