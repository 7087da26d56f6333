# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a probe starts, and what is around it: the container, its networks and neighbours, the host. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ANYWHERE,
    Container,
    Endpoint,
    Network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import HOST
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import ProcessState
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.namespace import NamespaceView
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.resolver import ResolverSettings

_SHARED = "container:"
MOST_PEERS = 3


@dataclass(frozen=True)
class Scene:
    """What does not change from one target to the next."""

    container: Optional[Container]
    """That the probes start from; None for the host."""
    process: Optional[ProcessState]
    containers: list[Container]
    networks: dict[str, Network]
    """By id."""
    host: NamespaceView
    own: NamespaceView = field(default_factory=lambda: NamespaceView([], []))
    """The sender's namespace; that of the host for the host."""
    settings: ResolverSettings = field(default_factory=ResolverSettings)
    host_addresses: dict[int, str] = field(default_factory=dict)
    """Address that the host sends to others from, by IP version."""
    in_host_namespace: bool = False
    """Whether the sender is in the namespace of the host, as the host itself and with network mode ``host``."""

    @property
    def name(self) -> str:
        """What a result calls the sender."""
        return HOST if self.container is None else self.container.name

    @property
    def mode(self) -> str:
        """Network mode of the container; empty for the host."""
        return self.container.network_mode if self.container is not None else ""

    def owner(self) -> Optional[Container]:
        """The container whose endpoints the sender has: another one's with network mode ``container:ID``."""
        if not self.mode.startswith(_SHARED):
            return self.container
        wanted = self.mode[len(_SHARED) :]
        return next((item for item in self.containers if wanted in (item.id, item.name)), self.container)

    def endpoint_at(self, link: Optional[Link]) -> Optional[Endpoint]:
        """The owner's endpoint at a link: by hardware address, or else by address."""
        owner = self.owner()
        if owner is None or link is None or self.in_host_namespace:
            return None
        own = {text.partition("/")[0] for text in link.addresses}
        for endpoint in owner.endpoints:
            if endpoint.mac and endpoint.mac.lower() == link.mac:
                return endpoint
        return next((item for item in owner.endpoints if {item.address, item.address6} & own), None)

    def network_at(self, link: Optional[Link]) -> Optional[Network]:
        """The network that a link of the sender belongs to."""
        endpoint = self.endpoint_at(link)
        return None if endpoint is None else self.networks.get(endpoint.network_id)

    def is_internal(self) -> bool:
        """Whether all networks of the sender are internal, so that it has no default route by design."""
        owner = self.owner()
        if owner is None or self.in_host_namespace:
            return False
        found = [self.networks.get(endpoint.network_id) for endpoint in owner.endpoints]
        return bool(found) and all(network is not None and network.internal for network in found)

    def peers(self, network: Network, version: int, without: str) -> list[tuple[str, str]]:
        """Name and address of other running containers on a network, but for one address."""
        owner = self.owner()
        found = []
        for item in self.containers:
            for endpoint in item.endpoints if item.running and item is not owner else []:
                address = endpoint.address if version == 4 else endpoint.address6
                if endpoint.network_id == network.id and address and address != without:
                    found.append((item.name, address))
        return found[:MOST_PEERS]

    def container_behind(self, address: str, protocol: str, port: int, *, on_host: bool) -> Optional[Container]:
        """The container with an address, or that publishes a port of the host, where the address is the host's."""
        running = [item for item in self.containers if item.running]
        for item in running:
            if any(address in (endpoint.address, endpoint.address6) for endpoint in item.endpoints):
                return item
        transport = "udp" if protocol in ("udp", "dns") else "tcp"
        for item in running if on_host else []:
            if any(
                (each.protocol, each.host_port) == (transport, port)
                and (each.address == address or each.address in ANYWHERE.values())
                for each in item.published
            ):
                return item
        return None

    def with_own(self, own: NamespaceView, settings: ResolverSettings) -> Scene:
        """The scene, with what was seen from inside."""
        return replace(self, own=own, settings=settings)


def version_of(address: str) -> int:
    """4 or 6."""
    return ipaddress.ip_address(address.partition("%")[0]).version
