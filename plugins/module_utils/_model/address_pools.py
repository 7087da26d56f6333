# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The pools that dockerd takes subnets from for networks that name none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, cidrs_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine


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
