# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is wanted of bridge networks, as values that were checked. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import GATEWAY_MODES, ICC, MASQUERADE

NAME = "com.docker.network.bridge.name"
BIND_ADDRESS = "com.docker.network.bridge.host_binding_ipv4"
MTU = "com.docker.network.driver.mtu"
TRUSTED = "com.docker.network.bridge.trusted_host_interfaces"

DEFAULT_MTU = 1500
"""Of an endpoint whose network has no MTU of its own (moby, bridge_linux.go)."""


@dataclass(frozen=True)
class SubnetWish:
    """One subnet; gateway and ip_range None: what the engine chooses, or what is there."""

    subnet: CIDR
    gateway: Address | None = None
    ip_range: CIDR | None = None


@dataclass(frozen=True)
class Pool:
    """Addresses to take a subnet of so many bits from."""

    base: CIDR
    size: int


@dataclass(frozen=True)
class NetworkWish:
    """One network. None everywhere: not asked for, so left as it is, or to the engine when the network is made."""

    place: str
    """Where it stands in the module's options, for messages."""
    name: str
    present: bool = True
    subnets: list[SubnetWish] = field(default_factory=list)
    pools: list[Pool] = field(default_factory=list)
    ipv6: bool | None = None
    internal: bool | None = None
    icc: bool | None = None
    masquerade: bool | None = None
    bridge_name: str | None = None
    mtu: int | None = None
    default_bind_address: Address | None = None
    gateway_modes: dict[int, str] = field(default_factory=dict)
    """By IP version, 4 or 6."""
    trusted_interfaces: list[str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    """Driver options that have no name of their own above."""

    def subnet(self, version: int) -> SubnetWish | None:
        """The subnet of an IP version, if one was named."""
        return next((item for item in self.subnets if item.subnet.version == version), None)

    def pools_of(self, version: int) -> list[Pool]:
        """The pools of an IP version, in their order."""
        return [pool for pool in self.pools if pool.base.version == version]


def driver_options(wish: NetworkWish) -> dict[str, str]:
    """The driver's options that the wish asks for, by the driver's own names."""
    asked: dict[str, Any] = {
        NAME: wish.bridge_name,
        ICC: wish.icc,
        MASQUERADE: wish.masquerade,
        MTU: wish.mtu,
        BIND_ADDRESS: wish.default_bind_address,
        **{GATEWAY_MODES[version]: mode for version, mode in wish.gateway_modes.items()},
        TRUSTED: None if wish.trusted_interfaces is None else ":".join(wish.trusted_interfaces),
        **wish.options,
    }
    return {name: option_text(value) for name, value in asked.items() if value is not None}


def option_text(value: object) -> str:
    """A value as the driver reads it: Go's spelling of booleans."""
    return str(value).lower() if isinstance(value, bool) else str(value)
