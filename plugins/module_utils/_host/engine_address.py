# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where an engine of this host listens: what may stand in ``docker_host``."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import ERROR, UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_text

_UNIX = ("unix://", "http+unix://")
_TCP = re.compile(r"tcp://(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:/\[\]]*))(?::(?P<port>[0-9]{1,5}))?/?", re.ASCII)
DEFAULT_PORT = 2375
"""Without TLS."""

_ALLOWED = (
    "unix:///PATH of a socket, or tcp://ADDRESS:PORT with localhost or an address of the loopback interface "
    "(127.0.0.0/8, [::1])"
)


@dataclass(frozen=True)
class EngineAddress:
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
    raise UnreadableError(ERROR, f"docker_host is {shown!r}, which is no place on this host; it takes {_ALLOWED}")


def _is_local(host: str, *, six: bool) -> bool:
    if six:
        return host == "::1"
    if host == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
