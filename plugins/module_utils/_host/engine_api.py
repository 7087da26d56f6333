# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Asks the Engine API what the snapshot keeps."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_address import parse_engine_address
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_http import (
    EngineConnection,
    NotHttpError,
    RefusedError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    DENIED,
    ERROR,
    UnreadableError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, Gap, shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE

TIME_LIMIT = 20
"""Seconds to wait for each answer: a dockerd that hangs must not hang the audit."""
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

    With a dockerd that does not run this would start it where systemd holds its socket (docker.socket): be sure that it
    runs. Raises UnreadableError.
    """
    with asking(docker_host, TIME_LIMIT) as engine:
        version = engine.get("/version")
        api = _api(version)
        info, networks = engine.get(f"{api}/info"), _list(engine.get(f"{api}/networks"))
        containers, gaps = _inspect(engine, api, _list(engine.get(f"{api}/containers/json?all=1")))
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
    for item in listed:
        most = min(MOST_OF_A_CONTAINER, PART_OF_A_CONTAINER + left)
        try:
            found.append(engine.get(f"{api}/containers/{quote(item['Id'], safe='')}/json", most))
            left -= max(0, engine.size - PART_OF_A_CONTAINER)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                gaps.append(_gap(item, f"the engine refused to tell of it: {error}"))
        except NotHttpError as error:
            gaps.append(_gap(item, f"what the engine says of it cannot be read: {error}"))
    return found, gaps


def _gap(listed: dict[str, Any], reason: str) -> Gap:
    names = listed.get("Names")
    name = names[0] if isinstance(names, list) and names else listed["Id"]
    return Gap(ENGINE, CONTAINER, str(name).lstrip("/"), shortened(reason))


def _api(version: dict[str, Any]) -> str:
    """The beginning of paths in the engine's own version of the API."""
    return f"/v{quote(version['ApiVersion'], safe='')}"


def reloads_since(docker_host: str, since: float) -> list[dict[str, str]]:
    """Return what dockerd said of each reload of its configuration that it finished since that time, in seconds.

    It keeps its last 256 events. Only a reload that succeeded is one, with the values in force as attributes, by keys
    of daemon.json (moby daemon/reload.go). Raises UnreadableError.
    """
    wanted = quote(json.dumps({"type": ["daemon"], "event": ["reload"]}))
    with asking(docker_host, TIME_LIMIT) as engine:
        api = _api(engine.get("/version"))
        found = engine.get_lines(f"{api}/events?since={since:.9f}&until={time.time():.9f}&filters={wanted}")
        return [dict((event.get("Actor") or {}).get("Attributes") or {}) for event in found]


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
    if isinstance(error, FileNotFoundError):
        return UnreadableError(ERROR, f"dockerd runs, and not at {docker_host}, which does not exist; set docker_host")
    if isinstance(error, ConnectionRefusedError):
        return UnreadableError(ERROR, f"dockerd runs, and nobody listens at {docker_host}; set docker_host")
    # Before Python 3.10 it is no TimeoutError.
    if isinstance(error, socket.timeout):
        return UnreadableError(ERROR, f"dockerd did not answer at {docker_host} within {time_limit:g} seconds")
    return UnreadableError(ERROR, f"the Engine API at {docker_host} could not be asked: {error}")
