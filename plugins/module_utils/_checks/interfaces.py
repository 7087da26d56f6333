# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which interfaces of a host matter for its containers' traffic."""

from __future__ import annotations

import ipaddress

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

# Interfaces of these kinds never hear anything from outside.
_SILENT_KINDS = ("dummy", "ifb", "nlmon")


def outward_networks(snapshot: HostSnapshot, version: int) -> list[Network]:
    """Bridge networks of an IP version whose containers may talk to the outside."""
    return [
        network
        for network in snapshot.networks
        if network.bridge is not None
        and not network.internal
        and (version == 4 or network.ipv6)
        and _has_subnet(network, version)
    ]


def outer_links(snapshot: HostSnapshot, version: int) -> list[Link]:
    """Interfaces that are up, have an address of the IP version, and are neither Docker's nor the loopback.

    Addresses of link scope (RFC 3927, RFC 4291) do not count: nothing is routed to them.
    """
    bridges = {network.bridge for network in snapshot.networks}
    return [
        link
        for link in snapshot.links
        if link.up
        and link.name not in bridges
        and link.master is None
        and link.kind not in _SILENT_KINDS
        and routed_addresses(link, version)
    ]


def routed_addresses(link: Link, version: int) -> list[str]:
    """The addresses of a link, without prefix length, that others can send to through a router."""
    parsed = [ipaddress.ip_interface(text).ip for text in link.addresses]
    return [str(ip) for ip in parsed if ip.version == version and not ip.is_loopback and not ip.is_link_local]


def _has_subnet(network: Network, version: int) -> bool:
    # A network without addresses of its own has an empty one.
    subnets = [item.subnet for item in network.subnets if item.subnet]
    return any(ipaddress.ip_network(text, strict=False).version == version for text in subnets)
