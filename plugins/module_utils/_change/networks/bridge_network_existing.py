# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks that are there already: which of them may be touched, how they differ, who is on them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_body import (
    Difference,
    bridge_of,
    differences,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import (
    NetworkWish,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


@dataclass(frozen=True)
class NetworkFacts:
    """What the plan is made from, beside the wishes."""

    snapshot: HostSnapshot
    networks: list[dict[str, Any]]
    """GET /networks, unmasked."""
    bridge_netfilter: bool
    avoid: list[CIDR] = field(default_factory=list)


def attached(network: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """Names of the containers on the network, running or not, and of endpoints that belong to no container we know."""
    names = {
        container.name
        for container in snapshot.containers
        if container.network_mode in (network["Name"], network["Id"])
        or any(
            end.network_id == network["Id"] or (not end.network_id and end.network == network["Name"])
            for end in container.endpoints
        )
    }
    known = {container.id for container in snapshot.containers}
    others = network.get("Containers") or {}
    return sorted(names | {entry.get("Name") or key for key, entry in others.items() if key not in known})


def known(wish: NetworkWish, facts: NetworkFacts) -> dict[str, Any] | None:
    """The network of that name, if it is one that may be touched. Raises Refusal."""
    found = [item for item in facts.networks if item["Name"] == wish.name]
    if not found:
        return None
    if len(found) > 1:
        ids = ", ".join(sorted(item["Id"][:12] for item in found))
        raise Refusal(
            f"nothing was changed: {wish.place}.name: {len(found)} networks are named {wish.name!r} ({ids}); remove "
            "all but one of them by their id (docker network rm ID)"
        )
    network = found[0]
    if network.get("Driver") != "bridge" or network.get("Scope", "local") != "local" or network.get("Ingress"):
        raise Refusal(
            f"nothing was changed: {wish.place}.name: the network {wish.name!r} has driver {network.get('Driver')} and "
            f"scope {network.get('Scope')}; only bridge networks of this host are managed here"
        )
    if network.get("ConfigOnly") or (network.get("ConfigFrom") or {}).get("Network"):
        raise Refusal(
            f"nothing was changed: {wish.place}.name: the network {wish.name!r} takes its configuration from another "
            "network, or is one for others to take it from"
        )
    return network


def drift(wish: NetworkWish, network: dict[str, Any] | None, facts: NetworkFacts) -> list[Difference]:
    """Where the network is other than wanted; nowhere when there is none."""
    if network is None:
        return []
    bridge = next((link for link in facts.snapshot.links if link.name == bridge_of(network)), None)
    return differences(wish, network, bridge)


def demand_consent(
    wishes: list[NetworkWish],
    drifted: dict[str, list[Difference]],
    found: dict[str, dict[str, Any] | None],
    consent: str,
    facts: NetworkFacts,
) -> None:
    """Refuse to make networks anew without consent; all of them are named at once."""
    told = []
    disruptions: list[Disruption] = []
    for wish in wishes:
        network = found[wish.name]
        users = attached(network, facts.snapshot) if network else []
        if consent == "allow" or (consent == "unused" and not users):
            continue
        told.append(
            f"{wish.place}: network {wish.name}: {'; '.join(map(str, drifted[wish.name]))} "
            f"(containers on it: {', '.join(users) or 'none'})"
        )
        disruptions += [Disruption(name, f"would be cut off from network {wish.name} for a moment") for name in users]
    if told:
        raise Refusal(
            f"nothing was changed, as a network cannot be changed while it exists. {'. '.join(told)}. With recreate: "
            "allow it is removed and made anew, and its containers are connected again as they were; recreate: unused "
            "does that for networks without containers",
            disruptions,
        )
