# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Asks the Engine API, by the docker SDK's low-level client."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    DENIED,
    ERROR,
    UnreadableError,
    missing_library,
)

TIME_LIMIT = 20
"""Seconds to wait for each answer: a dockerd that hangs must not hang the audit."""

_LOCAL_HOSTS = ("unix://", "http+unix://", "tcp://127.", "tcp://localhost", "tcp://[::1]")


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


def fetch(docker_host: str) -> Answers:
    """Ask the engine at docker_host all that the snapshot keeps of it.

    The version of the API is negotiated. With a dockerd that does not run this would start it where systemd holds its
    socket (docker.socket): be sure that it runs. Raises UnreadableError.
    """
    with engine_client(docker_host, TIME_LIMIT) as client:
        return Answers(
            version=client.version(api_version=False),
            info=client.info(),
            networks=client.networks(),
            containers=list(_inspect_all(client)),
        )


@contextmanager
def engine_client(docker_host: str, time_limit: int) -> Iterator[Any]:
    """Give the body a client of the docker SDK that speaks the engine's own version of the API.

    time_limit is in seconds, for each answer. Raises UnreadableError, also for what the body meets while it asks.
    """
    if not docker_host.startswith(_LOCAL_HOSTS):
        raise UnreadableError(ERROR, f"{docker_host} is not on this host; its kernel can only be read where it runs")
    try:
        from docker import APIClient
        from docker.constants import DEFAULT_DOCKER_API_VERSION
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException
    except ImportError as error:
        raise missing_library("docker", "python3-docker", sys.executable, error) from error
    try:
        # What version="auto" does, but for a client that fails to be made and cannot be closed.
        with closing(APIClient(docker_host, DEFAULT_DOCKER_API_VERSION, time_limit)) as client:
            version = client.version(api_version=False)["ApiVersion"]
        with closing(APIClient(docker_host, version, time_limit)) as client:
            yield client
    except APIError as error:
        raise UnreadableError(
            ERROR, f"the Engine API at {docker_host} refused: {error.explanation or error}"
        ) from error
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableError(ERROR, f"{docker_host} does not answer like a Docker Engine: {error!r}") from error
    except (DockerException, RequestException, OSError) as error:
        raise _explain(error, docker_host, time_limit) from error


def reloads_since(docker_host: str, since: float) -> list[dict[str, str]]:
    """Return what dockerd said of each reload of its configuration that it finished since that time, in seconds.

    It keeps its last 256 events. Only a reload that succeeded is one, with the values in force as attributes, by keys
    of daemon.json (moby daemon/reload.go). Raises UnreadableError.
    """
    wanted = {"type": ["daemon"], "event": ["reload"]}
    with engine_client(docker_host, TIME_LIMIT) as client:
        found = client.events(f"{since:.9f}", f"{time.time():.9f}", wanted, decode=True)
        return [dict((event.get("Actor") or {}).get("Attributes") or {}) for event in found]


def _inspect_all(client: Any) -> Iterator[dict[str, Any]]:
    from docker.errors import NotFound

    for summary in client.containers(all=True):
        try:
            yield client.inspect_container(summary["Id"])
        except NotFound:
            # It was removed since the list was made.
            continue


def _explain(error: BaseException, docker_host: str, time_limit: int) -> UnreadableError:
    causes = list(_causes(error))
    if any(isinstance(cause, PermissionError) for cause in causes):
        return UnreadableError(DENIED, f"{docker_host}: permission denied; run with become (as root)")
    if any(isinstance(cause, FileNotFoundError) for cause in causes):
        return UnreadableError(ERROR, f"dockerd runs, and not at {docker_host}, which does not exist; set docker_host")
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return UnreadableError(ERROR, f"dockerd runs, and nobody listens at {docker_host}; set docker_host")
    if any(isinstance(cause, socket.timeout) or "Timeout" in type(cause).__name__ for cause in causes):
        return UnreadableError(ERROR, f"dockerd did not answer at {docker_host} within {time_limit} seconds")
    return UnreadableError(ERROR, f"the Engine API at {docker_host} could not be asked: {error}")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and all that it wraps: requests and urllib3 keep the first cause among the arguments."""
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        linked = (current.__cause__, current.__context__, getattr(current, "reason", None), *current.args)
        waiting += [item for item in linked if isinstance(item, BaseException)]
