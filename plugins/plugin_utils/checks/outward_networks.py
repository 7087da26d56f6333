# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks whose containers may talk to the outside."""

from __future__ import annotations

import ipaddress

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


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


def _has_subnet(network: Network, version: int) -> bool:
    # A network without addresses of its own has an empty one.
    subnets = [item.subnet for item in network.subnets if item.subnet]
    return any(ipaddress.ip_network(text, strict=False).version == version for text in subnets)
