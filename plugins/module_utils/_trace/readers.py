# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sockets on which the kernel says what becomes of packets that are traced."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    TIME_LIMIT,
    attribute,
    messages_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import LOGGED, TRACE
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.owner_table import be32, message

# linux/netlink.h, asm-generic/socket.h, linux/netfilter/nfnetlink.h
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_RECEIVE_BUFFER_FORCE = 33
_GROUP_NFTRACE = 9
_ERROR = 2

BUFFER = 8 << 20
"""Bytes: some 13,000 events. By default the kernel keeps 166, and says once that it lost others."""
_RECEIVED = 1 << 16
_AT_ONCE = 512


class Reader:
    """A netlink socket with room for many messages. Use it with ``with``."""

    def __init__(self, wanted: int) -> None:
        """Open it, for messages of one type. Raises OSError."""
        self.lost = False
        """Whether the kernel had to leave out messages."""
        self._wanted = wanted
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER)
        self.socket.settimeout(TIME_LIMIT)
        self.socket.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, BUFFER)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *dummy: object) -> None:
        self.socket.close()

    def fileno(self) -> int:
        """For poll(2)."""
        return self.socket.fileno()

    def read(self) -> Iterator[bytes]:
        """Yield what follows the header of the messages that are there, up to some hundreds of them."""
        for dummy in range(_AT_ONCE):
            try:
                data = self.socket.recv(_RECEIVED)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost = True
                continue
            for kind, dummy_flags, dummy_sequence, payload in messages_in(data):
                if kind == self._wanted:
                    yield payload


def trace_reader() -> Reader:
    """Return a reader of the events of nf_tables. Raises OSError."""
    reader = Reader(TRACE)
    try:
        reader.socket.bind((0, 0))
        reader.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTRACE)
        reader.socket.setblocking(False)
    except OSError:
        reader.socket.close()
        raise
    return reader


# linux/netfilter/nfnetlink_log.h
_CONFIG = (4 << 8) | 1
_COMMAND, _MODE, _THRESHOLD = 1, 2, 5
_BIND = b"\x01"
_COPY_PACKET = 2
# Bytes of each packet: IPv6 with some extensions, and the transport header.
_COPIED = 192
# The kernel's messages about packets that are traced have no group of their own.
_GROUP = 0


def log_reader() -> Reader:
    """Return a reader of what tables of iptables-legacy say by nfnetlink_log.

    Raises OSError, EBUSY or EPERM where another program reads the same group.
    """
    reader = Reader(LOGGED)
    try:
        parts = (
            attribute(_COMMAND, _BIND),
            attribute(_MODE, struct.pack(">IBB", _COPIED, _COPY_PACKET, 0)),
            attribute(_THRESHOLD, be32(1)),
        )
        for sequence, part in enumerate(parts, 1):
            reader.socket.send(message(_CONFIG, 5, sequence, socket.AF_UNSPEC, part, _GROUP))
            _require_success(reader.socket, sequence)
        reader.socket.setblocking(False)
    except OSError:
        reader.socket.close()
        raise
    return reader


def _require_success(netlink: socket.socket, sequence: int) -> None:
    while True:
        for kind, dummy, answered, payload in messages_in(netlink.recv(_RECEIVED)):
            if kind == _ERROR and answered == sequence:
                (status,) = struct.unpack_from("=i", payload)
                if status:
                    raise OSError(-status, os.strerror(-status))
                return
