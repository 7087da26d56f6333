# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""IP addresses and prefixes as numbers, which is how rules and routes are compared."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

BITS = {4: 32, 6: 128}

# What nobody on the Internet has a route to: RFC 1918, 6598, 3927, 4193 and 4291.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16")
) + tuple(ipaddress.ip_network(text) for text in ("fc00::/7", "fe80::/10"))


@lru_cache(maxsize=65536)
def parse_address(text: str) -> tuple[int, int]:
    """Return the family (4 or 6) and the number of an address; an IPv4 address mapped to IPv6 counts as IPv4.

    Raises ValueError when it is none.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (4, int(mapped)) if mapped is not None else (address.version, int(address))


@lru_cache(maxsize=65536)
def parse_prefix(text: str) -> tuple[int, int, int]:
    """Return family, number and length of an address with its prefix length; without one it is the full length.

    The bits behind the prefix are kept. Raises ValueError when it is none.
    """
    interface = ipaddress.ip_interface(text)
    return interface.version, int(interface.ip), interface.network.prefixlen


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
