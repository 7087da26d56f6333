# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses are taken on a host, and by whom; and the pools that dockerd takes subnets from."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_TABLE,
    LOCAL_TABLE,
    MAIN_TABLE,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

CIDR = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

NETWORK = "network"
ADDRESS = "address"
ON_LINK = "on-link route"
ROUTED = "route by a gateway"
SINK = "route to nowhere"
NAMESERVER = "nameserver"
AVOIDED = "avoided"

# The two halves of a default route, as VPN clients set them to leave the real one in place, and IPv6's global unicast.
_DEFAULT_ROUTES = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3")
_TABLES = {DEFAULT_TABLE: "default", MAIN_TABLE: "main", LOCAL_TABLE: "local"}
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
        return [ipaddress.ip_network(text, strict=False)]
    except ValueError:
        return []


def _of_route(route: Route, names: Mapping[int, str], bridges: set[str | None]) -> list[Taken]:
    if route.destination in _DEFAULT_ROUTES:
        return []
    ways = {names.get(index, str(index)) for index in route.interfaces}
    words = [f"the route {route.destination}"]
    words += [f"via {gateway}" for gateway in route.gateways[:1]]
    words += [f"dev {names.get(index, index)}" for index in route.interfaces[:1]]
    words += [f"({route.kind})"] if route.kind != "unicast" else []
    words += [f"in table {_TABLES.get(route.table, route.table)}"]
    kind = SINK if route.kind in _SINKS else ROUTED if route.gateways else ON_LINK
    bridge = ways.pop() if len(ways) == 1 and ways <= bridges else ""
    return [Taken(cidr, " ".join(words), kind, bridge) for cidr in cidrs_of(route.destination)]


class AddressSpace:
    """Ranges, ready to be asked which of them have an address in common with another one."""

    def __init__(self, taken: Iterable[Taken]) -> None:
        """Sort them by where they begin."""
        sides: dict[int, list[Taken]] = {4: [], 6: []}
        for item in taken:
            sides[item.cidr.version].append(item)
        self._sides = {version: _Side(items) for version, items in sides.items()}

    def overlapping(self, cidr: CIDR) -> list[Taken]:
        """Those that overlap with a range, in the order of their addresses."""
        return self._sides[cidr.version].overlapping(int(cidr.network_address), int(cidr.broadcast_address))


class _Side:
    """The ranges of one IP version."""

    def __init__(self, taken: list[Taken]) -> None:
        self._taken = sorted(taken, key=lambda item: int(item.cidr.network_address))
        self._first = [int(item.cidr.network_address) for item in self._taken]
        self._last = [int(item.cidr.broadcast_address) for item in self._taken]
        self._furthest = list(accumulate(self._last, max))
        """The last address of all ranges up to each."""

    def overlapping(self, first: int, last: int) -> list[Taken]:
        found = []
        for place in range(bisect_right(self._first, last) - 1, -1, -1):
            if self._furthest[place] < first:
                break
            if self._last[place] >= first:
                found.append(self._taken[place])
        return found[::-1]


@dataclass(frozen=True)
class AddressPool:
    """A range that is cut into subnets of one size."""

    base: CIDR
    size: int
    """Length of the prefix of a subnet."""

    @property
    def subnets(self) -> int:
        """How many there are."""
        return 1 << (self.size - self.base.prefixlen)

    def free(self, taken: Iterable[CIDR]) -> int:
        """How many of the subnets share no address with what is taken. Takes time by what is taken, not by the size."""
        bits = self.base.max_prefixlen - self.size
        first, last = int(self.base.network_address) >> bits, int(self.base.broadcast_address) >> bits
        used, at = 0, first
        ranges = [item for item in taken if item.version == self.base.version and item.overlaps(self.base)]
        for item in sorted(ranges, key=lambda item: int(item.network_address)):
            begin = max(at, int(item.network_address) >> bits)
            end = min(last, int(item.broadcast_address) >> bits)
            if end >= begin:
                used += end - begin + 1
                at = end + 1
        return self.subnets - used


# moby, libnetwork/ipamutils/utils.go, localScopeDefaultNetworks; unchanged from 20.10 to 29.
_BUILT_IN = (
    ("172.17.0.0/16", 16),
    ("172.18.0.0/16", 16),
    ("172.19.0.0/16", 16),
    ("172.20.0.0/14", 16),
    ("172.24.0.0/14", 16),
    ("172.28.0.0/14", 16),
    ("192.168.0.0/16", 20),
)


def pools_in_force(engine: Engine) -> list[AddressPool]:
    """The pools that the running daemon uses, as GET /info shows them; its own where it shows none."""
    told = [(pool.base, pool.size) for pool in engine.address_pools] or _BUILT_IN
    return [
        AddressPool(base, size)
        for text, size in told
        for base in cidrs_of(text)
        if base.prefixlen <= size <= base.max_prefixlen
    ]
