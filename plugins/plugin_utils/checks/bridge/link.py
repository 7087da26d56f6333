# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the bridges of networks are there, up, and have their gateway addresses."""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, LINKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_ANEW = (
    "A human decides. dockerd makes the bridge again when it starts (systemctl restart docker; containers stop "
    "unless live-restore is in force), and containers of the network join it when they are started again"
)


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    networks = [item for item in snapshot.networks if item.bridge is not None and item.scope == "local"]
    if not networks:
        return [not_applicable(resource, "There is no bridge network")]
    links = {link.name: link for link in snapshot.links}
    broken = [verdict for network in networks for verdict in _of(network, links.get(network.bridge or ""))]
    bridges = {network.bridge for network in networks}
    evidence = {link.name: link.addresses for link in snapshot.links if link.name in bridges}
    return broken or [passed(resource, "Every bridge is there, up, and has the addresses of its gateways", evidence)]


def _of(network: Network, link: Link | None) -> list[Verdict]:
    """What is wrong with one bridge, the first of it."""
    if link is None:
        summary = f"Network {network.name} has no bridge: there is no interface {network.bridge}"
        evidence: dict[str, Any] = {"bridge of the network": network.bridge, "interface": None}
        return [_failed(network, summary, evidence, Remedy(_ANEW))]
    evidence = {"up": link.up, "operational state": link.operstate, "addresses": link.addresses}
    if link.kind != "bridge":
        summary = f"{link.name}, the bridge of network {network.name}, is no bridge but {link.kind or 'hardware'}"
        return [_failed(network, summary, {**evidence, "kind": link.kind}, Remedy(_ANEW))]
    if not link.up:
        summary = f"{link.name}, the bridge of network {network.name}, is down"
        remedy = Remedy(f"A human decides. To bring it up: ip link set {link.name} up; find out who took it down")
        return [_failed(network, summary, evidence, remedy)]
    missing = [wanted for subnet in network.subnets for wanted in _missing(network, subnet, link)]
    if not missing:
        return []
    summary = f"{link.name}, the bridge of network {network.name}, lacks its address {', '.join(missing)}"
    commands = "; ".join(f"ip address add {wanted} dev {link.name}" for wanted in missing)
    remedy = Remedy(f"A human decides. To put it back: {commands}; find out who took it away")
    return [_failed(network, summary, {**evidence, "missing": missing}, remedy)]


def _missing(network: Network, subnet: Subnet, link: Link) -> list[str]:
    """The gateway's address of a subnet, with prefix length, if the bridge should have it and has not.

    The engine does not show a gateway that it chose itself for a subnet that was asked for: any address in it will do.
    """
    if not subnet.subnet:
        return []
    block = ipaddress.ip_network(subnet.subnet, strict=False)
    if (block.version == 6 and not network.ipv6) or network.inhibits_address(block.version):
        return []
    own = {ipaddress.ip_interface(text).ip for text in link.addresses}
    if subnet.gateway:
        # Some releases show it with a prefix length.
        gateway = ipaddress.ip_interface(subnet.gateway).ip
        return [] if gateway in own else [f"{gateway}/{block.prefixlen}"]
    return [] if any(address in block for address in own) else [f"{block[1]}/{block.prefixlen}"]


def _failed(network: Network, summary: str, evidence: dict[str, Any], remedy: Remedy) -> Verdict:
    impact = (
        f"Containers of network {network.name} reach nothing beyond it, nobody reaches their published ports, and "
        "without the bridge itself they do not reach each other."
    )
    return failed(resources.network(network), summary, evidence, impact, remedy)


LINK = Check(
    id="bridge.link",
    severity=HIGH,
    title="Every network has its bridge, up and with its gateway's address",
    rationale=(
        "The bridge is the containers' switch and their gateway. What else configures interfaces can take it down, "
        "take its address or delete it, and the engine does not notice. A bridge without containers has no carrier; "
        "that is as it should be."
    ),
    needs=(ENGINE, LINKS),
    judge=_judge,
)
