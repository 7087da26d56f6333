# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Docker networks, and what containers have of them."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import GO_TRUE

# Options of the driver (moby, drivers/bridge, networkConfiguration.fromLabels()).
ICC = "com.docker.network.bridge.enable_icc"
MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"
INHIBIT_IPV4 = "com.docker.network.bridge.inhibit_ipv4"
GATEWAY_MODES = {4: "com.docker.network.bridge.gateway_mode_ipv4", 6: "com.docker.network.bridge.gateway_mode_ipv6"}

ANYWHERE = {4: "0.0.0.0", 6: "::"}  # noqa: S104 (compared, not bound)
"""The address of a binding to all addresses of the host, by IP version."""


@dataclass(frozen=True)
class Subnet:
    """One IPAM entry of a network."""

    subnet: str
    gateway: Optional[str] = None
    ip_range: Optional[str] = None


@dataclass(frozen=True)
class Network:
    """A Docker network as the Engine API describes it."""

    id: str
    name: str
    driver: str
    scope: str = "local"
    internal: bool = False
    ipv6: bool = False
    subnets: list[Subnet] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def is_default_bridge(self) -> bool:
        """Whether this is the daemon's default network (docker0 unless it was renamed)."""
        return self.options.get("com.docker.network.bridge.default_bridge") == "true"

    @property
    def bridge(self) -> Optional[str]:
        """Name of the bridge on the host, None for other drivers (moby names it ``br-`` and 12 digits of the id)."""
        if self.driver != "bridge":
            return None
        return self.options.get("com.docker.network.bridge.name") or f"br-{self.id[:12]}"

    @property
    def icc(self) -> bool:
        """Whether containers on the network may reach each other."""
        return (self.options.get(ICC) or "true") in GO_TRUE

    @property
    def masquerades(self) -> bool:
        """Whether what leaves the network is to get an address of the host, where its gateway mode translates."""
        return (self.options.get(MASQUERADE) or "true") in GO_TRUE

    def gateway_mode(self, version: int) -> str:
        """``nat``, ``nat-unprotected``, ``routed`` or ``isolated``, by IP version (4 or 6)."""
        return self.options.get(GATEWAY_MODES[version]) or "nat"

    def inhibits_address(self, version: int) -> bool:
        """Whether the bridge is given no address of that IP version."""
        inhibited = version == 4 and self.options.get(INHIBIT_IPV4) in GO_TRUE
        return inhibited or self.gateway_mode(version) == "isolated"


@dataclass(frozen=True)
class Endpoint:
    """A container's place on one network."""

    network: str
    """Name of the network."""
    network_id: str
    address: Optional[str] = None
    address6: Optional[str] = None
    gateway: Optional[str] = None
    mac: Optional[str] = None


# Asked for each port by each question, of a few addresses.
@functools.lru_cache(maxsize=1024)
def _canonical(host_ip: str) -> str:
    try:
        address = ipaddress.ip_address(host_ip.strip("[]") or ANYWHERE[4])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True)
class PublishedPort:
    """One binding of a container's port to an address and port of the host."""

    protocol: str
    container_port: int
    host_ip: str
    """As the engine shows it."""
    host_port: int

    @property
    def address(self) -> str:
        """The address in its canonical spelling, an empty one being 0.0.0.0, and one of IPv4 in IPv6 one of IPv4.

        Empty for what is no address.
        """
        return _canonical(self.host_ip)

    def __str__(self) -> str:
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        return f"{host}:{self.host_port}->{self.container_port}/{self.protocol}"


@dataclass(frozen=True)
class RoutedPort:
    """A port that is published without one of the host.

    On networks with gateway mode ``routed`` (from Docker Engine 27.0 on) machines outside ask for it at the container's
    own address, whatever address of the host it was to be published on (moby port_mapping_linux.go).
    """

    protocol: str
    container_port: int

    def __str__(self) -> str:
        return f"{self.container_port}/{self.protocol}"
