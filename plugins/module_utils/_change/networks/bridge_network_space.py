# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which addresses are taken, by whom, and the first free subnet of a pool. Pure.

dockerd keeps clear of on-link routes and nameservers only (moby, InferReservedNetworks, since 20.10.15). A range behind
a gateway, as most VPNs and company networks are, would be lost to the host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import CIDR, Pool
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

# The two halves of a default route, as VPN clients set them to leave the real one in place, and IPv6's global unicast.
_DEFAULT_ROUTES = ("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0", "2000::/3")
_TABLES = {253: "default", 254: "main", 255: "local"}


@dataclass(frozen=True)
class Taken:
    """A range of addresses and who has it."""

    cidr: CIDR
    owner: str
    """In words that name the range as well."""


def taken_on_host(snapshot: HostSnapshot, avoid: list[CIDR]) -> list[Taken]:
    """All that a new subnet must not touch: what the user said, Docker's networks, addresses, routes, nameservers."""
    bridges = {network.bridge for network in snapshot.networks} - {None}
    return [
        *(Taken(cidr, f"{cidr}, which is to be avoided") for cidr in avoid),
        *(item for network in snapshot.networks for item in of_network(network)),
        *(
            Taken(found, f"the address {address} of {link.name}")
            for link in snapshot.links
            if link.name not in bridges
            for address in link.addresses
            for found in _cidrs(address)
        ),
        *(item for route in snapshot.routes for item in _of_route(route, snapshot)),
        *(Taken(found, f"the nameserver {address}") for address in snapshot.nameservers for found in _cidrs(address)),
    ]


def of_network(network: Network) -> list[Taken]:
    """The subnets of a Docker network of any driver."""
    return [
        Taken(cidr, f"{cidr} of the Docker network {network.name}")
        for item in network.subnets
        for cidr in _cidrs(item.subnet)
    ]


def without_network(snapshot: HostSnapshot, network_id: str, bridge: str | None) -> HostSnapshot:
    """The host as it is when that network is gone, with its bridge, addresses and routes."""
    gone = {link.index for link in snapshot.links if bridge is not None and link.name == bridge}
    return HostSnapshot(
        **{
            **vars(snapshot),
            "networks": [item for item in snapshot.networks if item.id != network_id],
            "links": [link for link in snapshot.links if link.index not in gone],
            "routes": [item for item in snapshot.routes if not (item.interfaces and gone.issuperset(item.interfaces))],
        }
    )


def overlapping(subnet: CIDR, taken: Iterable[Taken]) -> Taken | None:
    """The first range that has an address in common with subnet."""
    return next((item for item in taken if subnet.overlaps(item.cidr)), None)


def first_free(pools: list[Pool], taken: list[Taken]) -> CIDR | None:
    """The first subnet of the pools, in their order and from their lowest address up, that overlaps with nothing.

    A range that is taken is jumped over as a whole, so that large pools cost no time.
    """
    for pool in pools:
        found = _first_free(pool, [item.cidr for item in taken if item.cidr.version == pool.base.version])
        if found is not None:
            return found
    return None


def _first_free(pool: Pool, taken: list[CIDR]) -> CIDR | None:
    bits = pool.base.max_prefixlen - pool.size
    at, end = int(pool.base.network_address), int(pool.base.broadcast_address)
    ranges = sorted((int(cidr.network_address), int(cidr.broadcast_address)) for cidr in taken)
    for low, high in ranges:
        if low <= at + (1 << bits) - 1 and high >= at:
            # Up to the next subnet after the range.
            at = ((high >> bits) + 1) << bits
    if at + (1 << bits) - 1 > end:
        return None
    address = ipaddress.IPv4Address if pool.base.version == 4 else ipaddress.IPv6Address
    return ipaddress.ip_network((address(at), pool.size))


def _of_route(route: Route, snapshot: HostSnapshot) -> list[Taken]:
    if route.destination in _DEFAULT_ROUTES:
        return []
    names = {link.index: link.name for link in snapshot.links}
    words = [f"the route {route.destination}"]
    words += [f"via {gateway}" for gateway in route.gateways[:1]]
    words += [f"dev {names.get(index, index)}" for index in route.interfaces[:1]]
    words += [f"({route.kind})"] if route.kind != "unicast" else []
    words += [f"in table {_TABLES.get(route.table, route.table)}"]
    return [Taken(cidr, " ".join(words)) for cidr in _cidrs(route.destination)]


def _cidrs(text: str) -> list[CIDR]:
    """The network of an address or subnet; none for what is no address (an empty subnet of a network without IPAM)."""
    try:
        return [ipaddress.ip_network(text, strict=False)]
    except ValueError:
        return []
