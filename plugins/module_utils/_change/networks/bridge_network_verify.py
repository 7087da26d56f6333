# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the kernel does for a bridge network what the engine says it is. Pure.

The bridge and its addresses by rtnetlink, masquerading and traffic between containers by the rules' effect on the
network's subnet and bridge, forwarding by the sysctls of the bridge itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_body import (
    bridge_of,
    is_isolated,
    option_of,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_rules import (
    iptables_treatment,
    is_managed,
    nftables_treatment,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import (
    GATEWAY_MODES,
    ICC,
    MASQUERADE,
    SubnetWish,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset

_TRANSLATING = ("nat", "nat-unprotected")


@dataclass(frozen=True)
class Kernel:
    """The parts of the kernel's state that a network shows itself in."""

    links: list[Link]
    ruleset: Ruleset
    sysctls: dict[str, str | None] = field(default_factory=dict)
    """The forwarding keys of the bridge, and those of the host."""
    manages_ipv4: bool = True
    """Whether dockerd is to manage IPv4 rules (the key iptables)."""


def forwarding_keys(bridge: str) -> dict[int, list[str]]:
    """The sysctls that must be 1 for what enters by the bridge to be forwarded, by IP version."""
    name = bridge.replace(".", "/")
    return {
        4: ["net.ipv4.ip_forward", f"net.ipv4.conf.{name}.forwarding"],
        6: ["net.ipv6.conf.all.forwarding", f"net.ipv6.conf.{name}.forwarding"],
    }


def problems(network: dict[str, Any], kernel: Kernel) -> list[str]:
    """All in which the kernel is other than the inspected network asks for, a sentence each."""
    bridge = bridge_of(network)
    link = next((item for item in kernel.links if item.name == bridge), None)
    if link is None or link.kind != "bridge":
        return [f"the kernel has no bridge {bridge}"]
    found = [] if link.up else [f"the bridge {bridge} is not up"]
    for version in _versions(network):
        for item in subnets_of(network, version):
            found += _address_problems(network, link, item)
            found += _rule_problems(network, kernel, item.subnet)
        found += _forwarding_problems(network, kernel, version)
    return found


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


def _rule_problems(network: dict[str, Any], kernel: Kernel, subnet: CIDR) -> list[str]:
    version, bridge = subnet.version, bridge_of(network)
    seen = nftables_treatment(kernel.ruleset, bridge, version)
    if seen is None:
        if not (kernel.manages_ipv4 if version == 4 else is_managed(kernel.ruleset, version)):
            return []
        seen = iptables_treatment(kernel.ruleset, bridge, subnet)
    found = _translation_problem(subnet, seen.translated, wanted=_is_translated(network, version))
    if option_of(network, ICC) == "false":
        return (
            found if "DROP" in seen.between else [*found, f"no rule drops IPv{version} between containers on {bridge}"]
        )
    if "DROP" in seen.between:
        found.append(f"a rule drops IPv{version} between containers on {bridge}")
    elif "ACCEPT" not in seen.between:
        found.append(f"no rule accepts IPv{version} between containers on {bridge}")
    return found


def _is_translated(network: dict[str, Any], version: int) -> bool:
    return (
        option_of(network, MASQUERADE) == "true"
        and option_of(network, GATEWAY_MODES[version]) in _TRANSLATING
        and not network.get("Internal")
    )


def _translation_problem(subnet: CIDR, rules: list[str], *, wanted: bool) -> list[str]:
    if wanted and not rules:
        return [f"no rule masquerades {subnet}"]
    if not wanted and rules:
        return [f"{subnet} is masqueraded, which it must not be, by: {rules[0]}"]
    return []


def _forwarding_problems(network: dict[str, Any], kernel: Kernel, version: int) -> list[str]:
    if network.get("Internal"):
        return []
    return [
        f"{key} is {kernel.sysctls[key]}, so nothing is forwarded from it (the module ip_forward mends that)"
        for key in forwarding_keys(bridge_of(network))[version]
        if kernel.sysctls.get(key) not in (None, "1")
    ]
