# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine on a Unix socket, of which the test says what it answers, byte by byte."""

from __future__ import annotations

import email.utils
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.unit.patience import SECONDS

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


class Stream:
    """The answer to one request for events."""

    def __init__(self, connection: socket.socket, params: dict[str, str], engine: FakeEngine) -> None:
        self.params = params
        self._connection = connection
        self._engine = engine

    def say(self, *records: dict[str, Any]) -> None:
        """Send records, each as an engine does: a chunk with one line."""
        for record in records:
            self.chunk(json.dumps(record).encode() + b"\n")

    def chunk(self, data: bytes) -> None:
        self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def raw(self, data: bytes) -> None:
        self._connection.sendall(data)

    def end(self) -> None:
        """End the answer as an engine does at the time ``until``."""
        self.raw(LAST_CHUNK)

    def hold(self) -> None:
        """Leave it open until the client goes, or the engine is closed."""
        self._connection.settimeout(0.05)
        while not self._engine.closed.is_set():
            with suppress(TimeoutError):
                if not self._connection.recv(1):
                    return


class FakeEngine:
    """Answers /_ping, and has ``events`` answer /events; ``head`` goes before that."""

    def __init__(self, path: Path, events: Callable[[Stream], None], head: bytes = CHUNKED, clock: float = 0.0) -> None:
        self.url = f"unix://{path}"
        self.asked: list[str] = []
        self.closed = threading.Event()
        self._events, self._head, self._clock = events, head, clock
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._threads = [threading.Thread(target=self._serve, name="fake engine")]
        self._threads[0].start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, dummy = self._server.accept()
                self._threads.append(threading.Thread(target=self._talk, args=[connection], name="fake engine"))
                self._threads[-1].start()

    def _talk(self, connection: socket.socket) -> None:
        # A client that goes is no error here.
        with connection, suppress(OSError):
            while request := self._request(connection):
                target = request.split()[1]
                self.asked.append(target)
                url = urlsplit(target)
                if url.path == "/_ping":
                    connection.sendall(self._pong())
                    continue
                connection.sendall(self._head)
                self._events(Stream(connection, dict(parse_qsl(url.query)), self))
                return

    def _request(self, connection: socket.socket) -> str:
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            if not data:
                return ""
            head += data
        return head.decode()

    def _pong(self) -> bytes:
        now = email.utils.formatdate(self._clock or None, usegmt=True)
        return f"HTTP/1.1 200 OK\r\nDate: {now}\r\nContent-Length: 2\r\n\r\nOK".encode()

    def close(self) -> None:
        self.closed.set()
        # accept() does not end with the socket's descriptor.
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(SECONDS)
