# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The rules of iptables that dockerd writes for networks and published ports, by release. Pure.

Source: moby daemon/libnetwork/drivers/bridge (libnetwork/drivers/bridge before 29) at the tags of 20.10.27, 26.1.5,
28.5.2 and 29.7.2; in the spelling of iptables-save. What comes from whom has a name, so that the same rule of two modes
is known to be one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import start_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ANYWHERE,
    Container,
    Endpoint,
    Network,
    PublishedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    DROPS_FOR_ADDRESSES,
    FORWARD_CHAIN,
    INTERNAL_CHAIN,
    ISOLATION,
    layout_of,
    reaches,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import DEFAULT_ROUTE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import (
    PaperRules,
    UndeterminedError,
)

_OPTIONS_NOT_MODELLED = (
    "com.docker.network.host_ipv4",
    "com.docker.network.host_ipv6",
    "com.docker.network.bridge.trusted_host_interfaces",
)
_LOOPBACK = {4: "127.0.0.0/8", 6: "::1/128"}
OWN_CHAINS = {
    ISOLATION: {"filter": ("DOCKER", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"), "nat": ("DOCKER",)},
    FORWARD_CHAIN: {
        "filter": (
            *("DOCKER", "DOCKER-FORWARD", "DOCKER-CT", "DOCKER-BRIDGE"),
            *("DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2"),
        ),
        "nat": ("DOCKER",),
    },
    INTERNAL_CHAIN: {
        "filter": ("DOCKER", "DOCKER-FORWARD", "DOCKER-CT", "DOCKER-BRIDGE", "DOCKER-INTERNAL"),
        "nat": ("DOCKER",),
    },
}
"""Chains that dockerd empties at each start, by layout and table."""


@dataclass(frozen=True)
class DockerdRule:
    """One rule."""

    role: str
    """What it is for: ``dnat``, ``icc``, ``isolation``..."""
    of: str
    """Whose it is: a bridge, a port; empty for what is there once."""
    table: str
    chain: str
    text: str
    first: bool = False
    """Whether it is put at the head of its chain; else at the end."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The same for a rule that another mode writes otherwise."""
        return (self.role, self.of, self.table, self.chain)


@dataclass(frozen=True)
class Mode:
    """What decides how dockerd writes the rules of one IP version."""

    layout: str
    release: tuple[int, int]
    proxy: bool
    direct_routing: bool
    version: int


def mode_of(snapshot: HostSnapshot, version: int) -> Mode:
    """Return how the dockerd of a host writes its rules. Raises UndeterminedError where that is not known."""
    engine = snapshot.engine
    if engine is None:
        raise UndeterminedError("the engine was not read")
    layout = layout_of(engine)
    if layout not in OWN_CHAINS:
        raise UndeterminedError(
            f"rules of Engine {engine.version} in the layout {layout} cannot be written on paper: change a host of its "
            "kind, and compare two audits"
        )
    proxy = proxy_in_force(snapshot)
    if proxy.value is None:
        raise UndeterminedError(f"whether docker-proxy is on is not known: {proxy.evidence}")
    direct = start_values(snapshot).get("allow-direct-routing") is True
    return Mode(layout, engine.release, proxy.value, direct, version)


def makes_rules(snapshot: HostSnapshot, version: int) -> bool:
    """Whether dockerd makes rules for an IP version. Raises UndeterminedError where that is not known."""
    making = rule_making(snapshot, version)
    if making.value is None:
        raise UndeterminedError(f"whether dockerd makes rules for IPv{version} is not known: {making.evidence}")
    return making.value


def rewrite(rules: PaperRules, before: Sequence[DockerdRule], after: Sequence[DockerdRule]) -> None:
    """Change rules from what dockerd wrote to what it would write; nothing else of the host's rules is touched.

    Raises UndeterminedError where the rules of a host are not those that its dockerd writes.
    """
    earlier, later = ({rule.key: rule for rule in each} for each in (before, after))
    for key, rule in earlier.items():
        new = later.get(key)
        if new is not None and new.text == rule.text:
            continue
        places = [place for place, text in enumerate(rules.rules(rule.table, rule.chain)) if text == rule.text]
        if not places:
            raise _missing(rule)
        for place in reversed(places):
            rules.remove(rule.table, rule.chain, place)
            if new is not None:
                rules.insert(new.table, new.chain, place, new.text)
    for key, rule in later.items():
        if key not in earlier:
            _require_alike(rules, rule, before)
            rules.insert(rule.table, rule.chain, place_for(rules, rule), rule.text)


def _require_alike(rules: PaperRules, rule: DockerdRule, before: Sequence[DockerdRule]) -> None:
    """Of the rules of this sort that there are, one at least has to be as it is written here."""
    alike = [item for item in before if (item.role, item.chain) == (rule.role, rule.chain)]
    if alike and not any(item.text in rules.rules(item.table, item.chain) for item in alike):
        raise _missing(alike[0])


def _missing(rule: DockerdRule) -> UndeterminedError:
    return UndeterminedError(
        "the rules of this host are not as its dockerd writes them, so what it would write is not known. Missing in "
        f"table {rule.table}: -A {rule.chain} {rule.text}"
    )


def place_for(rules: PaperRules, rule: DockerdRule) -> int:
    """Return the place in its chain at which dockerd puts a rule; at the head of FORWARD its jumps stay first."""
    there = rules.rules(rule.table, rule.chain)
    if not rule.first:
        return len(there)
    jumps = rule.chain == "FORWARD" and not rule.role.startswith("jump")
    return (
        next((place for place, text in enumerate(there) if not text.startswith("-j DOCKER-")), len(there))
        if jumps
        else 0
    )


def rules_of(snapshot: HostSnapshot, mode: Mode) -> list[DockerdRule]:
    """Return the rules of all networks and ports, in the order in which dockerd makes them."""
    found = [*_of_all(mode)]
    for network in snapshot.networks:
        found += _of_network(network, mode)
    for container in snapshot.containers:
        if container.running:
            found += _of_container(snapshot, container, mode)
    return found


def _of_all(mode: Mode) -> Iterator[DockerdRule]:
    local = "-m addrtype --dst-type LOCAL -j DOCKER"
    spared = f"! -d {_LOOPBACK[mode.version]} " if mode.proxy else ""
    yield DockerdRule("jump", "", "nat", "PREROUTING", local)
    yield DockerdRule("jump", "", "nat", "OUTPUT", spared + local)
    if mode.layout == ISOLATION:
        yield DockerdRule("jump isolation", "", "filter", "FORWARD", "-j DOCKER-ISOLATION-STAGE-1", first=True)
        yield DockerdRule("jump user", "", "filter", "FORWARD", "-j DOCKER-USER", first=True)
        for stage in (1, 2):
            yield DockerdRule("return", "", "filter", f"DOCKER-ISOLATION-STAGE-{stage}", "-j RETURN")
        return
    yield DockerdRule("jump forward", "", "filter", "FORWARD", "-j DOCKER-FORWARD", first=True)
    yield DockerdRule("jump user", "", "filter", "FORWARD", "-j DOCKER-USER", first=True)
    between = "DOCKER-INTERNAL" if mode.layout == INTERNAL_CHAIN else "DOCKER-ISOLATION-STAGE-1"
    for target in ("DOCKER-CT", between, "DOCKER-BRIDGE"):
        yield DockerdRule(f"jump {target}", "", "filter", "DOCKER-FORWARD", f"-j {target}")


def subnets_of(network: Network, version: int) -> list[str]:
    """Return the subnets of a network of one IP version."""
    nets = (ipaddress.ip_interface(item.subnet).network for item in network.subnets if item.subnet)
    return [str(net) for net in nets if net.version == version]


def _of_network(network: Network, mode: Mode) -> Iterator[DockerdRule]:
    bridge = network.bridge
    subnets = subnets_of(network, mode.version)
    if bridge is None or not subnets:
        return
    unknown = [option for option in _OPTIONS_NOT_MODELLED if network.options.get(option)]
    if unknown or network.gateway_mode(mode.version) != "nat":
        what = unknown[0] if unknown else f"gateway mode {network.gateway_mode(mode.version)}"
        raise UndeterminedError(f"the rules of network {network.name} with {what} are not written on paper")
    if mode.layout == ISOLATION:
        yield from _of_old_network(network, bridge, subnets, mode)
    else:
        yield from _of_new_network(network, bridge, subnets, mode)
    if not network.internal:
        yield from _translation(network, bridge, subnets, mode)
    yield from _isolation(network, bridge, subnets, mode)


def _translation(network: Network, bridge: str, subnets: list[str], mode: Mode) -> Iterator[DockerdRule]:
    if not mode.proxy:
        text = f"-o {bridge} -m addrtype --src-type LOCAL -j MASQUERADE"
        yield DockerdRule("masquerade local", bridge, "nat", "POSTROUTING", text, first=True)
    if not network.masquerades:
        return
    for subnet in subnets:
        text = f"-s {subnet} ! -o {bridge} -j MASQUERADE"
        yield DockerdRule("masquerade", f"{bridge} {subnet}", "nat", "POSTROUTING", text, first=True)
    if mode.proxy and mode.layout != INTERNAL_CHAIN:
        yield DockerdRule("skip", bridge, "nat", "DOCKER", f"-i {bridge} -j RETURN", first=True)


def _isolation(network: Network, bridge: str, subnets: list[str], mode: Mode) -> Iterator[DockerdRule]:
    chain = "DOCKER-INTERNAL" if mode.layout == INTERNAL_CHAIN else "DOCKER-ISOLATION-STAGE-1"
    if network.internal:
        for subnet in subnets:
            outwards = f"! -d {subnet} -i {bridge} -j DROP"
            inwards = f"! -s {subnet} -o {bridge} -j DROP"
            yield DockerdRule("internal out", bridge, "filter", chain, outwards, first=mode.layout != INTERNAL_CHAIN)
            yield DockerdRule("internal in", bridge, "filter", chain, inwards, first=mode.layout != INTERNAL_CHAIN)
    elif mode.layout != INTERNAL_CHAIN:
        text = f"-i {bridge} ! -o {bridge} -j DOCKER-ISOLATION-STAGE-2"
        yield DockerdRule("isolation", bridge, "filter", chain, text, first=True)
        second = "DOCKER-ISOLATION-STAGE-2"
        yield DockerdRule("isolation", bridge, "filter", second, f"-o {bridge} -j DROP", first=True)


def _of_old_network(network: Network, bridge: str, subnets: list[str], mode: Mode) -> Iterator[DockerdRule]:
    between = f"-i {bridge} -o {bridge} -j"
    if network.icc:
        yield DockerdRule("icc accept", bridge, "filter", "FORWARD", f"{between} ACCEPT", first=True)
    else:
        yield DockerdRule("icc drop", bridge, "filter", "FORWARD", f"{between} DROP")
    if network.internal:
        return
    yield DockerdRule("out", bridge, "filter", "FORWARD", f"-i {bridge} ! -o {bridge} -j ACCEPT", first=True)
    yield DockerdRule("to docker", bridge, "filter", "FORWARD", f"-o {bridge} -j DOCKER", first=True)
    text = f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    yield DockerdRule("established", bridge, "filter", "FORWARD", text, first=True)


def _of_new_network(network: Network, bridge: str, subnets: list[str], mode: Mode) -> Iterator[DockerdRule]:
    forward, between = "DOCKER-FORWARD", f"-i {bridge} -o {bridge} -j"
    if network.internal:
        verdict = "ACCEPT" if network.icc else "DROP"
        yield DockerdRule("icc internal", bridge, "filter", forward, f"{between} {verdict}")
        return
    text = f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    yield DockerdRule("established", bridge, "filter", "DOCKER-CT", text)
    yield DockerdRule("to docker", bridge, "filter", "DOCKER-BRIDGE", f"-o {bridge} -j DOCKER")
    yield DockerdRule("unpublished", bridge, "filter", "DOCKER", f"! -i {bridge} -o {bridge} -j DROP")
    if network.icc:
        yield DockerdRule("all out", bridge, "filter", forward, f"-i {bridge} -j ACCEPT")
    else:
        yield DockerdRule("icc drop", bridge, "filter", forward, f"{between} DROP")
        yield DockerdRule("out", bridge, "filter", forward, f"-i {bridge} ! -o {bridge} -j ACCEPT")


def _of_container(snapshot: HostSnapshot, container: Container, mode: Mode) -> Iterator[DockerdRule]:
    networks = {network.id: network for network in snapshot.networks}
    drops_for_addresses = (
        mode.layout != ISOLATION and reaches(mode.release, DROPS_FOR_ADDRESSES) and not mode.direct_routing
    )
    for end in container.endpoints if drops_for_addresses else ():
        network, address = networks.get(end.network_id), address_in(end, mode.version)
        if network is not None and network.bridge is not None and not network.internal and address:
            text = f"-d {_single(address)} ! -i {network.bridge} -j DROP"
            yield DockerdRule("direct", f"{container.id} {network.bridge}", "raw", "PREROUTING", text)
    gateway = way_out(snapshot, container)
    if gateway is None:
        return
    network, end = gateway
    address = address_in(end, mode.version)
    for binding in container.published if network.bridge is not None else ():
        if version_of(binding) == mode.version and address and binding.host_port:
            yield from _of_port(binding, str(network.bridge), address, mode)


def _of_port(binding: PublishedPort, bridge: str, address: str, mode: Mode) -> Iterator[DockerdRule]:
    name = str(binding)
    protocol = f"-p {binding.protocol} -m {binding.protocol}"
    inner = f"{protocol} --dport {binding.container_port}"
    outer = f"{protocol} --dport {binding.host_port}"
    own = binding.address
    where = "" if own == ANYWHERE[mode.version] else f"-d {_single(own)} "
    local = "! -s fe80::/10 " if mode.version == 6 and mode.layout != ISOLATION else ""
    skip = f"! -i {bridge} " if mode.proxy else ""
    target = f"[{address}]" if mode.version == 6 else address
    text = f"{local}{where}{skip}{outer} -j DNAT --to-destination {target}:{binding.container_port}"
    yield DockerdRule("dnat", name, "nat", "DOCKER", text)
    single = _single(address)
    text = f"-d {single} ! -i {bridge} -o {bridge} {inner} -j ACCEPT"
    yield DockerdRule("accept", name, "filter", "DOCKER", text, first=mode.layout != ISOLATION)
    if mode.layout == ISOLATION or not mode.proxy:
        text = f"-s {single} -d {single} {inner} -j MASQUERADE"
        yield DockerdRule("masquerade own", name, "nat", "POSTROUTING", text)
    if mode.layout == ISOLATION:
        return
    if not reaches(mode.release, DROPS_FOR_ADDRESSES):
        yield DockerdRule("direct", name, "raw", "PREROUTING", f"-d {single} ! -i {bridge} {inner} -j DROP")
    if mode.version == 4 and ipaddress.ip_address(own).is_loopback:
        yield DockerdRule("loopback", name, "raw", "PREROUTING", f"-d {_single(own)} ! -i lo {outer} -j DROP")


def version_of(binding: PublishedPort) -> int:
    """Return the IP version of the address that a port is published on."""
    return 6 if ":" in binding.address else 4


def address_in(end: Endpoint, version: int) -> str:
    """Return a container's address on a network, empty where it has none of that version."""
    return (end.address6 if version == 6 else end.address) or ""


def _single(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def way_out(snapshot: HostSnapshot, container: Container) -> tuple[Network, Endpoint] | None:
    """Return the network by which a container leaves the host, on which its ports are published; None for no such one.

    Raises UndeterminedError where its default route was not read, and it is on several.
    """
    networks = {network.id: network for network in snapshot.networks if network.bridge is not None}
    ends = [
        (networks[end.network_id], end)
        for end in container.endpoints
        if end.network_id in networks and not networks[end.network_id].internal and (end.address or end.address6)
    ]
    if len(ends) < 2:
        return ends[0] if ends else None
    space = next((item for item in snapshot.container_namespaces if item.inode == container.netns), None)
    gateways = {
        gateway
        for route in (space.routes if space is not None else ())
        if route.destination in DEFAULT_ROUTE.values()
        for gateway in route.gateways
    }
    for network, end in ends:
        if end.gateway in gateways or gateways & {item.gateway for item in network.subnets}:
            return network, end
    raise UndeterminedError(
        f"by which of its networks {container.name} leaves the host is not known: look at its default route"
    )
