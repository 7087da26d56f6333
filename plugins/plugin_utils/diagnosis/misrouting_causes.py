# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Causes for which a packet comes where it does not belong: routes that lead it away, links that are on no bridge."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PathStep, address_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import (
    BEHIND_RULES,
    ROUTING,
    RULE,
    SENDER,
    Candidate,
    upper,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import PREDICTION, Evidence
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of


def off_path(case: Case, step: PathStep) -> Candidate | None:
    """What brought a packet to a rule that drops it, and that belongs to another path."""
    found = _by_loose_link(case, step) or _led_away(case, step)
    return replace(found, stage=RULE) if found is not None else None


def _by_loose_link(case: Case, step: PathStep) -> Candidate | None:
    for container in case.ends:
        loose = _loose_link(case, container)
        if loose is not None and loose[0] == step.incoming:
            return detached(case, container.name)
    return None


def _led_away(case: Case, step: PathStep) -> Candidate | None:
    """A route that leads what is for a container of a bridge out by another device."""
    address = address_in(step.destination)
    owner = case.container(case.owner_of(address))
    if step.place not in ("forward", "postrouting") or not step.outgoing or owner is None or not owner.running:
        return None
    ids = {end.network_id for end in owner.endpoints if address in (end.address, end.address6)}
    bridges = {str(item.bridge) for item in case.snapshot.networks if item.id in ids and item.bridge}
    if not bridges or step.outgoing in bridges:
        return None
    what = f"{address} is an address of container {owner.name}, but the host's routes send it out by {step.outgoing}"
    return policy_route(what) if case.view.host.fib.has_custom_rules(family_of(address)) else overlap(what)


def detached(case: Case, name: str) -> Candidate | None:
    """A link of a container whose end on the host is on no bridge; None where each is plugged in."""
    container = case.container(name)
    loose = _loose_link(case, container) if container is not None else None
    if loose is None:
        return None
    veth, network = loose
    text = f"{veth} has no bridge as its master, and no port of {network.bridge} leads to container {name}"
    return Candidate(
        "veth_detached",
        f"{veth}, the host's end of the link of container {name}, is on no bridge: the container is cut off from "
        f"network {network.name}",
        SENDER if container is case.asking else BEHIND_RULES,
        (Evidence(PREDICTION, text),),
        ("network.endpoint", "network.connectivity"),
        Remediation(f"Attach it again: ip link set {veth} master {network.bridge}"),
        layer="neighbour",
        decides=True,
    )


def _loose_link(case: Case, container: Container) -> tuple[str, Network] | None:
    """The host's end of a container's link that is on no bridge, and the network that it ought to be on."""
    if container.nsid is None:
        return None
    plugged = {item.bridge for item in attachments(case.snapshot) if item.container is container and item.port}
    ids = {end.network_id for end in container.endpoints}
    missing = [item for item in case.networks if item.id in ids and item.bridge not in plugged]
    loose = [
        link.name
        for link in case.snapshot.links
        if link.kind == "veth" and link.peer_nsid == container.nsid and link.master is None
    ]
    return (loose[0], missing[0]) if loose and missing else None


def policy_route(what: str) -> Candidate:
    """A policy rule that leads to a table without the route that is needed."""
    return Candidate(
        "policy_route",
        f"{upper(what)}",
        ROUTING,
        checks=("network.overlap",),
        remediation=Remediation(
            "Correct the policy rule, or give its table routes to Docker's networks (ip rule show, ip route show table "
            "all)"
        ),
    )


def overlap(what: str) -> Candidate:
    """Two networks claim an address."""
    return Candidate(
        "route_overlap",
        upper(what),
        BEHIND_RULES,
        checks=("network.overlap", "network.pools"),
        remediation=Remediation(
            "Move one of the two networks to another subnet: re-create the Docker network, or correct the host's route "
            "(ip route show table all)"
        ),
    )
