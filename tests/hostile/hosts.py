"""The hosts that cases spoil: each healthy but for one known fault, with containers of strangers beside it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.recorded_host import recorded_host

NEIGHBOUR = "neighbour"
"""The container with the fault: published on all addresses, and without docker-proxy its port does not hairpin."""
HEALTHY = "healthy"
"""The container with nothing to find."""
STRANGERS = ("stranger", "foreigner")
"""Those that a case spoils; each on a network of its own."""
NAMES = ("iptables with docker-proxy", "iptables without docker-proxy", "nftables")
WEIGHTS = (9, 9, 1)
"""How often each is taken: the recorded one is large, and takes longer to judge."""


@cache
def snapshot_of(name: str) -> HostSnapshot:
    if name == "nftables":
        return _recorded()
    proxy = name == NAMES[0]
    host = DockerHost(layout=27 if proxy else 28, proxy=proxy)
    ours, *theirs = [host.network() for dummy in range(1 + len(STRANGERS))]
    host.container(NEIGHBOUR, [ours], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container(HEALTHY, [ours], [PublishedPort("tcp", 80, "192.0.2.10", 8081)], [("tcp", 80)])
    for place, (who, network) in enumerate(zip(STRANGERS, theirs)):
        port = PublishedPort("tcp", 80, "192.0.2.10", 8090 + place)
        host.container(who, [network], [port], [("tcp", 80)])
    snapshot = host.snapshot()
    if proxy:
        return snapshot
    first = snapshot.containers[0].nsid
    links = [replace(link, hairpin=False) if link.peer_nsid == first else link for link in snapshot.links]
    return replace(snapshot, links=links)


def _recorded() -> HostSnapshot:
    """Engine 29 with nftables: its containers web, peer and old get our names."""
    taken = recorded_host("nftables-proxy-on")
    names = {"web": NEIGHBOUR, "peer": HEALTHY, "db": STRANGERS[0], "old": STRANGERS[1]}
    containers = [replace(item, name=names.get(item.name, item.name), bounding=0xA80425FB) for item in taken.containers]
    return replace(taken, containers=containers)
