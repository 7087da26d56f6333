# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The host's ways to other machines, as far as they can be told from its links and routes."""

from __future__ import annotations

import ipaddress
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    DEFAULT_ROUTE,
    MAIN_TABLE,
    Link,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

# Interfaces of these kinds never hear anything from outside.
_SILENT_KINDS = ("dummy", "ifb", "nlmon")


def routed_addresses(link: Link, version: int) -> list[str]:
    """The addresses of a link, without prefix length, that others can send to through a router.

    Those of link scope (RFC 3927, RFC 4291) are none.
    """
    parsed = [ipaddress.ip_interface(text).ip for text in link.addresses]
    return [str(ip) for ip in parsed if ip.version == version and not ip.is_loopback and not ip.is_link_local]


def outer_links(snapshot: HostSnapshot, *versions: int) -> list[Link]:
    """Interfaces that are up, have such an address of one of the IP versions, and are no bridges of Docker.

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
