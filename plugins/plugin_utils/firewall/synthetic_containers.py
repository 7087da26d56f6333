# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Containers that are not there, so that it can be asked what a network would do to one. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    LOCAL_TABLE,
    MAIN_TABLE,
    ContainerNamespace,
    Link,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    HostSnapshot,
    Source,
)

Block = ipaddress.IPv4Network | ipaddress.IPv6Network

_LINK = 2
_TRIED = 4096


class Pair(NamedTuple):
    """Two containers beside each other on one bridge, by the names they have in a snapshot."""

    one: str
    other: str
    addresses: dict[Block, tuple[str, str]]
    """Of each of them, by subnet; a subnet in which no two addresses are free is left out."""


def with_synthetic_containers(
    snapshot: HostSnapshot, bridges: Mapping[str, Sequence[Block]]
) -> tuple[HostSnapshot, dict[str, Pair]]:
    """The host with two more containers on each bridge, and these by bridge; bridges says which subnets they are on.

    Their default routes lead to the addresses of the bridge, as dockerd makes them, also where a network is internal.
    They are told from all others by the blank in their names. The bridge has a carrier by them, so its addresses and
    routes are in use.
    """
    links = [replace(link, tentative=[]) if link.name in bridges else link for link in snapshot.links]
    indices = {link.index: link for link in links if link.name in bridges}
    routes = [replace(item, usable=True) if indices.keys() >= {*item.interfaces} else item for item in snapshot.routes]
    routes += [route for link in indices.values() for route in _of_own_addresses(link)]
    inner, containers = list(snapshot.container_namespaces), list(snapshot.containers)
    pairs: dict[str, Pair] = {}
    by_name = {link.name: link for link in indices.values()}
    taken = set(_taken(snapshot))
    for name in (name for name in bridges if name in by_name):
        bridge = by_name[name]
        chosen = {block: found for block in bridges[name] if len(found := _free(block, taken)) == 2}
        names = (f"one on {name}", f"another on {name}")
        for place, container in enumerate(names):
            # No kernel gives a number below zero to a link or to a namespace.
            number = -(len(inner) + 1)
            own = {block: found[place] for block, found in chosen.items()}
            links.append(_port(number, bridge))
            inner.append(_inside(number, bridge, own))
            containers.append(Container(container, container, pid=number, netns=number, nsid=number))
        pairs[name] = Pair(*names, {block: (found[0], found[1]) for block, found in chosen.items()})
    sources = {**snapshot.sources, CONTAINER_NAMESPACES: Source(read=True)}
    changed = replace(
        snapshot, sources=sources, links=links, routes=routes, container_namespaces=inner, containers=containers
    )
    return changed, pairs


def _of_own_addresses(link: Link) -> Iterator[Route]:
    for text in link.addresses:
        address = ipaddress.ip_interface(text).ip
        yield Route(f"{address}/{address.max_prefixlen}", LOCAL_TABLE, "local", interfaces=[link.index])


def _taken(snapshot: HostSnapshot) -> Iterator[str]:
    spaces = [snapshot.links, *(space.links for space in snapshot.container_namespaces)]
    yield from (text.partition("/")[0] for links in spaces for link in links for text in link.addresses)
    for container in snapshot.containers:
        for end in container.endpoints:
            yield from filter(None, (end.address, end.address6, end.gateway))


def _free(block: Block, taken: set[str]) -> list[str]:
    """Two addresses from the end of a subnet, where dockerd comes to last."""
    last = int(block.broadcast_address) - (1 if block.version == 4 else 0)
    first = max(int(block.network_address) + 1, last - _TRIED)
    kind = ipaddress.IPv4Address if block.version == 4 else ipaddress.IPv6Address
    return list(islice((text for number in range(last, first - 1, -1) if (text := str(kind(number))) not in taken), 2))


def _port(number: int, bridge: Link) -> Link:
    return Link(
        number,
        f"veth{number}",
        "veth",
        up=True,
        master=bridge.index,
        peer_index=_LINK,
        peer_nsid=number,
        hairpin=False,
        isolated=False,
    )


def _inside(number: int, bridge: Link, own: dict[Block, str]) -> ContainerNamespace:
    addresses = [f"{address}/{block.prefixlen}" for block, address in own.items()]
    gateways = [ipaddress.ip_interface(text).ip for text in bridge.addresses]
    routes = []
    for block, address in own.items():
        routes += [
            Route(str(block), MAIN_TABLE, interfaces=[_LINK]),
            Route(f"{address}/{block.max_prefixlen}", LOCAL_TABLE, "local", interfaces=[_LINK]),
        ]
        routes += [
            Route(DEFAULT_ROUTE[block.version], MAIN_TABLE, gateways=[str(gateway)], interfaces=[_LINK])
            for gateway in gateways
            if gateway in block
        ]
    return ContainerNamespace(
        number, [Link(_LINK, "eth0", "veth", up=True, peer_index=number, addresses=addresses)], routes
    )
