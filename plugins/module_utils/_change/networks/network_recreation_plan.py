# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A bridge network made anew with all its endpoints: what has to be done, and what the containers feel of it.

The Engine API cannot change a network, so all containers are disconnected, the network is removed and created, and they
are connected again, in an order in which they get back what they had:

* endpoints with fixed addresses first, then the others by address, since the engine gives out the lowest free one;
* on engines before 28 a container's interfaces count on (eth0 comes back as eth1), so its interfaces that come after
  the one of this network are reconnected, too, to come after it again. From 28 on the lowest free name is taken,
  which is the old one. The engine chooses the default gateway by priority and network name, which do not change.

Running and stopped containers are treated alike, but for those that never started (network_endpoint.py).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.address_pool import (
    AddressPool,
    pools_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import body_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    Endpoint,
    endpoints_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_record import Record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_impact import (
    LOWEST_FREE_NAME,
    Affected,
    disruptions,
    names,
    refuse_impossible,
    refuse_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link


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
    record: Record
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
    refuse_network(old, body)
    affected = [found for found in (_affected(container, old, host) for container in host.containers) if found]
    refuse_impossible(old, body, affected)
    mine = [item.endpoint for item in affected if item.touched]
    later = {item.endpoint.container: _later(item, host) for item in affected if item.touched}
    others = [endpoint for endpoints in later.values() for endpoint in endpoints or ()]
    before = [*_asked(mine, pools_of(old)), *_elsewhere(others, host)]
    after = [*_asked(_at_home(mine, pools_of(body)), pools_of(body)), *_elsewhere(others, host)]
    reachable = _reaches_out(body) == _reaches_out(old)
    record = Record(
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


def _affected(container: dict[str, Any], old: dict[str, Any], host: RecreationContext) -> Affected | None:
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


def by_interface(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The endpoints whose interface is known, in the order of the interfaces' names."""
    return sorted((item for item in endpoints if item.interface), key=lambda item: _rank(item.interface))


def _rank(interface: str) -> tuple[str, int]:
    """Interfaces in the order of their numbers: eth2 comes before eth10."""
    prefix = interface.rstrip("0123456789")
    return prefix, int(interface[len(prefix) :] or -1)


def _later(item: Affected, host: RecreationContext) -> list[Endpoint] | None:
    """The container's other endpoints to reconnect after this one, to keep the order; None where that cannot be."""
    if host.release >= LOWEST_FREE_NAME or not item.endpoint.runs:
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


def _at_home(endpoints: list[Endpoint], pools: dict[int, AddressPool]) -> list[Endpoint]:
    """The endpoints without the addresses that the new network has no room for."""
    for version in (4, 6):
        endpoints = [
            item.without_address(version)
            if item.address_of(version) and not pools[version].allows(item.address_of(version))
            else item
            for item in endpoints
        ]
    return endpoints


def _asked(endpoints: list[Endpoint], pools: dict[int, AddressPool]) -> list[Endpoint]:
    """The endpoints in the order to connect them in, those pinned that would get another address than they have."""
    for endpoint in endpoints:
        for version in (4, 6):
            if endpoint.runs:
                pools[version].reserve(endpoint.fixed(version))
    return [_pin(endpoint, pools) for endpoint in sorted(endpoints, key=_turn)]


def _turn(endpoint: Endpoint) -> tuple[int, int, str, str]:
    """Fixed addresses first, then those to be had again by address, then those content with any, then the stopped."""
    if not endpoint.runs:
        return 3, 0, endpoint.name, endpoint.container
    if endpoint.fixed(4) or (endpoint.fixed(6) and not endpoint.address):
        return 0, 0, endpoint.name, endpoint.container
    address = endpoint.address or endpoint.address6
    if not address:
        return 2, 0, endpoint.name, endpoint.container
    return 1, _number(address), endpoint.name, endpoint.container


def _pin(endpoint: Endpoint, pools: dict[int, AddressPool]) -> Endpoint:
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


def _elsewhere(endpoints: list[Endpoint], host: RecreationContext) -> list[Endpoint]:
    """Endpoints on other networks, as they will be asked for when all of them were given up."""
    pools: dict[str, dict[int, AddressPool]] = {}
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


def _actions(record: Record) -> list[str]:
    subnets = [item["Subnet"] for item in (record.new.get("IPAM") or {}).get("Config") or [] if item.get("Subnet")]
    where = f" with {' and '.join(subnets)}" if subnets else ""
    return [
        *(f"disconnect container {item.name} from network {item.network}" for item in reversed(record.before)),
        f"remove network {record.name}",
        f"create network {record.name}{where}",
        *(_connection(item) for item in record.after),
    ]


def _connection(endpoint: Endpoint) -> str:
    if not endpoint.runs:
        return f"connect container {endpoint.name}, which does not run, to network {endpoint.network}"
    return f"connect container {endpoint.name} to network {endpoint.network} as {endpoint.text or 'the engine chooses'}"
