# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bridge network made anew with all its endpoints: what cannot be had, what has to be done, who feels it. Pure.

The Engine API cannot change a network, so all containers are disconnected, the network is removed and created, and they
are connected again, in an order in which they get back what they had:

* endpoints with fixed addresses first, then the others by address. The engine's IPAM driver gives out the lowest free
  address of the range (seen alike on 20.10.5, 20.10.24, 26.1.5 and 28.5.2), also one that was just given back. So
  addresses come back by themselves when endpoints are made in their order, as long as there are no gaps between them;
* on engines before 28 a container's interfaces count on (eth0 comes back as eth1), so its interfaces that come after
  the one of this network are reconnected, too, to come after it again. From 28 on the lowest free name is taken,
  which is the old one. The engine chooses the default gateway by priority and network name, which do not change.

Running and stopped containers are treated alike, but for those that never started (network_endpoint.py).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    body_of,
    endpoints_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    EndpointState,
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    FORGETS_MAC,
    LOWEST_FREE_NAME,
    reaches,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

Subnet = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
# Sysctls of one interface: they are set when a container starts, and go with the interface.
_OF_INTERFACE = re.compile(r"^net[./]ipv[46][./](?:conf|neigh)[./](?!(?:all|default)[./])([^./]+)[./]")
# What people type of an id is hardly ever shorter, and what is shorter may be a name.
_SHORTEST_ID = 12
_OWN_NETWORKS = ("bridge", "host", "none")


@dataclass(frozen=True)
class Affected:
    """A container on the network."""

    endpoint: EndpointState
    data: dict[str, Any]
    """GET /containers/ID/json"""
    siblings: list[EndpointState]
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


@dataclass(frozen=True)
class Place:
    """Where an endpoint is: in a container on a network, and what the engine calls it."""

    container: str
    network: str
    endpoint_id: str


@dataclass(frozen=True)
class Recreation:
    """The plan."""

    actions: list[str]
    disruptions: list[Disruption]
    """Running containers that feel it, and what stopped ones lose."""
    record: RecreationRecord
    members: list[Place]
    """The endpoints of the network when this was planned."""
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RecreationContext:
    """What is around the network: everything that the plan needs to know besides it."""

    containers: Sequence[dict[str, Any]]
    """GET /containers/ID/json of all containers, running or not."""
    networks: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    """GET /networks/ID by id, of the other networks that its containers are on."""
    links: Mapping[str, Sequence[Link]] = field(default_factory=dict)
    """By container id, the interfaces in the namespaces of running containers that are on the network."""
    default_links: Mapping[str, str] = field(default_factory=dict)
    """By container id, the interface of the IPv4 default route."""
    release: tuple[int, int] = (0, 0)
    """Of the engine."""


def plan_recreation(old: dict[str, Any], body: dict[str, Any], host: RecreationContext) -> Recreation:
    """Plan to make the network old (GET /networks/ID) anew with body (POST /networks/create), endpoints and all.

    Raises Refusal for what could not be put back, and for what does not fit the new network.
    """
    _refuse_network(old, body)
    affected = [found for found in (affected_by(container, old, host) for container in host.containers) if found]
    _refuse_impossible(old, body, affected)
    mine = [item.endpoint for item in affected if item.touched]
    later = {item.endpoint.container: _later(item, host) for item in affected if item.touched}
    others = [endpoint for endpoints in later.values() for endpoint in endpoints or ()]
    before = [*asked(mine, pools_of(old)), *_elsewhere(others, host)]
    after = [*asked(at_home(mine, pools_of(body)), pools_of(body)), *_elsewhere(others, host)]
    reachable = _reaches_out(body) == _reaches_out(old)
    record = RecreationRecord(
        name=old["Name"],
        old_id=old["Id"],
        old=body_of(old),
        new=body,
        before=before,
        after=after,
        started={item.endpoint.container: item.data["State"].get("StartedAt") or "" for item in affected if item.runs},
        orders={item.endpoint.container: item.order for item in affected if item.touched and item.order},
        gateways={item.endpoint.container: item.gateway for item in affected if reachable and item.gateway},
        ports={item.endpoint.container: item.kept_ports for item in affected if reachable and item.runs},
    )
    disordered = {key for key, endpoints in later.items() if endpoints is None}
    return Recreation(
        actions=_actions(record),
        disruptions=disruptions(affected, record.after, disordered, host.containers, host.release),
        record=record,
        members=[Place(item.container, item.network, item.endpoint_id) for item in mine if item.runs],
    )


def affected_by(container: dict[str, Any], old: dict[str, Any], host: RecreationContext) -> Affected | None:
    """The container with its endpoint on the network; None where it has none."""
    links = list(host.links.get(container["Id"], ()))
    endpoints = endpoints_of(container, links)
    own = [
        endpoint
        for endpoint in endpoints
        if endpoint.network_id == old["Id"] or (not endpoint.network_id and names(endpoint.network, old))
    ]
    if not own:
        return None
    placed = by_interface(endpoints)
    default = host.default_links.get(container["Id"], "")
    return Affected(
        endpoint=own[0],
        data=container,
        siblings=[item for item in endpoints if item is not own[0]],
        order=[item.network for item in placed],
        gateway=next((item.network for item in placed if item.interface == default), ""),
        links=links,
    )


def by_interface(endpoints: list[EndpointState]) -> list[EndpointState]:
    """The endpoints whose interface is known, in the order of the interfaces' names."""
    return sorted((item for item in endpoints if item.interface), key=lambda item: _rank(item.interface))


def _rank(interface: str) -> tuple[str, int]:
    """Interfaces in the order of their numbers: eth2 comes before eth10."""
    prefix = interface.rstrip("0123456789")
    return prefix, int(interface[len(prefix) :] or -1)


def _later(item: Affected, host: RecreationContext) -> list[EndpointState] | None:
    """The container's other endpoints to reconnect after this one, to keep the order; None where that cannot be."""
    if reaches(host.release, LOWEST_FREE_NAME) or not item.endpoint.runs:
        return []
    if not item.siblings:
        return []
    if item.endpoint.network not in item.order:
        return None
    names = item.order[item.order.index(item.endpoint.network) + 1 :]
    by_name = {endpoint.network: endpoint for endpoint in item.siblings}
    found = [by_name[name] for name in names]
    return found if all(_is_plain(host.networks.get(endpoint.network_id)) for endpoint in found) else None


def _reaches_out(network: dict[str, Any]) -> tuple[bool, list[str]]:
    """What decides on default gateways and published ports, besides the containers."""
    options = network.get("Options") or {}
    return bool(network.get("Internal")), [
        options.get(f"com.docker.network.bridge.gateway_mode_{family}") or "nat" for family in ("ipv4", "ipv6")
    ]


def _is_plain(network: dict[str, Any] | None) -> bool:
    """Whether it is a bridge network to which a container can be connected with addresses and aliases of its own."""
    return (
        network is not None
        and network.get("Driver") == "bridge"
        and network.get("Scope") == "local"
        and (network.get("Options") or {}).get("com.docker.network.bridge.default_bridge") != "true"
    )


def at_home(endpoints: list[EndpointState], pools: dict[int, AddressAllocator]) -> list[EndpointState]:
    """The endpoints without the addresses that the new network has no room for."""
    for version in (4, 6):
        endpoints = [
            item.without_address(version)
            if item.address_of(version) and not pools[version].allows(item.address_of(version))
            else item
            for item in endpoints
        ]
    return endpoints


def asked(endpoints: list[EndpointState], pools: dict[int, AddressAllocator]) -> list[EndpointState]:
    """The endpoints in the order to connect them in, those pinned that would get another address than they have."""
    for endpoint in endpoints:
        for version in (4, 6):
            if endpoint.runs:
                pools[version].reserve(endpoint.fixed(version))
    return [_pin(endpoint, pools) for endpoint in sorted(endpoints, key=_turn)]


def _turn(endpoint: EndpointState) -> tuple[int, int, str, str]:
    """Fixed addresses first, then those to be had again by address, then those content with any, then the stopped."""
    if not endpoint.runs:
        return 3, 0, endpoint.name, endpoint.container
    if endpoint.fixed(4) or (endpoint.fixed(6) and not endpoint.address):
        return 0, 0, endpoint.name, endpoint.container
    address = endpoint.address or endpoint.address6
    if not address:
        return 2, 0, endpoint.name, endpoint.container
    return 1, _number(address), endpoint.name, endpoint.container


def _pin(endpoint: EndpointState, pools: dict[int, AddressAllocator]) -> EndpointState:
    if not endpoint.runs:
        return endpoint
    for version in (4, 6):
        address = endpoint.address_of(version)
        if endpoint.fixed(version):
            continue
        if not address or pools[version].gives(address):
            pools[version].take()
        else:
            pools[version].reserve(address)
            endpoint = endpoint.pinned(version)
    return endpoint


def _elsewhere(endpoints: list[EndpointState], host: RecreationContext) -> list[EndpointState]:
    """Endpoints on other networks, as they will be asked for when all of them were given up."""
    pools: dict[str, dict[int, AddressAllocator]] = {}
    freed = {endpoint.endpoint_id for endpoint in endpoints}
    for endpoint in endpoints:
        if endpoint.network_id not in pools:
            network = host.networks[endpoint.network_id]
            kept = [item for item in (network.get("Containers") or {}).values() if item.get("EndpointID") not in freed]
            used = [item.get(key) or "" for item in kept for key in ("IPv4Address", "IPv6Address")]
            pools[endpoint.network_id] = pools_of(network, used)
        for version in (4, 6):
            pools[endpoint.network_id][version].reserve(endpoint.fixed(version))
    return [_pin(endpoint, pools[endpoint.network_id]) for endpoint in endpoints]


def _number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def _actions(record: RecreationRecord) -> list[str]:
    subnets = [item["Subnet"] for item in (record.new.get("IPAM") or {}).get("Config") or [] if item.get("Subnet")]
    where = f" with {' and '.join(subnets)}" if subnets else ""
    return [
        *(f"disconnect container {item.name} from network {item.network}" for item in reversed(record.before)),
        f"remove network {record.name}",
        f"create network {record.name}{where}",
        *(connection_text(item) for item in record.after),
    ]


def connection_text(endpoint: EndpointState) -> str:
    """What is done for an endpoint, for people."""
    if not endpoint.runs:
        return f"connect container {endpoint.name}, which is not running, to network {endpoint.network}"
    return f"connect container {endpoint.name} to network {endpoint.network} as {endpoint.text or 'the engine chooses'}"


def _refuse_network(old: dict[str, Any], body: dict[str, Any]) -> None:
    """Raise Refusal for a network that cannot be made again."""
    name = old["Name"]
    if body.get("Name") != name:
        raise ValueError(f"network {name} cannot be recreated as {body.get('Name')}")
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
        raise _refusal(name, f"its addresses come from the IPAM driver {driver}, which keeps its own records")


def _refuse_impossible(old: dict[str, Any], body: dict[str, Any], affected: list[Affected]) -> None:
    """Raise Refusal for containers that could not be put back as they are."""
    name = old["Name"]
    known = {item.endpoint.endpoint_id: item for item in affected if item.runs}
    listed = {data.get("EndpointID"): key for key, data in (old.get("Containers") or {}).items()}
    for endpoint_id, key in listed.items():
        if endpoint_id not in known:
            raise _refusal(name, f"its endpoint {key[:15]} belongs to no container that could be connected again")
    for endpoint_id, item in known.items():
        if endpoint_id not in listed:
            raise _refusal(name, f"container {item.endpoint.name} is on it, but the network does not list it")
    for item in affected:
        _refuse_container(old, item)
        _refuse_addresses(name, body, item.endpoint)


def _refuse_container(old: dict[str, Any], item: Affected) -> None:
    name, container = old["Name"], item.endpoint.name
    mode = item.host_config.get("NetworkMode") or ""
    found = hindrance(item.data) or lost_sysctl(item)
    if found:
        raise _refusal(name, f"container {container} {found}")
    if any(word != name and names(word, old) for word in (mode, item.endpoint.network)):
        raise _refusal(
            name,
            f"container {container} was created with the network's id instead of its name, and the new network has "
            "another id, so it would no longer start. Recreate that container with the name",
        )


def hindrance(container: dict[str, Any]) -> str:
    """Why a container (GET /containers/ID/json) cannot be connected or disconnected, to go after its name, if so."""
    state = container["State"].get("Status") or ""
    if state in ("restarting", "removing", "dead"):
        return f"is {state}; run this again when that is over"
    if "com.docker.swarm.task.id" in ((container.get("Config") or {}).get("Labels") or {}):
        return "is a swarm task, which only the swarm may connect"
    return ""


def lost_sysctl(item: Affected) -> str:
    """What keeps an endpoint from being recreated, too."""
    for key in item.host_config.get("Sysctls") or {}:
        found = _OF_INTERFACE.match(key)
        if found and item.endpoint.interface in ("", found.group(1)):
            return f"has the sysctl {key}, which goes with the interface and is set only when the container starts"
    return ""


def _refuse_addresses(name: str, body: dict[str, Any], endpoint: EndpointState) -> None:
    pools = pools_of(body)
    for version in (4, 6):
        address = endpoint.fixed(version)
        if address and not pools[version].allows(address):
            raise _refusal(
                name,
                f"container {endpoint.name} has the fixed address {address}, which is not in the new network. Choose "
                "a subnet that contains it, or give the container another address",
            )


def _refusal(network: str, why: str) -> Refusal:
    return Refusal(f"nothing was changed: network {network} cannot be re-created: {why}")


def disruptions(
    affected: list[Affected],
    after: list[EndpointState],
    disordered: set[str],
    containers: Sequence[dict[str, Any]],
    release: tuple[int, int],
) -> list[Disruption]:
    """Everything that a container feels or loses; disordered: ids of those whose order of interfaces changes."""
    found = []
    for item in affected:
        own = [endpoint for endpoint in after if endpoint.container == item.endpoint.container]
        found += [Disruption("container", item.endpoint.name, how) for how in _feels(item, own, disordered, release)]
        found += [
            Disruption(
                "container",
                other["Name"].lstrip("/"),
                f"shares the network of container {item.endpoint.name} and is affected, too",
            )
            for other in containers
            if item.runs and shares(other, item)
        ]
    return found


def _feels(item: Affected, own: list[EndpointState], disordered: set[str], release: tuple[int, int]) -> list[str]:
    endpoint = item.endpoint
    if not item.runs:
        return loses_mac(item, release) if item.touched else []
    networks = " and ".join(found.network for found in own)
    found = [
        (
            f"is disconnected from network {networks} for a moment and keeps running; its connections there may be "
            "interrupted"
        )
    ]
    for new in own:
        found += _addresses(item, new)
    if not reaches(release, LOWEST_FREE_NAME) and endpoint.interface:
        names = ", ".join(new.interface for new in own if new.interface)
        found.append(f"its {names} gets a higher number until it is next started (this engine does not reuse numbers)")
    if endpoint.container in disordered:
        found.append(f"its interface on network {endpoint.network} comes after all others, until it is next started")
    return [*found, *_own_addresses(item), *chosen_ports(item), *loses_mac(item, release)]


def _addresses(item: Affected, new: EndpointState) -> list[str]:
    old = next(known for known in [item.endpoint, *item.siblings] if known.network == new.network)
    found = []
    for version in (4, 6):
        before, after = old.address_of(version), new.address_of(version)
        if before and not after:
            found.append(f"its address {before} is not in the new network {new.network}, so it gets another one")
    pinned = [
        f"its address {address} on network {new.network} becomes a fixed one: the engine would give it another"
        for address in new.pins.values()
    ]
    return [*found, *pinned]


def _own_addresses(item: Affected) -> list[str]:
    """Addresses that were added inside: no one but who added them can put them back."""
    expected = {address for address in (item.endpoint.address, item.endpoint.address6) if address}
    for link in item.links:
        if link.name == item.endpoint.interface:
            foreign = [
                address
                for address in link.addresses
                if str(ipaddress.ip_interface(address).ip) not in expected
                and not ipaddress.ip_interface(address).ip.is_link_local
            ]
            return [
                (f"loses the address {address}, which was added to its {link.name} from inside") for address in foreign
            ]
    return []


def chosen_ports(item: Affected) -> list[str]:
    """What becomes of ports of the host that the engine chose: it chooses again."""
    kept = item.kept_ports
    return [
        f"its port {port} is published as another port of the host than {number}"
        for port, published in item.ports.items()
        for number in sorted(_host_ports(published) - set(kept.get(port, [])))
    ]


def _host_ports(bindings: list[dict[str, Any]] | None) -> set[str]:
    return {binding["HostPort"] for binding in bindings or [] if binding.get("HostPort")}


def loses_mac(item: Affected, release: tuple[int, int]) -> list[str]:
    """What becomes of a configured MAC address when the container is disconnected."""
    configured = (item.data.get("Config") or {}).get("MacAddress") or ""
    mode = item.host_config.get("NetworkMode") or ""
    if not reaches(release, FORGETS_MAC) or not configured or mode != item.endpoint.network:
        return []
    until = " when it is next started" if item.runs else ""
    return [
        (
            f"loses its configured MAC address {configured}{until}: this engine accepts one only when it creates a "
            "container"
        )
    ]


def shares(other: dict[str, Any], item: Affected) -> bool:
    """Whether another running container is in the same network namespace."""
    mode = (other.get("HostConfig") or {}).get("NetworkMode") or ""
    kind, dummy, whom = mode.partition(":")
    running = bool((other.get("State") or {}).get("Running"))
    return kind == "container" and running and whom in (item.endpoint.container, item.endpoint.name)


def names(word: str, network: dict[str, Any]) -> bool:
    """Whether a word of `docker run --network` means this network: its name, or its id, or the beginning of that."""
    return word == network["Name"] or (len(word) >= _SHORTEST_ID and network["Id"].startswith(word))


def pools_of(network: dict[str, Any], used: Iterable[str] = ()) -> dict[int, AddressAllocator]:
    """The pools of a network (an inspect or a body to create it with) by version of IP, some addresses in use."""
    configs: dict[int, dict[str, Any]] = {}
    for config in (network.get("IPAM") or {}).get("Config") or []:
        if config.get("Subnet"):
            configs.setdefault(ipaddress.ip_network(config["Subnet"], strict=False).version, config)
    taken = [address.split("/")[0] for address in used if address]
    return {
        version: AddressAllocator(
            configs.get(version), [address for address in taken if ipaddress.ip_address(address).version == version]
        )
        for version in (4, 6)
    }


class AddressAllocator:
    """The addresses of one network and family; config: its entry of IPAM.Config, None where it has none."""

    def __init__(self, config: dict[str, Any] | None, used: Iterable[str] = ()) -> None:
        self._subnet: Subnet | None = None
        self._used = {int(ipaddress.ip_address(address)) for address in used if address}
        if config is None:
            return
        self._subnet = ipaddress.ip_network(config["Subnet"], strict=False)
        own_range = config.get("IPRange") or config["Subnet"]
        self._range: Subnet = ipaddress.ip_network(own_range, strict=False)
        self._reserved = {int(self._subnet.network_address), int(self._subnet.broadcast_address)}
        gateway = (config.get("Gateway") or "").split("/")[0]
        auxiliary = (config.get("AuxiliaryAddresses") or {}).values()
        self._reserved |= {int(ipaddress.ip_address(address)) for address in [gateway, *auxiliary] if address}
        if not gateway:
            # The engine then takes the first for itself.
            self._reserved.add(self._lowest())

    def allows(self, address: str) -> bool:
        """Whether an endpoint can have the address, if no other endpoint has it."""
        wanted = ipaddress.ip_address(address)
        return self._subnet is not None and wanted in self._subnet and int(wanted) not in self._reserved

    def reserve(self, address: str) -> None:
        """Have an endpoint take the address, if there is one."""
        if address:
            self._used.add(int(ipaddress.ip_address(address)))

    def release(self, address: str) -> None:
        """Have an endpoint give the address back, if there is one."""
        if address:
            self._used.discard(int(ipaddress.ip_address(address)))

    def gives(self, address: str) -> bool:
        """Whether address is the one that the next endpoint gets which asks for none."""
        return self._subnet is not None and self._lowest() == int(ipaddress.ip_address(address))

    def take(self) -> None:
        """Have an endpoint take whatever it gets."""
        if self._subnet is not None:
            self._used.add(self._lowest())

    def _lowest(self) -> int:
        candidate = int(self._range.network_address)
        while candidate in self._used or candidate in self._reserved:
            candidate += 1
        return candidate
