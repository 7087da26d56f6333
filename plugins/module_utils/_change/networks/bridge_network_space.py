# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The first free subnet of a pool, and the host without one of its networks. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import Pool
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, Taken
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


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
