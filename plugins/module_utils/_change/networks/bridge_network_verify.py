# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the kernel does for bridge networks what the engine says they are. Pure.

The bridge and its addresses by rtnetlink, forwarding by the sysctls of the bridge itself. What becomes of packets is
judged on the controller (plugin_utils/bridge_network_proof.py), by the evidence that is put together here.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    bridge_of,
    is_isolated,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import SubnetRequest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def kernel_problems(network: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """All in which the kernel is other than a network asks for, a sentence each; network: as the engine shows it."""
    bridge = bridge_of(network)
    link = next((link for link in snapshot.links if link.name == bridge), None)
    if link is None or link.kind != "bridge":
        return [f"the kernel has no bridge {bridge}"]
    if not link.up:
        return [f"the bridge {bridge} is not up"]
    found = []
    for version in versions_of(network):
        for item in subnets_of(network, version):
            found += _address_problems(network, link, item)
        found += _forwarding_problems(network, version, snapshot.sysctls)
    return found


def _forwarding_problems(network: dict[str, Any], version: int, sysctls: Mapping[str, str]) -> list[str]:
    if network.get("Internal"):
        return []
    return [
        f"{key} is {sysctls[key]}, so nothing is forwarded from it (remediated by the module ip_forward)"
        for key in _forwarding_keys(bridge_of(network))[version]
        if sysctls.get(key, "1") != "1"
    ]


def _forwarding_keys(bridge: str) -> dict[int, list[str]]:
    """The sysctls that must be 1 for what enters by the bridge to be forwarded, by IP version."""
    return {
        4: ["net.ipv4.ip_forward", sysctl_key(4, bridge, "forwarding")],
        6: ["net.ipv6.conf.all.forwarding", sysctl_key(6, bridge, "forwarding")],
    }


def versions_of(network: dict[str, Any]) -> list[int]:
    """The IP versions of a network."""
    enabled = {4: network.get("EnableIPv4", True), 6: network.get("EnableIPv6")}
    return [version for version, on in enabled.items() if on]


def _address_problems(network: dict[str, Any], link: Link, item: SubnetRequest) -> list[str]:
    if is_isolated(network, item.subnet.version):
        return []
    own = [ipaddress.ip_interface(text).ip for text in link.addresses]
    if item.gateway is None:
        # Engines do not show a gateway that was not named.
        missing = not any(address in item.subnet for address in own)
        return [f"{link.name} has no address in {item.subnet}"] if missing else []
    return [] if item.gateway in own else [f"{link.name} does not have the gateway's address {item.gateway}"]


_SHOWN = ("Id", "Name", "Driver", "Internal", "EnableIPv4", "EnableIPv6", "IPAM", "Options")


@dataclass(frozen=True)
class NetworkNow:
    """A network that is wanted, as the engine shows it, and what was done: ``kept``, ``created`` or ``recreated``."""

    outcome: str
    network: dict[str, Any]


@dataclass(frozen=True)
class Evidence:
    """The host as it is now, and the networks to prove."""

    snapshot: HostSnapshot
    networks: Sequence[NetworkNow]

    def to_json(self) -> str:
        """As a JSON document, secrets masked."""
        shown = [
            {"outcome": item.outcome, "network": {key: item.network[key] for key in _SHOWN if key in item.network}}
            for item in self.networks
        ]
        return f'{{"networks": {json.dumps(mask_data(shown))}, "snapshot": {self.snapshot.to_json()}}}'
