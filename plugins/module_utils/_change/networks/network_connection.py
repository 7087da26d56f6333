# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Connects containers to networks so that they have there what they had before, and proves it."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.container_links import ContainerLinks
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import NetworkApi
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    Endpoint,
    endpoints_of,
    link_with,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed


class Connector:
    """Connects by the engine's API, and looks after in the kernel."""

    def __init__(self, api: NetworkApi, links: ContainerLinks) -> None:
        self._api = api
        self._links = links

    def connect(self, network_id: str, endpoint: Endpoint) -> None:
        """Connect the endpoint's container, if it still exists. Raises ApiProblem and ChangeFailed."""
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return
        pinned = endpoint.runs and is_running(container)
        self._api.connect(network_id, endpoint.container, endpoint.request(pinned=pinned))
        found = _find(self._api.inspect_container(endpoint.container), endpoint)
        if pinned and found is not None and not _has_addresses(found, endpoint):
            # Somebody else took an address or gave one back meanwhile: then the old one has to be asked for.
            for version in (4, 6):
                if endpoint.address_of(version) and not endpoint.fixed(version):
                    endpoint = endpoint.pinned(version)
            self._api.disconnect(network_id, endpoint.container)
            self._api.connect(network_id, endpoint.container, endpoint.request(pinned=True))
        self._prove(endpoint)

    def disconnect(self, endpoint: Endpoint) -> None:
        """Disconnect the endpoint's container from the network of that name, if it is on it."""
        container = self._api.inspect_container(endpoint.container)
        found = _find(container, endpoint)
        # After a connect that failed the engine shows a running container on the network, and it is not.
        if container is not None and found is not None and (found.runs or not is_running(container)):
            self._api.disconnect(found.network_id or found.network, endpoint.container)

    def is_as(self, endpoint: Endpoint, network_id: str) -> bool:
        """Whether it is there already as wanted, or its container is gone."""
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return True
        found = _find(container, endpoint)
        return (
            found is not None
            and found.network_id in ("", network_id)
            and not _problem(found, endpoint, running=is_running(container))
        )

    def _prove(self, endpoint: Endpoint) -> None:
        container = self._api.inspect_container(endpoint.container)
        if container is None:
            return
        found = _find(container, endpoint)
        running = is_running(container)
        problem = "it is not on it" if found is None else _problem(found, endpoint, running=running)
        if problem:
            raise ChangeFailed(f"container {endpoint.name} was connected to network {endpoint.network}, and {problem}")
        if running and endpoint.runs and found is not None:
            try:
                self._keep_mac(int(container["State"]["Pid"]), endpoint, found)
            except ChangeFailed:
                # A container that ends by itself just then is no reason to take everything back.
                now = self._api.inspect_container(endpoint.container)
                if now is not None and is_running(now):
                    raise

    def _keep_mac(self, pid: int, endpoint: Endpoint, found: Endpoint) -> None:
        if not endpoint.mac:
            return
        addresses = [found.address, found.address6]
        link = link_with(self._links.read(pid)[0], addresses)
        if link is None:
            raise ChangeFailed(
                f"container {endpoint.name} was connected to network {endpoint.network}, and the kernel shows no "
                f"interface with {found.text} in it"
            )
        if link.mac != endpoint.mac:
            self._links.set_mac(pid, link, endpoint.mac)
            link = link_with(self._links.read(pid)[0], addresses)
            if link is None or link.mac != endpoint.mac:
                raise ChangeFailed(
                    f"container {endpoint.name} has lost its MAC address {endpoint.mac} on network {endpoint.network}"
                )


def _find(container: dict[str, Any] | None, endpoint: Endpoint) -> Endpoint | None:
    """The container's endpoint on the network of the same name."""
    if container is None:
        return None
    return next((item for item in endpoints_of(container) if item.network == endpoint.network), None)


def is_running(container: dict[str, Any]) -> bool:
    """Whether the container has processes; a paused one has."""
    return bool((container.get("State") or {}).get("Running"))


def _has_addresses(found: Endpoint, wanted: Endpoint) -> bool:
    return all(
        not wanted.address_of(version) or found.address_of(version) == wanted.address_of(version) for version in (4, 6)
    )


def _problem(found: Endpoint, wanted: Endpoint, *, running: bool) -> str:
    """How an endpoint differs from what was wanted; empty if it does not."""
    if running and wanted.runs and not found.runs:
        return "the engine gave it no endpoint"
    if running and wanted.runs and not _has_addresses(found, wanted):
        return f"has {found.text or 'no address'} there instead of {wanted.text}"
    lost = [wanted.fixed(version) for version in (4, 6) if wanted.fixed(version) not in ("", found.fixed(version))]
    if lost:
        return f"does not ask for its fixed address {' and '.join(lost)} any more"
    have, want = (_besides_addresses(item.config) for item in (found, wanted))
    if have != want:
        return f"has {have} there instead of {want}"
    return ""


def _besides_addresses(config: dict[str, Any]) -> dict[str, Any]:
    """Aliases, links and options, in whatever order the engine has them."""
    return {
        key: sorted(value) if isinstance(value, list) else value for key, value in config.items() if key != "IPAMConfig"
    }
