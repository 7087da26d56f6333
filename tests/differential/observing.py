"""Real attempts to reach something, many at once, from any network namespace.

Outcomes are those of tests/lab/probe.py.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.differential.namespaces import socket_in

SECONDS = 1.6
# Attempts that are under way at the same time; more would only queue up behind the machine's processors.
AT_ONCE = 100
# A route that is an error sends a sender five errors at once, then one each second, and five at once again after five
# seconds (ip_error() of net/ipv4/route.c). What would lift that, net.ipv4.route.error_cost, is a setting of the
# machine, of none of its namespaces.
ERRORS_AGAIN, ERROR_EACH = 5.0, 1.0
PATIENT = 4.0
IP_RECVERR, IPV6_RECVERR = 11, 25  # ip(7), ipv6(7)
SO_MARK = 36  # socket(7)
REQUEST = b"GET / HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Attempt:
    """One packet's worth of a question: what is tried, and from which namespace."""

    path: str
    protocol: str
    """``tcp``, ``udp`` or ``icmp``."""
    address: str
    port: int
    mark: int = 0
    """SO_MARK, by which the outside machine picks its way."""
    source_port: int = 0
    """0 leaves it to the kernel."""


@dataclass
class Outcome:
    """How it ended, the error's text, and what came back."""

    seen: str
    detail: str = ""
    body: str = ""


@dataclass
class _Running:
    attempt: Attempt
    place: int
    socket: socket.socket
    ends: float
    connected: bool = False
    echo_id: int = field(default_factory=lambda: int.from_bytes(os.urandom(2), "big"))


def observe(attempts: Sequence[Attempt], seconds: float = SECONDS) -> list[Outcome]:
    """Make all attempts, each bounded by so many seconds, and say how they ended, in the same order."""
    found: list[Outcome] = []
    for first in range(0, len(attempts), AT_ONCE):
        found += _observe(attempts[first : first + AT_ONCE], seconds)
    return found


def observe_patiently(attempts: Sequence[Attempt]) -> list[Outcome]:
    """The same one after the other, and with so much time for each, that none suffers from those before."""
    found: list[Outcome] = []
    for attempt in attempts:
        time.sleep(ERROR_EACH if found else ERRORS_AGAIN)
        found += _observe([attempt], PATIENT)
    return found


def _observe(attempts: Sequence[Attempt], seconds: float) -> list[Outcome]:
    found = [Outcome("timed out") for dummy in attempts]
    with selectors.DefaultSelector() as selector:
        for place, attempt in enumerate(attempts):
            running = _Running(attempt, place, _socket(attempt), time.monotonic() + seconds)
            event = selectors.EVENT_WRITE if attempt.protocol == "tcp" else selectors.EVENT_READ
            selector.register(running.socket, event, running)
            try:
                _begin(running)
            except OSError as error:
                found[place] = _failed(running, error)
                _end(selector, running)
        while selector.get_map():
            for key, dummy in selector.select(0.05):
                outcome = _next(selector, key.data)
                if outcome is not None:
                    found[key.data.place] = outcome
                    _end(selector, key.data)
            now = time.monotonic()
            for running in [key.data for key in selector.get_map().values() if key.data.ends <= now]:
                found[running.place].detail = "connected" if running.connected else ""
                _end(selector, running)
    return found


def _end(selector: selectors.BaseSelector, running: _Running) -> None:
    selector.unregister(running.socket)
    running.socket.close()


def _next(selector: selectors.BaseSelector, running: _Running) -> Outcome | None:
    """What became of an attempt whose socket is ready; None while it is under way."""
    was_connected = running.connected
    try:
        outcome = _go_on(running)
    except BlockingIOError:
        return None
    except OSError as error:
        return _failed(running, error)
    if running.connected and not was_connected:
        selector.modify(running.socket, selectors.EVENT_READ, running)
    return outcome


def _socket(attempt: Attempt) -> socket.socket:
    family = socket.AF_INET6 if ":" in attempt.address else socket.AF_INET
    kind, protocol = {
        "tcp": (socket.SOCK_STREAM, 0),
        "udp": (socket.SOCK_DGRAM, 0),
        "icmp": (socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP),
    }[attempt.protocol]
    made = socket_in(attempt.path, family, kind, protocol)
    made.setblocking(False)
    if attempt.mark:
        made.setsockopt(socket.SOL_SOCKET, SO_MARK, attempt.mark)
    if attempt.source_port:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", attempt.source_port))  # noqa: S104 - a client
    if attempt.protocol == "icmp":
        # As ping does. A plain UDP socket hears of a closed port, and not of a host that cannot be reached (udp(7)).
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
        else:
            made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    return made


def _begin(running: _Running) -> None:
    attempt = running.attempt
    error = running.socket.connect_ex((attempt.address, attempt.port if attempt.protocol != "icmp" else 0))
    if error not in (0, errno.EINPROGRESS):
        raise OSError(error, os.strerror(error))
    if attempt.protocol == "udp":
        running.socket.send(b"dockernet")
    elif attempt.protocol == "icmp":
        running.socket.send(_echo_request(running.echo_id, is_v6=":" in attempt.address))


def _go_on(running: _Running) -> Outcome | None:
    """What became of it; None while it is under way."""
    if running.attempt.protocol == "tcp" and not running.connected:
        try:
            running.socket.getpeername()
        except OSError:
            # Asked first it would also tell of passing errors, which connect(2) is silent about (SO_ERROR).
            error = running.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            raise OSError(error, os.strerror(error)) from None
        running.connected = True
        running.socket.send(REQUEST)
        return None
    data = running.socket.recv(4096)
    if running.attempt.protocol == "icmp":
        return Outcome("answered") if _is_echo_reply(data, running) else None
    return Outcome("answered", "", data.decode("utf-8", "replace")) if data else Outcome("closed")


def _failed(running: _Running, error: OSError) -> Outcome:
    if error.errno in (errno.ECONNRESET, errno.EPIPE) or (error.errno == errno.ECONNREFUSED and running.connected):
        return Outcome("closed", str(error))
    if error.errno == errno.ECONNREFUSED:
        return Outcome("refused", str(error))
    if error.errno == errno.ETIMEDOUT:
        return Outcome("timed out", str(error))
    return Outcome("unreachable", str(error))


def _echo_request(identifier: int, *, is_v6: bool) -> bytes:
    """An ICMP echo request; the kernel fills in the checksum of ICMPv6 itself (RFC 3542, 3.1)."""
    if is_v6:
        return struct.pack("!BBHHH", 128, 0, 0, identifier, 1)
    checksum = 0x0800 + identifier + 1
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    return struct.pack("!BBHHH", 8, 0, ~checksum & 0xFFFF, identifier, 1)


def _is_echo_reply(data: bytes, running: _Running) -> bool:
    """A raw socket gets every ICMP message for its namespace; one of IPv4 with its IP header."""
    is_v6 = ":" in running.attempt.address
    message = data if is_v6 else data[(data[0] & 15) * 4 :]
    if len(message) < 8:
        return False
    kind, dummy, dummy_sum, identifier, dummy_number = struct.unpack("!BBHHH", message[:8])
    return bool(kind == (129 if is_v6 else 0) and identifier == running.echo_id)
