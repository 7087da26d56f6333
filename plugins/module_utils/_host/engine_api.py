# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Engine API: where an engine of this host listens, HTTP to it, and what the snapshot asks of it.

All questions go over one connection, with limits of time and size. The docker SDK is ten times slower.
"""

from __future__ import annotations

import errno
import io
import ipaddress
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, RemoteDisconnected
from types import TracebackType
from typing import Any, NamedTuple, Optional, cast
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import within
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    CONTAINER,
    DENIED,
    ERROR,
    Gap,
    UnreadableError,
    shortened,
)

_UNIX = ("unix://", "http+unix://")
_TCP = re.compile(r"tcp://(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:/\[\]]*))(?::(?P<port>[0-9]{1,5}))?/?", re.ASCII)
DEFAULT_PORT = 2375
"""Without TLS."""

_ALLOWED = (
    "unix:///PATH of a socket, or tcp://ADDRESS:PORT with localhost or an address of the loopback interface "
    "(127.0.0.0/8, [::1])"
)


class EngineAddress(NamedTuple):
    """A socket of this host: a path, or a host and a port."""

    path: str = ""
    """Absolute; empty for TCP."""
    host: str = ""
    """``localhost`` or an address of the loopback interface, without brackets."""
    port: int = 0


def parse_engine_address(docker_host: str) -> EngineAddress:
    """Return the socket that docker_host names. Raises UnreadableError for one that is not sure to be on this host.

    What another machine says of its containers must never be judged by the kernel of this one.
    """
    for scheme in _UNIX:
        path = docker_host[len(scheme) :] if docker_host.startswith(scheme) else ""
        if os.path.isabs(path) and "\0" not in path:
            return EngineAddress(path)
    found = _TCP.fullmatch(docker_host)
    if found:
        host, port = found["six"] or found["host"] or "", int(found["port"] or DEFAULT_PORT)
        if _is_local(host, six=found["six"] is not None) and 0 < port <= 65535:
            return EngineAddress(host=host, port=port)
    shown = mask_text(docker_host)
    raise UnreadableError(
        ERROR, f"docker_host (or DOCKER_HOST) is {shown!r}, which is not on this host; allowed: {_ALLOWED}"
    )


def _is_local(host: str, *, six: bool) -> bool:
    if six:
        return host == "::1"
    if host == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


TIME_LIMIT = 20
"""Seconds to wait for each answer: a dockerd that hangs must not hang the audit."""
MOST_HANGING = 2
"""Containers whose answers are waited for in vain; about those behind them the engine is not asked."""
MOST_OF_A_CONTAINER = 1 << 21
"""Bytes of an answer about one container: strangers choose its labels. It has some 10 KiB."""
PART_OF_A_CONTAINER = 1 << 16
"""Bytes that every container may have, whatever others have."""
MOST_IN_COMMON = 1 << 23
"""Bytes that all may have together beyond that; on the way to a report they are copied some twenty times."""

_NOT_FOUND = 404


@dataclass(frozen=True)
class Answers:
    """What the engine said, as it said it."""

    version: dict[str, Any]
    """GET /version"""
    info: dict[str, Any]
    """GET /info"""
    networks: list[dict[str, Any]]
    """GET /networks"""
    containers: list[dict[str, Any]]
    """GET /containers/ID/json of all containers, those that do not run as well."""
    gaps: list[Gap] = field(default_factory=list)
    """Containers of which it gave no answer that could be read."""


def fetch(docker_host: str) -> Answers:
    """Ask the engine at docker_host all that the snapshot keeps of it, in the engine's own version of the API.

    Be sure that dockerd runs: this would start it where systemd holds its socket. Raises UnreadableError.
    """
    with asking(docker_host, TIME_LIMIT) as engine, asking(docker_host, TIME_LIMIT / 2) as of_containers:
        version = engine.get("/version")
        api = api_of(version)
        info, networks = engine.get(f"{api}/info"), _list(engine.get(f"{api}/networks"))
        containers, gaps = _inspect(of_containers, api, _list(engine.get(f"{api}/containers/json?all=1")))
        return Answers(version, info, networks, containers, gaps)


def _list(answer: Any) -> list[dict[str, Any]]:
    if not isinstance(answer, list):
        raise TypeError(f"a list was expected, and not {type(answer).__name__}")
    return answer


def _inspect(
    engine: EngineConnection, api: str, listed: list[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[Gap]]:
    """What the engine says of each container, and a gap for each of which it says nothing that can be read.

    One that was removed since the list was made is left out.
    """
    found: list[dict[str, Any]] = []
    gaps: list[Gap] = []
    left = MOST_IN_COMMON
    hanging = 0
    for item in listed:
        if hanging == MOST_HANGING:
            gaps.append(
                _gap(item, (f"the engine was not asked about it, because it did not answer {hanging} such requests"))
            )
            continue
        most = min(MOST_OF_A_CONTAINER, PART_OF_A_CONTAINER + left)
        try:
            found.append(engine.get(f"{api}/containers/{quote(item['Id'], safe='')}/json", most))
            left -= max(0, engine.size - PART_OF_A_CONTAINER)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                gaps.append(_gap(item, f"the engine refused the request for it: {error}"))
        except NotHttpError as error:
            gaps.append(_gap(item, f"the engine's answer about it cannot be read: {error}"))
        except socket.timeout:
            # dockerd keeps a lock for each container, which can be held for ever.
            hanging += 1
            gaps.append(_gap(item, "the engine did not answer the request for it in time"))
    return found, gaps


def _gap(listed: dict[str, Any], reason: str) -> Gap:
    names = listed.get("Names")
    name = names[0] if isinstance(names, list) and names else listed["Id"]
    return Gap(ENGINE, CONTAINER, str(name).lstrip("/"), shortened(reason))


def api_of(version: dict[str, Any]) -> str:
    """The beginning of paths in the engine's own version of the API."""
    return f"/v{quote(version['ApiVersion'], safe='')}"


@contextmanager
def asking(docker_host: str, time_limit: float) -> Iterator[EngineConnection]:
    """Give the body a connection to an engine on this host; time_limit is in seconds, for each answer.

    What the body meets while it asks becomes UnreadableError.
    """
    address = parse_engine_address(docker_host)
    try:
        with EngineConnection(address, time_limit) as engine:
            yield engine
    except RefusedError as error:
        raise UnreadableError(ERROR, f"the Engine API at {docker_host} refused: {error}") from error
    except NotHttpError as error:
        raise UnreadableError(ERROR, f"{docker_host} does not answer like a Docker Engine: {error}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(ERROR, f"{docker_host} does not answer like a Docker Engine: {error!r}") from error
    except OSError as error:
        raise _explain(error, docker_host, time_limit) from error


def _explain(error: OSError, docker_host: str, time_limit: float) -> UnreadableError:
    if isinstance(error, PermissionError):
        return UnreadableError(DENIED, f"{docker_host}: permission denied; run with become (as root)")
    if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
        return UnreadableError(ERROR, f"nothing listens at {docker_host}; start dockerd, or set docker_host")
    # Before Python 3.10 it is no TimeoutError.
    if isinstance(error, socket.timeout):
        return UnreadableError(ERROR, f"dockerd did not answer at {docker_host} within {time_limit:g} seconds")
    return UnreadableError(ERROR, f"the Engine API at {docker_host} could not be reached: {error}")


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
        limited = _LimitedSocket(connected(self._address, left), self._time_limit)
        limited.begin(self._most)
        self.sock = cast(Any, limited)

    def begin(self, most: int) -> None:
        """Let the time of the next answer begin, which may have so many bytes."""
        self._most = most
        if self.sock is not None:
            cast(_LimitedSocket, self.sock).begin(most)


def connected(address: EngineAddress, time_limit: float) -> socket.socket:
    """Return a connected socket; time_limit is in seconds. Raises OSError."""
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

    Everything raises OSError when it cannot be connected or ends too early, socket.timeout when no answer comes.
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
            raise NotHttpError(f"it does not answer with HTTP: {error!r}") from error
        except (NotHttpError, OSError):
            self._connection.close()
            raise


def _require_end(answer: HTTPResponse) -> None:
    """Refuse an answer whose end cannot be told from that of a connection that broke (RFC 9112, section 6.3)."""
    endless = answer.length is None and not answer.chunked and answer.status not in _WITHOUT_BODY
    if endless and answer.version >= _HTTP_1_1:
        raise NotHttpError("its answer has no length")


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
        raise NotHttpError(f"its answer is not JSON: {error}") from error
