# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What there is to ask for on a host: published ports at the host's addresses, container ports, the outside."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import ANYWHERE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Net, Places, Station
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import TRANSPORTS


class Asked(NamedTuple):
    """A port of a container."""

    station: Station
    protocol: str
    port: int
    """Inside the container."""
    host_port: int
    """0 for one that is asked at the container itself."""
    host_ip: str
    """See PublishedPort.address."""
    address: str
    """The container's, for one that is asked there."""

    @property
    def net(self) -> Optional[Net]:
        """The network on which the container has the address that is asked; None for a port at the host's."""
        return next((plug.net for plug in self.station.plugs if self.address in plug.addresses), None)

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.station.name}:{self.port}/{self.protocol}"


def published_ports(places: Places) -> Iterator[Asked]:
    """All bindings, each container's own; those of other protocols and to what is no address are left out."""
    for station in places.stations:
        for container in station.containers:
            for binding in container.published:
                address, host_port = binding.address, binding.host_port
                if binding.protocol in TRANSPORTS and host_port and address:
                    yield Asked(station, binding.protocol, binding.container_port, host_port, address, "")


def listening_ports(places: Places) -> Iterator[Asked]:
    """Ports of containers that somebody can reach who asks at the container's address."""
    for station in places.stations:
        if station.space is None:
            continue
        wanted = dict.fromkeys(
            (item.protocol, item.port)
            for item in station.space.listeners
            if not ipaddress.ip_address(item.address).is_loopback
        )
        for protocol, port in wanted:
            for address in station.addresses:
                yield Asked(station, protocol, port, 0, "", address)


class Address(NamedTuple):
    """An address of the host that a published port is asked at."""

    text: str
    device: str
    net: Optional[Net]
    """Of a gateway."""


def host_addresses(snapshot: HostSnapshot, places: Places) -> list[Address]:
    """All addresses of the host, link-local ones left out."""
    nets = {net.link.index: net for net in places.nets}
    return [
        Address(str(ip), link.name, nets.get(link.index))
        for link in snapshot.links
        if link.up
        for ip in _addresses(link)
        if not ip.is_link_local
    ]


def _addresses(link: Link) -> list[Union[ipaddress.IPv4Address, ipaddress.IPv6Address]]:
    return [ipaddress.ip_interface(text).ip for text in link.addresses]


def family_of(text: str) -> int:
    """4 or 6."""
    return 6 if ":" in text else 4


def is_loopback(host_ip: str) -> bool:
    """Whether a binding is for the host itself alone."""
    return ipaddress.ip_address(host_ip).is_loopback


def is_asked_at(host_ip: str, address: Address) -> bool:
    """Whether a binding is asked at an address: all of its family, gateways only if it is bound to every address."""
    family = family_of(address.text)
    return family_of(host_ip) == family and (host_ip in (ANYWHERE[family], address.text) or address.net is None)
