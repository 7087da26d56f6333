# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A network and its endpoints as they were before they were made anew, from whatever state that has left them in."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.container_links import (
    ContainerLinks,
    KernelLinks,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import body_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_by_hand import (
    connect_command,
    create_command,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connection import Connector
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    Endpoint,
    endpoints_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_record import Record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed

ATTEMPTS = 3
"""How often it is tried: dockerd may be restarting."""
PAUSE = 2.0
"""Seconds between two attempts."""


def put_back(api: NetworkApi, record: Record, links: ContainerLinks | None = None) -> list[str]:
    """Have the network and its endpoints as the record says they were before; what is so already is left alone.

    Returns what is not as it was, with the commands to mend it; nothing when all is.
    """
    restoration = _Restoration(api, Connector(api, links or KernelLinks()), record)
    problems: list[str] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE)
        problems = restoration.run()
        if not problems:
            break
    return problems


class _Restoration:
    """One attempt after the other; what an attempt has begun, the next one ends."""

    def __init__(self, api: NetworkApi, connector: Connector, record: Record) -> None:
        self._api = api
        self._connector = connector
        self._record = record
        self._strangers: dict[str, Endpoint] = {}
        """By container id: endpoints that others made on the new network meanwhile."""

    def run(self) -> list[str]:
        """Try; return the problems."""
        try:
            network_id = self._old_network()
            behind = self._behind(network_id)
            waiting = [item for item in self._strangers.values() if not self._connector.is_as(item, network_id)]
        except (ApiProblem, ChangeFailed) as error:
            return [self._without_network(error)]
        touched = [endpoint for endpoint in self._record.before if endpoint.container in behind]
        for endpoint in reversed(touched):
            # What is not on it cannot be disconnected, and what does not go shows when it is connected.
            with contextlib.suppress(ApiProblem):
                self._connector.disconnect(endpoint)
        return [problem for endpoint in [*touched, *waiting] for problem in self._connect(endpoint, network_id)]

    def _connect(self, endpoint: Endpoint, network_id: str) -> list[str]:
        try:
            self._connector.connect(self._network_of(endpoint, network_id), endpoint)
        except (ApiProblem, ChangeFailed) as error:
            what = f"container {endpoint.name} is not as it was on network {endpoint.network} ({error})"
            return [f"{what}; once the cause is mended: {connect_command(endpoint)}"]
        return []

    def _network_of(self, endpoint: Endpoint, network_id: str) -> str:
        """The id of the endpoint's network; another network may have been made anew itself in the meantime."""
        if endpoint.network == self._record.name:
            return network_id
        network = self._api.inspect(endpoint.network)
        return endpoint.network_id if network is None else str(network["Id"])

    def _behind(self, network_id: str) -> set[str]:
        """The containers of which some endpoint is not as it was."""
        return {
            endpoint.container
            for endpoint in self._record.before
            if not self._connector.is_as(endpoint, self._network_of(endpoint, network_id))
        }

    def _old_network(self) -> str:
        """The id of the network as it was: that which is there, or one made again."""
        network = self._api.inspect(self._record.name)
        if network is not None and network.get("Name") == self._record.name:
            if network["Id"] == self._record.old_id or body_of(network) == self._record.old:
                return str(network["Id"])
            self._clear(network)
            self._api.remove(network["Id"])
        return self._api.create(self._record.old)

    def _clear(self, network: dict[str, Any]) -> None:
        """Disconnect everybody, those too who came since the network was made anew."""
        known = {endpoint.container for endpoint in self._record.before}
        for key in network.get("Containers") or {}:
            container = None if key in known else self._api.inspect_container(key)
            for endpoint in endpoints_of(container) if container else []:
                if endpoint.network == self._record.name:
                    # The address that it was given may be that of one who was there before.
                    self._strangers[key] = endpoint.without_address(4).without_address(6)
        for endpoint in [*self._strangers.values(), *reversed(self._record.before)]:
            self._connector.disconnect(endpoint)

    def _without_network(self, error: Exception) -> str:
        endpoints = [*self._record.before, *self._strangers.values()]
        commands = [create_command(self._record.old), *(connect_command(endpoint) for endpoint in endpoints)]
        what = f"network {self._record.name} is not as it was ({error}), and its containers run without it"
        return f"{what}. Once the cause is mended: {' && '.join(commands)}"
