# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Causes that end a path at one of its steps: a setting, a route, a neighbour, a socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import FROZEN, ContainerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BLOCKED_BY_BRIDGE,
    IPSEC,
    MISROUTED_STEP,
    NO_ANSWER,
    PROXY_REPLY,
    PROXY_REQUEST,
    REPLY,
    REQUEST,
    NullRoute,
    PathStep,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import (
    BEHIND_RULES,
    BEYOND,
    ROUTING,
    SENDER,
    Candidate,
    predicted,
    upper,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import (
    Case,
    in_subnet,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import PREDICTION, Evidence
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.misrouting_causes import (
    detached,
    overlap,
    policy_route,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.rule_causes import rule_stop, translation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.halted import (
    continuing,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import NOT_FOUND
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.null_routes import (
    null_route_in_words,
    null_route_of,
    restoring_route,
    without,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    FORWARDING,
    HAIRPIN,
    HALTED,
    MARTIAN,
    NEIGHBOUR_ARP_OFF,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER,
    NEIGHBOUR_BRIDGE_PORT,
    NEIGHBOUR_BRIDGE_RULE,
    NEIGHBOUR_IN_CONTAINER,
    NEIGHBOUR_RP_FILTER,
    OF_NEIGHBOURS,
    POLICY_RULE,
    ROUTE_KIND,
    RP_FILTER,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    family_of,
    is_loopback_text,
    is_private,
    parse_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import place_of

_LEGS = {
    REQUEST: "the request",
    REPLY: "the answer",
    PROXY_REQUEST: "docker-proxy's own connection to the container",
    PROXY_REPLY: "the container's answer to docker-proxy",
}


def leg_in_words(leg: str) -> str:
    """What travels on a leg."""
    return _LEGS.get(leg, leg)


def predicted_stop(case: Case) -> Candidate | None:
    """What ends the path as it was predicted; None where it ends nowhere, or that is not known."""
    step = case.decision
    if step is None:
        return None
    found = next(filter(None, (kind(case, step) for kind in _KINDS)), None) or _other(case, step)
    return _as_predicted(case, found, step)


def _as_predicted(case: Case, candidate: Candidate, step: PathStep) -> Candidate:
    return replace(
        candidate,
        # What ends an answer, or the second connection, is behind all rules that the traced request meets.
        stage=candidate.stage if step.leg == REQUEST else BEHIND_RULES,
        evidence=(predicted(case), *candidate.evidence),
        step=case.decided_at,
        decides=True,
    )


def _paused(case: Case, step: PathStep) -> Candidate | None:
    asked = case.asked
    if asked is None or not asked.paused or step.place != "socket":
        return None
    return Candidate(
        "process_paused",
        f"Container {asked.name} is paused: the kernel takes connections for it, and no program answers",
        BEHIND_RULES,
        remediation=Remediation(f"Resume it: docker unpause {asked.name}"),
        layer="process",
    )


def _halted(case: Case, step: PathStep) -> Candidate | None:
    if step.mechanism != HALTED:
        return None
    inside = (item for space in case.snapshot.container_namespaces for item in space.listeners)
    listeners = [item for item in (*case.snapshot.listeners, *inside) if item.halt is not None]
    pid = step.subject.process if step.subject is not None else None
    # What halts a process halts it at all its sockets.
    halted = [item for item in listeners if item.pid == pid][:1]
    is_frozen = any(item.halt is not None and item.halt.state == FROZEN for item in halted)
    return Candidate(
        "process_paused" if is_frozen else "process_stopped",
        f"{upper(case.path.reason)}: the kernel takes connections for it",
        BEHIND_RULES,
        checks=("publish.no-listener",),
        remediation=continuing(halted, case.snapshot.containers),
        layer="process",
    )


def _forwarding(case: Case, step: PathStep) -> Candidate | None:
    if step.mechanism != FORWARDING:
        return None
    settings, family = case.view.settings, family_of(address_in(step.destination))
    key = settings.forwarding_key(family, step.incoming)
    what = leg_in_words(step.leg)
    if family == 6:
        summary = f"{key}=0: the host forwards no IPv6, so {what} ends at the host"
        return Candidate(
            "ipv6_forwarding_off", summary, ROUTING, checks=("forwarding.ipv6",), remediation=_TURN_ON_IPV6
        )
    checks = ("forwarding.ipv4",)
    if settings.number("net.ipv4.ip_forward") == 0:
        summary = f"net.ipv4.ip_forward=0: the host forwards no IPv4, so {what} ends at the host"
        return Candidate("forwarding_off", summary, ROUTING, checks=checks, remediation=_TURN_ON_IPV4)
    summary = (
        f"{key}=0: the host forwards nothing that arrives on {step.incoming}, although net.ipv4.ip_forward=1, so "
        f"{what} ends there"
    )
    remediation = Remediation(
        f"Turn forwarding on for the interface, now and at boot (/etc/sysctl.d): sysctl -w {key}=1"
    )
    return Candidate("interface_forwarding_off", summary, ROUTING, checks=checks, remediation=remediation)


_TURN_ON_IPV4 = Remediation(
    "Turn IPv4 forwarding on, now and at boot", "ip_forward", {"state": "present", "families": ["ipv4"]}
)
_TURN_ON_IPV6 = Remediation(
    "Turn IPv6 forwarding on, now and at boot", "ip_forward", {"state": "present", "families": ["ipv6"]}
)


def _reverse_path(case: Case, step: PathStep) -> Candidate | None:
    what = leg_in_words(step.leg)
    if step.place == "routing" and step.mechanism == RP_FILTER:
        return Candidate(
            "rp_filter",
            f"{step.note}: the reverse-path filter drops {what}",
            ROUTING,
            checks=("forwarding.rp-filter",),
            remediation=Remediation(
                f"Decide whether packets from {address_in(step.source)} may arrive on {step.incoming}. If so: sysctl "
                f"-w net.ipv4.conf.{step.incoming}.rp_filter=2, or correct the route to that address"
            ),
        )
    if step.place == "routing" and step.mechanism == MARTIAN:
        return Candidate(
            "martian_source",
            f"The kernel takes {what} for a {step.note}, and drops it",
            ROUTING,
            remediation=Remediation(f"Find out who sends from {address_in(step.source)}, and correct routes to it"),
        )
    return None


def _null_route(case: Case, step: PathStep) -> Candidate | None:
    found = step.subject.null_route if step.subject is not None else None
    if found is None:
        return None
    cause = null_route(case, found, f"{step.note}: {leg_in_words(step.leg)} ends there")
    # Who does not answer for its hardware address is behind the rules that the packet met.
    return replace(cause, stage=BEHIND_RULES) if step.place == "bridge" else cause


def null_route_inside(case: Case, container: Container) -> Candidate | None:
    """What refuses or discards a container's own packets to the target; None where it lets them pass."""
    stack = case.view.stack_of(container)
    if stack is None:
        return None
    family, destination = parse_address(case.packet.destination)
    found = null_route_of(stack, stack.fib.lookup(RouteQuery(family, destination)), family)
    if found is None:
        return None
    return null_route(case, found, null_route_in_words(found, f"to {case.packet.destination}"))


def null_route(case: Case, found: NullRoute, what: str) -> Candidate:
    """A route or a policy rule of the host, or of a container, that refuses or discards packets."""
    return Candidate(
        "null_route_in_container" if found.container else "null_route_on_host",
        upper(what),
        _stage_of(case, found.container),
        remediation=without(found, case.snapshot.containers),
        layer="route",
    )


def _stage_of(case: Case, container: str) -> str:
    if not container:
        return ROUTING
    return SENDER if case.asking is not None and case.asking.name == container else BEHIND_RULES


def _route_of_sender(case: Case, step: PathStep) -> Candidate | None:
    """Who sends has no route: the sender's own stack refuses."""
    if step.place != "routing" or step.action != "unreachable" or step.incoming:
        return None
    container = case.asking if step.leg == REQUEST else case.asked
    sends_as_host = case.packet.origin.kind == "host" if step.leg == REQUEST else container is None
    if container is None or sends_as_host or step.leg == PROXY_REQUEST:
        return _route_of_host(case, step)
    return missing_route(case, container.name)


def missing_route(case: Case, name: str) -> Candidate:
    """A container has no route: by the design of its network, or because it is gone."""
    container = case.container(name)
    ids = {end.network_id for end in container.endpoints} if container is not None else set()
    own = [item for item in case.snapshot.networks if item.id in ids]
    if own and all(item.internal for item in own):
        names = ", ".join(item.name for item in own)
        return internal_network(names, f"container {name} has no route out of it, to {case.packet.destination}")
    space = case.space(container)
    down = [link.name for link in space.links if link.name != "lo" and not link.up] if space is not None else []
    if down and space is not None and len(down) == len(space.links) - 1:
        return interface_down(name, f"{' and '.join(down)} of container {name} is down")
    if space is not None and not _has_address(space, case.family):
        return address_missing(name, case.family)
    length = "::/0" if case.family == 6 else "0.0.0.0/0"
    has_default = space is not None and any(route.destination in (length, "default") for route in space.routes)
    if has_default or space is None:
        return Candidate(
            "route_missing_in_container",
            f"Container {name} has no usable route to {case.packet.destination}: the kernel refuses to send",
            SENDER,
            remediation=restoring_route(name, case.packet.destination),
            layer="route",
        )
    return Candidate(
        "default_route_missing",
        f"Container {name} has no default route: it reaches its own networks alone, not {case.packet.destination}",
        SENDER,
        remediation=Remediation(
            f"Restart the container, which restores its routes: docker restart {name}. Then find out what removed the "
            "route (a program in the container with NET_ADMIN, or nsenter on the host)"
        ),
        layer="route",
    )


def _has_address(space: ContainerNamespace, family: int) -> bool:
    """Whether a link of a container has an address that is more than its own."""
    texts = (text for link in space.links if link.name != "lo" for text in link.addresses)
    return any(family_of(text) == family and not text.startswith("fe80:") for text in texts)


def address_missing(name: str, family: int) -> Candidate:
    """A container without an address of the family that is asked."""
    return Candidate(
        "address_missing_in_container",
        f"Container {name} has no IPv{family} address: it reaches nothing by IPv{family}",
        SENDER,
        checks=("network.endpoint",),
        remediation=Remediation(f"Restart the container, which restores its addresses: docker restart {name}"),
        layer="address",
    )


def interface_down(name: str, what: str) -> Candidate:
    """The one link of a container carries nothing."""
    return Candidate(
        "interface_down_in_container",
        f"{upper(what)}: the container reaches nothing",
        SENDER,
        checks=("network.endpoint", "bridge.link"),
        remediation=Remediation(f"Restart the container, which recreates its link: docker restart {name}"),
        layer="interface",
    )


def internal_network(names: str, consequence: str) -> Candidate:
    """A network that is isolated on purpose."""
    return Candidate(
        "internal_network",
        f"Network {names} is internal: {consequence}",
        SENDER,
        remediation=Remediation(
            "Decide whether the container needs what is outside. If so, connect it to a network that is not internal: "
            "docker network connect NETWORK CONTAINER"
        ),
        layer="route",
    )


def _route_of_host(case: Case, step: PathStep) -> Candidate | None:
    address = address_in(step.destination)
    # Of what routing drops, a route that says so is the one thing that is a route's.
    is_anothers = step.action == "drop" and step.mechanism != ROUTE_KIND
    if step.place != "routing" or is_anothers or step.action in ("route", MISROUTED_STEP):
        return None
    if case.view.host.fib.has_custom_rules(family_of(address)):
        return policy_route(f"{step.note}, to which a policy rule leads: {leg_in_words(step.leg)} ends there")
    return Candidate(
        "route_missing_on_host",
        f"{upper(step.note)}, so {leg_in_words(step.leg)} goes nowhere",
        ROUTING,
        remediation=restoring_route("", address),
    )


def _misrouted(case: Case, step: PathStep) -> Candidate | None:
    if step.action != MISROUTED_STEP:
        return None
    down = bridge_down(case)
    if down is not None:
        return down
    if step.mechanism == POLICY_RULE:
        return policy_route(step.note)
    return overlap(step.note)


def _ipsec(case: Case, step: PathStep) -> Candidate | None:
    if step.place != IPSEC:
        return None
    return Candidate(
        "ipsec_policy",
        f"{upper(step.note)}: {leg_in_words(step.leg)} is dropped",
        ROUTING,
        remediation=Remediation(
            "Decide whether the IPsec policy is meant for this traffic. If not, exclude Docker's subnets from it (ip "
            "xfrm policy shows it, the configuration of the VPN makes it)"
        ),
    )


def bridge_down(case: Case) -> Candidate | None:
    """A bridge on the path that is down; None where each is up."""
    for network in case.networks:
        link = case.bridge_of(network)
        if link is not None and not link.up:
            return Candidate(
                "bridge_down",
                f"Bridge {link.name} of network {network.name} is down: its containers reach nothing, and are not "
                "reached",
                SENDER if case.asking is not None else BEHIND_RULES,
                (Evidence(PREDICTION, f"Interface {link.name} of the host is down"),),
                checks=("bridge.link",),
                remediation=Remediation(f"Set the bridge up: ip link set {link.name} up"),
                layer="neighbour",
            )
    return None


def bridge_without_arp(case: Case, neighbour: str) -> Candidate | None:
    """A bridge on the path on which ARP is off, with this neighbour or its own address; None where it is on at each."""
    for network in case.networks:
        link = case.bridge_of(network)
        if link is not None and _is_without_arp(link, neighbour):
            return Candidate(
                "arp_off_on_bridge",
                f"ARP is off on bridge {link.name} of network {network.name}: the host and the containers do not "
                "resolve each other's addresses",
                BEHIND_RULES,
                (Evidence(PREDICTION, f"Interface {link.name} of the host has the flag NOARP"),),
                checks=("network.endpoint",),
                remediation=Remediation(f"Turn ARP on: ip link set {link.name} arp on"),
                layer="neighbour",
            )
    return None


def _is_without_arp(link: Link, neighbour: str) -> bool:
    return link.without_arp and any(in_subnet(neighbour, text) for text in link.addresses)


def container_without_arp(case: Case, neighbour: str) -> Candidate | None:
    """The same of an interface of a container at one of the ends."""
    for container in case.ends:
        space = case.space(container)
        for link in space.links if space is not None else ():
            if _is_without_arp(link, neighbour):
                return Candidate(
                    "arp_off_in_container",
                    f"ARP is off on {link.name} of container {container.name}: it and its neighbours do not resolve "
                    "each other's addresses",
                    BEHIND_RULES,
                    (Evidence(PREDICTION, f"Interface {link.name} of container {container.name} has the flag NOARP"),),
                    checks=("network.endpoint",),
                    remediation=Remediation(
                        f"Turn ARP on: nsenter -n -t {container.pid} ip link set {link.name} arp on. Or "
                        f"restart the container: docker restart {container.name}"
                    ),
                    layer="neighbour",
                )
    return None


def _gateways(case: Case, network: Network) -> list[tuple[str, str]]:
    """The gateway of each subnet of a network, with the subnet.

    Where a network was created without one, the engine names the one that it chose with its containers alone.
    """
    ends = [end for item in case.snapshot.containers for end in item.endpoints if end.network_id == network.id]
    chosen = [end.gateway for end in ends if end.gateway]
    found = []
    for item in network.subnets:
        gateway = item.gateway or next((text for text in chosen if in_subnet(text, item.subnet)), None)
        if gateway and item.subnet:
            found.append((gateway, item.subnet))
    return found


def missing_gateway(case: Case) -> Candidate | None:
    """A bridge without the address that its network's containers send to."""
    own = case.host_addresses
    for network in case.networks:
        link = case.bridge_of(network)
        for gateway, subnet in _gateways(case, network):
            if link is None or gateway in own or family_of(gateway) != case.family or network.internal:
                continue
            length = subnet.partition("/")[2]
            return Candidate(
                "gateway_address_missing",
                f"Bridge {link.name} has lost {gateway}, the gateway address of network {network.name}: its containers "
                "have no way out",
                SENDER if case.asking is not None else BEHIND_RULES,
                (Evidence(PREDICTION, f"No interface of the host has {gateway}"),),
                checks=("bridge.link",),
                remediation=Remediation(f"Restore the address: ip address add {gateway}/{length} dev {link.name}"),
                layer="neighbour",
            )
    return None


def _neighbour(case: Case, step: PathStep) -> Candidate | None:
    if step.place != "bridge" or step.action not in (NOT_FOUND, BLOCKED_BY_BRIDGE):
        return None
    if step.action == BLOCKED_BY_BRIDGE:
        return _blocked(step)
    if step.mechanism in _WITHOUT_ARP and step.subject is not None:
        return _WITHOUT_ARP[step.mechanism](case, step.subject.neighbour)
    found = bridge_down(case) or missing_gateway(case) or translation(case, step, BEHIND_RULES)
    return found or _unknown_neighbour(case, step)


_WITHOUT_ARP: Mapping[str, Callable[[Case, str], Candidate | None]] = {
    NEIGHBOUR_ARP_OFF: bridge_without_arp,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER: container_without_arp,
}


def _blocked(step: PathStep) -> Candidate:
    if step.mechanism == HAIRPIN:
        return Candidate(
            "hairpin_off",
            f"{upper(step.note)}, so the container does not reach its own published port",
            BEHIND_RULES,
            checks=("hairpin.missing",),
            remediation=Remediation("Turn hairpin mode on", "bridge_hairpin", {"state": "auto"}),
        )
    if step.mechanism in OF_NEIGHBOURS:
        return unresolved(step.mechanism, step.note, leg_in_words(step.leg))
    return _port_blocked(step.note, leg_in_words(step.leg))


def _port_blocked(what: str, lost: str) -> Candidate:
    return Candidate(
        "bridge_port_blocked",
        f"{upper(what)}: {lost} does not pass the bridge",
        BEHIND_RULES,
        remediation=Remediation("Correct the setting of the bridge port (bridge -d link show)"),
        layer="neighbour",
    )


def _unknown_neighbour(case: Case, step: PathStep) -> Candidate:
    address = address_in(step.destination)
    if step.mechanism in OF_NEIGHBOURS:
        return unresolved(step.mechanism, step.note, leg_in_words(step.leg))
    gateway = _wrong_gateway(case, step)
    if gateway is not None:
        return gateway
    overlapping = case.related("network.overlap")
    if overlapping:
        return overlap(f"{step.note}: {address} lies in a subnet of this host's Docker networks and elsewhere as well")
    owner = case.owner_of(address)
    if owner:
        loose = detached(case, owner)
        if loose is not None:
            return loose
        return Candidate(
            "endpoint_unreachable",
            f"{upper(step.note)}, although the engine gives it to container {owner}: its link or address is gone",
            BEHIND_RULES,
            checks=("network.endpoint",),
            remediation=Remediation(f"Restart the container, which recreates its link: docker restart {owner}"),
        )
    if case.name and address == case.packet.destination:
        return Candidate(
            "resolver_dead",
            f"{upper(step.note)}, which the resolv.conf of {case.packet.origin} names: no name is resolved",
            BEHIND_RULES,
            remediation=Remediation(
                "Correct the name servers of the container: restart it, which restores its resolv.conf, or see what "
                "wrote the file"
            ),
            layer="name",
        )
    return Candidate(
        "address_without_container",
        f"{upper(step.note)}: no container has the address, so nothing answers",
        BEHIND_RULES,
        remediation=Remediation("Ask the container by its name or its present address (docker network inspect)"),
    )


def _wrong_gateway(case: Case, step: PathStep) -> Candidate | None:
    """A route inside the container that asks, by an address that its gateway does not have."""
    space = case.space(case.asking)
    gateway = step.subject.neighbour if step.subject is not None else ""
    if case.asking is None or space is None or step.leg != REQUEST or gateway == case.packet.destination:
        return None
    if not any(gateway in route.gateways for route in space.routes) or gateway in case.host_addresses:
        return None
    name = case.asking.name
    return Candidate(
        "wrong_gateway_in_container",
        f"The route of container {name} to {case.packet.destination} has a wrong gateway: {gateway} answers on none of "
        "its networks",
        SENDER,
        checks=("network.endpoint",),
        remediation=Remediation(f"Restart the container, which restores its routes: docker restart {name}"),
        layer="neighbour",
    )


_UNRESOLVED = {
    NEIGHBOUR_ARP_OFF: "arp_off_on_bridge",
    NEIGHBOUR_ARP_OFF_IN_CONTAINER: "arp_off_in_container",
    NEIGHBOUR_IN_CONTAINER: "arp_off_in_container",
}


def unresolved(mechanism: str, what: str, lost: str) -> Candidate:
    """A hardware address that is not learnt, by the mechanism, one of OF_NEIGHBOURS, that keeps it from that."""
    if mechanism == NEIGHBOUR_RP_FILTER:
        return Candidate(
            "rp_filter",
            f"{upper(what)}: the reverse-path filter drops the question for it, so {lost} is not delivered",
            BEHIND_RULES,
            checks=("forwarding.rp-filter",),
            remediation=Remediation(
                "Decide whether the address may ask on that interface. If so, set the named rp_filter to 2, or correct "
                "the route to that address"
            ),
        )
    if mechanism == NEIGHBOUR_BRIDGE_RULE:
        return Candidate(
            "bridge_rule_drops",
            f"{upper(what)}, so {lost} is not delivered",
            BEHIND_RULES,
            remediation=Remediation("Correct the rule or policy of the bridge family (nft list ruleset bridge)"),
            layer="neighbour",
        )
    if mechanism == NEIGHBOUR_BRIDGE_PORT:
        return _port_blocked(what, lost)
    return Candidate(
        _UNRESOLVED.get(mechanism, "neighbour_unresolved"),
        f"{upper(what)}, so {lost} is not delivered",
        BEHIND_RULES,
        remediation=Remediation("Correct the setting or the rule that keeps the neighbour from answering"),
        layer="neighbour",
    )


def _socket(case: Case, step: PathStep) -> Candidate | None:
    if step.place != "socket":
        return None
    if step.action == "refuse":
        return _refused(case, step)
    if step.action == "drop":
        return Candidate(
            "echo_ignored",
            f"{upper(step.note)}: echo requests get no answer, which says nothing of other traffic",
            BEHIND_RULES,
            remediation=Remediation("Ask by TCP, or set the named sysctl to 0"),
        )
    return Candidate(
        "port_only_reserved",
        f"{upper(step.note)}: the rules that lead to the container did not apply to the request",
        BEHIND_RULES,
        checks=("firewall.flushed", "firewall.publish"),
        remediation=_RESTART_DOCKERD,
    )


_RESTART_DOCKERD = Remediation(
    "Restart dockerd, which recreates all its rules; containers keep running only if live-restore is effective",
    "daemon_config",
    {"restart": "always"},
)


def _refused(case: Case, step: PathStep) -> Candidate:
    """A port without a socket: of the host, or of a container."""
    on_host = step.subject is not None and not step.subject.container
    port = case.packet.port
    if on_host and case.publisher is not None:
        if case.is_flushed and not case.related("proxy.missing"):
            return Candidate(
                "rules_flushed",
                f"dockerd's rules are missing, so nothing leads port {port} to container {case.publisher.name}",
                BEHIND_RULES,
                checks=("firewall.flushed",),
                remediation=_RESTART_DOCKERD,
            )
        return Candidate(
            "proxy_missing",
            f"docker-proxy for port {port} does not run, and no rule leads the port to container "
            f"{case.publisher.name} on this path: the connection is refused",
            BEHIND_RULES,
            checks=("proxy.missing",),
            remediation=Remediation(
                f"Restart the container, which starts its docker-proxy: docker restart {case.publisher.name}"
            ),
        )
    elsewhere = _published_elsewhere(case) if on_host else None
    if elsewhere is not None:
        return elsewhere
    if on_host or case.asked is None:
        return Candidate(
            "nothing_listens",
            f"{upper(step.note)}: the connection is refused",
            BEHIND_RULES,
            checks=("publish.no-listener",),
            remediation=Remediation(
                f"Start the program, or ask the port that it listens on (ss -ltnup 'sport = {port}')"
            ),
            layer="target",
        )
    return nothing_inside(case, case.asked)


def _published_elsewhere(case: Case) -> Candidate | None:
    """A port of the host that a container publishes on other addresses than the one that is asked."""
    packet = case.packet
    for container in case.snapshot.containers:
        ports = [
            item for item in container.published if (item.protocol, item.host_port) == (packet.protocol, packet.port)
        ]
        if ports:
            addresses = ", ".join(dict.fromkeys(item.address or item.host_ip for item in ports))
            return Candidate(
                "published_on_other_address",
                f"Container {container.name} publishes port {packet.port} on {addresses} alone, not on "
                f"{packet.destination}: the connection is refused",
                BEHIND_RULES,
                remediation=Remediation(
                    f"Decide whether the port is for {packet.destination} as well. If so, publish it there (docker run "
                    f"-p {packet.destination}:{packet.port}:{ports[0].container_port}); if not, ask {addresses}"
                ),
                layer="target",
            )
    return None


def nothing_inside(case: Case, container: Container) -> Candidate:
    """A port of a container that is asked, on which nothing listens that the asking end could reach."""
    port, name = inner_port(case), container.name
    space = case.space(container)
    sockets = [item for item in space.listeners if item.port == port] if space is not None else []
    of_loopback = [item for item in sockets if item.protocol == case.packet.protocol and is_loopback_text(item.address)]
    if of_loopback:
        bound = of_loopback[0].address
        return Candidate(
            "listens_on_loopback",
            f"The program in container {name} listens on {bound}:{port} alone: connections to the container's address "
            "are refused",
            BEHIND_RULES,
            checks=("publish.no-listener",),
            remediation=Remediation(f"Configure the program in container {name} to listen on 0.0.0.0 (or ::)"),
            layer="target",
        )
    # What is on loopback is nothing to ask from elsewhere; Docker's own resolver is there, at 127.0.0.11.
    others = sorted(
        {
            item.port
            for item in (space.listeners if space is not None else ())
            if item.protocol == case.packet.protocol and not is_loopback_text(item.address)
        }
    )
    listens = f"; open are {', '.join(map(str, others[:5]))}" if others else ""
    return Candidate(
        "nothing_listens",
        f"Nothing in container {name} listens on {case.packet.protocol} port {port}: the connection is refused"
        + listens,
        BEHIND_RULES,
        checks=("publish.no-listener",),
        remediation=Remediation(
            f"Start the program in container {name}, or ask (or publish) the port that it listens on"
        ),
        layer="target",
    )


def inner_port(case: Case) -> int:
    """The port of the container that is asked, after translation."""
    publisher = case.publisher
    ports = publisher.published if publisher is not None and publisher is case.asked else []
    wanted = (case.packet.protocol, case.packet.port)
    found = [item.container_port for item in ports if (item.protocol, item.host_port) == wanted]
    return found[0] if found else case.packet.port


def _masquerade(case: Case, step: PathStep) -> Candidate | None:
    """It left with an address that has no way back to it."""
    if case.path.verdict != NO_ANSWER or step.leg != REQUEST or step.place != "wire":
        return None
    source = address_in(step.source)
    if is_loopback_text(source) or not is_private(*parse_address(source)):
        return None
    untracked = [item for item in case.path.steps if item.leg == REQUEST and item.action == "notrack"]
    if untracked:
        return Candidate(
            "tracking_off",
            f"A rule in {place_of(untracked[0])} exempts the request from connection tracking, so no rule translates "
            f"its source: it leaves the host with {source}, to which machines outside have no route",
            BEYOND,
            remediation=Remediation(f"Remove the rule, or have it leave out Docker's networks: {untracked[0].rule}"),
        )
    if case.is_nat_flushed:
        return Candidate(
            "rules_flushed",
            f"dockerd's rules are missing: the request leaves the host with the source {source}, to which machines "
            "outside have no route",
            BEYOND,
            checks=("firewall.flushed",),
            remediation=_RESTART_DOCKERD,
        )
    return Candidate(
        "masquerade_missing",
        f"The request leaves the host with the source {source}, which no rule translates (MASQUERADE): machines "
        "outside have no route to answer it",
        BEYOND,
        checks=("firewall.flushed", "firewall.egress"),
        remediation=_masquerading(case, source),
    )


def _masquerading(case: Case, source: str) -> Remediation:
    """The rule of the network that an address is of."""
    program = "ip6tables" if case.family == 6 else "iptables"
    for network in case.networks:
        for item in network.subnets:
            if item.subnet and in_subnet(source, item.subnet):
                rule = f"{program} -t nat -A POSTROUTING -s {item.subnet} ! -o {network.bridge} -j MASQUERADE"
                return Remediation(f"Restore the rule: {rule}. Or restart dockerd, which recreates all its rules")
    return _RESTART_DOCKERD


def _past_tracking(case: Case, step: PathStep) -> Candidate | None:
    """An answer that a bridge switches past the rules that would translate it back."""
    translated = any(item.action == "dnat" and item.leg == REQUEST for item in case.path.steps)
    if case.path.verdict != NO_ANSWER or step.leg != REPLY or not translated:
        return None
    switched = any(item.leg == REPLY and item.place == "bridge" and item.action == "switch" for item in case.path.steps)
    key = f"net.bridge.bridge-nf-call-ip{'6' if case.family == 6 else ''}tables"
    if not switched or any(bridge.calls[case.family] for bridge in _bridges(case)):
        return None
    return Candidate(
        "bridge_netfilter_off",
        f"{key}=0: the bridge hands the answer to its own port past the host's rules, untranslated, so the sender does "
        "not know it",
        BEHIND_RULES,
        checks=("bridge.netfilter",),
        remediation=Remediation("Turn bridge netfilter on, now and at boot", "bridge_hairpin", {"state": "auto"}),
    )


def _bridges(case: Case) -> list[Bridge]:
    named = (str(network.bridge) for network in case.networks)
    return [case.view.bridges[name] for name in named if name in case.view.bridges]


def _stray_answer(case: Case, step: PathStep) -> Candidate | None:
    """An answer that leaves by another way than the one that leads to who asks."""
    if step.leg != REPLY or step.place != "wire":
        return None
    return overlap(f"the answer to {address_in(step.destination)} leaves by {step.outgoing}: {case.path.reason}")


def _other(case: Case, step: PathStep) -> Candidate:
    """The reason as it is, where no name fits."""
    return Candidate(
        "stopped_on_path",
        f"{upper(case.path.reason)}",
        BEHIND_RULES if step.leg != REQUEST else ROUTING,
        remediation=Remediation("See the steps of the path for the setting or the rule that decides"),
    )


_KINDS: tuple[Callable[[Case, PathStep], Candidate | None], ...] = (
    _paused,
    _halted,
    rule_stop,
    _ipsec,
    _forwarding,
    _null_route,
    _reverse_path,
    _misrouted,
    _route_of_sender,
    _route_of_host,
    _neighbour,
    _socket,
    _masquerade,
    _past_tracking,
    _stray_answer,
)
"""The first that knows a step names the cause."""
