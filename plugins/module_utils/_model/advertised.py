# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which uplinks take their default route of IPv6 from router advertisements, and whether the kernel hears these.

The kernel takes none on an interface that forwards, unless accept_ra is 2 there (ipv6_accept_ra() of
include/net/addrconf.h), and forgets those it had when forwarding goes on (rt6_purge_dflt_routers()). Programs that do
it themselves, as systemd-networkd and NetworkManager, set accept_ra to 0; they are not concerned.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import DEFAULT_ROUTE, Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctl_keys import sysctl_key

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
