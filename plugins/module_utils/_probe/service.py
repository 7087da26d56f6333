# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks what listens whether it speaks HTTP or TLS: one HEAD request for the path /, whose answer's head is read.

Certificates are not verified, since it is not known whom the sender trusts; nothing secret is sent. What answers is a
stranger, of which so many bytes are read and no more.
"""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import TIMEOUT, error_name, since

HTTP = "http"
HTTPS = "https"

NO_HTTP = "EPROTO"
"""Something answers, and not in the protocol that was asked for."""

_MOST_OF_HEAD = 1 << 14
_PIECE = 1 << 12
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? (\d{3})(?: ([^\r\n]*))?\r?$", re.MULTILINE)
_SERVER = re.compile(rb"^server:[ \t]*([^\r\n]+)", re.IGNORECASE | re.MULTILINE)

# linux/tcp.h, struct tcp_info: tcpi_rcv_ooopack at 224 (from Linux 5.4 on).
_OUT_OF_ORDER = 224
_TCP_INFO = 240


@dataclass(frozen=True)
class ServiceAnswer:
    """What came of it."""

    passed: bool
    error: str = ""
    detail: str = ""
    milliseconds: float = 0.0
    gap_came: bool = False
    """A later, smaller packet came, and what must be before it did not: what is large is lost on its way here."""


def ask_service(
    protocol: str, connected: socket.socket, host: str, seconds: float, *, sni: str = "", padding: int = 0
) -> ServiceAnswer:
    """Send a HEAD request over a connection, after a TLS handshake for ``https``.

    host is for the header of that name; padding has so many bytes in a header more, to fill more than one packet.
    """
    began = time.monotonic()
    until = began + seconds
    said = ""
    used = connected
    with contextlib.ExitStack() as closing:
        try:
            if protocol == HTTPS:
                used, said = _encrypted(connected, sni, until)
                closing.enter_context(used)
            status = _head(used, host, until, padding)
        except OSError as error:
            return _failed(used, _code_of(error), _problem(error, encrypting=protocol == HTTPS and not said), began)
    passed, words = read_status(status)
    detail = "; ".join(filter(None, (said, words)))
    return ServiceAnswer(passed, "" if passed else NO_HTTP, detail, since(began))


def _code_of(error: OSError) -> str:
    """One of the ssl module is an OSError with a number of its own."""
    return NO_HTTP if _of_tls(error) else error_name(error)


def _of_tls(error: OSError) -> str:
    reason = getattr(error, "reason", None)
    return reason if isinstance(reason, str) else ""


def _problem(error: OSError, *, encrypting: bool) -> str:
    if _of_tls(error):
        return f"the TLS handshake failed: {shortened(_of_tls(error))}"
    doing = "the TLS handshake" if encrypting else "the HTTP request"
    code = error_name(error)
    words = "had no answer" if code == TIMEOUT else f"ended with {code}"
    return f"{doing} {words}, although the connection was made"


def _failed(used: socket.socket, error: str, detail: str, began: float) -> ServiceAnswer:
    return ServiceAnswer(False, error, detail, since(began), gap_came=_has_gap(used))


def _encrypted(connected: socket.socket, name: str, until: float) -> tuple[socket.socket, str]:
    import ssl  # It takes longer to import than all else, and few probes need it.

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with _deadline(connected, until):
        used = context.wrap_socket(connected.dup(), server_hostname=name or None)
    return used, f"{used.version()} with {used.cipher()[0] if used.cipher() else 'no cipher'}"  # type: ignore[index]


@contextlib.contextmanager
def _deadline(used: socket.socket, until: float) -> Iterator[None]:
    left = until - time.monotonic()
    if left <= 0:
        raise socket.timeout
    used.settimeout(left)
    yield


def _head(used: socket.socket, host: str, until: float, padding: int) -> bytes:
    """The head of the answer, or as much as comes of it."""
    more = f"X-Padding: {'x' * padding}\r\n" if padding else ""
    request = f"HEAD / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: dockernet.baseline\r\n{more}Connection: close\r\n\r\n"
    with _deadline(used, until):
        used.sendall(request.encode("latin-1", "replace"))
    found = b""
    while b"\r\n\r\n" not in found and len(found) < _MOST_OF_HEAD:
        with _deadline(used, until):
            try:
                part = used.recv(_PIECE)
            except socket.timeout:
                if found:
                    break
                raise
        if not part:
            break
        found += part
    return found


def read_status(head: bytes) -> tuple[bool, str]:
    """Return whether bytes begin an answer of HTTP, and what they say in words that are safe to show."""
    if not head:
        return False, "it closed the connection without an answer"
    found = _STATUS.match(head)
    if found is None:
        return False, f"it does not answer with HTTP, but with {shortened(head[:64].decode('utf-8', 'replace'))!r}"
    reason = (found[2] or b"").decode("utf-8", "replace").strip()
    server = _SERVER.search(head)
    name = f", server {shortened(server[1].decode('utf-8', 'replace').strip())}" if server else ""
    return True, f"HTTP {int(found[1])}{' ' + shortened(reason) if reason else ''}{name}"


def _has_gap(used: socket.socket) -> bool:
    """Whether bytes came out of order, and those before them did not (tcp(7), TCP_INFO)."""
    try:
        info = used.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO)
    except OSError:
        return False
    if len(info) < _OUT_OF_ORDER + 4:
        return False
    (out_of_order,) = struct.unpack_from("=I", info, _OUT_OF_ORDER)
    return int(out_of_order) > 0
