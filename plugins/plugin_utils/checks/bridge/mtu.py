# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether containers send packets that the uplink cannot carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    LINKS,
    NAMESPACES,
    POLICY_RULES,
    ROUTES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.outward_networks import outward_networks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked

# A root name server (a.root-servers.net): an address that is everybody's to reach, by the way to all others.
_FAR = {4: "198.41.0.4", 6: "2001:503:ba3e::2:30"}
_TCP = 6
_HTTPS = 443
_SHOWN = 5


@dataclass(frozen=True)
class _Widest:
    """The largest MTU among the endpoints of a network, and the link that its packets leave by."""

    network: Network
    mtu: int
    containers: list[str]
    """Those that have it."""
    uplink: Link


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    endpoints = _endpoints(snapshot)
    networks = [item for item in outward_networks(snapshot, 4) if item.id in endpoints]
    networks += [item for item in outward_networks(snapshot, 6) if item.id in endpoints and item not in networks]
    if not networks:
        return [not_applicable(resource, "No running container is on a bridge network that leads outside")]
    found = [item for network in networks for item in [_widest(examined, network, endpoints[network.id])] if item]
    if not found:
        return [not_applicable(resource, "The host has no route to the outside")]
    evidence = {item.network.name: f"endpoints {item.mtu}, {item.uplink.name} {item.uplink.mtu}" for item in found}
    too_wide = [_too_wide(item) for item in found if item.mtu > item.uplink.mtu]
    return too_wide or [passed(resource, "No endpoint has a larger MTU than the uplink it sends by", evidence)]


def _endpoints(snapshot: HostSnapshot) -> dict[str, list[tuple[Attachment, int]]]:
    """Endpoints with their MTU, by the id of their network. Inside it counts; outside stands in where it is hidden."""
    inside = {(space.inode, link.index): link.mtu for space in snapshot.inner for link in space.links}
    found: dict[str, list[tuple[Attachment, int]]] = {}
    for item in attachments(snapshot):
        if item.port is None:
            continue
        mtu = inside.get((item.container.netns or 0, item.port.peer_index or 0)) or item.port.mtu
        found.setdefault(item.network.id, []).append((item, mtu))
    return found


def _widest(examined: Examined, network: Network, endpoints: list[tuple[Attachment, int]]) -> Optional[_Widest]:
    mtu = max(size for dummy, size in endpoints)
    containers = [item.container.name for item, size in endpoints if size == mtu]
    links = [link for version in (4, 6) for link in [_uplink(examined, version, endpoints[0][0])] if link is not None]
    return _Widest(network, mtu, containers, min(links, key=lambda link: link.mtu)) if links else None


def _uplink(examined: Examined, version: int, endpoint: Attachment) -> Optional[Link]:
    """The link that the host sends an endpoint's packets to the outside by; None without a way."""
    address = endpoint.endpoint.address if version == 4 else endpoint.endpoint.address6
    if not address:
        return None
    family, source = parse_address(address)
    destination = parse_address(_FAR[version])[1]
    asked = Asked(family, destination, source, endpoint.bridge or "", 0, _TCP, None, _HTTPS)
    decision = examined.view.host.fib.lookup(asked)
    return examined.view.host.links.get(decision.device) if decision.kind == "unicast" else None


def _too_wide(item: _Widest) -> Verdict:
    summary = (
        f"Endpoints of network {item.network.name} have an MTU of {item.mtu} bytes, and {item.uplink.name}, which they "
        f"send by, one of {item.uplink.mtu}"
    )
    evidence: dict[str, Any] = {
        f"MTU of endpoints on {item.network.bridge}": item.mtu,
        f"MTU of {item.uplink.name}": item.uplink.mtu,
        "containers": item.containers,
    }
    impact = (
        f"{listed(item.containers, _SHOWN)}: connections are made, and then hang at the first large packet wherever an "
        "ICMP message about its size is lost, as with TLS, downloads of images, or large answers of a database."
    )
    return failed(resources.network(item.network), summary, evidence, impact, _remedy(item))


def _remedy(item: _Widest) -> Remedy:
    size = item.uplink.mtu
    if item.network.is_default_bridge:
        return Remedy(
            f"A human decides. Set mtu to {size} in daemon.json and restart dockerd; it holds for containers that are "
            "started after that, and not while live-restore keeps some running"
        )
    text = f"Make the network anew with an MTU of {size} bytes, which takes its containers off it for a moment"
    return Remedy(text, "bridge_network", {"networks": [{"name": item.network.name, "mtu": size}]})


MTU = Check(
    id="bridge.mtu",
    severity=MEDIUM,
    title="Endpoints send no larger packets than their uplink carries",
    rationale=(
        "dockerd gives endpoints 1,500 bytes whatever the uplink has. On VPNs, overlays and many clouds that is too "
        "much, and what tells the sender so is often filtered on the way."
    ),
    needs=(ENGINE, NAMESPACES, LINKS, ROUTES, POLICY_RULES, INNER),
    judge=_judge,
    mended_by=("bridge_network",),
)
