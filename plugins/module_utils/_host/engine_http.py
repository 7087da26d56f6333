# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""HTTP to an engine on this host, all questions over one connection.

The standard library's client and not the docker SDK: of that only the transport would be used, and an audit, which asks
once for each container, would pay for it ten times (0.6 ms of processor time for each, and 100 ms to load it).
"""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from types import TracebackType
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_address import EngineAddress

_HTTP_1_1 = 11
_NOT_FOUND = 404
_WITHOUT_BODY = (204, 304)


class RefusedError(Exception):
    """The engine answered with an error; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message or f"the engine answered with status {status}")
        self.status = status


class NotHttpError(Exception):
    """What answered speaks no HTTP, or no JSON."""


class _UnixConnection(HTTPConnection):
    """Over a socket in the file system."""

    def __init__(self, path: str, time_limit: float) -> None:
        super().__init__("docker", timeout=time_limit)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineConnection:
    """A connection to an engine, made when it is needed. Use it with ``with``.

    Everything raises OSError when it cannot be connected or ends too early, and socket.timeout when no answer comes in
    time.
    """

    def __init__(self, address: EngineAddress, time_limit: float) -> None:
        """Take where the engine listens; time_limit is in seconds, for each answer."""
        self._connection = (
            _UnixConnection(address.path, time_limit)
            if address.path
            else HTTPConnection(address.host, address.port, timeout=time_limit)
        )

    def __enter__(self) -> EngineConnection:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> Any:
        """Return the decoded answer. Raises RefusedError and NotHttpError."""
        return self.request("GET", path)

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded answer, None for an empty one. Raises as get() does."""
        return _decoded(*self._ask(method, path, body))

    def get_lines(self, path: str) -> list[Any]:
        """Return the decoded lines of an answer that is a list of them. Raises as get() does."""
        status, content = self._ask("GET", path)
        return [_decoded(status, line) for line in content.splitlines() if line.strip()]

    def get_existing(self, paths: Iterable[str]) -> Iterator[Any]:
        """Yield the answers in the order of paths; what the engine does not know is left out. Raises as get() does."""
        for path in paths:
            try:
                yield self.get(path)
            except RefusedError as error:
                if error.status != _NOT_FOUND:
                    raise

    def _ask(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        content = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            answer = self._connection.getresponse()
            _require_end(answer)
            return answer.status, answer.read()
        except (IncompleteRead, RemoteDisconnected) as error:
            words = "it closed the connection before its answer was complete"
            raise ConnectionResetError(errno.ECONNRESET, words) from error
        except HTTPException as error:
            raise NotHttpError(f"it does not answer by HTTP: {error!r}") from error


def _require_end(answer: HTTPResponse) -> None:
    """Refuse an answer whose end cannot be told from that of a connection that broke (RFC 9112, section 6.3)."""
    endless = answer.length is None and not answer.chunked and answer.status not in _WITHOUT_BODY
    if endless and answer.version >= _HTTP_1_1:
        raise NotHttpError("its answer does not say how long it is")


def _decoded(status: int, body: bytes) -> Any:
    if status < 400:
        return _json(body) if body else None
    try:
        said = json.loads(body).get("message")
    except (ValueError, AttributeError):
        said = ""
    raise RefusedError(status, str(said or ""))


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise NotHttpError(f"its answer is no JSON: {error}") from error
