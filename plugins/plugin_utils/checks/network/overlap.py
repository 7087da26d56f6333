# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Docker subnets that share addresses with something else."""

from __future__ import annotations

import ipaddress

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import (
    SINK,
    AddressSpace,
    Taken,
    of_network,
    taken_on_host,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESERVERS,
    ROUTES,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    NETWORKS,
    Check,
    Parameter,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

AVOID = "avoid"
_NAMED = 3
"""Owners that a summary names; the rest is counted."""


def _judge_overlap(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    # Networks of other drivers (macvlan, ipvlan) are made to share the subnet of the interface that they hang on.
    bridged = [network for network in snapshot.networks if network.bridge is not None and of_network(network)]
    if not bridged:
        return [not_applicable(resources.host(snapshot), "There is no bridge network with a subnet")]
    avoid = [ipaddress.ip_network(text, strict=False) for text in examined.parameter(OVERLAP, AVOID)]
    space = AddressSpace(taken_on_host(snapshot, avoid))
    found = []
    for network in bridged:
        others = _others(network, space)
        if others:
            found.append(_overlaps(network, others))
    summary = "No subnet of a Docker network shares addresses with a route, another network or what is to be avoided"
    subnets = {network.name: [str(item.cidr) for item in of_network(network)] for network in bridged}
    return found or [passed(resources.host(snapshot), summary, {"subnets": subnets})]


def _others(network: Network, space: AddressSpace) -> list[str]:
    """Who else has addresses of a network, in words. A route to nowhere takes them from nobody."""
    found: list[Taken] = [
        other
        for own in of_network(network)
        for other in space.overlapping(own.cidr)
        if other.bridge != network.bridge and other.kind != SINK
    ]
    return list(dict.fromkeys(item.owner for item in found))


def _overlaps(network: Network, others: list[str]) -> Verdict:
    own = ", ".join(str(item.cidr) for item in of_network(network))
    change = (
        "set bip in daemon.json and start dockerd while no container runs"
        if network.is_default_bridge
        else "make the network anew with another subnet (module bridge_network, recreate: allow, and avoid)"
    )
    return failed(
        resources.network(network),
        f"The subnet {own} of network {network.name} overlaps with {listed(others, _NAMED)}",
        {f"subnet of {network.name}": own, "overlaps with": others},
        "The kernel sends packets for the shared addresses one way only, to the more specific route: this host and its "
        f"containers lose those machines on the other way, or the containers of {network.name} lose their network.",
        Remedy(f"A human decides which of the two has to move. To move the Docker network, {change}"),
    )


OVERLAP = Check(
    id="network.overlap",
    severity=HIGH,
    title="Docker subnets share addresses with nothing else",
    rationale=(
        "dockerd chooses subnets by looking at on-link routes and nameservers alone. A company network or VPN behind a "
        "gateway is overrun without a word, and the host loses what is there."
    ),
    needs=(ENGINE, LINKS, ROUTES, NAMESERVERS),
    judge=_judge_overlap,
    parameters=(
        Parameter(AVOID, NETWORKS, (), "Ranges that no Docker subnet may share addresses with, beside what is read."),
    ),
)
