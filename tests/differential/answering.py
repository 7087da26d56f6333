"""Servers in the namespaces of a lab host and its containers, which say who answers and whose address they saw."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType

from tests.differential.namespaces import socket_in

BACKLOG = 256
ANY4 = "0.0.0.0"  # noqa: S104 - the servers are in namespaces of the lab
ANY = "::"


@dataclass(frozen=True)
class Server:
    """A socket that answers. An address of ``::`` takes IPv4 as well."""

    path: str
    """Of its network namespace."""
    name: str
    protocol: str
    port: int
    address: str = ANY


def answer_of(body: str) -> tuple[str, str]:
    """Who answered, and the source address that it saw, from what came back."""
    words = body.rpartition("\r\n\r\n")[2].split()
    return words[0], words[2]


class Servers:
    """All servers of a host, in one thread, for as long as the block lasts."""

    def __init__(self, wanted: Iterable[Server]) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        for server in wanted:
            made = _listening(server)
            self._selector.register(made, selectors.EVENT_READ, (server, False))

    def __enter__(self) -> Servers:
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._wake.send(b".")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake.close()

    def _serve(self) -> None:
        while True:
            for key, dummy in self._selector.select():
                if key.data is None:
                    return
                server, is_connection = key.data
                assert isinstance(key.fileobj, socket.socket)
                try:
                    self._answer(server, key.fileobj, is_connection=is_connection)
                except OSError:  # the other side has gone, or its address cannot be reached any more
                    if is_connection:
                        self._close(key.fileobj)

    def _answer(self, server: Server, ready: socket.socket, *, is_connection: bool) -> None:
        if server.protocol == "udp":
            _echo(server, ready)
        elif is_connection:
            if ready.recv(4096):
                ready.sendall(_seen(server, ready.getpeername()[0]))
            self._close(ready)
        else:
            connection, dummy = ready.accept()
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, (server, True))

    def _close(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()


def _listening(server: Server) -> socket.socket:
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    kind = socket.SOCK_STREAM if server.protocol == "tcp" else socket.SOCK_DGRAM
    made = socket_in(server.path, family, kind)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        if server.protocol == "udp":
            _ask_where_to(made, family)
        made.bind((server.address, server.port))
        if server.protocol == "tcp":
            made.listen(BACKLOG)
    except OSError as error:
        made.close()
        where = f"[{server.address}]:{server.port}/{server.protocol}"
        raise OSError(error.errno, f"{server.name} cannot listen on {where}: {error.strerror}") from error
    return made


# A bridge without a running container has no carrier, and an IPv6 address that stays tentative.
IPV6_FREEBIND = 78  # ipv6(7)
IP_PKTINFO = 8  # ip(7); not in Python's socket module before 3.14


def _ask_where_to(made: socket.socket, family: int) -> None:
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        made.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)


def _echo(server: Server, ready: socket.socket) -> None:
    """Answer from the address that was asked, as a server bound to that address does."""
    dummy, ancillary, dummy_flags, peer = ready.recvmsg(4096, 128)
    back = []
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
            back.append((level, kind, data[:16] + bytes(4)))
        elif (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO):
            back.append((level, kind, bytes(4) + data[8:12] + bytes(4)))
    ready.sendmsg([_seen(server, peer[0])], back, 0, peer)


def _seen(server: Server, source: str) -> bytes:
    return f"{server.name} saw {source.removeprefix('::ffff:')}\n".encode()
