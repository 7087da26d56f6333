# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes apart what the kernel says of packets that are traced: messages of nf_tables, and of nfnetlink_log.

Pure. A message that is not as it should be raises ValueError (or what not_understood() of netlink.py lists).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attributes, text

TRACE = (10 << 8) | 17
"""Type of messages: NFT_MSG_TRACE"""
LOGGED = 4 << 8
"""NFULNL_MSG_PACKET"""

# linux/netfilter/nf_tables.h, nft_trace_attributes; the last two are there from Linux 6.17 on.
_TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID = range(1, 7)
_NETWORK_HEADER, _TRANSPORT_HEADER, _IIF, _OIF, _MARK, _POLICY, _CT_ID, _CT_DIRECTION = 8, 9, 10, 12, 14, 16, 18, 19
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_TYPE_POLICY = 1
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

_ACCEPT, _QUEUE = 1, 3
_OF_NETFILTER = {0: "drop", _ACCEPT: "accept", 2: "stolen", _QUEUE: "queue", 4: "repeat", 5: "stop"}
_OF_NFTABLES = {-1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return"}

_PROTOCOLS = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp", socket.IPPROTO_ICMP: "icmp"}
_PROTOCOLS[socket.IPPROTO_ICMPV6] = "icmp"
# IPv6 extension headers that a length in units of eight bytes follows (RFC 8200).
_EXTENSIONS = (0, 43, 60)


@dataclass(frozen=True)
class Headers:
    """The headers of a packet as an event has them."""

    version: int
    protocol: str
    """``tcp``, ``udp``, ``icmp`` (of IPv6, too), or a number."""
    source: str
    destination: str
    """Addresses."""
    transport: bytes
    """The transport header and what follows it, as far as the event has it."""

    @property
    def ports(self) -> Optional[tuple[int, int]]:
        """Source and destination port; None of what has none, or of too little of it."""
        if self.protocol not in ("tcp", "udp") or len(self.transport) < 4:
            return None
        source, destination = struct.unpack_from(">HH", self.transport)
        return source, destination

    @property
    def ends(self) -> tuple[str, str]:
        """Source and destination as a PathStep has them."""
        ports = self.ports or (None, None)
        return with_port(self.source, ports[0]), with_port(self.destination, ports[1])


def with_port(address: str, port: Optional[int]) -> str:
    """``192.0.2.1:80``, ``[2001:db8::1]:80``, or the address alone."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True)
class RawEvent:
    """One message."""

    family: str
    """Of the table, as nft(8) names it."""
    table: str
    chain: str
    kind: str
    """``rule``, ``policy``, or empty: the end of a chain, which is neither."""
    verdict: str
    jump_to: str
    handle: Optional[int]
    id: int
    """One packet can have several, and one can be of several packets: a hash of where the kernel keeps it."""
    headers: Optional[Headers]
    """The kernel says them once for each hook and base chain, with the first rule that matches."""
    iif: Optional[int]
    oif: Optional[int]
    mark: Optional[int]
    connection: Optional[int]
    is_reply: Optional[bool]
    """Of its connection, where the kernel says it."""


def parse_trace(payload: bytes) -> RawEvent:
    """Return the event of a message of type TRACE, given without its netlink header."""
    if len(payload) < 4:
        raise ValueError("a trace event without its header")
    found = attributes(payload, 4)
    verdict, jump_to = _verdict(found.get(_VERDICT))
    handle = None if _HANDLE not in found else _number(found[_HANDLE], 8)
    kind = "" if handle is None else "rule"
    if _number(found[_TYPE], 4) == _TYPE_POLICY:
        kind, verdict = "policy", "accept" if _optional(found.get(_POLICY)) == _ACCEPT else "drop"
    direction = found.get(_CT_DIRECTION)
    return RawEvent(
        family=_FAMILIES.get(payload[0], str(payload[0])),
        table=text(found.get(_TABLE)),
        chain=text(found.get(_CHAIN)),
        kind=kind,
        verdict=verdict,
        jump_to=jump_to,
        handle=handle,
        id=_number(found[_ID], 4),
        headers=parse_headers(found.get(_NETWORK_HEADER, b""), found.get(_TRANSPORT_HEADER, b"")),
        iif=_optional(found.get(_IIF)),
        oif=_optional(found.get(_OIF)),
        mark=_optional(found.get(_MARK)),
        connection=_optional(found.get(_CT_ID)),
        is_reply=None if not direction else direction[0] == 1,
    )


def _number(value: bytes, length: int) -> int:
    if len(value) != length:
        raise ValueError(f"a number of {len(value)} bytes in place of {length}")
    return int.from_bytes(value, "big")


def _optional(value: Optional[bytes]) -> Optional[int]:
    return None if value is None else _number(value, 4)


def _verdict(value: Optional[bytes]) -> tuple[str, str]:
    if value is None:
        return "", ""
    found = attributes(value)
    code = struct.unpack(">i", found[_VERDICT_CODE])[0]
    # The upper half says more of some: the number of the queue, or the error that the sender is given.
    word = _OF_NFTABLES.get(code) or _OF_NETFILTER.get(code & 0xFF, str(code))
    return word, text(found.get(_VERDICT_CHAIN))


def parse_headers(network: bytes, transport: bytes) -> Optional[Headers]:
    """Return the headers that start with these bytes; None where there are none, or they are not of IP."""
    if len(network) >= 20 and network[0] >> 4 == 4:
        version, number, ends = 4, network[9], (network[12:16], network[16:20])
    elif len(network) >= 40 and network[0] >> 4 == 6:
        version, number, ends = 6, network[6], (network[8:24], network[24:40])
    else:
        return None
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    source, destination = (socket.inet_ntop(family, end) for end in ends)
    return Headers(version, _PROTOCOLS.get(number, str(number)), source, destination, transport)


# ---- nfnetlink_log

_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
_PACKET_HEADER, _LOG_MARK, _LOG_IIF, _LOG_OIF, _PAYLOAD, _PREFIX = 1, 2, 4, 5, 9, 10
_TRACE_WORDS = "TRACE: "


@dataclass(frozen=True)
class LoggedEvent:
    """One message of a table of iptables-legacy about a packet that is traced."""

    version: int
    table: str
    chain: str
    comment: str
    """``rule``, ``policy`` or ``return``. The last two are said of each rule without conditions, too."""
    number: int
    """Place in the chain, from 1; one more than its last rule has for its end or policy."""
    hook: str
    headers: Headers
    iif: Optional[int]
    oif: Optional[int]
    mark: Optional[int]


def parse_logged(payload: bytes) -> Optional[LoggedEvent]:
    """Return the event of a message of type LOGGED, given without its netlink header; None for what is no trace."""
    if len(payload) < 4:
        raise ValueError("a logged packet without its header")
    found = attributes(payload, 4)
    words = text(found.get(_PREFIX)).strip()
    headers = _headers_of_packet(found.get(_PAYLOAD, b""))
    if not words.startswith(_TRACE_WORDS) or headers is None:
        return None
    # A chain's name can hold a colon.
    table, dummy, rest = words[len(_TRACE_WORDS) :].partition(":")
    chain, comment, number = rest.rsplit(":", 2)
    hook = struct.unpack_from(">HB", found[_PACKET_HEADER])[1]
    return LoggedEvent(
        version=headers.version,
        table=table,
        chain=chain,
        comment=comment,
        number=int(number),
        hook=_HOOKS[hook],
        headers=headers,
        iif=_optional(found.get(_LOG_IIF)),
        oif=_optional(found.get(_LOG_OIF)),
        mark=_optional(found.get(_LOG_MARK)),
    )


def _headers_of_packet(packet: bytes) -> Optional[Headers]:
    if not packet:
        return None
    if packet[0] >> 4 == 4:
        return parse_headers(packet, packet[(packet[0] & 0xF) * 4 :])
    network = bytearray(packet[:40])
    at = 40
    while len(network) == 40 and network[6] in _EXTENSIONS and len(packet) >= at + 2:
        network[6], at = packet[at], at + (packet[at + 1] + 1) * 8
    return parse_headers(bytes(network), packet[at:])
