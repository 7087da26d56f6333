# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers to connect to a network, and to disconnect from it: what has to be done, and who feels it. Pure.

An endpoint cannot be changed: a container that is to have another address, or an alias more, is disconnected and
connected again with all else that it had there. The engine's ways are described in network_endpoint.py; a running
container's default route goes by the network whose name comes first, of those that lead out, with IPv6 before those
without (seen on Docker Engine 20.10.5, 26.1.5 and 28.5.2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    body_of,
    endpoints_of,
    is_isolated,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    FIXED,
    EndpointState,
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    Address,
    ConnectionRequest,
    NetworkConsent,
    NetworkRequest,
    wrong,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Affected,
    RecreationContext,
    affected_by,
    asked,
    at_home,
    chosen_ports,
    connection_text,
    disruptions,
    hindrance,
    loses_mac,
    lost_sysctl,
    names,
    pools_of,
    shares,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff, Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    HAS_DNS_NAMES,
    LOWEST_FREE_NAME,
    reaches,
)

NEW = "new"
"""Stands for the id of what is not there yet."""
# moby, libnetwork/ipamutils/utils.go; and the IPv6 ones that engines from 27 make up.
_BUILT_IN = (("172.16.0.0/12", 16), ("192.168.0.0/16", 20), ("fd00::/8", 64))


@dataclass(frozen=True)
class Connections:
    """The plan for one network; without actions all is as wanted."""

    actions: list[str] = field(default_factory=list)
    diffs: list[Diff] = field(default_factory=list)
    cuts: list[Disruption] = field(default_factory=list)
    """Containers that lose a connection, if for a moment only, or a port of the host."""
    moves: list[Disruption] = field(default_factory=list)
    """Running containers whose default route goes elsewhere."""
    record: RecreationRecord | None = None
    """What is disconnected (``before``), connected (``after``), and new (``added``)."""
    first: int = 0
    """How many are connected before any is disconnected."""
    remade: list[EndpointState] = field(default_factory=list)
    """The endpoints of running containers that are to be as they were in all that is not asked for."""


def chosen_by_engine(network: dict[str, Any], engine: Engine | None) -> set[int]:
    """The IP versions of which the engine may have chosen the subnet: then it takes no fixed addresses in it.

    It shows such a network like one that was created with the same subnet and gateway.
    """
    pools = [(pool.base, pool.size) for pool in engine.address_pools] if engine else []
    found: set[int] = set()
    for config in (network.get("IPAM") or {}).get("Config") or []:
        if not config.get("Subnet") or config.get("IPRange") or config.get("AuxiliaryAddresses"):
            continue
        subnet = ipaddress.ip_network(config["Subnet"], strict=False)
        gateway = (config.get("Gateway") or "").split("/")[0]
        if gateway and int(ipaddress.ip_address(gateway)) == int(subnet.network_address) + 1:
            # The pools may have been changed since.
            for base, size in [*pools, *_BUILT_IN]:
                known = ipaddress.ip_network(base, strict=False)
                if subnet.version == known.version and subnet.prefixlen == size and subnet.network_address in known:
                    found.add(subnet.version)
    return found


def plan_connections(
    request: NetworkRequest, network: dict[str, Any], host: RecreationContext, chosen: set[int]
) -> Connections:
    """Plan to have the request's containers on the network. Raises Refusal for what cannot be had.

    network: GET /networks/ID, or the body of one to be made, with the Id NEW; chosen: see chosen_by_engine(), empty for
    a network that is made with its subnets.
    """
    return _Planner(request, network, host, chosen).plan()


def demand_consent(plans: Mapping[str, Connections], consent: NetworkConsent) -> None:
    """Refuse to disconnect containers without consent; all plans, by network, are named at once."""
    cuts = [cut for plan in plans.values() for cut in plan.cuts]
    if cuts and not consent.disruption:
        named = "; ".join(f"network {name}: {', '.join(plan.actions)}" for name, plan in plans.items() if plan.cuts)
        raise Refusal(
            f"nothing was changed: connections of containers would be cut: {named}. To allow it, set on_disruption: "
            "allow",
            cuts,
            consents=[{"on_disruption": "allow"}],
        )


class _Planner:
    def __init__(
        self, request: NetworkRequest, network: dict[str, Any], host: RecreationContext, chosen: set[int]
    ) -> None:
        self._request = request
        self._network = network
        self._host = host
        self._chosen = chosen
        pools = pools_of(network)
        self._on = {
            # A network that is made anew may have no room for an address.
            item.endpoint.container: replace(item, endpoint=at_home([item.endpoint], pools)[0])
            for item in (affected_by(each, network, host) for each in host.containers)
            # What is left of a failed attempt to connect is no endpoint.
            if item and (item.runs or not item.data["State"].get("Running"))
        }

    def plan(self) -> Connections:
        listed: dict[str, ConnectionRequest] = {}
        changed: list[tuple[Affected, EndpointState]] = []
        added: list[EndpointState] = []
        for wish in self._request.connected or []:
            container = self._container(wish)
            if container["Id"] in listed:
                raise wrong(
                    f"{wish.place}.name", wish.container, f"{listed[container['Id']].place} is the same container"
                )
            listed[container["Id"]] = wish
            item = self._on.get(container["Id"])
            if item is None:
                added.append(self._new(wish, container))
                continue
            wanted = _wanted(item.endpoint, wish)
            if wanted != item.endpoint:
                self._demand(wish.place, item.data, lost_sysctl(item))
                changed.append((item, wanted))
        leaving = [] if self._request.appends else [item for key, item in self._on.items() if key not in listed]
        for item in leaving:
            self._demand(f"{self._request.place}.appends", item.data)
        touched = {item.endpoint.container for item in [*leaving, *(item for item, dummy in changed)]}
        coming = [*(wanted for dummy, wanted in changed), *added]
        self._check_addresses(listed, touched, coming)
        return self._with_record(leaving, changed, added) if touched or added else Connections()

    def _container(self, wish: ConnectionRequest) -> dict[str, Any]:
        """The container that is meant, if it can be on a network."""
        place = f"{wish.place}.name"
        container = container_named(wish.container, self._host.containers)
        if container is None:
            raise wrong(place, wish.container, "there is no container of that name on this host")
        mode = (container.get("HostConfig") or {}).get("NetworkMode") or ""
        if mode == "host" or mode.startswith("container:"):
            whose = "the host" if mode == "host" else "another container"
            raise wrong(
                place, wish.container, f"it shares the network of {whose} (--network {mode}), and has none of its own"
            )
        if any(endpoint.network == "none" for endpoint in endpoints_of(container)):
            raise wrong(
                place,
                wish.container,
                f"it is on the network none, which excludes others: docker network disconnect none {wish.container}",
            )
        self._demand(place, container)
        return container

    def _demand(self, place: str, container: dict[str, Any], further: str = "") -> None:
        why = hindrance(container) or further
        if why:
            raise Refusal(f"nothing was changed: {place}: container {container['Name'].lstrip('/')} {why}")

    def _new(self, wish: ConnectionRequest, container: dict[str, Any]) -> EndpointState:
        # Before, the engine adds the host name to the aliases of what is connected.
        own = (container.get("Config") or {}).get("Hostname") or ""
        shown = own if not reaches(self._host.release, HAS_DNS_NAMES) and own != container["Id"][:12] else ""
        bare = EndpointState(
            container=container["Id"],
            name=container["Name"].lstrip("/"),
            network=self._request.name,
            network_id="",
            endpoint_id=NEW if container["State"].get("Running") else "",
            config={},
        )
        return _wanted(bare, replace(wish, aliases=list(dict.fromkeys([*wish.aliases, *filter(None, [shown])]))))

    def _check_addresses(
        self, listed: Mapping[str, ConnectionRequest], touched: set[str], coming: Sequence[EndpointState]
    ) -> None:
        """Raise Refusal for addresses that the network does not have, or another container has after the change."""
        staying = [item.endpoint for key, item in self._on.items() if key not in touched]
        holders = [
            (text, endpoint.container, endpoint.name)
            for endpoint in [*staying, *coming]
            for version in (4, 6)
            for text in (endpoint.address_of(version), endpoint.fixed(version))
        ]
        holders += [
            ((item.get(word) or "").split("/")[0], key, item.get("Name") or key)
            for key, item in (self._network.get("Containers") or {}).items()
            for word in ("IPv4Address", "IPv6Address")
            if key not in self._on
        ]
        for container, wish in listed.items():
            for version, address in wish.addresses.items():
                place = f"{wish.place}.ipv{version}_address"
                subnet = self._subnet_with(place, address)
                others = [name for text, key, name in holders if _is(text, address) and key != container]
                if others:
                    raise wrong(place, address, f"container {others[0]} has it; choose another address of {subnet}")

    def _subnet_with(self, place: str, address: Address) -> CIDR:
        """The network's subnet, in which the address is one for containers."""
        name, version = self._request.name, address.version
        subnet = next((item.subnet for item in subnets_of(self._network, version)), None)
        if subnet is None:
            raise wrong(place, address, f"no IPv{version} subnet of the network {name} is named")
        if address not in subnet:
            raise wrong(place, address, f"it must lie in the subnet {subnet} of the network {name}")
        if not pools_of(self._network)[version].allows(str(address)):
            raise wrong(
                place,
                address,
                f"it is the gateway of the network {name}, or reserved in it; choose another address of {subnet}",
            )
        return subnet

    def _with_record(
        self, leaving: list[Affected], changed: list[tuple[Affected, EndpointState]], added: list[EndpointState]
    ) -> Connections:
        gone = {item.endpoint.endpoint_id for item in [*leaving, *(item for item, dummy in changed)]}
        stay = [each for each in (self._network.get("Containers") or {}).values() if each.get("EndpointID") not in gone]
        used = [each.get(word) or "" for each in stay for word in ("IPv4Address", "IPv6Address")]
        before = asked(
            [*(item.endpoint for item in leaving), *(item.endpoint for item, dummy in changed)],
            pools_of(self._network, used),
        )
        # What is new comes first, where it can: it fails most easily, and then nothing was disconnected yet.
        held = [each.address_of(version) or each.fixed(version) for each in before for version in (4, 6)]
        waiting = [each for each in added if {each.fixed(4), each.fixed(6)} & {*filter(None, held)}]
        pools = pools_of(self._network, [*used, *held])
        first = asked([each for each in added if each not in waiting], pools)
        for text in filter(None, held):
            pools[ipaddress.ip_address(text).version].release(text)
        after = asked([*(wanted for dummy, wanted in changed), *waiting], pools)
        kept = {item.endpoint.container for item, dummy in changed}
        for endpoint in [*before, *after]:
            if endpoint.container in kept:
                self._demand_pins(endpoint)
        moves: list[Disruption] = []
        ports: list[Disruption] = []
        for endpoint in added:
            self._move(endpoint, moves, ports)
        record = RecreationRecord(
            name=self._request.name,
            old_id=self._network["Id"],
            old=body_of(self._network) if self._network["Id"] != NEW else {},
            new={},
            before=[self._content(endpoint) for endpoint in before],
            after=[*first, *after],
            added=added,
        )
        return Connections(
            actions=[
                *map(connection_text, first),
                *(f"disconnect container {item.name} from network {item.network}" for item in reversed(before)),
                *map(connection_text, after),
            ],
            first=len(first),
            diffs=[self._diff(record)],
            cuts=[*self._cuts(leaving, changed, record), *ports],
            moves=moves,
            record=record,
            remade=[item.endpoint for item, dummy in changed if item.runs],
        )

    def _demand_pins(self, endpoint: EndpointState) -> None:
        lost = [endpoint.pins[FIXED[version]] for version in sorted(self._chosen) if FIXED[version] in endpoint.pins]
        if lost:
            raise Refusal(
                f"nothing was changed: {self._request.place}.connected: container {endpoint.name} would lose its "
                f"address {' and '.join(lost)} on the network {self._request.name}: if the engine chose the subnet "
                "itself, it accepts no fixed addresses in it. Recreate the network manually with a subnet (docker "
                "network create --subnet)"
            )

    def _content(self, endpoint: EndpointState) -> EndpointState:
        """What it can be put back with: on networks whose subnet the engine chose, perhaps with another address."""
        for version in self._chosen:
            if FIXED[version] in endpoint.pins:
                pins = {key: value for key, value in endpoint.pins.items() if key != FIXED[version]}
                endpoint = replace(endpoint.without_address(version), pins=pins)
        return endpoint

    def _diff(self, record: RecreationRecord) -> Diff:
        before = {key: item.endpoint for key, item in self._on.items()}
        gone = {endpoint.container for endpoint in record.before}
        after = {key: endpoint for key, endpoint in before.items() if key not in gone}
        after.update({endpoint.container: endpoint for endpoint in record.after})
        return Diff(f"containers of network {record.name}", _lines(before.values()), _lines(after.values()))

    def _cuts(
        self, leaving: list[Affected], changed: list[tuple[Affected, EndpointState]], record: RecreationRecord
    ) -> list[Disruption]:
        name, release = self._request.name, self._host.release
        found = []
        for item in leaving:
            who = item.endpoint.name
            if not item.runs:
                found.append(Disruption("container", who, f"is no longer on network {name} when it is next started"))
                continue
            more = "" if item.siblings else ", its only one"
            found.append(Disruption("container", who, f"is disconnected from network {name}{more}"))
            if item.gateway == name and item.siblings:
                found.append(
                    Disruption(
                        "container", who, (f"no longer has its default route through network {name}, and may have none")
                    )
                )
                found += [Disruption("container", who, how) for how in chosen_ports(item)]
            found += [
                Disruption(
                    "container",
                    other["Name"].lstrip("/"),
                    f"shares the network of container {who} and is affected, too",
                )
                for other in self._host.containers
                if shares(other, item)
            ]
        running = [(item, wanted) for item, wanted in changed if item.runs]
        counts_on = not reaches(release, LOWEST_FREE_NAME)
        disordered = {item.endpoint.container for item, dummy in running if counts_on and item.order[-1:] != [name]}
        affected = [item for item, dummy in running]
        found += disruptions(affected, list(record.after), disordered, self._host.containers, release)
        found += [
            Disruption("container", item.endpoint.name, how)
            for item, dummy in changed
            if not item.runs
            for how in loses_mac(item, release)
        ]
        for item, wanted in running:
            found += [
                Disruption("container", wanted.name, f"its address {old} on network {name} becomes {new}")
                for version in (4, 6)
                for old, new in [(item.endpoint.address_of(version), wanted.address_of(version))]
                if old and new and old != new
            ]
        return found

    def _move(self, endpoint: EndpointState, moves: list[Disruption], ports: list[Disruption]) -> None:
        """Note where the default route of a container goes that is connected, if it goes elsewhere, and its ports."""
        container = next(each for each in self._host.containers if each["Id"] == endpoint.container)
        links = list(self._host.links.get(endpoint.container, ()))
        default = self._host.default_links.get(endpoint.container, "")
        now = next((item for item in endpoints_of(container, links) if default and item.interface == default), None)
        name = endpoint.network
        if not endpoint.runs or self._network.get("Internal") or is_isolated(self._network, 4):
            return
        if now is None:
            moves.append(Disruption("container", endpoint.name, f"gets a default route through network {name}"))
            return
        rank = (-now.config.get("GwPriority", 0), not now.address6, now.network)
        if rank > (0, not self._network.get("EnableIPv6"), name):
            how = f"its default route uses network {name}, and no longer {now.network}"
            moves.append(Disruption("container", endpoint.name, how))
            # Ports are published by the network of the default route.
            item = affected_by(container, {"Name": now.network, "Id": now.network_id}, self._host)
            ports += [Disruption("container", endpoint.name, how) for how in (chosen_ports(item) if item else [])]


def container_named(word: str, containers: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The container of that name or id, of GET /containers/ID/json."""
    return next(
        (each for each in containers if names(word, {"Name": each["Name"].lstrip("/"), "Id": each["Id"]})), None
    )


def _wanted(endpoint: EndpointState, wish: ConnectionRequest) -> EndpointState:
    """The endpoint with what is asked for; what is not, stays."""
    for version, address in wish.addresses.items():
        text = str(address)
        if _is(endpoint.fixed(version), address):
            continue
        if not _is(endpoint.address_of(version), address):
            endpoint = endpoint.without_address(version)
        ipam = {**(endpoint.config.get("IPAMConfig") or {}), FIXED[version]: text}
        endpoint = replace(endpoint, config={**endpoint.config, "IPAMConfig": ipam})
        if endpoint.runs:
            endpoint = replace(endpoint, address=text) if version == 4 else replace(endpoint, address6=text)
    known = list(endpoint.config.get("Aliases") or [])
    # The engine gives each container the beginning of its id as an alias.
    more = [alias for alias in wish.aliases if alias not in [*known, endpoint.container[:12]]]
    return replace(endpoint, config={**endpoint.config, "Aliases": [*known, *more]}) if more else endpoint


def _is(text: str, address: Address) -> bool:
    return bool(text) and ipaddress.ip_address(text) == address


def _lines(endpoints: Iterable[EndpointState]) -> str:
    return "".join(f"{_line(endpoint)}\n" for endpoint in sorted(endpoints, key=lambda item: item.name))


def _line(endpoint: EndpointState) -> str:
    words = []
    for version in (4, 6):
        fixed = endpoint.fixed(version) or endpoint.pins.get(FIXED[version], "")
        text = fixed or endpoint.address_of(version)
        words += [f"{text} (fixed)" if fixed else text] if text else []
    address = " and ".join(words) or ("an address that the engine chooses" if endpoint.runs else "none yet")
    aliases = endpoint.config.get("Aliases") or []
    return f"{endpoint.name}: {address}" + (f", aliases {', '.join(sorted(aliases))}" if aliases else "")
