# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How containers hang on the host, joined from what the daemon declares and what the kernel shows.

The chain container -> namespace id -> host veth -> bridge needs no entering of namespaces: a veth carries the index of
its other end (IFLA_LINK) and the id of the namespace that end is in (IFLA_LINK_NETNSID), see rtnetlink(7).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import LINKS, NAMESPACES, HostSnapshot


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


@dataclass(frozen=True)
class Mode:
    """How a container is attached."""

    declared: str
    """``bridge``, ``host``, ``none``, ``container:NAME``, or the driver of another network (``macvlan``...)."""
    proved: Optional[str]
    """The same, as the kernel shows it; None when its namespace could not be read."""
    detail: str
    """What proves it, or why nothing could."""


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


def sharers(snapshot: HostSnapshot) -> list[list[Container]]:
    """Groups of two or more running containers that are in one network namespace, the host's left out."""
    groups: dict[int, list[Container]] = {}
    host = snapshot.daemon.netns if snapshot.daemon else None
    for container in running(snapshot):
        if container.netns is not None and container.netns != host:
            groups.setdefault(container.netns, []).append(container)
    return [group for group in groups.values() if len(group) > 1]


def modes(snapshot: HostSnapshot) -> dict[str, Mode]:
    """The mode that each container was given and the one that its namespace shows, by its id."""
    ports: dict[str, list[Attachment]] = {}
    for item in attachments(snapshot):
        ports.setdefault(item.container.id, []).append(item)
    return {container.id: _mode(snapshot, container, ports.get(container.id, [])) for container in snapshot.containers}


def _mode(snapshot: HostSnapshot, container: Container, own: list[Attachment]) -> Mode:
    declared = _declared_mode(snapshot, container)
    if container.netns is None:
        reason = "it does not run" if not container.running else "its network namespace could not be read"
        return Mode(declared, None, reason)
    if snapshot.daemon is None or snapshot.daemon.netns is None:
        return Mode(declared, None, "the network namespace of dockerd could not be read")
    if container.netns == snapshot.daemon.netns:
        return Mode(declared, "host", f"it is in dockerd's own network namespace, net:[{container.netns}]")
    if declared.startswith("container:"):
        return _proved_sharing(snapshot, container, declared)
    names = ", ".join(f"{item.port.name} on {item.bridge}" for item in own if item.port is not None)
    if names:
        return Mode(declared, "bridge", f"net:[{container.netns}] is joined to {names}")
    return _proved_elsewhere(snapshot, container, declared)


def _declared_mode(snapshot: HostSnapshot, container: Container) -> str:
    mode = container.network_mode
    if mode in ("host", "none"):
        return mode
    if mode.startswith("container:"):
        wanted = mode.partition(":")[2]
        target = next((other for other in snapshot.containers if wanted in (other.id, other.name)), None)
        return f"container:{target.name if target else wanted}"
    drivers = {network.id: network.driver for network in snapshot.networks}
    found = {drivers[endpoint.network_id] for endpoint in container.endpoints if endpoint.network_id in drivers}
    others = sorted(found - {"bridge", "null"})
    return others[0] if others and "bridge" not in found else "bridge"


def _proved_sharing(snapshot: HostSnapshot, container: Container, declared: str) -> Mode:
    partner = declared.partition(":")[2]
    for other in running(snapshot):
        if other.name == partner and other.netns == container.netns:
            return Mode(declared, declared, f"both are in net:[{container.netns}]")
    return Mode(declared, "own", f"net:[{container.netns}] is not the namespace of {partner}")


def _proved_elsewhere(snapshot: HostSnapshot, container: Container, declared: str) -> Mode:
    where = f"net:[{container.netns}]"
    unread = [source for source in (LINKS, NAMESPACES) if not snapshot.was_read(source)]
    if unread:
        return Mode(declared, None, f"could not be read: {', '.join(unread)}")
    joined = [link for link in snapshot.links if container.nsid is not None and link.peer_nsid == container.nsid]
    if joined and declared in ("none", "bridge"):
        names = ", ".join(link.name for link in joined)
        return Mode(declared, "bridge", f"{where} is joined to the host by {names}")
    if declared in ("none", "bridge"):
        return Mode(declared, "none", f"no link of the host leads into {where}")
    return Mode(declared, declared, f"{where} is its own; {declared} keeps no port on a bridge of this host")
