# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One attempt to reach an address, from the network namespace of the thread that makes it, with a limit of time."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional, TypeVar, cast

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum, family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)

TIMEOUT = "TIMEOUT"
T = TypeVar("T")

# linux/in.h, linux/in6.h: not in the socket module of Python 3.9.
_MTU_DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
_RECEIVE_ERRORS = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
# Fragments nothing, and sends more than the kernel knows the path to take (ip(7)).
_PMTUDISC_PROBE = 3
# linux/errqueue.h, struct sock_extended_err: errno, origin, type, code, info; the sender of the message follows.
_EXTENDED_ERROR = struct.Struct("=IBBBxII")
_FROM_ICMP = {2: 4, 3: 6}
_REPORTED = 4096
_LARGEST = 1 << 16
# Seconds in which a connection that was taken is closed again, as docker-proxy does where nothing listens behind it.
_CLOSING = 0.1
_TRIES = 3


@dataclass(frozen=True)
class Attempt:
    """What came of it."""

    observed: str
    """In the words of Path.observed."""
    error: str = ""
    """Name of the errno, ``TIMEOUT``; empty for an answer."""
    detail: str = ""
    """One sentence, where there is more to say."""
    milliseconds: Optional[float] = None
    source: str = ""
    """Address and port of the sender."""
    mtu: int = 0
    """What a router on the way reported; 0 for none."""

    @property
    def answered(self) -> bool:
        """Whether the other side was reached."""
        return self.observed == ANSWERED


def error_name(error: OSError) -> str:
    """Return the name of an errno (``ECONNREFUSED``)."""
    if isinstance(error, socket.timeout):
        return TIMEOUT
    return errno.errorcode.get(error.errno or 0, "EIO")


_OBSERVED = {
    "ECONNREFUSED": REFUSED,
    "ECONNRESET": CLOSED,
    "EPIPE": CLOSED,
    TIMEOUT: TIMED_OUT,
    "ETIMEDOUT": TIMED_OUT,
}


def observed(error: str) -> str:
    """Return what the sender saw of an error of that name. What the kernel does not let out is unreachable."""
    return _OBSERVED.get(error, UNREACHABLE)


def socket_address(address: str, port: int) -> Any:
    """Return what a socket connects to. One of link scope has its interface behind a percent sign."""
    if ":" not in address:
        return address, port
    plain, dummy, zone = address.partition("%")
    index = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone) if zone else 0
    return plain, port, 0, index


def place_of(bound: Any) -> str:
    """Return address and port of what getsockname() returned."""
    return f"[{bound[0]}]:{bound[1]}" if ":" in str(bound[0]) else f"{bound[0]}:{bound[1]}"


def since(began: float) -> float:
    """Return the milliseconds since a moment of time.monotonic()."""
    return round(1000 * (time.monotonic() - began), 3)


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return what all of them return, each called in a thread of its own, which has the namespace of this one.

    Raises what the first of them raised.
    """
    found: dict[int, T] = {}
    problems: list[BaseException] = []

    def call(index: int) -> None:
        try:
            found[index] = calls[index]()
        except BaseException as error:  # noqa: BLE001 (raised again where it is waited for)
            problems.append(error)

    threads = [threading.Thread(target=call, args=(index,), daemon=True) for index in range(1, len(calls))]
    for thread in threads:
        thread.start()
    if calls:
        call(0)
    for thread in threads:
        thread.join()
    for problem in problems:
        raise problem
    return [found[index] for index in range(len(calls))]


class IcmpErrors:
    """Hears ICMP errors that come to this thread's namespace. Use it with ``with``.

    The kernel says of a TCP connection that it was refused, and not by whom (ip(7), IP_RECVERR). Without CAP_NET_RAW it
    hears nothing.
    """

    def __init__(self, family: socket.AddressFamily) -> None:
        self._version = 4 if family == socket.AF_INET else 6
        self._socket: Optional[socket.socket] = None
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        with contextlib.suppress(OSError):
            self._socket = socket.socket(family, socket.SOCK_RAW, protocol)
            level, option, wanted = _ICMP_FILTER[self._version]
            self._socket.setsockopt(level, option, wanted)
            self._socket.settimeout(0)

    def __enter__(self) -> IcmpErrors:
        return self

    def __exit__(self, *dummy: object) -> None:
        if self._socket is not None:
            self._socket.close()

    def about(self, own_port: int, port: int) -> str:
        """Return who reported what about a TCP connection between these ports; empty for nothing."""
        for dummy in range(_MOST_ERRORS if self._socket is not None else 0):
            try:
                packet, sender = cast(socket.socket, self._socket).recvfrom(_REPORTED)
            except OSError:
                break
            words = icmp_error_about(packet, self._version, own_port, port)
            if words:
                return f"{sender[0]} reports: {words}"
        return ""


_MOST_ERRORS = 200
# linux/socket.h
_SOL_RAW = 255
# linux/icmp.h and linux/icmpv6.h, bits that are set are not heard: all but "destination unreachable".
_ICMP_FILTER = {
    4: (_SOL_RAW, 1, struct.pack("=I", 0xFFFFFFFF & ~(1 << 3))),
    6: (socket.IPPROTO_ICMPV6, 1, struct.pack("=I", 0xFFFFFFFF & ~(1 << 1)) + b"\xff" * 28),
}
_IPV6_HEADER, _NEXT_HEADER = 40, 6
_IPV4_PROTOCOL = 9


def icmp_error_about(packet: bytes, version: int, own_port: int, port: int) -> str:
    """Return what an ICMP error says, if the packet that it is about is of TCP and has these ports; empty if not."""
    with contextlib.suppress(struct.error, IndexError):
        start = 4 * (packet[0] & 0xF) if version == 4 else 0
        inner = start + _ICMP.size
        if version == 4:
            protocol, after = packet[inner + _IPV4_PROTOCOL], inner + 4 * (packet[inner] & 0xF)
        else:
            protocol, after = packet[inner + _NEXT_HEADER], inner + _IPV6_HEADER
        if protocol == socket.IPPROTO_TCP and struct.unpack_from("!HH", packet, after) == (own_port, port):
            return _icmp_error(version, packet[start], packet[start + 1])
    return ""


def connect(address: str, port: int, seconds: float) -> tuple[Attempt, Optional[socket.socket]]:
    """Make a TCP connection; the caller closes the socket, which there is for an answer alone."""
    family = family_of(address)
    connecting = socket.socket(family, socket.SOCK_STREAM)
    with IcmpErrors(family) as errors:
        began = time.monotonic()
        own_port = 0
        try:
            # Its port is known beforehand, for what is reported about it.
            connecting.bind(("", 0))
            own_port = connecting.getsockname()[1]
            connecting.settimeout(seconds)
            connecting.connect(socket_address(address, port))
            return Attempt(ANSWERED, "", "", since(began), place_of(connecting.getsockname())), connecting
        except OSError as error:
            name, took = error_name(error), since(began)
            source = _source_of(connecting)
            connecting.close()
            return Attempt(observed(name), name, errors.about(own_port, port), took, source), None


def _source_of(unconnected: socket.socket) -> str:
    """What is known of it: of one that failed the address is no longer."""
    with contextlib.suppress(OSError):
        bound = unconnected.getsockname()
        return place_of(bound) if bound[1] and bound[0] not in ("0.0.0.0", "::") else ""  # noqa: S104 (compared)
    return ""


def tcp(address: str, port: int, seconds: float) -> Attempt:
    """Make a TCP connection, send nothing, and see whether it is closed at once."""
    attempt, connected = connect(address, port, seconds)
    if connected is None:
        return attempt
    with connected:
        connected.settimeout(min(_CLOSING, seconds))
        try:
            closed = connected.recv(1) == b""
        except socket.timeout:
            closed = False
        except OSError:
            closed = True
    if not closed:
        return attempt
    return Attempt(
        CLOSED,
        "ECONNRESET",
        "the connection was accepted and closed again at once",
        attempt.milliseconds,
        attempt.source,
    )


def udp(address: str, port: int, seconds: float) -> Attempt:
    """Send one datagram, of one line feed, and wait for one. Silence says nothing: a service need not answer."""
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as sending:
        began = time.monotonic()
        source = ""
        try:
            _report_errors(sending)
            sending.settimeout(seconds)
            sending.connect(socket_address(address, port))
            source = place_of(sending.getsockname())
            sending.send(b"\n")
            sending.recv(_LARGEST)
        except socket.timeout:
            return Attempt(
                UNKNOWN, TIMEOUT, "nothing came back, and a UDP service need not answer", since(began), source
            )
        except OSError as error:
            dummy, reporter = _reported(sending)
            return Attempt(observed(error_name(error)), error_name(error), reporter, since(began), source)
        return Attempt(ANSWERED, "", "", since(began), source)


# ICMP, RFC 792 and RFC 4443: echo request and echo reply.
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
_ICMP = struct.Struct("!BBHHH")
_TOKEN = 8
_SMALLEST = 56
_HEADERS = {socket.AF_INET: 20, socket.AF_INET6: 40}


class EchoSocket:
    """Sends echo requests to one address, and takes its replies. Use it with ``with``. Needs CAP_NET_RAW."""

    def __init__(self, address: str) -> None:
        self._family = family_of(address)
        protocol = socket.IPPROTO_ICMP if self._family == socket.AF_INET else socket.IPPROTO_ICMPV6
        self._socket = socket.socket(self._family, socket.SOCK_RAW, protocol)
        self._number = int.from_bytes(os.urandom(2), "big")
        self._token = os.urandom(_TOKEN)
        try:
            _report_errors(self._socket)
            self._socket.connect(socket_address(address, 0))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> EchoSocket:
        return self

    def __exit__(self, *dummy: object) -> None:
        self._socket.close()

    @property
    def source(self) -> str:
        """The sender's address."""
        return str(self._socket.getsockname()[0])

    @property
    def headers(self) -> int:
        """Bytes that a packet has before what is sent: those of IP."""
        return _HEADERS[self._family]

    def never_fragment(self) -> None:
        """Have each request go as one packet, whatever size the kernel knows the path to take."""
        level, option = _MTU_DISCOVER[self._family]
        self._socket.setsockopt(level, option, _PMTUDISC_PROBE)

    def send(self, sequence: int, packet: int = 0) -> None:
        """Send one, as a packet of so many bytes with its headers. Raises OSError."""
        data = self._token + bytes(max(_SMALLEST, packet - self.headers - _ICMP.size) - _TOKEN)
        kind = _ECHO[self._family][0]
        head = _ICMP.pack(kind, 0, 0, self._number, sequence)
        own = checksum(head + data) if self._family == socket.AF_INET else 0
        self._socket.send(_ICMP.pack(kind, 0, own, self._number, sequence) + data)

    def receive(self, seconds: float) -> Optional[int]:
        """Return the sequence number of the next reply, None where none comes in time. Raises OSError."""
        until = time.monotonic() + seconds
        while (wait := until - time.monotonic()) > 0:
            self._socket.settimeout(wait)
            try:
                packet = self._socket.recv(_LARGEST)
            except socket.timeout:
                return None
            # Raw sockets of IPv4 get the header as well (raw(7)).
            start = 4 * (packet[0] & 0xF) if self._family == socket.AF_INET and packet else 0
            if len(packet) < start + _ICMP.size:
                continue
            kind, dummy, dummy2, number, sequence = _ICMP.unpack_from(packet, start)
            token = packet[start + _ICMP.size :][:_TOKEN]
            if (kind, number, token) == (_ECHO[self._family][1], self._number, self._token):
                return int(sequence)
        return None

    def reported(self) -> tuple[int, str]:
        """Return the path MTU and the sentence of the last error that was reported by ICMP; 0 and empty for none."""
        return _reported(self._socket)


def echo(address: str, seconds: float) -> Attempt:
    """Send an echo request, thrice at most within so many seconds, and wait for a reply."""
    began = time.monotonic()
    try:
        with EchoSocket(address) as asking:
            try:
                return _echo(asking, began, seconds)
            except OSError as error:
                dummy, detail = asking.reported()
                return Attempt(observed(error_name(error)), error_name(error), detail, since(began), asking.source)
    except OSError as error:
        return Attempt(observed(error_name(error)), error_name(error), "", since(began))


def _echo(asking: EchoSocket, began: float, seconds: float) -> Attempt:
    for sequence in range(1, _TRIES + 1):
        asking.send(sequence)
        if asking.receive(min(seconds / _TRIES, began + seconds - time.monotonic())) is not None:
            return Attempt(ANSWERED, "", "", since(began), asking.source)
    return Attempt(TIMED_OUT, TIMEOUT, "", since(began), asking.source)


def _report_errors(sending: socket.socket) -> None:
    level, option = _RECEIVE_ERRORS[socket.AddressFamily(sending.family)]
    sending.setsockopt(level, option, 1)


def _reported(sending: socket.socket) -> tuple[int, str]:
    """What the queue of errors of a socket says: the path MTU, and who reported what (ip(7), IP_RECVERR)."""
    mtu, sentence = 0, ""
    for data in _error_queue(sending):
        dummy, origin, kind, code, info, dummy2 = _EXTENDED_ERROR.unpack_from(data)
        version = _FROM_ICMP.get(origin)
        if version is None:
            continue
        name = _icmp_error(version, kind, code)
        reporter = _reporter(data[_EXTENDED_ERROR.size :])
        sentence = f"{reporter or 'a machine on the path'} reports: {name}"
        mtu = info if (version, kind, code) in ((4, 3, 4), (6, 2, 0)) else mtu
    return int(mtu), sentence


def _error_queue(sending: socket.socket) -> Iterator[bytes]:
    level, option = _RECEIVE_ERRORS[socket.AddressFamily(sending.family)]
    sending.settimeout(0)
    for dummy in range(16):
        try:
            dummy_data, ancillary, dummy_flags, dummy_address = sending.recvmsg(0, _REPORTED, socket.MSG_ERRQUEUE)
        except OSError:
            return
        for cmsg_level, cmsg_type, data in ancillary:
            if (cmsg_level, cmsg_type) == (level, option) and len(data) >= _EXTENDED_ERROR.size:
                yield data


def _reporter(data: bytes) -> str:
    """The address in a struct sockaddr."""
    (family,) = struct.unpack_from("=H", data) if len(data) >= 2 else (0,)
    with contextlib.suppress(ValueError):
        if family == socket.AF_INET:
            return str(ipaddress.IPv4Address(data[4:8]))
        if family == socket.AF_INET6:
            return str(ipaddress.IPv6Address(data[8:24]))
    return ""


# RFC 792, RFC 1812; RFC 4443.
_UNREACHABLE_4 = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    3: "port unreachable",
    4: "the packet is too big",
    9: "network prohibited",
    10: "host prohibited",
    13: "prohibited by a filter",
}
_UNREACHABLE_6 = {
    0: "no route",
    1: "prohibited by a filter",
    2: "beyond the scope of the source address",
    3: "address unreachable",
    4: "port unreachable",
    5: "the source address is prohibited",
    6: "the route rejects it",
}


def _icmp_error(version: int, kind: int, code: int) -> str:
    if version == 4 and kind == 3:
        return f"ICMP {_UNREACHABLE_4.get(code, f'unreachable, code {code}')}"
    if version == 6 and kind == 1:
        return f"ICMPv6 {_UNREACHABLE_6.get(code, f'unreachable, code {code}')}"
    if (version, kind) == (6, 2):
        return "ICMPv6 the packet is too big"
    if (version, kind) in ((4, 11), (6, 3)):
        return f"ICMP{'' if version == 4 else 'v6'} time exceeded"
    return f"ICMP{'' if version == 4 else 'v6'} type {kind}, code {code}"
