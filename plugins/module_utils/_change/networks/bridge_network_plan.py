# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridge networks as a list wants them: what to make, to make anew, to remove and to leave. Pure.

The whole list is judged before anything is done: what contradicts itself, what this engine or host cannot have, and who
is on networks that are there already. Networks that go are removed first, so that what they hold is free for those that
come; these follow in the order of the list.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    Difference,
    NetworkOutcome,
    body_of,
    bridge_of,
    create_body,
    describe,
    differences,
    replacement_body,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_connections_plan import (
    Connections,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent,
    NetworkRequest,
    Pool,
    SubnetRequest,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Diff,
    Disruption,
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import (
    CIDR,
    Taken,
    contains,
    taken_on_host,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ICC, Container, Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    GATEWAY_MODES,
    HAS_GATEWAY_MODES,
    IPV6_POOLS,
    TRUSTED_INTERFACES,
    capabilities_of,
    has,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route, sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESERVERS,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed

_ADVERTISED = 9  # RTPROT_RA, linux/rtnetlink.h
CREATED = "created"
RECREATED = "recreated"
REMOVED = "removed"
KEPT = "unchanged"
CHANGED = "changed"
"""It is as it was, and other containers are on it, or the same ones in another way."""
ABSENT = "absent"
UNDONE = "undone"
FAILED = "failed"
_NAMED = 5
"""How many of those who have a pool's addresses a message names."""


@dataclass(frozen=True)
class NetworkFacts:
    """What the plan is made from, beside the requests."""

    snapshot: HostSnapshot
    networks: list[dict[str, Any]]
    """GET /networks, unmasked."""
    bridge_netfilter: bool
    avoid: list[CIDR] = field(default_factory=list)


@dataclass(frozen=True)
class NetworkDecision:
    """What becomes of one network."""

    request: NetworkRequest
    outcome: str
    old: dict[str, Any] | None = None
    """GET /networks/ID, or an item of GET /networks."""
    body: dict[str, Any] | None = None
    """Of POST /networks/create, where it is made."""
    differences: list[Difference] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class HostBefore:
    """What a new network is held against when it is there."""

    host: HostSnapshot
    """As it was read for the plan."""
    outside: list[Taken] = field(default_factory=list)
    """All that is taken, but for Docker's own networks: the engine itself sees to these."""


@dataclass(frozen=True)
class NetworkPlan:
    """The decisions in the order in which they are carried out, and the outline of them all."""

    outline: Outline
    decisions: list[NetworkDecision]
    host_before: HostBefore
    recreations: dict[str, Recreation] = field(default_factory=dict)
    """By name of the network."""
    connections: dict[str, Connections] = field(default_factory=dict)
    """The same for networks whose containers change."""


def decide(requests: list[NetworkRequest], consent: NetworkConsent, facts: NetworkFacts) -> list[NetworkDecision]:
    """Decide on every network.

    Raises Refusal when one of them cannot be had, or would take consent.
    """
    demand(facts.snapshot, ENGINE, LINKS, ROUTES, NAMESERVERS, SYSCTL, RULESET)
    engine = facts.snapshot.engine
    if engine is None:
        raise Refusal("nothing was changed: the engine did not report its version")
    check_list(requests)
    for request in requests:
        _check_engine(request, engine)
    requests = [_for_engine(request, engine) for request in requests]
    removed = [_removal(request, facts) for request in requests if not request.present]
    snapshot = facts.snapshot
    for item in removed:
        if item.old is not None:
            snapshot = without_network(snapshot, item.old["Id"], bridge_of(item.old))
    present = [request for request in requests if request.present]
    found = {request.name: known(request, facts) for request in present}
    drifted = {request.name: _drift(request, found[request.name], facts) for request in present}
    _demand_consent([request for request in present if drifted[request.name]], drifted, found, consent, facts)
    return [*removed, *_Placement(facts, engine, snapshot, present, found, drifted).decide_all()]


def outline(
    decisions: Sequence[NetworkDecision],
    recreations: Mapping[str, Recreation],
    connections: Mapping[str, Connections] | None = None,
) -> Outline:
    """Put all decisions into words."""
    actions: list[str] = []
    diffs: list[Diff] = []
    disruptions: list[Disruption] = []
    warnings: list[str] = []
    for item in decisions:
        warnings += item.warnings
        before = describe(body_of(item.old)) if item.old else ""
        after = describe(item.body) if item.body else ""
        if item.outcome in (CREATED, RECREATED, REMOVED):
            diffs.append(Diff(f"network {item.request.name}", before, after))
        if item.outcome == CREATED:
            actions.append(f"create network {item.request.name}{_where(item)}")
        elif item.outcome == REMOVED:
            actions.append(f"remove network {item.request.name}")
        elif item.outcome == RECREATED:
            recreation = recreations[item.request.name]
            actions += recreation.actions
            disruptions += recreation.disruptions
            warnings += recreation.warnings
        found = (connections or {}).get(item.request.name)
        if found is not None:
            actions += found.actions
            diffs += found.diffs
            disruptions += [*found.cuts, *found.moves]
    return Outline(actions, diffs, disruptions, warnings, {"networks": [outcome_of(item) for item in decisions]})


def _removal(request: NetworkRequest, facts: NetworkFacts) -> NetworkDecision:
    network = known(request, facts)
    if network is None:
        return NetworkDecision(request, ABSENT)
    users = _attached(network, facts.snapshot)
    if users:
        raise Refusal(
            f"nothing was changed: {request.place}: network {request.name} has containers, running or stopped: "
            f"{', '.join(users)}. Disconnect or remove them first (docker network disconnect {request.name} NAME)",
            [Disruption("container", name, f"would lose network {request.name}") for name in users],
        )
    return NetworkDecision(request, REMOVED, network)


class _Placement:
    """Gives each network its subnets, one after the other, so that none is given twice."""

    def __init__(
        self,
        facts: NetworkFacts,
        engine: Engine,
        snapshot: HostSnapshot,
        requests: list[NetworkRequest],
        found: dict[str, dict[str, Any] | None],
        drifted: dict[str, list[Difference]],
    ) -> None:
        self._facts = facts
        self._engine = engine
        self._requests = requests
        self._found = found
        self._drifted = drifted
        self._snapshot = snapshot
        self._claimed: list[Taken] = []
        # Subnets that others of the list ask for by name are not given out of a pool, wherever they stand in it.
        self._asked = [
            (request.name, Taken(item.subnet, f"{item.subnet} of {request.place} ({request.name})"))
            for request in requests
            for item in request.subnets
        ]

    def decide_all(self) -> list[NetworkDecision]:
        """Decide on all networks that are wanted, in order."""
        return [self._decide(request) for request in self._requests]

    def _decide(self, request: NetworkRequest) -> NetworkDecision:
        old = self._found[request.name]
        if old is not None and not self._drifted[request.name]:
            return NetworkDecision(request, KEPT, old, warnings=self._overlap_warnings(old))
        if old is not None:
            # It leaves its place first; until its turn comes, no one else is given that.
            self._snapshot = without_network(self._snapshot, old["Id"], bridge_of(old))
        subnets = self._subnets(request, old)
        body = replacement_body(old, request, subnets) if old else create_body(request, subnets)
        _check_new(request, body, self._snapshot, self._engine, bridge_netfilter=self._facts.bridge_netfilter)
        warnings = _ipv6_warnings(request.name, body, self._snapshot)
        if old is None:
            return NetworkDecision(request, CREATED, None, body, warnings=warnings)
        return NetworkDecision(request, RECREATED, old, body, self._drifted[request.name], warnings)

    def _subnets(self, request: NetworkRequest, old: dict[str, Any] | None) -> list[SubnetRequest]:
        """The subnets to ask the engine for; those of the old network stay where nothing speaks against them."""
        found = []
        for version in (4, 6):
            named = request.subnet(version)
            if named is None and request.pools_of(version):
                kept = [item for item in subnets_of(old, version) if _in_pools(request, item.subnet)] if old else []
                named = kept[0] if kept else SubnetRequest(self._from_pools(request, version))
            if named is None and old is not None and (version == 4 or request.ipv6 is not False):
                # What stays must be as free as what is new: the old network gives it up in between.
                for item in subnets_of(old, version):
                    self._claim(request, item.subnet)
            if named is not None:
                self._claim(request, named.subnet)
                found.append(named)
        return found

    def _from_pools(self, request: NetworkRequest, version: int) -> CIDR:
        pools = request.pools_of(version)
        taken = [*self._taken(), *(item for name, item in self._asked if name != request.name)]
        subnet = first_free(pools, taken)
        if subnet is None:
            words = ", ".join(f"a /{pool.size} of {pool.base}" for pool in pools)
            inside = [item for item in taken if any(pool.base.overlaps(item.cidr) for pool in pools)]
            owners = listed([item.owner for item in inside], _NAMED, "; ")
            raise Refusal(f"nothing was changed: {request.place}.pools: {words}: none is free, for {owners}")
        return subnet

    def _taken(self) -> list[Taken]:
        return [*taken_on_host(self._snapshot, self._facts.avoid), *self._claimed]

    def _claim(self, request: NetworkRequest, subnet: CIDR) -> None:
        offender = overlapping(subnet, self._taken())
        if offender is not None:
            at = next(
                (f".subnets[{at}].subnet" for at, item in enumerate(request.subnets) if item.subnet == subnet), ""
            )
            raise Refusal(
                f"nothing was changed: {request.place}{at} ({request.name}): {subnet} overlaps with {offender.owner}"
            )
        self._claimed.append(Taken(subnet, f"{subnet} of {request.place} ({request.name})"))

    def _overlap_warnings(self, network: dict[str, Any]) -> list[str]:
        """What a network that is there overlaps with: that is reported, and the network left as it is."""
        rest = without_network(self._snapshot, network["Id"], bridge_of(network))
        taken = taken_on_host(rest, self._facts.avoid)
        found = [(item.subnet, overlapping(item.subnet, taken)) for v in (4, 6) for item in subnets_of(network, v)]
        return [
            f"network {network['Name']} has {subnet}, which overlaps with {item.owner}"
            for subnet, item in found
            if item is not None
        ]


def _in_pools(request: NetworkRequest, subnet: CIDR) -> bool:
    return any(contains(pool.base, subnet) for pool in request.pools_of(subnet.version))


def _where(item: NetworkDecision) -> str:
    configs = ((item.body or {}).get("IPAM") or {}).get("Config") or []
    return f" with {' and '.join(config['Subnet'] for config in configs)}" if configs else ""


def outcome_of(item: NetworkDecision) -> NetworkOutcome:
    """The network as the module returns it once its decision is carried out."""
    shown = item.body or (body_of(item.old) if item.old and item.outcome in (KEPT, CHANGED) else None)
    configs = ((shown or {}).get("IPAM") or {}).get("Config") or []
    return NetworkOutcome(item.request.name, item.outcome, [config["Subnet"] for config in configs], item.differences)


def known(request: NetworkRequest, facts: NetworkFacts) -> dict[str, Any] | None:
    """The network of that name, if it is one that may be touched. Raises Refusal."""
    found = [item for item in facts.networks if item["Name"] == request.name]
    if not found:
        return None
    if len(found) > 1:
        ids = ", ".join(sorted(item["Id"][:12] for item in found))
        raise Refusal(
            f"nothing was changed: {request.place}.name: {len(found)} networks are named {request.name!r} ({ids}); "
            "remove all but one of them by their id (docker network rm ID)"
        )
    network = found[0]
    if network.get("Driver") != "bridge" or network.get("Scope", "local") != "local" or network.get("Ingress"):
        raise Refusal(
            f"nothing was changed: {request.place}.name: the network {request.name!r} has driver "
            f"{network.get('Driver')} and scope {network.get('Scope')}; only bridge networks of this host are managed "
            "here"
        )
    if network.get("ConfigOnly") or (network.get("ConfigFrom") or {}).get("Network"):
        raise Refusal(
            f"nothing was changed: {request.place}.name: the network {request.name!r} takes its configuration from "
            "another network, or is one for others to take it from"
        )
    return network


def containers_on(network: dict[str, Any], snapshot: HostSnapshot) -> list[Container]:
    """The containers on the network, running or not."""
    return [
        container
        for container in snapshot.containers
        if container.network_mode in (network["Name"], network["Id"])
        or any(
            end.network_id == network["Id"] or (not end.network_id and end.network == network["Name"])
            for end in container.endpoints
        )
    ]


def _attached(network: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """Names of the containers on the network, running or not, and of endpoints that belong to no container we know."""
    names = {container.name for container in containers_on(network, snapshot)}
    known = {container.id for container in snapshot.containers}
    others = network.get("Containers") or {}
    return sorted(names | {entry.get("Name") or key for key, entry in others.items() if key not in known})


def _drift(request: NetworkRequest, network: dict[str, Any] | None, facts: NetworkFacts) -> list[Difference]:
    """Where the network is other than wanted; nowhere when there is none."""
    if network is None:
        return []
    bridge = next((link for link in facts.snapshot.links if link.name == bridge_of(network)), None)
    return differences(request, network, bridge)


def _demand_consent(
    requests: list[NetworkRequest],
    drifted: dict[str, list[Difference]],
    found: dict[str, dict[str, Any] | None],
    consent: NetworkConsent,
    facts: NetworkFacts,
) -> None:
    """Refuse to make networks anew without consent; all of them are named at once."""
    named = []
    disruptions: list[Disruption] = []
    for request in requests:
        network = found[request.name]
        users = _attached(network, facts.snapshot) if network else []
        if consent.recreate and (consent.disruption or not users):
            continue
        named.append(
            f"{request.place}: network {request.name}: {'; '.join(map(str, drifted[request.name]))} "
            f"(containers on it: {', '.join(users) or 'none'})"
        )
        disruptions += [
            Disruption("container", name, f"would be disconnected from network {request.name} for a moment")
            for name in users
        ]
    if named:
        lacks = {
            **({} if consent.recreate else {"recreate": "allow"}),
            **({"on_disruption": "allow"} if disruptions and not consent.disruption else {}),
        }
        options = " and ".join(f"{option}: {value}" for option, value in lacks.items())
        raise Refusal(
            f"nothing was changed: the options of an existing network cannot be changed. {'. '.join(named)}. With "
            f"{options}, it is recreated and its containers are connected again as before",
            disruptions,
            consents=[lacks],
        )


def without_network(snapshot: HostSnapshot, network_id: str, bridge: str | None) -> HostSnapshot:
    """The host as it is when that network is gone, with its bridge, addresses and routes."""
    gone = {link.index for link in snapshot.links if bridge is not None and link.name == bridge}
    return HostSnapshot(
        **{
            **vars(snapshot),
            "networks": [item for item in snapshot.networks if item.id != network_id],
            "links": [link for link in snapshot.links if link.index not in gone],
            "routes": [item for item in snapshot.routes if not (item.interfaces and gone.issuperset(item.interfaces))],
        }
    )


def overlapping(subnet: CIDR, taken: Iterable[Taken]) -> Taken | None:
    """The first range that has an address in common with subnet."""
    return next((item for item in taken if subnet.overlaps(item.cidr)), None)


def first_free(pools: list[Pool], taken: list[Taken]) -> CIDR | None:
    """The first subnet of the pools, in their order and from their lowest address up, that overlaps with nothing.

    A range that is taken is jumped over as a whole, so that large pools cost no time.
    """
    for pool in pools:
        found = _first_free(pool, [item.cidr for item in taken if item.cidr.version == pool.base.version])
        if found is not None:
            return found
    return None


def _first_free(pool: Pool, taken: list[CIDR]) -> CIDR | None:
    bits = pool.base.max_prefixlen - pool.size
    at, end = int(pool.base.network_address), int(pool.base.broadcast_address)
    ranges = sorted((int(cidr.network_address), int(cidr.broadcast_address)) for cidr in taken)
    for low, high in ranges:
        if low <= at + (1 << bits) - 1 and high >= at:
            # Up to the next subnet after the range.
            at = ((high >> bits) + 1) << bits
    if at + (1 << bits) - 1 > end:
        return None
    address = ipaddress.IPv4Address if pool.base.version == 4 else ipaddress.IPv6Address
    return ipaddress.ip_network((address(at), pool.size))


def check_list(requests: list[NetworkRequest]) -> None:
    """Refuse networks of one list that are in each other's way."""
    for first, second in combinations(requests, 2):
        if first.name == second.name:
            raise Refusal(
                f"nothing was changed: {second.place}.name: {second.name!r} is already listed at {first.place}"
            )
    present = [request for request in requests if request.present]
    for first, second in combinations(present, 2):
        if first.bridge_name is not None and first.bridge_name == second.bridge_name:
            raise Refusal(
                f"nothing was changed: {second.place}.bridge_name: {second.bridge_name!r} is the bridge of "
                f"{first.place} already"
            )
        for mine in first.subnets:
            for at, theirs in enumerate(second.subnets):
                if mine.subnet.overlaps(theirs.subnet):
                    raise Refusal(
                        f"nothing was changed: {second.place}.subnets[{at}].subnet: {theirs.subnet} overlaps with "
                        f"{mine.subnet} of {first.place} ({first.name})"
                    )


def _check_engine(request: NetworkRequest, engine: Engine) -> None:
    """Refuse what came with a later engine."""
    for version, mode in request.gateway_modes.items():
        if not has(engine, GATEWAY_MODES[mode]):
            raise _too_old(f"{request.place}.gateway_mode_ipv{version}", mode, GATEWAY_MODES[mode], engine)
    if request.trusted_interfaces and not has(engine, TRUSTED_INTERFACES):
        raise _too_old(
            f"{request.place}.trusted_interfaces", ", ".join(request.trusted_interfaces), TRUSTED_INTERFACES, engine
        )


def _for_engine(request: NetworkRequest, engine: Engine) -> NetworkRequest:
    """The request without what an older engine does in any case and has no option for."""
    if has(engine, HAS_GATEWAY_MODES):
        return request
    # _check_engine() has let nothing but nat through.
    return NetworkRequest(**{**vars(request), "gateway_modes": {}})


def _check_new(
    request: NetworkRequest, body: dict[str, Any], snapshot: HostSnapshot, engine: Engine, *, bridge_netfilter: bool
) -> None:
    """Refuse a network that would be made (with body) and not work, or whose making would hurt the host."""
    if body.get("EnableIPv6") and not _has_ipv6_subnet(body) and not has(engine, IPV6_POOLS):
        raise Refusal(
            f"nothing was changed: {request.place}.ipv6: Docker Engine {engine.version} has no IPv6 pools of its own, "
            "as 27.0 and later have; name an IPv6 subnet in subnets, or an IPv6 base in pools"
        )
    if body["Options"].get(ICC) == "false" and not bridge_netfilter:
        raise Refusal(
            f"nothing was changed: {request.place}.icc: false needs the kernel module br_netfilter, which is neither "
            "loaded nor installed: without it, no rule applies to traffic within a bridge"
        )
    _check_interface(request, snapshot)
    if not body["Internal"]:
        _check_forwarding(request, snapshot, engine)
    if body.get("EnableIPv6"):
        _check_advertised(request, snapshot)


def _ipv6_warnings(name: str, body: dict[str, Any], snapshot: HostSnapshot) -> list[str]:
    """What an IPv6 network does to the host besides, and what does not protect it."""
    if not body.get("EnableIPv6"):
        return []
    found = []
    if snapshot.sysctls.get("net.ipv6.conf.all.forwarding") == "0":
        found.append(
            f"IPv6 forwarding is off: when dockerd creates {name}, it turns it on and may set the policy of the IPv6 "
            "FORWARD chain to DROP"
        )
    if rule_making(snapshot, 6).value is False:
        found.append(
            "dockerd creates no rules for IPv6 on this host (ip6tables), so any machine that can route to the "
            f"containers on {name} will reach them, and their outbound traffic is not masqueraded"
        )
    return found


def _has_ipv6_subnet(body: dict[str, Any]) -> bool:
    return any(":" in config["Subnet"] for config in body["IPAM"]["Config"])


def _too_old(place: str, value: str, since: tuple[int, int], engine: Engine) -> Refusal:
    return Refusal(
        f"nothing was changed: {place}: {value!r} came with Docker Engine {since[0]}.{since[1]}, and this host has "
        f"{engine.version}"
    )


def _check_interface(request: NetworkRequest, snapshot: HostSnapshot) -> None:
    if request.bridge_name is None:
        return
    owner = next((item.name for item in snapshot.networks if item.bridge == request.bridge_name), None)
    if owner is not None:
        raise Refusal(
            f"nothing was changed: {request.place}.bridge_name: {request.bridge_name!r} is the bridge of the network "
            f"{owner}"
        )
    link = next((item for item in snapshot.links if item.name == request.bridge_name), None)
    if link is not None:
        raise Refusal(
            f"nothing was changed: {request.place}.bridge_name: the host has an interface {link.name!r} "
            f"({link.kind or 'a device'}) that is not a bridge of Docker, and dockerd would take it over"
        )


def _check_forwarding(request: NetworkRequest, snapshot: HostSnapshot, engine: Engine) -> None:
    """Up to 27 the network would lead nowhere; from 28 on dockerd turns forwarding on (moby, setup_ip_forwarding.go).

    It then also sets the policy of FORWARD to DROP, which can cut off virtual machines on bridges even where nothing
    was routed before. ip_forward looks for those.
    """
    if snapshot.sysctls.get("net.ipv4.ip_forward") != "0":
        return
    if capabilities_of(engine).forwards_for_networks:
        harm = (
            "would turn it on when it creates the network, and set the policy of the FORWARD chain to DROP for all "
            "traffic"
        )
    else:
        harm = "turns it on only at its start, so the network would reach nothing outside"
    raise Refusal(
        f"nothing was changed: {request.place} ({request.name}): IPv4 forwarding is off (net.ipv4.ip_forward is 0), "
        f"and dockerd {engine.version} {harm}. Run the module ip_forward first, or make the network internal"
    )


def _check_advertised(request: NetworkRequest, snapshot: HostSnapshot) -> None:
    """The kernel drops what router advertisements gave it when it begins to forward (ip-sysctl, accept_ra)."""
    if snapshot.sysctls.get("net.ipv6.conf.all.forwarding") != "0":
        return
    names = {link.index: link.name for link in snapshot.links}
    lost = sorted(
        {name for route in snapshot.routes for name in _advertised(route, names) if _gives_up(snapshot, name)}
    )
    if lost:
        raise Refusal(
            f"nothing was changed: {request.place} ({request.name}): IPv6 forwarding is off, dockerd turns it on for "
            f"an IPv6 network, and the host would lose the routes that router advertisements gave it on "
            f"{', '.join(lost)}. Run the module ip_forward with families: [ipv6] and accept_ra: allow first"
        )


def _advertised(route: Route, names: dict[int, str]) -> list[str]:
    return [names.get(index, str(index)) for index in route.interfaces] if route.protocol == _ADVERTISED else []


def _gives_up(snapshot: HostSnapshot, name: str) -> bool:
    return snapshot.sysctls.get(sysctl_key(6, name, "accept_ra")) != "2"
