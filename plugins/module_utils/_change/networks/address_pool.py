# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which address the engine will give to the next endpoint of a network.

Its own IPAM driver gives out the lowest free one of the range (seen alike on 20.10.5, 20.10.24, 26.1.5 and 28.5.2),
also one that was just given back. So addresses that were given out before come back by themselves when endpoints are
made in the order of their addresses, as long as there are no gaps between them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any, Union

Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


class AddressPool:
    """The addresses of one network and family; config: its entry of IPAM.Config, None where it has none."""

    def __init__(self, config: dict[str, Any] | None, used: Iterable[str] = ()) -> None:
        self._subnet: Subnet | None = None
        self._used = {int(ipaddress.ip_address(address)) for address in used if address}
        if config is None:
            return
        self._subnet = ipaddress.ip_network(config["Subnet"], strict=False)
        own_range = config.get("IPRange") or config["Subnet"]
        self._range: Subnet = ipaddress.ip_network(own_range, strict=False)
        self._reserved = {int(self._subnet.network_address), int(self._subnet.broadcast_address)}
        gateway = (config.get("Gateway") or "").split("/")[0]
        auxiliary = (config.get("AuxiliaryAddresses") or {}).values()
        self._reserved |= {int(ipaddress.ip_address(address)) for address in [gateway, *auxiliary] if address}
        if not gateway:
            # The engine then takes the first for itself.
            self._reserved.add(self._lowest())

    def allows(self, address: str) -> bool:
        """Whether an endpoint can have the address, if no other endpoint has it."""
        wanted = ipaddress.ip_address(address)
        return self._subnet is not None and wanted in self._subnet and int(wanted) not in self._reserved

    def reserve(self, address: str) -> None:
        """Have an endpoint take the address, if there is one."""
        if address:
            self._used.add(int(ipaddress.ip_address(address)))

    def gives(self, address: str) -> bool:
        """Whether address is the one that the next endpoint gets which asks for none."""
        return self._subnet is not None and self._lowest() == int(ipaddress.ip_address(address))

    def take(self) -> None:
        """Have an endpoint take whatever it gets."""
        if self._subnet is not None:
            self._used.add(self._lowest())

    def _lowest(self) -> int:
        candidate = int(self._range.network_address)
        while candidate in self._used or candidate in self._reserved:
            candidate += 1
        return candidate


def pools_of(network: dict[str, Any], used: Iterable[str] = ()) -> dict[int, AddressPool]:
    """The pools of a network (an inspect or a body to create it with) by version of IP, some addresses in use."""
    configs: dict[int, dict[str, Any]] = {}
    for config in (network.get("IPAM") or {}).get("Config") or []:
        if config.get("Subnet"):
            configs.setdefault(ipaddress.ip_network(config["Subnet"], strict=False).version, config)
    taken = [address.split("/")[0] for address in used if address]
    return {
        version: AddressPool(
            configs.get(version), [address for address in taken if ipaddress.ip_address(address).version == version]
        )
        for version in (4, 6)
    }
