# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Making a network anew: what cannot be put back afterwards, and what the containers feel of it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.address_pool import pools_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import Endpoint
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

LOWEST_FREE_NAME = (28, 0)
"""From this engine on the lowest number that is free names a link inside a container; before, it counts on."""
# From 25 on the engine takes a MAC address only when a container is created.
_FORGETS_MAC = (25, 0)
# Sysctls of one interface: they are set when a container starts, and go with the interface.
_OF_INTERFACE = re.compile(r"^net[./]ipv[46][./](?:conf|neigh)[./](?!(?:all|default)[./])([^./]+)[./]")
# What people type of an id is hardly ever shorter, and what is shorter may be a name.
_SHORTEST_ID = 12
_OWN_NETWORKS = ("bridge", "host", "none")


@dataclass(frozen=True)
class Affected:
    """A container on the network."""

    endpoint: Endpoint
    data: dict[str, Any]
    """GET /containers/ID/json"""
    siblings: list[Endpoint]
    """Its other endpoints."""
    order: list[str]
    """Its networks in the order of the interfaces, where it runs."""
    gateway: str
    """The network of its IPv4 default route."""
    links: list[Link]

    @property
    def runs(self) -> bool:
        """Whether it has anything in the kernel."""
        return self.endpoint.runs

    @property
    def touched(self) -> bool:
        """Whether it has to be connected anew: one that never started refers to the network by name alone."""
        return bool(self.endpoint.network_id)

    @property
    def ports(self) -> dict[str, Any]:
        """Its published ports in force."""
        found = (self.data.get("NetworkSettings") or {}).get("Ports") or {}
        return {port: bindings for port, bindings in found.items() if bindings}

    @property
    def kept_ports(self) -> dict[str, list[str]]:
        """Ports of the host by published port, without those that the engine chose: it chooses again."""
        bindings = self.host_config.get("PortBindings") or {}
        kept = {
            port: sorted({binding["HostPort"] for binding in published} & _host_ports(bindings.get(port)))
            for port, published in self.ports.items()
        }
        return {port: numbers for port, numbers in kept.items() if numbers}

    @property
    def host_config(self) -> dict[str, Any]:
        """HostConfig, as it was created with."""
        return self.data.get("HostConfig") or {}


def _host_ports(bindings: list[dict[str, Any]] | None) -> set[str]:
    return {binding["HostPort"] for binding in bindings or [] if binding.get("HostPort")}


def names(word: str, network: dict[str, Any]) -> bool:
    """Whether a word of `docker run --network` means this network: its name, or its id, or the beginning of that."""
    return word == network["Name"] or (len(word) >= _SHORTEST_ID and network["Id"].startswith(word))


def refuse_network(old: dict[str, Any], body: dict[str, Any]) -> None:
    """Raise Refusal for a network that cannot be made again."""
    name = old["Name"]
    if body.get("Name") != name:
        raise ValueError(f"network {name} cannot be made anew as {body.get('Name')}")
    options = old.get("Options") or {}
    if name in _OWN_NETWORKS or options.get("com.docker.network.bridge.default_bridge") == "true":
        raise _refusal(name, "it is the daemon's own, which takes its options from daemon.json")
    if old.get("Driver") != "bridge" or body.get("Driver") != "bridge":
        raise _refusal(name, f"its driver is {old.get('Driver')}, and only bridge networks are re-created")
    if old.get("Scope") != "local" or old.get("Ingress") or old.get("Services"):
        raise _refusal(name, "it belongs to a swarm, whose services would lose it")
    if old.get("ConfigOnly") or (old.get("ConfigFrom") or {}).get("Network"):
        raise _refusal(name, "it is made from the configuration of another network or serves others as one")
    driver = (old.get("IPAM") or {}).get("Driver") or "default"
    if driver != "default":
        raise _refusal(name, f"its addresses come from the IPAM driver {driver}, which keeps books of its own")


def refuse_impossible(old: dict[str, Any], body: dict[str, Any], affected: list[Affected]) -> None:
    """Raise Refusal for containers that could not be put back as they are."""
    name = old["Name"]
    known = {item.endpoint.endpoint_id: item for item in affected if item.runs}
    listed = {data.get("EndpointID"): key for key, data in (old.get("Containers") or {}).items()}
    for endpoint_id, key in listed.items():
        if endpoint_id not in known:
            raise _refusal(name, f"its endpoint {key[:15]} is of no container that could be connected again")
    for endpoint_id, item in known.items():
        if endpoint_id not in listed:
            raise _refusal(name, f"container {item.endpoint.name} is on it, and the network does not know of that")
    for item in affected:
        _refuse_container(old, item)
        _refuse_addresses(name, body, item.endpoint)


def _refuse_container(old: dict[str, Any], item: Affected) -> None:
    name, container = old["Name"], item.endpoint.name
    state = item.data["State"].get("Status") or ""
    mode = item.host_config.get("NetworkMode") or ""
    labels = (item.data.get("Config") or {}).get("Labels") or {}
    if state in ("restarting", "removing", "dead"):
        raise _refusal(name, f"container {container} is {state}; run it again when that is over")
    if "com.docker.swarm.task.id" in labels:
        raise _refusal(name, f"container {container} is a swarm task, which only its swarm may connect")
    if any(word != name and names(word, old) for word in (mode, item.endpoint.network)):
        raise _refusal(
            name,
            f"container {container} was created with the network's id instead of its name, and the new network has "
            "another id, so that it would not start any more. Create that container anew with the name",
        )
    for key in item.host_config.get("Sysctls") or {}:
        found = _OF_INTERFACE.match(key)
        if found and item.endpoint.interface in ("", found.group(1)):
            raise _refusal(
                name,
                f"container {container} has the sysctl {key}, which goes with the interface and is set only when the "
                "container starts",
            )


def _refuse_addresses(name: str, body: dict[str, Any], endpoint: Endpoint) -> None:
    pools = pools_of(body)
    for version in (4, 6):
        address = endpoint.fixed(version)
        if address and not pools[version].allows(address):
            raise _refusal(
                name,
                f"container {endpoint.name} has the fixed address {address}, which the new network has no room for. "
                "Choose a subnet with that address in it, or give the container another one",
            )


def _refusal(network: str, why: str) -> Refusal:
    return Refusal(f"nothing was changed: network {network} cannot be re-created: {why}")


def disruptions(
    affected: list[Affected],
    after: list[Endpoint],
    disordered: set[str],
    containers: Sequence[dict[str, Any]],
    release: tuple[int, int],
) -> list[Disruption]:
    """Everything that a container feels or loses; disordered: ids of those whose order of interfaces changes."""
    found = []
    for item in affected:
        own = [endpoint for endpoint in after if endpoint.container == item.endpoint.container]
        found += [Disruption(item.endpoint.name, how) for how in _feels(item, own, disordered, release)]
        found += [
            Disruption(
                other["Name"].lstrip("/"), f"shares the network of container {item.endpoint.name} and feels it, too"
            )
            for other in containers
            if item.runs and _shares(other, item)
        ]
    return found


def _feels(item: Affected, own: list[Endpoint], disordered: set[str], release: tuple[int, int]) -> list[str]:
    endpoint = item.endpoint
    if not item.runs:
        return _loses_mac(item, release) if item.touched else []
    networks = " and ".join(found.network for found in own)
    found = [f"is cut off from network {networks} for a moment and runs on; what it talks to there may notice"]
    for new in own:
        found += _addresses(item, new)
    if release < LOWEST_FREE_NAME and endpoint.interface:
        names = ", ".join(new.interface for new in own if new.interface)
        found.append(
            f"its {names} goes by a higher number from then on, until it is next started (this engine counts on)"
        )
    if endpoint.container in disordered:
        found.append(f"its interface on network {endpoint.network} comes after all others, until it is next started")
    return [*found, *_own_addresses(item), *_chosen_ports(item), *_loses_mac(item, release)]


def _addresses(item: Affected, new: Endpoint) -> list[str]:
    old = next(known for known in [item.endpoint, *item.siblings] if known.network == new.network)
    found = []
    for version in (4, 6):
        before, after = old.address_of(version), new.address_of(version)
        if before and not after:
            found.append(
                f"its address {before} on network {new.network} does not fit any more, and it gets another one"
            )
    pinned = [
        f"its address {address} on network {new.network} becomes a fixed one: the engine would give it another"
        for address in new.pins.values()
    ]
    return [*found, *pinned]


def _own_addresses(item: Affected) -> list[str]:
    """Addresses that were added inside: nobody but who added them can put them back."""
    expected = {address for address in (item.endpoint.address, item.endpoint.address6) if address}
    for link in item.links:
        if link.name == item.endpoint.interface:
            foreign = [
                address
                for address in link.addresses
                if str(ipaddress.ip_interface(address).ip) not in expected
                and not ipaddress.ip_interface(address).ip.is_link_local
            ]
            return [f"loses the address {address}, which was added to its {link.name} inside" for address in foreign]
    return []


def _chosen_ports(item: Affected) -> list[str]:
    """Ports of the host that the engine chose: it chooses again."""
    kept = item.kept_ports
    return [
        f"its port {port} is published as another port of the host than {number}"
        for port, published in item.ports.items()
        for number in sorted(_host_ports(published) - set(kept.get(port, [])))
    ]


def _loses_mac(item: Affected, release: tuple[int, int]) -> list[str]:
    configured = (item.data.get("Config") or {}).get("MacAddress") or ""
    mode = item.host_config.get("NetworkMode") or ""
    if release < _FORGETS_MAC or not configured or mode != item.endpoint.network:
        return []
    until = " when it is next started" if item.runs else ""
    return [
        f"loses its configured MAC address {configured}{until}: this engine takes one only when it creates a container"
    ]


def _shares(other: dict[str, Any], item: Affected) -> bool:
    mode = (other.get("HostConfig") or {}).get("NetworkMode") or ""
    kind, dummy, whom = mode.partition(":")
    running = bool((other.get("State") or {}).get("Running"))
    return kind == "container" and running and whom in (item.endpoint.container, item.endpoint.name)
