# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""By what a probe and its answer are told from all other packets, wherever they are seen.

Addresses and ports change on the way, and with them all that is made of them. What no translation touches is the
sequence number of a SYN, and the first bytes that a datagram or an echo request carries.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._trace import owner_table as nft
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import Headers

TOKEN = {"tcp": 4, "udp": 12, "icmp": 12}
"""Bytes. An event has 20 of the transport header, and eight of them are UDP's or ICMP's own."""

_SEQUENCE, _ACKNOWLEDGED, _FLAGS, _DATA = 4, 8, 13, 8
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
ECHO = {4: (8, 0), 6: (128, 129)}
"""Types of an echo request and its answer."""
_NUMBERS = {"tcp": socket.IPPROTO_TCP, "udp": socket.IPPROTO_UDP}


def protocol_number(protocol: str, version: int) -> int:
    """Return the number in IP's header."""
    return _NUMBERS.get(protocol, socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6)


@dataclass(frozen=True)
class Identity:
    """One probe."""

    version: int
    protocol: str
    token: bytes
    """The sequence number of a SYN, or the first bytes that a datagram or echo carries."""

    def _answered_by(self) -> bytes:
        return struct.pack(">I", (int.from_bytes(self.token, "big") + 1) & 0xFFFFFFFF)

    def _kind(self, family: int) -> bytes:
        return of_version(self.version, family) + of_protocol(self.protocol, self.version)

    def matches_request(self, family: int) -> bytes:
        """Expressions that match the probe in a table of a family."""
        if self.protocol == "tcp":
            match = nft.transport_is(_SEQUENCE, self.token) + nft.flags_are(_FLAGS, _SYN | _ACK, _SYN)
        elif self.protocol == "udp":
            match = nft.transport_is(_DATA, self.token)
        else:
            match = nft.transport_is(0, bytes([ECHO[self.version][0]])) + nft.transport_is(_DATA, self.token)
        return self._kind(family) + match

    def matches_reply(self, family: int) -> Optional[bytes]:
        """Expressions that match the answer; None where nothing in it is known before."""
        if self.protocol == "tcp":
            match = nft.transport_is(_ACKNOWLEDGED, self._answered_by()) + nft.flags_any(_FLAGS, _SYN | _RST)
        elif self.protocol == "icmp":
            match = nft.transport_is(0, bytes([ECHO[self.version][1]])) + nft.transport_is(_DATA, self.token)
        else:
            return None
        return self._kind(family) + match

    def is_request(self, headers: Headers) -> bool:
        """Whether these are of the probe."""
        data = headers.transport
        if (headers.version, headers.protocol) != (self.version, self.protocol):
            return False
        if self.protocol == "tcp":
            return data[_SEQUENCE:_ACKNOWLEDGED] == self.token and _flags(data) & (_SYN | _ACK) == _SYN
        asks = self.protocol == "udp" or data[:1] == bytes([ECHO[self.version][0]])
        return asks and len(data) >= _DATA and data[_DATA : _DATA + len(self.token)] == self.token

    def is_reply(self, headers: Headers) -> bool:
        """Whether these are of its answer, as far as that can be told by them alone."""
        data = headers.transport
        if (headers.version, headers.protocol) != (self.version, self.protocol):
            return False
        if self.protocol == "tcp":
            return data[_ACKNOWLEDGED : _ACKNOWLEDGED + 4] == self._answered_by() and bool(_flags(data) & (_SYN | _RST))
        if self.protocol == "udp":
            return False
        return data[:1] == bytes([ECHO[self.version][1]]) and data[_DATA : _DATA + len(self.token)] == self.token


def identity_of(headers: Headers) -> Optional[Identity]:
    """Return the identity of a packet of other traffic; None where too little of it is known."""
    length = TOKEN.get(headers.protocol)
    at = _SEQUENCE if headers.protocol == "tcp" else _DATA
    if length is None or len(headers.transport) < at:
        return None
    return Identity(headers.version, headers.protocol, headers.transport[at : at + length])


def _flags(transport: bytes) -> int:
    return transport[_FLAGS] if len(transport) > _FLAGS else 0


def says(headers: Headers) -> str:
    """What an answer says to the sender, in the words of Path.observed."""
    if headers.protocol == "tcp":
        return "refused" if _flags(headers.transport) & _RST else "answered"
    if headers.protocol == "icmp" and headers.transport[:1] != bytes([ECHO[headers.version][1]]):
        return "unreachable"
    return "answered"


def of_version(version: int, family: int) -> bytes:
    """Expressions for a version of IP. A bridge's tables see frames, of any protocol."""
    if family == nft.BRIDGE:
        return nft.meta_is(nft.PROTOCOL, b"\x08\x00" if version == 4 else b"\x86\xdd")
    return nft.meta_is(nft.NFPROTO, bytes([nft.IPV4 if version == 4 else nft.IPV6]))


def of_protocol(protocol: str, version: int) -> bytes:
    """Expressions for a transport protocol."""
    return nft.meta_is(nft.L4PROTO, bytes([protocol_number(protocol, version)]))


@dataclass(frozen=True)
class Wanted:
    """Packets of others that are followed: the first of a connection to an address and port."""

    version: int
    protocol: str
    destination: str
    port: int
    source: str = ""
    """Empty for any."""

    def matches(self, family: int) -> bytes:
        """Expressions that match them in a table of a family."""
        af, at = (socket.AF_INET, (12, 16)) if self.version == 4 else (socket.AF_INET6, (8, 24))
        match = of_version(self.version, family) + of_protocol(self.protocol, self.version)
        if self.source:
            match += nft.network_is(at[0], socket.inet_pton(af, self.source))
        match += nft.network_is(at[1], socket.inet_pton(af, self.destination))
        if self.protocol == "icmp":
            return match + nft.transport_is(0, bytes([ECHO[self.version][0]]))
        match += nft.transport_is(2, struct.pack(">H", self.port))
        return match + (nft.flags_are(_FLAGS, _SYN | _ACK, _SYN) if self.protocol == "tcp" else b"")

    def is_of(self, headers: Headers) -> bool:
        """Whether these headers are of such a packet."""
        ports = headers.ports
        return (
            (headers.version, headers.protocol, headers.destination) == (self.version, self.protocol, self.destination)
            and (not self.source or headers.source == self.source)
            and (self.protocol == "icmp" or (ports is not None and ports[1] == self.port))
        )
