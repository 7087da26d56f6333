# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""HTTP to an engine on this host, all questions over one connection, with limits of time and size for each answer.

The standard library's client and not the docker SDK: of that only the transport would be used, and an audit, which asks
once for each container, would pay for it ten times (0.6 ms of processor time for each, and 100 ms to load it).
"""

from __future__ import annotations

import errno
import io
import json
import socket
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from types import TracebackType
from typing import Any, Optional, cast

from ansible_collections.dockernet.baseline.plugins.module_utils._host.deadline import within
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_address import EngineAddress

_HTTP_1_1 = 11
_WITHOUT_BODY = (204, 304)
_PIECE = 1 << 16
# Of a message of the engine's.
_LONGEST_WORDS = 2000

MOST_BYTES = 1 << 25
"""Of an answer with its headers: a list of 10,000 containers has some 20 MiB. Text can take four times as much."""


class RefusedError(Exception):
    """The engine answered with an error; the message is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message or f"the engine answered with status {status}")
        self.status = status


class NotHttpError(Exception):
    """What answered speaks no HTTP, or no JSON."""


class _Incoming(io.RawIOBase):
    """What comes from a socket, until a time and up to a size: whoever sends drop by drop is not waited for longer.

    Raises socket.timeout and NotHttpError.
    """

    def __init__(self, source: socket.socket, until: float, most: int) -> None:
        super().__init__()
        self._source = source
        self._until = until
        self._most = self._left = most

    def readable(self) -> bool:
        """What io asks for before it reads."""
        return True

    def close(self) -> None:
        """Close the socket, too."""
        self._source.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Read what is there, and wait for it where nothing is."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise socket.timeout
        self._source.settimeout(left)
        count = self._source.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise NotHttpError(f"its answer has more than {self._most / (1 << 20):.3g} MiB")
        return count


class _LimitedSocket:
    """What http.client asks of a socket. The time of an answer begins with its question."""

    def __init__(self, plain: socket.socket, time_limit: float) -> None:
        self._plain = plain
        self._time_limit = time_limit
        self._until = 0.0
        self._most = MOST_BYTES

    def begin(self, most: int) -> None:
        """Let the time of the next answer begin, which may have so many bytes."""
        self._until = time.monotonic() + within(self._time_limit)
        self._most = most

    def sendall(self, data: bytes) -> None:
        """Send a question."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise socket.timeout
        self._plain.settimeout(left)
        self._plain.sendall(data)

    def makefile(self, dummy_mode: str) -> io.BufferedReader:
        """Where the answer is read from."""
        # Of its own, since http.client closes this one while an answer that ends with the connection is still read.
        return io.BufferedReader(_Incoming(self._plain.dup(), self._until, self._most))

    def close(self) -> None:
        """Close it."""
        self._plain.close()


class _Connection(HTTPConnection):
    """Over a socket in the file system, or of this host's TCP."""

    def __init__(self, address: EngineAddress, time_limit: float) -> None:
        super().__init__(address.host or "docker", address.port or None)
        self._address = address
        self._time_limit = time_limit
        self._most = MOST_BYTES

    def connect(self) -> None:
        """Connect; http.client does so with the first question, and after an answer that ended the connection."""
        left = within(self._time_limit)
        if left <= 0:
            raise socket.timeout
        limited = _LimitedSocket(_connected(self._address, left), self._time_limit)
        limited.begin(self._most)
        self.sock = cast(Any, limited)

    def begin(self, most: int) -> None:
        """Let the time of the next answer begin, which may have so many bytes."""
        self._most = most
        if self.sock is not None:
            cast(_LimitedSocket, self.sock).begin(most)


def _connected(address: EngineAddress, time_limit: float) -> socket.socket:
    if not address.path:
        return socket.create_connection((address.host, address.port), time_limit)
    plain = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        plain.settimeout(time_limit)
        plain.connect(address.path)
    except BaseException:
        plain.close()
        raise
    return plain


class EngineConnection:
    """A connection to an engine, made when it is needed. Use it with ``with``.

    Everything raises OSError when it cannot be connected or ends too early, and socket.timeout when no answer comes in
    time.
    """

    def __init__(self, address: EngineAddress, time_limit: float) -> None:
        """Take where the engine listens; time_limit is in seconds, for each answer."""
        self._connection = _Connection(address, time_limit)
        self.size = 0
        """Bytes of the last answer, without its headers."""

    def __enter__(self) -> EngineConnection:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._connection.close()

    def get(self, path: str, most: Optional[int] = None) -> Any:
        """Return the decoded answer, which may have so many bytes, MOST_BYTES by default.

        Raises RefusedError and NotHttpError; another question can follow.
        """
        return _decoded(*self._ask("GET", path, most=most))

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Return the decoded answer, None for an empty one. Raises as get() does."""
        return _decoded(*self._ask(method, path, body))

    def get_lines(self, path: str) -> list[Any]:
        """Return the decoded lines of an answer that is a list of them. Raises as get() does."""
        status, content = self._ask("GET", path)
        return [_decoded(status, line) for line in content.splitlines() if line.strip()]

    def _ask(self, method: str, path: str, body: Any = None, most: Optional[int] = None) -> tuple[int, bytes]:
        """Status and body of the answer."""
        content = None if body is None else json.dumps(body).encode()
        try:
            self._connection.begin(MOST_BYTES if most is None else most)
            self._connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            with self._connection.getresponse() as answer:
                _require_end(answer)
                found = _body(answer)
                self.size = len(found)
                return answer.status, found
        except (IncompleteRead, RemoteDisconnected) as error:
            self._connection.close()
            words = "it closed the connection before its answer was complete"
            raise ConnectionResetError(errno.ECONNRESET, words) from error
        except (HTTPException, ValueError) as error:
            # A chunk of less than no length is a ValueError to http.client.
            self._connection.close()
            raise NotHttpError(f"it does not answer by HTTP: {error!r}") from error
        except (NotHttpError, OSError):
            self._connection.close()
            raise


def _require_end(answer: HTTPResponse) -> None:
    """Refuse an answer whose end cannot be told from that of a connection that broke (RFC 9112, section 6.3)."""
    endless = answer.length is None and not answer.chunked and answer.status not in _WITHOUT_BODY
    if endless and answer.version >= _HTTP_1_1:
        raise NotHttpError("its answer does not say how long it is")


def _body(answer: HTTPResponse) -> bytes:
    """All of it, piece by piece: what an answer says of its length is no reason to take that much memory."""
    promised = answer.length
    pieces = []
    while piece := answer.read(_PIECE):
        pieces.append(piece)
    body = b"".join(pieces)
    if promised is not None and len(body) < promised:
        raise IncompleteRead(body, promised - len(body))
    return body


def _decoded(status: int, body: bytes) -> Any:
    if status < 400:
        return _json(body) if body else None
    try:
        said = json.loads(body).get("message")
    except (ValueError, AttributeError, RecursionError):
        said = ""
    raise RefusedError(status, str(said or "")[:_LONGEST_WORDS])


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotHttpError(f"its answer is no JSON: {error}") from error
