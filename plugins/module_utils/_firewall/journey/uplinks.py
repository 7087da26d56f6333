# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The host's ways out, as far as they can be told from its links and routes."""

from __future__ import annotations

import ipaddress
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
_MAIN = 254


def uplinks(snapshot: HostSnapshot) -> list[Link]:
    """Links that another machine can be reached by: up, with an address, neither loopback nor a bridge of Docker."""
    bridges = {network.bridge for network in snapshot.networks}
    return [
        link
        for link in snapshot.links
        if link.up
        and link.name != "lo"
        and link.name not in bridges
        and (addresses_of(link, 4) or addresses_of(link, 6))
    ]


def addresses_of(link: Link, family: int) -> list[str]:
    """Addresses of a family (4 or 6) on a link without their prefix lengths, link-local ones left out."""
    found = [ipaddress.ip_interface(text).ip for text in link.addresses]
    return [str(address) for address in found if address.version == family and not address.is_link_local]


def main_address(snapshot: HostSnapshot, family: int) -> Optional[str]:
    """The address that others know the host by: that of the default route, or the first on a way out; None without."""
    by_index = {link.index: link for link in snapshot.links}
    ways = [route for route in snapshot.routes if route.table == _MAIN and route.destination == _DEFAULT[family]]
    for route in sorted(ways, key=lambda route: route.metric):
        if route.source:
            return route.source
        for index in route.interfaces:
            addresses = addresses_of(by_index[index], family) if index in by_index else []
            if addresses:
                return addresses[0]
    return next((addresses[0] for link in uplinks(snapshot) if (addresses := addresses_of(link, family))), None)
