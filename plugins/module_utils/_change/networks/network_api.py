# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks and their endpoints by the Engine API, bodies as the API has them."""

from __future__ import annotations

import re
import sys
from typing import Any, Protocol
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineConnection,
    RefusedError,
    asking,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

TIME_LIMIT = 60
"""Seconds for each answer: dockerd waits for the firewall's programs while it makes a network."""

_NOT_FOUND = 404
_ANY = (sys.maxsize, 0)
# Later versions of the API do not tell a container's configured MAC address (moby 29, router/container/inspect.go).
_TELLS_MAC = (1, 51)


class ApiProblem(Exception):
    """The engine refused, or did not answer; the message is the engine's own, or says why there is none."""

    def __init__(self, message: str, *, answered: bool = True) -> None:
        super().__init__(message)
        self.answered = answered
        """False when it is not known whether it was done."""


class NetworkApi(Protocol):
    """What is asked of the engine about networks. Everything raises ApiProblem."""

    def networks(self) -> list[dict[str, Any]]:
        """Return all networks, as GET /networks has them (without their containers)."""

    def inspect(self, name_or_id: str) -> dict[str, Any] | None:
        """Return one network, as GET /networks/ID has it; None where there is none.

        An id or the beginning of one is an answer as well as a name, so compare the name where that matters.
        """

    def create(self, body: dict[str, Any]) -> str:
        """Make a network (POST /networks/create) and return its id."""

    def remove(self, network_id: str) -> None:
        """Remove a network."""

    def connect(self, network_id: str, container: str, endpoint: dict[str, Any]) -> None:
        """Attach a container; endpoint is an EndpointConfig."""

    def disconnect(self, network_id: str, container: str) -> None:
        """Detach a container, running or not."""

    def inspect_container(self, container: str) -> dict[str, Any] | None:
        """Return one container, as GET /containers/ID/json has it; None where there is none.

        Its configured MAC address is among it, whichever the engine.
        """


class EngineNetworks:
    """The networks of the engine at docker_host, an address on this host."""

    def __init__(self, docker_host: str) -> None:
        self._docker_host = docker_host

    def networks(self) -> list[dict[str, Any]]:
        """All networks."""
        found: list[dict[str, Any]] = self._ask("GET", "/networks")
        return found

    def inspect(self, name_or_id: str) -> dict[str, Any] | None:
        """One network, None where there is none."""
        found: dict[str, Any] | None = self._ask("GET", f"/networks/{quote(name_or_id, safe='')}")
        return found

    def create(self, body: dict[str, Any]) -> str:
        """Make a network; return its id."""
        # Engines before 25 accept a second network of the same name unless told to look (moby, NetworkCreate).
        answer = self._ask("POST", "/networks/create", {"CheckDuplicate": True, **body})
        return str(answer["Id"])

    def remove(self, network_id: str) -> None:
        """Remove a network."""
        self._ask("DELETE", f"/networks/{quote(network_id, safe='')}")

    def connect(self, network_id: str, container: str, endpoint: dict[str, Any]) -> None:
        """Attach a container."""
        body = {"Container": container, "EndpointConfig": endpoint}
        self._ask("POST", f"/networks/{quote(network_id, safe='')}/connect", body)

    def disconnect(self, network_id: str, container: str) -> None:
        """Detach a container."""
        body = {"Container": container, "Force": False}
        self._ask("POST", f"/networks/{quote(network_id, safe='')}/disconnect", body)

    def inspect_container(self, container: str) -> dict[str, Any] | None:
        """One container, None where there is none."""
        found: dict[str, Any] | None = self._ask(
            "GET", f"/containers/{quote(container, safe='')}/json", newest=_TELLS_MAC
        )
        return found

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None, newest: tuple[int, int] = _ANY) -> Any:
        """Return the decoded answer, an empty one as {}; None to GET where there is no such thing.

        newest: of the versions of the API to ask in, as far as the engine still has it.
        """
        try:
            with asking(self._docker_host, TIME_LIMIT) as engine:
                version = _version(engine.get("/version"), newest)
                return self._answer(engine, method, f"/v{version}{path}", body)
        except UnreadableError as error:
            raise ApiProblem(str(error), answered=False) from error

    @staticmethod
    def _answer(engine: EngineConnection, method: str, path: str, body: dict[str, Any] | None) -> Any:
        try:
            found = engine.request(method, path, body)
        except RefusedError as error:
            if method == "GET" and error.status == _NOT_FOUND:
                return None
            raise ApiProblem(str(error)) from error
        return {} if found is None else found


def _version(answer: dict[str, Any], newest: tuple[int, int]) -> str:
    """Of the versions that an engine has (GET /version), the latest that is not later than newest, or its first."""
    own, first = str(answer["ApiVersion"]), str(answer.get("MinAPIVersion") or "0.0")
    wanted = min(_numbers(own), newest)
    return own if wanted == _numbers(own) else ".".join(map(str, max(wanted, _numbers(first))))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]+", version)))
