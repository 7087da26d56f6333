# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Tells the neighbours of an interface that an address is at another MAC address now.

Without it they keep on sending to the old one until they find out by themselves, half a minute later.
"""

from __future__ import annotations

import ipaddress
import socket
import struct

_BROADCAST = b"\xff" * 6
_ALL_NODES = ipaddress.IPv6Address("ff02::1")
_ALL_NODES_MAC = bytes.fromhex("333300000001")  # RFC 2464, section 7
_ETH_ARP, _ETH_IPV6 = 0x0806, 0x86DD
_ICMPV6 = 58


def announce(interface: str, mac: str, addresses: list[str]) -> None:
    """Send one announcement for each address from the interface, in the calling thread's namespace. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for text in addresses:
            raw.send(frame(mac, text))


def frame(mac: str, address: str) -> bytes:
    """The Ethernet frame of an ARP announcement (RFC 5227) or an unsolicited neighbour advertisement (RFC 4861)."""
    source = bytes.fromhex(mac.replace(":", ""))
    found = ipaddress.ip_address(address)
    if found.version == 4:
        return _BROADCAST + source + struct.pack("!H", _ETH_ARP) + _arp(source, found.packed)
    return _ALL_NODES_MAC + source + struct.pack("!H", _ETH_IPV6) + _advertisement(source, found.packed)


def _arp(mac: bytes, address: bytes) -> bytes:
    # A request for its own address, as RFC 5227 has it, section 3.
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + address + bytes(6) + address


def _advertisement(mac: bytes, address: bytes) -> bytes:
    target = _ALL_NODES.packed
    # Flag: override. Option 2: the target's link-layer address.
    body = struct.pack("!I", 0x20000000) + address + struct.pack("!BB", 2, 1) + mac
    message = struct.pack("!BBH", 136, 0, 0) + body
    pseudo = address + target + struct.pack("!II", len(message), _ICMPV6)
    message = struct.pack("!BBH", 136, 0, _checksum(pseudo + message)) + body
    header = struct.pack("!IHBB", 6 << 28, len(message), _ICMPV6, 255)
    return header + address + target + message


def _checksum(data: bytes) -> int:
    """RFC 1071; data has an even length."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
