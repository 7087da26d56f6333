# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables of nftables that mark packets for tracing, and that the kernel removes with the socket that made them.

Expressions and attributes are those of linux/netfilter/nf_tables.h. A table with NFT_TABLE_F_OWNER (Linux 5.12) belongs
to its netlink socket: no other process can change it, and it goes when the socket is closed, however the process ended.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    TIME_LIMIT,
    attribute,
    messages_in,
)

# linux/netfilter.h
INET, IPV4, BRIDGE, IPV6 = 1, 2, 7, 10
PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = range(5)
FIRST, LAST = -(1 << 31), (1 << 31) - 2
"""Priorities. One more than LAST is where a new entry of connection tracking is kept, see NF_IP_PRI_LAST."""

_SUBSYSTEM = 10 << 8
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE = (_SUBSYSTEM | number for number in (0, 2, 3, 6))
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _APPEND = 0x1, 0x4, 0x200, 0x400, 0x800
_NESTED = 0x8000
_ERROR = 2

OWNER = 2
"""NFT_TABLE_F_OWNER"""

_HEADER = struct.Struct("=IHHII")
_RECEIVED = 1 << 16


def be32(value: int) -> bytes:
    """Return a number of four bytes in network order, also a negative one."""
    return struct.pack(">I", value & 0xFFFFFFFF)


def nest(kind: int, *parts: bytes) -> bytes:
    """Return an attribute that holds others."""
    return attribute(kind | _NESTED, b"".join(parts))


def message(kind: int, flags: int, sequence: int, family: int, body: bytes, resource: int = 0) -> bytes:
    """Return a message of nfnetlink (``struct nlmsghdr``, ``struct nfgenmsg``, attributes)."""
    content = struct.pack(">BBH", family, 0, resource) + body
    return _HEADER.pack(_HEADER.size + len(content), kind, flags, sequence, 0) + content


# ---- expressions: each is an element of NFTA_RULE_EXPRESSIONS, with the one register that is needed

NFPROTO, PROTOCOL, L4PROTO, OIF = 15, 1, 16, 5
"""Keys of meta."""
CT_DIRECTION, CT_PROTOCOL, CT_SOURCE_PORT, CT_DESTINATION_PORT = 1, 10, 11, 12
"""Keys of ct."""
_NETWORK, TRANSPORT = 1, 2
_NFTRACE = 12
_REGISTER = be32(1)
_EQUAL, _OTHER = 0, 1


def _expression(name: bytes, *parts: bytes) -> bytes:
    return nest(1, attribute(1, name + b"\0"), nest(2, *parts))


def _compared(value: bytes, operator: int = _EQUAL) -> bytes:
    return _expression(b"cmp", attribute(1, _REGISTER), attribute(2, be32(operator)), nest(3, attribute(1, value)))


def meta_is(key: int, value: bytes) -> bytes:
    """``meta KEY VALUE``."""
    return _expression(b"meta", attribute(1, _REGISTER), attribute(2, be32(key))) + _compared(value)


def meta_is_not(key: int, value: bytes) -> bytes:
    """``meta KEY != VALUE``."""
    return _expression(b"meta", attribute(1, _REGISTER), attribute(2, be32(key))) + _compared(value, _OTHER)


def _payload(base: int, offset: int, length: int) -> bytes:
    where = [attribute(kind, be32(value)) for kind, value in ((1, 1), (2, base), (3, offset), (4, length))]
    return _expression(b"payload", *where)


def transport_is(offset: int, value: bytes) -> bytes:
    """``@th,OFFSET,LENGTH VALUE``, with an offset in bytes."""
    return _payload(TRANSPORT, offset, len(value)) + _compared(value)


def network_is(offset: int, value: bytes) -> bytes:
    """``@nh,OFFSET,LENGTH VALUE``, with an offset in bytes."""
    return _payload(_NETWORK, offset, len(value)) + _compared(value)


def _masked(offset: int, mask: int) -> bytes:
    parts = [attribute(1, _REGISTER), attribute(2, _REGISTER), attribute(3, be32(1))]
    data = [nest(4, attribute(1, bytes([mask]))), nest(5, attribute(1, b"\0"))]
    return _payload(TRANSPORT, offset, 1) + _expression(b"bitwise", *parts, *data)


def flags_are(offset: int, mask: int, value: int) -> bytes:
    """One byte of the transport header, masked, is a value."""
    return _masked(offset, mask) + _compared(bytes([value]))


def flags_any(offset: int, mask: int) -> bytes:
    """One byte of the transport header has one of the bits of a mask."""
    return _masked(offset, mask) + _compared(b"\0", _OTHER)


def ct_is(key: int, value: bytes, direction: Optional[int] = None) -> bytes:
    """``ct [original] KEY VALUE``: the direction is that of the tuple that a key is of."""
    of = [] if direction is None else [attribute(3, bytes([direction]))]
    return _expression(b"ct", attribute(1, _REGISTER), attribute(2, be32(key)), *of) + _compared(value)


def limited(packets: int) -> bytes:
    """``limit rate PACKETS/second burst PACKETS packets``."""
    rate = [attribute(1, struct.pack(">Q", packets)), attribute(2, struct.pack(">Q", 1))]
    return _expression(b"limit", *rate, attribute(3, be32(packets)), attribute(4, be32(0)))


def noticed() -> bytes:
    """What always matches and does nothing: the kernel reports it of packets that are traced, and of no other."""
    return _expression(b"immediate", attribute(1, _REGISTER), nest(2, attribute(1, b"\1")))


def traced() -> bytes:
    """``meta nftrace set 1``."""
    return noticed() + _expression(b"meta", attribute(2, be32(_NFTRACE)), attribute(3, _REGISTER))


def dropped() -> bytes:
    """``drop``."""
    return _expression(b"immediate", attribute(1, be32(0)), nest(2, nest(2, attribute(1, be32(0)))))


# ---- tables


@dataclass(frozen=True)
class Chain:
    """A base chain of type filter with its rules, each of them the expressions of one."""

    family: int
    name: str
    hook: int
    priority: int
    rules: Sequence[bytes]


class OwnerTable:
    """A netlink socket with a table of the same name in each family that has chains. Use it with ``with``."""

    def __init__(self, name: str) -> None:
        """Open the socket. Raises OSError."""
        self._name = name
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        self._socket.settimeout(TIME_LIMIT)
        self._sequence = 0

    def __enter__(self) -> OwnerTable:
        return self

    def __exit__(self, *dummy: object) -> None:
        self._socket.close()

    def make(self, chains: Sequence[Chain], flags: int) -> None:
        """Make tables, chains and rules in one transaction.

        Raises OSError: EOPNOTSUPP or EINVAL where the kernel knows no owner of a table, EAFNOSUPPORT and others where
        it has no nf_tables, or not for a family; PermissionError without CAP_NET_ADMIN.
        """
        name = attribute(1, self._name.encode() + b"\0")
        new: list[tuple[int, int, int, bytes]] = []
        for family in dict.fromkeys(chain.family for chain in chains):
            table = name + (attribute(2, be32(flags)) if flags else b"")
            new.append((_NEW_TABLE, _CREATE | _EXCLUSIVE, family, table))
        for chain in chains:
            new += _chain_with_rules(name, chain)
        self._commit(new)

    def delete(self, families: Iterable[int]) -> None:
        """Delete the tables, where they have no owner. Raises OSError, ENOENT where one is not there."""
        name = attribute(1, self._name.encode() + b"\0")
        self._commit([(_DELETE_TABLE, 0, family, name) for family in families])

    def _commit(self, changes: Sequence[tuple[int, int, int, bytes]]) -> None:
        first = self._sequence + 1
        parts = [message(_BATCH_BEGIN, _REQUEST, first, socket.AF_UNSPEC, b"", 10)]
        for at, (kind, flags, family, body) in enumerate(changes, first + 1):
            parts.append(message(kind, _REQUEST | _ACK | flags, at, family, body))
        self._sequence = first + len(changes) + 1
        parts.append(message(_BATCH_END, _REQUEST, self._sequence, socket.AF_UNSPEC, b"", 10))
        self._socket.send(b"".join(parts))
        left = len(changes)
        while left:
            for kind, dummy, sequence, payload in messages_in(self._socket.recv(_RECEIVED)):
                if kind != _ERROR or not first <= sequence <= self._sequence:
                    continue
                (status,) = struct.unpack_from("=i", payload)
                if status:
                    raise OSError(-status, os.strerror(-status))
                left -= 1


def _chain_with_rules(table: bytes, chain: Chain) -> list[tuple[int, int, int, bytes]]:
    name = chain.name.encode() + b"\0"
    hook = nest(4, attribute(1, be32(chain.hook)), attribute(2, be32(chain.priority)))
    rules = [table + attribute(2, name) + nest(4, rule) for rule in chain.rules]
    return [
        (_NEW_CHAIN, _CREATE, chain.family, table + attribute(3, name) + hook + attribute(7, b"filter\0")),
        *((_NEW_RULE, _CREATE | _APPEND, chain.family, rule) for rule in rules),
    ]
