# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses are taken on a host, and by whom; and the pools that dockerd takes subnets from."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

CIDR = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def contains(outer: CIDR, inner: CIDR) -> bool:
    """Whether inner lies in outer; never across families."""
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


NETWORK = "network"
ADDRESS = "address"
ON_LINK = "on-link route"
ROUTED = "route by a gateway"
SINK = "route to nowhere"
NAMESERVER = "nameserver"
AVOIDED = "avoided"

# The two halves of a default route, as VPN clients set them to leave the real one in place, and IPv6's global unicast.
_DEFAULT_ROUTES = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3")
TABLE_NAMES = {DEFAULT_TABLE: "default", MAIN_TABLE: "main", LOCAL_TABLE: "local"}
_SINKS = ("blackhole", "unreachable", "prohibit", "throw")


@dataclass(frozen=True)
class Taken:
    """A range of addresses and who has it."""

    cidr: CIDR
    owner: str
    """In words that name the range as well."""
    kind: str = AVOIDED
    """``network``, ``address``, ``on-link route``, ``route by a gateway``, ``route to nowhere`` (blackhole, say),
    ``nameserver`` or ``avoided``."""
    bridge: str = ""
    """For what belongs to a Docker bridge network, its subnets and the routes by its bridge: the bridge's name."""


def taken_on_host(snapshot: HostSnapshot, avoid: Iterable[CIDR]) -> list[Taken]:
    """All that a new subnet must not touch: what the user said, Docker's networks, addresses, routes, nameservers."""
    bridges = {network.bridge for network in snapshot.networks} - {None}
    names = {link.index: link.name for link in snapshot.links}
    return [
        *(Taken(cidr, f"{cidr}, which is to be avoided") for cidr in avoid),
        # What has no driver only describes networks that are made from it (docker network create --config-only).
        *(item for network in snapshot.networks if network.driver != "null" for item in of_network(network)),
        *(
            Taken(found, f"the address {address} of {link.name}", ADDRESS)
            for link in snapshot.links
            if link.name not in bridges
            for address in link.addresses
            for found in cidrs_of(address)
        ),
        *(item for route in snapshot.routes for item in _of_route(route, names, bridges)),
        *(
            Taken(found, f"the nameserver {address}", NAMESERVER)
            for address in snapshot.nameservers
            for found in cidrs_of(address)
        ),
    ]


def of_network(network: Network) -> list[Taken]:
    """The subnets of a Docker network of any driver."""
    return [
        Taken(cidr, f"{cidr} of the Docker network {network.name}", NETWORK, network.bridge or "")
        for item in network.subnets
        for cidr in cidrs_of(item.subnet)
    ]


def cidrs_of(text: str) -> list[CIDR]:
    """The network of an address or subnet; none for what is no address (an empty subnet of a network without IPAM)."""
    try:
        return [_network_of(text)]
    except ValueError:
        return []


@functools.lru_cache(maxsize=4096)
def _network_of(text: str) -> CIDR:
    # The routes of a host are asked for more than once.
    return ipaddress.ip_network(text, strict=False)


def _of_route(route: Route, names: Mapping[int, str], bridges: set[str | None]) -> list[Taken]:
    if route.destination in _DEFAULT_ROUTES:
        return []
    ways = {names.get(index, str(index)) for index in route.interfaces}
    words = [f"the route {route.destination}"]
    words += [f"via {gateway}" for gateway in route.gateways[:1]]
    words += [f"dev {names.get(index, index)}" for index in route.interfaces[:1]]
    words += [f"({route.kind})"] if route.kind != "unicast" else []
    words += [f"in table {TABLE_NAMES.get(route.table, route.table)}"]
    kind = SINK if route.kind in _SINKS else ROUTED if route.gateways else ON_LINK
    bridge = ways.pop() if len(ways) == 1 and ways <= bridges else ""
    return [Taken(cidr, " ".join(words), kind, bridge) for cidr in cidrs_of(route.destination)]
