"""Servers in every namespace of the rules lab: they answer, and note what they saw."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from tests.differential.rules_lab import LEGS, LOOPBACK, ROUTER, ROUTER_ADDRESSES, RulesLab

PORTS = (53, 80, 443, 2222, 8080, 9000, 9001, 9002)
"""All machines answer on these, the router on all but the last two."""
_ROUTER_PORTS = PORTS[:-2]

MAX_BYTES = 512
ECHO_REQUEST = {4: 8, 6: 128}
_IPV6_HEADER = 40
_LEAST = {4: 28, 6: 48}
_MAPPED = "::ffff:"
_ANSWER = b"!"
"""In place of a question's blank. A rule can send an answer to another server, and they would answer each other."""


@dataclass(frozen=True)
class Sighting:
    """What a server saw of a packet: where it came from and where it went to, and in which machine that was."""

    machine: str
    source: str
    source_port: int
    destination: str
    port: int

    def __str__(self) -> str:
        return f"{self.machine} saw {self.source} {self.source_port} at {self.destination} {self.port}"


def _addresses(machine: str) -> list[str]:
    """All that it has, with those of its loopback."""
    if machine == ROUTER:
        return [*LOOPBACK.values(), *ROUTER_ADDRESSES[4], *ROUTER_ADDRESSES[6]]
    leg = next(leg for leg in LEGS if leg.machine == machine)
    return [*leg.addresses[4], *leg.addresses[6]]


class Servers:
    """They live on one selector, beside the probes. What they saw is kept under the number in the payload."""

    def __init__(self, lab: RulesLab, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self.seen: dict[int, Sighting] = {}
        self.errors: dict[int, str] = {}
        """What ICMP errors say of TCP packets, by their source ports."""
        for machine in (ROUTER, *(leg.machine for leg in LEGS)):
            with lab.inside(machine):
                for port in _ROUTER_PORTS if machine == ROUTER else PORTS:
                    self._listen(machine, port)
                    for host in _addresses(machine):
                        self._echo(machine, host, port)
                self._watch_pings(machine, 4)
                self._watch_pings(machine, 6)

    def _add(self, sock: socket.socket, callback: Callable[[], None]) -> None:
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, callback)

    def _listen(self, machine: str, port: int) -> None:
        server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
        self._add(server, lambda: self._accept(machine, server))

    def _accept(self, machine: str, server: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, dummy = server.accept()
                self._add(connection, lambda connection=connection: self._answer(machine, connection))  # type: ignore[misc]

    def _answer(self, machine: str, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        with connection, contextlib.suppress(OSError):
            data = connection.recv(MAX_BYTES)
            if data:
                self._note(data, machine, connection.getpeername(), *connection.getsockname()[:2])
                connection.sendall(data)

    def _echo(self, machine: str, host: str, port: int) -> None:
        """Each address has a socket of its own, so that the answer comes from the one that was asked."""
        server = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((host, port))
        self._add(server, lambda: self._return(machine, server, host, port))

    def _return(self, machine: str, server: socket.socket, host: str, port: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                try:
                    data, peer = server.recvfrom(MAX_BYTES)
                except ConnectionError:
                    continue
                if data.endswith(_ANSWER):
                    continue
                self._note(data, machine, peer, host, port)
                with contextlib.suppress(OSError):
                    server.sendto(data.replace(b" ", _ANSWER), peer)

    def _watch_pings(self, machine: str, family: int) -> None:
        """Only watches: the kernel answers."""
        if family == 4:
            server = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        else:
            server = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._add(server, lambda: self._read_pings(machine, server, family))

    def _read_pings(self, machine: str, server: socket.socket, family: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, dummy, peer = server.recvmsg(MAX_BYTES, 64)
                if family == 4:
                    asked, data = socket.inet_ntop(socket.AF_INET, data[16:20]), data[(data[0] & 15) * 4 :]
                else:
                    asked = socket.inet_ntop(socket.AF_INET6, ancillary[0][2][:16])
                self._read_error(data, family)
                if data[0] == ECHO_REQUEST[family]:
                    (identifier,) = struct.unpack_from("!H", data, 4)
                    self._note(data[8:], machine, (peer[0], identifier), asked, identifier)

    def _read_error(self, data: bytes, family: int) -> None:
        """A destination unreachable, with the beginning of the packet that it is about (RFC 792, RFC 4443)."""
        kind, refused = (3, 3) if family == 4 else (1, 4)
        about = data[8:]
        if data[0] == kind and len(about) >= _LEAST[family]:
            protocol, length = (about[9], (about[0] & 15) * 4) if family == 4 else (about[6], _IPV6_HEADER)
            if protocol == socket.IPPROTO_TCP:
                (port,) = struct.unpack_from("!H", about, length)
                self.errors[port] = "refused" if data[1] == refused else "unreachable"

    def _note(self, data: bytes, machine: str, peer: tuple[str, int], asked: str, port: int) -> None:
        number = int(data.split(b" ")[0])
        source, destination = (text.removeprefix(_MAPPED) for text in (peer[0], asked))
        self.seen[number] = Sighting(machine, source, peer[1], destination, port)
