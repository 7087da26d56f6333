# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks a neighbour for its hardware address, by ARP (RFC 826) or neighbour solicitation (RFC 4861).

Our own question, since the kernel's table can hold for minutes what is no longer so. It leaves that table as it is.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import TIMEOUT, error_name, since

_TRIES = 3
_LARGEST = 1 << 12

# linux/if_ether.h, RFC 826: Ethernet, IPv4, question and answer.
_ETH_P_ARP = 0x0806
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_HEAD = (1, 0x0800, 6, 4)
_QUESTION, _ANSWER = 1, 2
_BROADCAST = b"\xff" * 6

# RFC 4861, section 4.3 and 4.4; options of the hardware address of who sends and who is meant.
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ND = struct.Struct("!BBHI16s")
_OWN_HARDWARE, _TARGET_HARDWARE = 1, 2
_HOPS = 255
_ICMP6_FILTER = 1


@dataclass(frozen=True)
class Asking:
    """The interface that asks."""

    name: str
    index: int
    mac: str
    source: str = ""
    """Its address of the neighbour's family; empty for none."""


@dataclass(frozen=True)
class HardwareAnswer:
    """What came of it."""

    mac: str = ""
    error: str = ""
    milliseconds: float = 0.0


def ask_neighbour(asking: Asking, address: str, seconds: float) -> HardwareAnswer:
    """Return the hardware address that a neighbour on the interface's link answers with. Needs CAP_NET_RAW."""
    began = time.monotonic()
    try:
        mac, began = (_solicit if ":" in address else _arp)(asking, address.partition("%")[0], seconds)
    except OSError as error:
        return HardwareAnswer("", error_name(error), since(began))
    return HardwareAnswer(mac, "" if mac else TIMEOUT, since(began))


def _arp(asking: Asking, address: str, seconds: float) -> tuple[str, float]:
    own = _octets(asking.mac)
    source = socket.inet_aton(asking.source or "0.0.0.0")  # noqa: S104 (RFC 5227: an ARP probe has no source address)
    wanted = socket.inet_aton(address)
    question = _ARP.pack(*_HEAD, _QUESTION, own, source, bytes(6), wanted)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as packets:
        packets.bind((asking.name, _ETH_P_ARP))

        def send() -> None:
            packets.sendto(question, (asking.name, _ETH_P_ARP, 0, 1, _BROADCAST))

        return _answered(packets, send, lambda packet: arp_answer(packet, wanted), seconds)


def arp_answer(packet: bytes, wanted: bytes) -> str:
    """Return the hardware address by which a packet answers who has that address; empty if it does not."""
    if len(packet) < _ARP.size:
        return ""
    *head, kind, mac, source, dummy, dummy2 = _ARP.unpack_from(packet)
    return mac.hex(":") if (tuple(head), kind, source) == (_HEAD, _ANSWER, wanted) else ""


def _solicit(asking: Asking, address: str, seconds: float) -> tuple[str, float]:
    wanted = ipaddress.IPv6Address(address).packed
    group = ipaddress.IPv6Address(ipaddress.IPv6Address("ff02::1:ff00:0").packed[:13] + wanted[13:])
    option = bytes([_OWN_HARDWARE, 1]) + _octets(asking.mac)
    # The kernel puts the checksum in.
    question = _ND.pack(_SOLICITATION, 0, 0, 0, wanted) + option
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as packets:
        packets.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        packets.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, asking.index)
        blocked = bytearray(b"\xff" * 32)
        blocked[_ADVERTISEMENT // 32 * 4 : _ADVERTISEMENT // 32 * 4 + 4] = struct.pack(
            "=I", 0xFFFFFFFF & ~(1 << _ADVERTISEMENT % 32)
        )
        packets.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(blocked))
        if asking.source:
            packets.bind((asking.source, 0, 0, asking.index))

        def send() -> None:
            packets.sendto(question, (str(group), 0, 0, asking.index))

        return _answered(packets, send, lambda packet: advertised(packet, wanted), seconds)


def advertised(packet: bytes, wanted: bytes) -> str:
    """Return the hardware address that a neighbour advertisement has for an address; empty for another message."""
    if len(packet) < _ND.size:
        return ""
    kind, dummy, dummy2, dummy3, target = _ND.unpack_from(packet)
    if (kind, target) != (_ADVERTISEMENT, wanted):
        return ""
    at = _ND.size
    while at + 8 <= len(packet) and packet[at + 1]:
        if packet[at] == _TARGET_HARDWARE:
            return packet[at + 2 : at + 8].hex(":")
        at += 8 * packet[at + 1]
    return ""


def _octets(mac: str) -> bytes:
    found = bytes.fromhex(mac.replace(":", ""))
    return found if len(found) == 6 else bytes(6)


def _answered(
    packets: socket.socket, send: Callable[[], None], mac_in: Callable[[bytes], str], seconds: float
) -> tuple[str, float]:
    """The hardware address, and when it was asked for: to make such a socket takes the kernel longer than that."""
    began = time.monotonic()
    for dummy in range(_TRIES):
        send()
        until = time.monotonic() + seconds / _TRIES
        while (wait := until - time.monotonic()) > 0:
            packets.settimeout(wait)
            try:
                mac = mac_in(packets.recv(_LARGEST))
            except socket.timeout:
                break
            if mac:
                return mac, began
    return "", began
