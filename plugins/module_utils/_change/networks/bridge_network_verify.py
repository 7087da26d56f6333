# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel does for bridge networks what the engine says they are. Pure.

The bridge and its addresses by rtnetlink, forwarding by the sysctls of the bridge itself, masquerading and traffic
between containers by what becomes of packets.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_effect import (
    Effects,
    Judgement,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    bridge_of,
    is_isolated,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import SubnetWish
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key


class Verification:
    """Holds networks, as the engine shows them, against the host as the kernel shows it."""

    def __init__(self, snapshot: HostSnapshot, networks: list[dict[str, Any]]) -> None:
        """Make the host ready for questions about these networks."""
        self._links = {link.name: link for link in snapshot.links}
        self._sysctls = snapshot.sysctls
        self._effects = Effects(snapshot, networks)

    def judge(self, network: dict[str, Any]) -> Judgement:
        """All in which the kernel is other than the network asks for."""
        bridge = bridge_of(network)
        link = self._links.get(bridge)
        if link is None or link.kind != "bridge":
            return Judgement([f"the kernel has no bridge {bridge}"])
        if not link.up:
            return Judgement([f"the bridge {bridge} is not up"])
        found = Judgement()
        for version in _versions(network):
            for item in subnets_of(network, version):
                missing = _address_problems(network, link, item)
                effect = Judgement(missing) if missing else self._effects.judge(network, item.subnet)
                found.problems.extend(effect.problems)
                found.remarks.extend(effect.remarks)
            found.problems.extend(self._forwarding_problems(network, version))
        return found

    def _forwarding_problems(self, network: dict[str, Any], version: int) -> list[str]:
        if network.get("Internal"):
            return []
        return [
            f"{key} is {self._sysctls[key]}, so nothing is forwarded from it (the module ip_forward mends that)"
            for key in _forwarding_keys(bridge_of(network))[version]
            if self._sysctls.get(key, "1") != "1"
        ]


def _forwarding_keys(bridge: str) -> dict[int, list[str]]:
    """The sysctls that must be 1 for what enters by the bridge to be forwarded, by IP version."""
    return {
        4: ["net.ipv4.ip_forward", sysctl_key(4, bridge, "forwarding")],
        6: ["net.ipv6.conf.all.forwarding", sysctl_key(6, bridge, "forwarding")],
    }


def _versions(network: dict[str, Any]) -> list[int]:
    enabled = {4: network.get("EnableIPv4", True), 6: network.get("EnableIPv6")}
    return [version for version, on in enabled.items() if on]


def _address_problems(network: dict[str, Any], link: Link, item: SubnetWish) -> list[str]:
    if is_isolated(network, item.subnet.version):
        return []
    own = [ipaddress.ip_interface(text).ip for text in link.addresses]
    if item.gateway is None:
        # Engines do not show a gateway that was not named.
        missing = not any(address in item.subnet for address in own)
        return [f"{link.name} has no address in {item.subnet}"] if missing else []
    return [] if item.gateway in own else [f"{link.name} does not have the gateway's address {item.gateway}"]
