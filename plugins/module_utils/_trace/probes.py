# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends one probe from a socket in the network namespace of its origin, and says what its sender sees.

Each has a token by which it is told from all other packets, see identity.py.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum, family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import with_port
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import ECHO, TOKEN, Identity

# linux/tcp.h
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ = 19, 20, 21
_SEND_QUEUE = 2
# Linux has these for what has no answer, and for what a router says.
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EACCES, errno.EPROTO)
_ON_ITS_WAY = (errno.EINPROGRESS, errno.EAGAIN)
# A rule of the sender's own namespace, or of the trace, that drops what a socket sends.
_DROPPED_HERE = errno.EPERM
_DISCARD = 9
_LARGEST = 1 << 16


def new_token(protocol: str) -> bytes:
    """Return bytes that no other packet has at their place."""
    while True:
        token = os.urandom(TOKEN[protocol])
        # A sequence number of 0 has the kernel choose one.
        if any(token):
            return token


class SocketProbe:
    """One that the kernel sends for a socket."""

    def __init__(self, protocol: str, destination: str, port: int, source: str) -> None:
        """Make and bind the socket in this thread's namespace, whose it stays; nothing is sent.

        source is an address, or empty for the kernel's choice.

        Raises OSError: ENETUNREACH where there is no route, EADDRNOTAVAIL where the source is not the origin's.
        """
        self.identity = Identity(6 if ":" in destination else 4, protocol, new_token(protocol))
        self._target = (destination, port)
        self.address = source or _chosen_source(destination)
        """The source address."""
        self._socket = _new_socket(self.identity)
        try:
            self._socket.setblocking(False)
            if protocol == "tcp":
                _set_sequence(self._socket, self.identity.token)
                # At its end a reset in place of a farewell, also where this process is killed: neither end waits.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
            self._socket.bind((self.address, 0))
            self.port = 0 if protocol == "icmp" else int(self._socket.getsockname()[1])
            """The source port; of an echo request its identifier."""
        except OSError:
            self._socket.close()
            raise
        if protocol == "icmp":
            self.port = int.from_bytes(os.urandom(2), "big")
        self._error: Optional[int] = None
        self._answered = False

    @property
    def source(self) -> str:
        """Address and port, as of a PathStep."""
        return with_port(self.address, None if self.identity.protocol == "icmp" else self.port)

    def fileno(self) -> int:
        """For poll(2)."""
        return self._socket.fileno()

    def send(self) -> None:
        """Send it. What the kernel says against it is seen later."""
        if self.identity.protocol == "tcp":
            self._note(self._socket.connect_ex(self._target))
            return
        try:
            if self.identity.protocol == "udp":
                self._socket.connect(self._target)
                self._socket.send(self.identity.token)
            else:
                self._socket.sendto(self._echo(), (self._target[0], 0))
        except OSError as error:
            self._note(error.errno or 0)

    def _note(self, number: int) -> None:
        if number and number not in (*_ON_ITS_WAY, _DROPPED_HERE):
            self._error = number

    def _echo(self) -> bytes:
        body = struct.pack(">HH", self.port, 1) + self.identity.token
        kind = ECHO[self.identity.version][0]
        # Of ICMPv6 the kernel makes it, with the addresses in it.
        return struct.pack(">BBH", kind, 0, checksum(bytes([kind, 0]) + body)) + body

    def look(self) -> bool:
        """Whether the sender knows how it ended. To be called when poll(2) says so."""
        if self._error is not None or self._answered:
            return True
        protocol = self.identity.protocol
        if protocol == "tcp":
            self._error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or None
            self._answered = self._error is None and _is_connected(self._socket)
        else:
            self._receive(protocol)
        return self._error is not None or self._answered

    def _receive(self, protocol: str) -> None:
        try:
            data = self._socket.recv(_LARGEST)
        except OSError as error:
            self._note(error.errno or 0)
            return
        # A socket for echoes is given those of others as well, and of IPv4 with their headers.
        self._answered = protocol == "udp" or data[-len(self.identity.token) :] == self.identity.token

    def has_been_closed(self) -> bool:
        """Whether the other end closed the connection. To be called when poll(2) says that there is something."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    @property
    def observed(self) -> str:
        """What the sender saw, in the words of Path.observed."""
        if self._answered:
            return "answered"
        if self._error == errno.ECONNREFUSED:
            return "refused"
        if self._error in _UNREACHABLE:
            return "unreachable"
        return "timed out" if self.identity.protocol in ("tcp", "icmp") else "unknown"

    def close(self) -> None:
        """Close it at once, if it is not: a TCP socket that is not answered would send again."""
        self._socket.close()


def _new_socket(identity: Identity) -> socket.socket:
    family = socket.AF_INET if identity.version == 4 else socket.AF_INET6
    if identity.protocol == "tcp":
        return socket.socket(family, socket.SOCK_STREAM)
    if identity.protocol == "udp":
        return socket.socket(family, socket.SOCK_DGRAM)
    number = socket.IPPROTO_ICMP if identity.version == 4 else socket.IPPROTO_ICMPV6
    return socket.socket(family, socket.SOCK_RAW, number)


def _chosen_source(destination: str) -> str:
    """The address that the kernel would choose. To connect a datagram socket sends nothing."""
    family = family_of(destination)
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.connect((destination, _DISCARD))
        return str(asking.getsockname()[0])


def _set_sequence(stream: socket.socket, token: bytes) -> None:
    """Have the kernel begin with this sequence number, as those do that restore connections (TCP_REPAIR)."""
    stream.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    stream.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, _SEND_QUEUE)
    stream.setsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ, struct.pack("=I", int.from_bytes(token, "big")))
    stream.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 0)


def _is_connected(stream: socket.socket) -> bool:
    try:
        stream.getpeername()
    except OSError:
        return False
    return True
