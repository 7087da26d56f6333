# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether containers have in the kernel what the engine says of their places on bridge networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import InnerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    LINKS,
    NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import unread_inside

_Wires = dict[tuple[Optional[int], Optional[int]], Link]
"""Links of the host by the namespace and the index of their other end."""


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    host = resources.host(snapshot)
    places = list(_places(snapshot))
    if not places:
        return [not_applicable(host, "No running container is on a bridge network")]
    spaces = {space.inode: space for space in snapshot.inner}
    wires: _Wires = {(link.peer_nsid, link.peer_index): link for link in snapshot.links if link.peer_nsid is not None}
    names = {link.index: link.name for link in snapshot.links}
    broken: dict[str, tuple[Container, list[str]]] = {}
    for container, endpoint, network in places:
        space = spaces.get(container.netns or 0)
        if space is None:
            continue
        text = _fault(_Place(container, endpoint, network, space), wires, names)
        if text:
            broken.setdefault(container.id, (container, []))[1].append(text)
    found = [*(_failed(container, texts) for container, texts in broken.values()), *unread_inside(snapshot)]
    evidence = {"places of containers on bridge networks": len(places)}
    return found or [passed(host, "Containers have the links and addresses that the engine gave them", evidence)]


def _places(snapshot: HostSnapshot) -> Iterator[tuple[Container, Endpoint, Network]]:
    there = {link.name for link in snapshot.links}
    networks = {item.id: item for item in snapshot.networks if item.bridge is not None and item.bridge in there}
    for container in running(snapshot):
        for endpoint in container.endpoints:
            network = networks.get(endpoint.network_id)
            if network is not None and (endpoint.address or endpoint.address6):
                yield container, endpoint, network


class _Place:
    """One endpoint with what there is of it inside."""

    def __init__(self, container: Container, endpoint: Endpoint, network: Network, space: InnerNamespace) -> None:
        self.nsid = container.nsid
        self.network = network
        self.given = [text for text in (endpoint.address, endpoint.address6) if text]
        self.space = space

    def missing(self, link: Link) -> list[str]:
        """Addresses that the engine gave it and that are not on a link."""
        own = {text.partition("/")[0] for text in link.addresses}
        return [text for text in self.given if text not in own]


def _fault(place: _Place, wires: _Wires, names: dict[int, str]) -> str:
    """What is wrong with one endpoint, the first of it; empty where nothing is."""
    bridge = place.network.bridge
    links = [(link, wires[place.nsid, link.index]) for link in place.space.links if (place.nsid, link.index) in wires]
    plugged = [(inside, port) for inside, port in links if names.get(port.master or 0) == bridge]
    if not plugged:
        strays = [(inside, port) for inside, port in links if not place.missing(inside)]
        if not strays:
            return f"no link of it is plugged into {bridge}"
        inside, port = strays[0]
        where = f"is plugged into {names.get(port.master, str(port.master))}" if port.master else "hangs loose"
        return f"its {inside.name} ({port.name} on the host) {where} instead of {bridge}"
    inside, port = min(plugged, key=lambda pair: len(place.missing(pair[0])))
    for link, which in ((port, f"{port.name}, its port on {bridge},"), (inside, f"its {inside.name} on {bridge}")):
        if not link.up:
            return f"{which} is down"
    missing = place.missing(inside)
    return f"its {inside.name} on {bridge} lacks the address {', '.join(missing)}" if missing else ""


def _failed(container: Container, texts: list[str]) -> Verdict:
    evidence: dict[str, Any] = {"differs from what the engine says": texts}
    summary = f"{container.name} is not on its network as the engine says: {'; '.join(texts)}"
    return failed(
        resources.container(container),
        summary,
        evidence,
        f"Whoever asks for {container.name} where the engine says it is gets no answer, or somebody else's.",
        Remedy(
            f"A human decides. docker network disconnect and connect, or a restart of {container.name}, makes its link "
            "anew; find out what takes links and addresses of containers away (a network manager, a script)"
        ),
    )


ENDPOINT = Check(
    id="network.endpoint",
    severity=HIGH,
    title="Containers have the links and addresses that the engine gave them",
    rationale=(
        "The engine makes a link and an address for each place on a network, and never looks at them again. A network "
        "manager that takes a bridge port for its own, or a program with NET_ADMIN inside, leaves a container that "
        "runs, passes for connected, and is not reached."
    ),
    needs=(ENGINE, NAMESPACES, LINKS, INNER),
    judge=_judge,
)
