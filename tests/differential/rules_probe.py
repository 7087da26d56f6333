"""Many probes at once through the rules lab, each from a port of its own; the words are those of tests/lab/probe.py."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import checksum

from tests.differential.rules_lab import FIRST_MARK, OUTSIDE, ROUTER, RulesLab
from tests.differential.rules_servers import ECHO_REQUEST, MAX_BYTES, Servers, Sighting

QUIET_SECONDS = 0.04
"""After so long without an event nothing comes any more: all is on one machine and takes microseconds."""
PATIENT_SECONDS = 1.5
"""Beyond the first retransmission of a SYN (TCP_TIMEOUT_INIT of linux/tcp.h: one second)."""
LONGEST_SECONDS = 20.0
"""What many connections send again and again, and the errors about it, can go on for minutes without a pause."""

FIRST_PORT, LAST_PORT = 10000, 19999
IP_RECVERR, IPV6_RECVERR = 11, 25
ECHO_REPLY = {4: 0, 6: 129}


@dataclass(frozen=True)
class Probe:
    """A packet that is sent: from a machine, to an address, with a source address that it has."""

    machine: str
    source: str
    protocol: str
    destination: str
    port: int = 0

    @property
    def family(self) -> int:
        return 6 if ":" in self.destination else 4

    def __str__(self) -> str:
        port = f" {self.port}" if self.port else ""
        return f"{self.protocol} from {self.machine} {self.source or '(any)'} to {self.destination}{port}"


@dataclass(frozen=True)
class Observation:
    """What became of a probe."""

    word: str
    source_port: int
    sighting: Sighting | None
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.word}{f' ({self.detail})' if self.detail else ''}; {self.sighting or 'nobody saw it'}"


class _Attempt:
    """A probe under way."""

    def __init__(self, number: int, probe: Probe, source_port: int) -> None:
        self.number, self.probe, self.source_port = number, probe, source_port
        self.word, self.detail = "timed out", ""
        self.connected = self.over = False
        # ping(8) has one kind of socket or the other; the kernel does not tell both of the same errors.
        self.raw = probe.protocol == "icmp" and probe.machine == ROUTER and number % 2 == 0
        self.sock: socket.socket | None = None

    def start(self) -> None:
        probe = self.probe
        family = socket.AF_INET if probe.family == 4 else socket.AF_INET6
        kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM, "icmp": socket.SOCK_DGRAM}
        protocol = 0
        if probe.protocol == "icmp":
            protocol = socket.IPPROTO_ICMP if probe.family == 4 else socket.IPPROTO_ICMPV6
        self.sock = socket.socket(family, socket.SOCK_RAW if self.raw else kinds[probe.protocol], protocol)
        self.sock.setblocking(False)
        try:
            if probe.protocol == "icmp":
                # As ping(8) does: a plain socket of its kind is not told of most errors.
                level, option = (0, IP_RECVERR) if probe.family == 4 else (41, IPV6_RECVERR)
                self.sock.setsockopt(level, option, 1)
            if probe.protocol == "tcp":
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if probe.machine in OUTSIDE:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, FIRST_MARK)
            self.sock.bind((probe.source, self.source_port))
            with contextlib.suppress(BlockingIOError):
                self.sock.connect((probe.destination, probe.port))
            if probe.protocol != "tcp":
                self.sock.send(self._message())
        except OSError as error:
            self._fail(error)

    def _message(self) -> bytes:
        text = b"%d " % self.number
        if self.probe.protocol != "icmp":
            return text
        kind = ECHO_REQUEST[self.probe.family]
        message = struct.pack("!BBHHH", kind, 0, 0, self.source_port, 1) + text
        # The kernel sums up all others (RFC 3542, 3.1).
        total = checksum(message) if self.raw and self.probe.family == 4 else 0
        return struct.pack("!BBHHH", kind, 0, total, self.source_port, 1) + text

    def ready(self, *, writable: bool) -> bool:
        """Go on; returns whether it is over."""
        assert self.sock is not None
        try:
            if self.probe.protocol == "tcp" and not self.connected:
                problem = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if problem and not self._is_connected():
                    raise OSError(problem, "")
                if not writable:
                    return False
                self.connected = True
                self.sock.send(self._message())
                return False
            if self.probe.protocol == "icmp" and (self._is_of_others() if self.raw else self._from_another()):
                return False
            self.word = "answered" if self.sock.recv(MAX_BYTES) else "closed"
        except BlockingIOError:
            return False
        except OSError as error:
            self._fail(error)
        return True

    def _is_connected(self) -> bool:
        """SO_ERROR also brings what ICMP said of later packets of a connection that was made (sk_err_soft)."""
        assert self.sock is not None
        try:
            self.sock.getpeername()
        except OSError:
            return False
        return True

    def _from_another(self) -> bool:
        """Whether an echo reply waits that did not come from who was asked: the kernel does not look at that."""
        assert self.sock is not None
        dummy, sender = self.sock.recvfrom(MAX_BYTES, socket.MSG_PEEK)
        if sender[0] == self.probe.destination:
            return False
        self.sock.recv(MAX_BYTES)
        return True

    def _is_of_others(self) -> bool:
        """Whether what waits is no reply to this one: a raw socket gets all messages, of IPv4 with headers."""
        assert self.sock is not None
        data = self.sock.recv(MAX_BYTES, socket.MSG_PEEK)
        start = 4 * (data[0] & 15) if self.probe.family == 4 else 0
        kind, identifier = struct.unpack_from("!B3xH", data, start)
        if (kind, identifier) == (ECHO_REPLY[self.probe.family], self.source_port):
            return False
        self.sock.recv(MAX_BYTES)
        return True

    def hear(self, error: str) -> None:
        """Take notice of an ICMP error that came for a SYN.

        Here it comes while connect() still holds the socket, and the kernel then keeps it to itself until the answer to
        the second SYN, a second later (tcp_v4_err() of net/ipv4/tcp_ipv4.c).
        """
        if self.probe.protocol == "tcp" and not self.connected and self.word == "timed out":
            self.word, self.detail = error, "by ICMP"

    def _fail(self, error: OSError) -> None:
        self.detail = f"errno {error.errno}"
        if isinstance(error, TimeoutError):
            # The kernel's own patience with a SYN is over before that of a slow machine.
            self.over = True
            return
        # A reset of what is not connected yet is ECONNREFUSED; later it is ECONNRESET, which select() can show first.
        refused = isinstance(error, ConnectionRefusedError) and not self.connected
        self.word = "refused" if refused else "closed" if isinstance(error, ConnectionError) else "unreachable"
        self.over = True


class Prober:
    """Sends probes and waits until nothing happens any more."""

    def __init__(self, lab: RulesLab) -> None:
        self._lab = lab
        self._selector = selectors.DefaultSelector()
        self._servers = Servers(lab, self._selector)
        self._next = 0

    def send(self, probes: Iterable[Probe], quiet: float = QUIET_SECONDS) -> list[Observation]:
        """What became of each probe, in their order."""
        attempts: list[_Attempt] = []
        self._servers.errors.clear()
        for probe in probes:
            self._next += 1
            attempts.append(_Attempt(self._next, probe, FIRST_PORT + self._next % (LAST_PORT - FIRST_PORT + 1)))
        for machine in sorted({attempt.probe.machine for attempt in attempts}):
            with self._lab.inside(machine):
                for attempt in attempts:
                    if attempt.probe.machine == machine:
                        self._start(attempt)
        until = time.monotonic() + LONGEST_SECONDS
        while self._turn(quiet) and time.monotonic() < until:
            pass
        for attempt in attempts:
            if attempt.sock is not None and attempt.sock.fileno() >= 0:
                self._end(attempt)
            if attempt.source_port in self._servers.errors:
                attempt.hear(self._servers.errors[attempt.source_port])
        seen = self._servers.seen
        return [Observation(one.word, one.source_port, seen.get(one.number), one.detail) for one in attempts]

    def close(self) -> None:
        """Close the servers, which hold their namespaces."""
        for key in list(self._selector.get_map().values()):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            sock.close()
        self._selector.close()

    def _start(self, attempt: _Attempt) -> None:
        attempt.start()
        assert attempt.sock is not None
        if attempt.over:
            attempt.sock.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if attempt.probe.protocol == "tcp" else 0)
        self._selector.register(attempt.sock, events, attempt)

    def _turn(self, quiet: float) -> bool:
        """Whether anything happened within the quiet time."""
        events = self._selector.select(quiet)
        for key, mask in events:
            if isinstance(key.data, _Attempt):
                if key.data.ready(writable=bool(mask & selectors.EVENT_WRITE)):
                    self._end(key.data)
                elif key.data.connected and mask & selectors.EVENT_WRITE:
                    self._selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
            else:
                key.data()
        return bool(events)

    def _end(self, attempt: _Attempt) -> None:
        assert attempt.sock is not None
        self._selector.unregister(attempt.sock)
        attempt.sock.close()
