# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host's uplinks: its ways to other machines, as far as its links and routes show them."""

from __future__ import annotations

import functools
import ipaddress
from dataclasses import dataclass
from typing import Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    MAIN_TABLE,
    Link,
    Route,
    sysctl_key,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

# Interfaces of these kinds never hear anything from outside.
_SILENT_KINDS = ("dummy", "ifb", "nlmon")
LOOPBACK = "lo"


def routed_addresses(link: Link, version: int) -> list[str]:
    """The addresses of a link, without prefix length, that others can send to through a router.

    Those of link scope (RFC 3927, RFC 4291) are none.
    """
    parsed = [_address_in(text) for text in link.addresses]
    return [str(ip) for ip in parsed if ip.version == version and not ip.is_loopback and not ip.is_link_local]


@functools.lru_cache(maxsize=4096)
def _address_in(text: str) -> Union[ipaddress.IPv4Address, ipaddress.IPv6Address]:
    return ipaddress.ip_interface(text).ip


def outer_links(snapshot: HostSnapshot, *versions: int) -> list[Link]:
    """Interfaces that are up, have such an address of one of the IP versions, and are neither lo nor Docker's.

    What comes in by the port of a bridge or a bond comes in by that one; a member of a VRF is asked itself.
    """
    bridges = {network.bridge for network in snapshot.networks}
    routed = {None, *(link.index for link in snapshot.links if link.kind == "vrf")}
    return [
        link
        for link in snapshot.links
        if link.up
        and link.name not in bridges
        and link.master in routed
        and link.kind not in _SILENT_KINDS
        and link.name != LOOPBACK
        and any(routed_addresses(link, version) for version in versions)
    ]


def default_device(snapshot: HostSnapshot, version: int) -> str:
    """Name of the link that the default route of an IP version leads to; empty without one."""
    link = _default_link(snapshot, version)
    return link.name if link is not None else ""


def main_address(snapshot: HostSnapshot, version: int) -> Optional[str]:
    """The address that others know the host by: that of the default route, or the first on a way out; None without."""
    route = _default_route(snapshot, version)
    if route is not None and route.source:
        return route.source
    by_default = _default_link(snapshot, version)
    links = [*([] if by_default is None else [by_default]), *outer_links(snapshot, version)]
    return next((address for link in links for address in routed_addresses(link, version)), None)


def _default_link(snapshot: HostSnapshot, version: int) -> Optional[Link]:
    route = _default_route(snapshot, version)
    return next((link for link in snapshot.links if route is not None and link.index == route.interfaces[0]), None)


def _default_route(snapshot: HostSnapshot, version: int) -> Optional[Route]:
    """Of several the one in the main table with the lowest metric."""
    found = [route for route in snapshot.routes if route.destination == DEFAULT_ROUTE[version] and route.interfaces]
    return min(found, key=lambda route: (route.table != MAIN_TABLE, route.metric), default=None)


# rtnetlink(7), linux/rtnetlink.h: RTPROT_RA.
_ADVERTISED = 9


@dataclass(frozen=True)
class AdvertisedUplink:
    """An interface whose IPv6 the kernel configures from router advertisements."""

    interface: str
    accept_ra: str
    forwarding: str
    has_route: bool
    """Whether it still holds a default route from an advertisement; unheard, that ends with its lifetime."""

    @property
    def is_heard(self) -> bool:
        """Whether the kernel takes the next advertisement."""
        return self.accept_ra == "2" or (self.accept_ra == "1" and self.forwarding == "0")

    @property
    def accept_ra_key(self) -> str:
        """The dotted key of its accept_ra."""
        return sysctl_key(6, self.interface, "accept_ra")

    @property
    def forwarding_key(self) -> str:
        """The dotted key of its own setting of forwarding."""
        return sysctl_key(6, self.interface, "forwarding")


def advertised_uplinks(snapshot: HostSnapshot) -> list[AdvertisedUplink]:
    """Interfaces with a default route from an advertisement, or with an address of one and no default route.

    The second is what is left once the kernel has forgotten the route: addresses stay until their lifetime ends.
    """
    routes = [route for route in snapshot.routes if route.destination == DEFAULT_ROUTE[6]]
    advertised = {index for route in routes if route.protocol == _ADVERTISED for index in route.interfaces}
    bridges = {network.bridge for network in snapshot.networks}
    found = []
    for link in snapshot.links:
        accept_ra = snapshot.sysctls.get(sysctl_key(6, link.name, "accept_ra"), "0")
        if link.name in bridges or link.master is not None or accept_ra == "0":
            continue
        has_route = link.index in advertised
        if has_route or _has_lost_it(link, routes):
            forwarding = snapshot.sysctls.get(sysctl_key(6, link.name, "forwarding"), "0")
            found.append(AdvertisedUplink(link.name, accept_ra, forwarding, has_route))
    return found


def _has_lost_it(link: Link, routes: list[Route]) -> bool:
    parsed = [ipaddress.ip_interface(text).ip for text in link.leased]
    own = any(address.version == 6 and not address.is_link_local for address in parsed)
    return link.up and own and not any(link.index in route.interfaces for route in routes)
