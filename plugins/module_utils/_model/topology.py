# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How containers hang on the host, joined from what the daemon declares and what the kernel shows.

The chain container -> namespace id -> host veth -> bridge needs no entering of namespaces: a veth carries the index of
its other end (IFLA_LINK) and the id of the namespace that end is in (IFLA_LINK_NETNSID), see rtnetlink(7).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

_DOCKER_BRIDGE = re.compile(r"docker0|docker_gwbridge|br-[0-9a-f]{12}")


@dataclass(frozen=True)
class Attachment:
    """One endpoint of a running container and the bridge port that it ends in."""

    container: Container
    endpoint: Endpoint
    network: Network
    port: Optional[Link]
    """The veth on the host; None when the kernel shows none."""

    @property
    def bridge(self) -> Optional[str]:
        """Name of the bridge, None for networks without one."""
        return self.network.bridge


def running(snapshot: HostSnapshot) -> list[Container]:
    """Containers that have a process."""
    return [container for container in snapshot.containers if container.running]


def attachments(snapshot: HostSnapshot) -> list[Attachment]:
    """Every bridge endpoint of every running container, with the host's veth where the kernel shows it."""
    networks = {network.id: network for network in snapshot.networks}
    bridges = {link.index: link.name for link in snapshot.links if link.kind == "bridge"}
    ports: dict[tuple[int, str], Link] = {}
    for link in snapshot.links:
        if link.peer_nsid is not None and link.master in bridges:
            ports[(link.peer_nsid, bridges[link.master])] = link
    found = []
    for container in running(snapshot):
        for endpoint in container.endpoints:
            network = networks.get(endpoint.network_id)
            if network is None or network.bridge is None:
                continue
            port = None if container.nsid is None else ports.get((container.nsid, network.bridge))
            found.append(Attachment(container, endpoint, network, port))
    return found


def docker_bridges(snapshot: HostSnapshot) -> set[str]:
    """Bridges that are Docker's: those of its networks, or by their names where the engine was not asked."""
    bridges = {network.bridge for network in snapshot.networks if network.bridge is not None}
    if snapshot.engine is None:
        bridges |= {link.name for link in snapshot.links if _DOCKER_BRIDGE.fullmatch(link.name)}
    return bridges
