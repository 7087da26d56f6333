# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of networks and of the containers on them; of internal networks and subnets in files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import DEFAULT
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ICC as ICC_OPTION
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, Endpoint, Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    HIGH,
    INFO,
    MEDIUM,
    Remediation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ContainerNamespace, Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.linux_capabilities import holds
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import INNER_PORT, SAME_NETWORK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANY_PORT,
    CONTAINER,
    DELIVERED,
    OUTSIDE,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
    NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    HYGIENE,
    OPEN,
    TO_KNOW,
    WEAKNESS,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import (
    PACKETS,
    AuditContext,
    outward_networks,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    Failure,
    Wording,
    reached,
    unfollowed,
    unread_inside,
    verdicts_by_network,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.docker_rules import (
    let_dockerd_make_rules,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.internal_networks import INTERNAL_OPEN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.subnets import OVERLAP, POOLS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    BridgeNode,
    Port,
    SharedMac,
    WrongEntry,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import chains_of_docker
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Namespace,
    TargetPort,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    BETWEEN,
    Answer,
    QuestionKey,
)


def _judge_default_bridge(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    if default is None:
        return [not_applicable(resources.host(snapshot), "This daemon has no default bridge network")]
    users = [item for item in running(snapshot) if any(end.network_id == default.id for end in item.endpoints)]
    if not users:
        summary = f"No running container uses the default network {default.name} ({default.bridge})"
        return [passed(resources.host(snapshot), summary, {"default network": default.name})]
    return [_on_default_bridge(container, default) for container in users]


def _on_default_bridge(container: Container, default: Network) -> Verdict:
    address = next((end.address for end in container.endpoints if end.network_id == default.id), None)
    evidence = {"network": default.name, "bridge": default.bridge, "address": address}
    summary = f"{container.name} is on the daemon's default network {default.name} ({default.bridge})"
    impact = (
        "All containers started without a network share this one. They can talk to each other unless icc=false, and "
        "find each other only by address: it has no DNS."
    )
    remediation = Remediation(
        f"Decide what {container.name} must reach. Create a network for it and start it there (docker run --network, "
        "networks: in Compose), or connect it there and disconnect it here while it runs"
    )
    return failed(resources.container(container), summary, evidence, impact, remediation)


DEFAULT_BRIDGE = Check(
    id="network.default-bridge",
    grades=(Grade(HYGIENE, "containers started without a network share one"),),
    title="Containers have networks of their own",
    rationale=(
        "The default network connects all containers that were started without a network, and its settings apply to "
        "all of them. That it exists is not a finding."
    ),
    needs=(ENGINE,),
    judge=_judge_default_bridge,
    cis=cis.DEFAULT_BRIDGE,
)


_ICC_KEY = "icc"
_NET_RAW = "NET_RAW"
_NAMED = 5


def _judge_icc(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    default = next((network for network in snapshot.networks if network.is_default_bridge), None)
    if default is None:
        return [not_applicable(resources.host(snapshot), "This daemon has no default bridge network")]
    switched_on = default.icc
    evidence: dict[str, Any] = {
        f"{ICC_OPTION} of network {default.name}": default.options.get(ICC_OPTION, "not set: true")
    }
    users = [item for item in running(snapshot) if _address(item, default)]
    packet = _packet_between(users, default)
    path = None if packet is None else context.path(packet)
    if path is not None:
        evidence[str(packet)] = f"{path.verdict}: {path.reason}"
        if path.verdict == UNKNOWN:
            reason = (
                f"whether containers on {default.bridge} reach each other is not known: {'; '.join(path.undetermined)}"
            )
            return [unknown(resources.network(default), reason, evidence)]
    if switched_on if path is None else path.arrives:
        severity = _severity(users) if switched_on else HIGH
        return [replace(_allowed(snapshot, default, evidence, switched_on=switched_on), severity=severity)]
    if not switched_on:
        armed = [item for item in users if holds(item, _NET_RAW)]
        if armed:
            found = [_keeps_net_raw(container, default, evidence) for container in armed]
            return [replace(verdict, severity=_severity(users)) for verdict in found]
    summary = f"Containers on the default network {default.name} ({default.bridge}) do not reach each other"
    return [passed(resources.network(default), summary, evidence)]


def _severity(users: list[Container]) -> str:
    """A single container there has no other to be kept apart from."""
    return MEDIUM if len(users) > 1 else INFO


def _address(container: Container, network: Network) -> str | None:
    return next((end.address for end in container.endpoints if end.network_id == network.id and end.address), None)


def _packet_between(users: list[Container], network: Network) -> Packet | None:
    """From one container on a network to another one, None where there is but one."""
    for other in users[1:]:
        if other.netns != users[0].netns:
            return Packet(Origin(CONTAINER, users[0].name), str(_address(other, network)), "tcp", ANY_PORT)
    return None


def _allowed(snapshot: HostSnapshot, default: Network, evidence: dict[str, Any], *, switched_on: bool) -> Verdict:
    impact = (
        "All containers started without a network share this one. An attacker in one of them reaches every port of the "
        "others, published or not."
    )
    where = f"the default network {default.name} ({default.bridge})"
    if not switched_on:
        return failed(
            resources.network(default),
            f"icc=false on {where}, but its containers still reach each other",
            evidence,
            impact,
            Remediation(
                "Find out why the rules have no effect: bridge.netfilter checks whether rules apply to traffic within "
                "a bridge, firewall.flushed whether the rules exist"
            ),
        )
    summary = f"Containers on {where} can reach each other (icc=true)"
    return failed(resources.network(default), summary, evidence, impact, _switching_off(snapshot, default))


def _switching_off(snapshot: HostSnapshot, default: Network) -> Remediation:
    """A module call where nothing is on that network, and dockerd's next start can take the key."""
    attached = [
        item.name
        for item in snapshot.containers
        # Each start of dockerd makes it anew under another id, which a stopped container has not heard of.
        if any(end.network_id == default.id or end.network == default.name for end in item.endpoints)
    ]
    if attached:
        return Remediation(
            f"Decide which of {listed(sorted(attached), _NAMED)} belong together and connect them to networks of their "
            f'own. Then set "{_ICC_KEY}": false in daemon.json; it takes effect when dockerd starts while no container '
            "runs"
        )
    if _ICC_KEY in (next_flags(snapshot) or {}):
        return Remediation(f'Remove --{_ICC_KEY} from dockerd\'s flags, and set "{_ICC_KEY}": false in daemon.json')
    if running(snapshot) and snapshot.engine is not None and snapshot.engine.live_restore:
        return Remediation(
            f'Set "{_ICC_KEY}": false in daemon.json (module daemon_config). dockerd recreates its default network '
            "only when it starts while no container runs, for example at boot"
        )
    return Remediation(f'Set "{_ICC_KEY}": false in daemon.json', "daemon_config", {"config": {_ICC_KEY: False}})


def _keeps_net_raw(container: Container, default: Network, evidence: dict[str, Any]) -> Verdict:
    return failed(
        resources.container(container),
        f"{container.name} has {_NET_RAW} on {default.bridge}, where icc=false isolates containers",
        {
            **evidence,
            "capabilities added": container.cap_add,
            "capabilities dropped": container.cap_drop,
            "privileged": container.privileged,
            "CapBnd of its first process": None if container.bounding is None else f"{container.bounding:016x}",
        },
        f"With {_NET_RAW}, it can forge frames such as ARP replies, to which the rules of icc do not apply: it can "
        "impersonate the gateway or another container (moby issue 36355).",
        Remediation(
            f"Decide whether {container.name} needs it (ping does). If not, start it with --cap-drop {_NET_RAW}"
        ),
    )


ICC = Check(
    id="network.icc",
    grades=(
        Grade(TO_KNOW, "at most one running container is on the default network"),
        Grade(WEAKNESS, "two or more are: an attacker in one of them reaches every port of the others"),
        Grade(OPEN, "icc=false, but they still reach each other"),
    ),
    title="Containers on the default network do not reach each other",
    rationale=(
        "The default network connects containers that have nothing to do with each other. The running network and a "
        "packet traced on it count, not daemon.json: the key takes effect only when dockerd recreates that network. If "
        "two or more running containers are on it, the severity is medium."
    ),
    needs=PACKETS,
    judge=_judge_icc,
    cis=cis.ICC,
    remediated_by=("daemon_config",),
)


_Peers = dict[tuple[int | None, int | None], Link]
"""Links of the host by the namespace and the index of their other end."""


def _judge_endpoint(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    host = resources.host(snapshot)
    places = list(_places(snapshot))
    if not places:
        return [not_applicable(host, "No running container is on a bridge network")]
    spaces = {space.inode: space for space in snapshot.container_namespaces}
    peers: _Peers = {(link.peer_nsid, link.peer_index): link for link in snapshot.links if link.peer_nsid is not None}
    names = {link.index: link.name for link in snapshot.links}
    broken: dict[str, tuple[Container, list[str]]] = {}
    for container, endpoint, network in places:
        space = spaces.get(container.netns or 0)
        if space is None:
            continue
        text = _fault(_Place(container, endpoint, network, space), peers, names)
        if text:
            broken.setdefault(container.id, (container, []))[1].append(text)
    found = [_failed(container, texts) for container, texts in broken.values()]
    found += [*_shared_macs(context), *_without_arp(context), *_wrong_neighbours(context), *unread_inside(snapshot)]
    evidence = {"attachments of containers to bridge networks": len(places)}
    return found or [passed(host, ENDPOINT.title, evidence)]


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

    def __init__(self, container: Container, endpoint: Endpoint, network: Network, space: ContainerNamespace) -> None:
        self.nsid = container.nsid
        self.network = network
        self.given = [text for text in (endpoint.address, endpoint.address6) if text]
        self.space = space

    def missing(self, link: Link) -> list[str]:
        """Addresses that the engine gave it and that are not on a link."""
        own = {text.partition("/")[0] for text in link.addresses}
        return [text for text in self.given if text not in own]


def _fault(place: _Place, peers: _Peers, names: dict[int, str]) -> str:
    """What is wrong with one endpoint, the first of it; empty where nothing is."""
    bridge = place.network.bridge
    links = [(link, peers[place.nsid, link.index]) for link in place.space.links if (place.nsid, link.index) in peers]
    plugged = [(inside, port) for inside, port in links if names.get(port.master or 0) == bridge]
    if not plugged:
        strays = [(inside, port) for inside, port in links if not place.missing(inside)]
        if not strays:
            return f"none of its links is attached to {bridge}"
        inside, port = strays[0]
        where = (
            f"is attached to {names.get(port.master, str(port.master))}"
            if port.master
            else ("is attached to no bridge")
        )
        return f"its {inside.name} ({port.name} on the host) {where} instead of {bridge}"
    inside, port = min(plugged, key=lambda pair: len(place.missing(pair[0])))
    for link, which in ((port, f"{port.name}, its port on {bridge},"), (inside, f"its {inside.name} on {bridge}")):
        if not link.up:
            return f"{which} is down"
    missing = place.missing(inside)
    return f"the address {', '.join(missing)} is missing on its {inside.name} on {bridge}" if missing else ""


def _failed(container: Container, texts: list[str]) -> Verdict:
    evidence: dict[str, Any] = {"differs from what the engine shows": texts}
    summary = f"{container.name}: its attachment differs from what the engine shows: {'; '.join(texts)}"
    return failed(
        resources.container(container),
        summary,
        evidence,
        f"Clients that use the address which the engine shows for {container.name} get no answer, or reach another "
        "container.",
        Remediation(
            f"Disconnect and reconnect {container.name} (docker network disconnect, connect), or restart it: its link "
            "is recreated. Find out what removes links and addresses of containers (a network manager, a script)"
        ),
    )


def _shared_macs(context: AuditContext) -> list[Verdict]:
    """By the links inside: what the engine shows is what it was asked for."""
    bridges = context.view.bridges
    return [
        _shared(network, shared)
        for network in context.snapshot.networks
        for shared in (bridges[network.bridge].shared_macs() if network.bridge in bridges else ())
    ]


def _shared(network: Network, shared: SharedMac) -> Verdict:
    names = listed(shared.containers, _NAMED)
    evidence: dict[str, Any] = {
        "MAC address": shared.mac,
        "bridge": network.bridge,
        "links of containers": [
            f"{name}: {port.device} inside, {port.link.name} on the host"
            for name, port in zip(shared.containers, shared.ports)
        ],
    }
    holders, keeps = names, f"Decide which of {names} keeps the MAC address, and recreate the others"
    impact = (
        f"{network.bridge} forwards frames for {shared.mac} to whichever of them sent last: they do not reach each "
        "other, and connections to them, through published ports too, fail or break off."
    )
    if shared.device:
        evidence["device of the host with the same MAC address"] = shared.device
        holders, keeps = f"{names} and the host's {shared.device}", f"Recreate {names}"
        impact = (
            f"{network.bridge} takes frames for {shared.mac} as its own: what is sent to {names}, replies included, "
            "does not arrive."
        )
    return failed(
        resources.network(network),
        f"Network {network.name}: {holders} have the same MAC address {shared.mac}, so packets to them are lost",
        evidence,
        impact,
        Remediation(f"{keeps} without --mac-address (mac_address in Compose): the engine then assigns one"),
    )


def _without_arp(context: AuditContext) -> Iterator[Verdict]:
    """One verdict for each bridge, and each interface inside a container, on which it is off.

    Bridge ports of the host are left out: the bridge takes their frames before ARP sees them.
    """
    owners = {item.name: item for item in context.snapshot.containers}
    for network in context.snapshot.networks:
        bridge = context.view.bridges.get(network.bridge or "")
        if bridge is None or not bridge.ports:
            continue
        if bridge.link.without_arp:
            yield _bridge_without_arp(network, bridge)
        for port in bridge.ports:
            owner = owners.get(port.stack.container or "")
            if owner is not None and port.stack.links[port.device].without_arp:
                yield _container_without_arp(owner, port, bridge)


_FLAGGED = "interface with the flag NOARP"


def _bridge_without_arp(network: Network, bridge: Bridge) -> Verdict:
    evidence: dict[str, Any] = {
        _FLAGGED: bridge.name,
        "containers": listed([str(port.stack.container) for port in bridge.ports], _NAMED),
    }
    return failed(
        resources.network(network),
        f"Network {network.name}: ARP is off on its bridge {bridge.name}, so the host and the containers do not "
        "resolve each other's addresses",
        evidence,
        "Published ports do not answer, and the containers reach neither their gateway nor the outside, by IPv6 as "
        "well: neighbour discovery ends with ARP. Containers of the network still reach each other.",
        Remediation(
            f"Turn ARP on: ip link set {bridge.name} arp on. Find out what turned it off (a network manager, a script)"
        ),
    )


def _container_without_arp(container: Container, port: Port, bridge: Bridge) -> Verdict:
    return failed(
        resources.container(container),
        f"{container.name}: ARP is off on its {port.device}, so it and its neighbours on {bridge.name} do not resolve "
        "each other's addresses",
        {_FLAGGED: port.device, "its port on the host": port.link.name},
        f"{container.name} reaches nothing on that network and beyond, and nothing there reaches it, by IPv6 as well: "
        "neighbour discovery ends with ARP.",
        Remediation(
            f"Turn ARP on in {container.name} (nsenter -n -t {container.pid} ip link set {port.device} arp on), or "
            "restart it. Find out what turned it off: it needs NET_ADMIN"
        ),
    )


def _wrong_neighbours(context: AuditContext) -> Iterator[Verdict]:
    """One verdict for each end of a network that has such entries."""
    view = context.view
    for network in context.snapshot.networks:
        bridge = view.bridges.get(network.bridge or "")
        by_holder: dict[BridgeNode, list[WrongEntry]] = {}
        for entry in bridge.wrong_entries(view.host) if bridge is not None else ():
            by_holder.setdefault(entry.holder, []).append(entry)
        for holder, entries in by_holder.items():
            if bridge is not None:
                yield _misdirected(context.snapshot, network, bridge, holder, entries)


def _misdirected(
    snapshot: HostSnapshot, network: Network, bridge: Bridge, holder: BridgeNode, entries: list[WrongEntry]
) -> Verdict:
    sent = [
        f"what is for {entry.address} ({entry.owner.stack.label}, {entry.owner.mac_on(bridge)}) is sent to {entry.mac}"
        for entry in entries
    ]
    commands = [f"ip neigh del {entry.address} dev {holder.device}" for entry in entries]
    owner = next((item for item in snapshot.containers if item.name == holder.stack.container), None)
    words = f"permanent neighbour entries on {holder.device}: {listed(sent, _NAMED, '; ')}"
    evidence: dict[str, Any] = {"neighbour entries": sent, "interface": holder.device}
    impact = (
        "Frames for another MAC address come to another machine or to none, and no question corrects such an entry. "
        "Where it is of the gateway, nothing reaches the outside, and no answer goes back there."
    )
    if owner is None:
        return failed(
            resources.network(network),
            f"Network {network.name}: wrong {words}",
            evidence,
            impact,
            Remediation(f"Delete them: {listed(commands, _NAMED, '; ')}. Find out what set them"),
        )
    return failed(
        resources.container(owner),
        f"{owner.name}: wrong {words}",
        evidence,
        impact,
        Remediation(
            f"Restart {owner.name}, which empties its neighbour table, or delete them there: nsenter -n -t PID "
            f"{listed(commands, _NAMED, '; ')}. Find out what set them: it needs NET_ADMIN"
        ),
    )


ENDPOINT = Check(
    id="network.endpoint",
    grades=(
        Grade(
            BROKEN,
            "the container is not reachable at the address that the engine shows, or loses packets to another end of "
            "the bridge that has its MAC address, by a wrong neighbour entry, or since ARP is off",
        ),
    ),
    title="Containers have the links and addresses that the engine assigned, and MAC addresses of their own",
    rationale=(
        "The engine creates a link and an address for each attachment, and never checks them again. A network manager "
        "that takes over a bridge port, or a program inside with NET_ADMIN, leaves a container that runs, looks "
        "connected, and cannot be reached. The engine starts two containers of a network with the same --mac-address "
        "as well, although a bridge forwards frames for a MAC address to one port alone. A permanent neighbour entry "
        "is used without asking, even when it is wrong. Where ARP is off on a bridge or inside a container (ip link "
        "set DEVICE arp off), frames go to the MAC address of the interface itself, and no question is answered; the "
        "entries in the state NOARP that ip neigh then shows are a consequence."
    ),
    needs=(ENGINE, NAMESPACES, LINKS, CONTAINER_NAMESPACES),
    judge=_judge_endpoint,
)


_WORDS = Wording(
    who="from and to",
    number="number of ports",
    deed="reach each other",
    impact="They are on one network to talk to each other, and get no answer.",
)


def _judge_connectivity(context: AuditContext) -> list[Verdict]:
    host = resources.host(context.snapshot)
    ports, failures = _followed(context)
    doubts = [*unfollowed(context.answers, host, BETWEEN), *unread_inside(context.snapshot)]
    found = [*verdicts_by_network(failures, _WORDS, context.snapshot.containers), *doubts]
    if found:
        return found
    if not ports:
        return [not_applicable(host, "No container listens on a network where another container could reach it")]
    return [passed(host, "Containers of a network reach each other", {"ports traced from the same network": ports})]


def _followed(context: AuditContext) -> tuple[int, list[Failure]]:
    """How many ports were asked, and what went wrong."""
    count = 0
    failures: dict[tuple[str, QuestionKey], Failure | None] = {}
    for answer in context.answers.answers:
        if answer.source.kind != CONTAINER or answer.targets.kind != INNER_PORT or answer.relation != SAME_NETWORK:
            continue
        for namespace, port, network in _beside(answer):
            count += 1
            if _is_connected(answer):
                continue
            key = (network.id, answer.key)
            if key not in failures:
                failures[key] = _failure(context, answer, namespace, port, network)
            failure = failures[key]
            if failure is not None:
                failure.members[f"{namespace.name} to {port.label}"] = None
    return count, [failure for failure in failures.values() if failure is not None]


def _beside(answer: Answer) -> Iterator[tuple[Namespace, TargetPort, Network]]:
    """Ports with one of those that ask for them on a network which both are on, and which lets them."""
    for namespaces, ports in answer.pairs():
        given: dict[tuple[int, int], list[Namespace]] = {}
        for port in ports:
            net, family = port.net, family_of(port.address)
            if net is None or net.number not in namespaces[0].nets or not net.network.icc:
                continue
            key = (net.number, family)
            if key not in given:
                given[key] = [item for item in namespaces if item.is_given(net, family)]
            other = next((item for item in given[key] if item.number != port.namespace.number), None)
            if other is not None:
                yield other, port, net.network


def _is_connected(answer: Answer) -> bool:
    return answer.path.verdict == DELIVERED and bool(answer.path.answering_container)


def _failure(
    context: AuditContext, answer: Answer, namespace: Namespace, port: TargetPort, network: Network
) -> Failure | None:
    """Told by a packet of these two, which fares like that of its class; None where it is no fault."""
    packet = replace(answer.packet, origin=Origin(CONTAINER, namespace.name), destination=port.address, port=port.port)
    path = context.path(packet)
    return (
        Failure(network, packet, path, path.because, path.verdict == UNKNOWN)
        if _is_fault(context, path, port)
        else None
    )


def _is_fault(context: AuditContext, path: Path, port: TargetPort) -> bool:
    """Whether it is not what people want, nor for the program that listens to say."""
    if path.verdict == UNKNOWN:
        return True
    door = reached(path, (port.address,), port.port)
    at_its_door = door is not None and door.action != "deliver"
    return path.verdict != DELIVERED and not at_its_door and not context.purposes.kept_off(path)


CONNECTIVITY = Check(
    id="network.connectivity",
    grades=(Grade(BROKEN, "containers of one network do not reach each other"),),
    title="Containers of a network reach each other",
    rationale=(
        "With bridge netfilter on, traffic between the ports of a bridge passes the rules of FORWARD, so a policy or "
        "rule meant for routed traffic can divide a network; isolated bridge ports do so, too. Networks with icc=false "
        "are meant to be divided."
    ),
    needs=PACKETS,
    judge=_judge_connectivity,
)


_IPV6_KEY = "ip6tables"


def _judge_ipv6_unfiltered(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    networks = outward_networks(snapshot, 6)
    if not networks:
        return [not_applicable(resources.host(snapshot), "There is no IPv6 bridge network that is not internal")]
    context.require_whole_view()
    evidence: dict[str, Any] = {"IPv6 networks": [network.name for network in networks]}
    # Rules that are there although dockerd is configured to make none are left from before.
    if chains_of_docker(context.view.book, 6) and context.rule_making[6].value is not False:
        return [passed(resources.host(snapshot), "dockerd creates rules for IPv6", evidence)]
    found = [verdict for network in networks for verdict in _judge_network(context, network)]
    summary = "dockerd creates no rules for IPv6, and other rules keep packets from outside away from its containers"
    return found or [passed(resources.host(snapshot), summary, evidence)]


def _judge_network(context: AuditContext, network: Network) -> list[Verdict]:
    resource = resources.network(network)
    packet = _packet_from_outside(context, network)
    path = None if packet is None else _path(context, packet)
    left = [chain.name for chain in chains_of_docker(context.view.book, 6)]
    evidence: dict[str, Any] = {"chains of dockerd for IPv6, left from before": left}
    if path is not None:
        evidence[str(packet)] = f"{path.verdict}: {path.reason}"
        if path.verdict == UNKNOWN:
            return [
                unknown(
                    resource,
                    f"whether other rules keep packets away is not known: {'; '.join(path.undetermined)}",
                    evidence,
                )
            ]
        if not path.arrives:
            return []
    return [_unfiltered(context, network, evidence)]


def _packet_from_outside(context: AuditContext, network: Network) -> Packet | None:
    addresses = (
        end.address6
        for container in running(context.snapshot)
        for end in container.endpoints
        if end.network_id == network.id and end.address6
    )
    address = next(addresses, None)
    return None if address is None else Packet(Origin(OUTSIDE), address, "tcp", ANY_PORT)


def _path(context: AuditContext, packet: Packet) -> Path | None:
    """None where the host has no IPv6 address that others could route by; its neighbours still can, by link-local."""
    try:
        return context.path(packet)
    except BadPacketError:
        return None


def _unfiltered(context: AuditContext, network: Network, evidence: dict[str, Any]) -> Verdict:
    making = context.rule_making[6]
    evidence[_IPV6_KEY] = making.evidence
    if making.value is False:
        default = "" if making.by != DEFAULT else ", as engines before 27.0 have it by default"
        why, remediation = f"{_IPV6_KEY} is off{default}", let_dockerd_make_rules(context, {6: making})
    elif making.value is None and making.configured is False:
        # The next start settles it, so a restart alone would leave it as it is.
        why = f"its chains do not exist, and with {_IPV6_KEY} off, as configured, they will not be created"
        remediation = let_dockerd_make_rules(context, {6: making})
    else:
        why = "its chains do not exist"
        remediation = Remediation("Restart dockerd, which recreates them (with live-restore, containers keep running)")
    return failed(
        resources.network(network),
        f"Network {network.name} has IPv6, but no rules of dockerd for IPv6: {why}",
        evidence,
        "Every port of its containers, published or not, is open to all machines with a route to them, and to other "
        "networks of this host. Outbound packets keep the container's address, so a private one gets no replies.",
        remediation,
    )


IPV6_UNFILTERED = Check(
    id="network.ipv6-unfiltered",
    grades=(Grade(OPEN, "ports that nothing publishes are reached from outside"),),
    title="IPv6 networks have dockerd's rules",
    rationale=(
        "iptables and ip6tables are separate settings, and before Docker Engine 27 ip6tables is off by default. IPv6 "
        "uses no address translation: without rules, all ports of containers are exposed."
    ),
    needs=(*PACKETS, DAEMON_CONFIG),
    judge=_judge_ipv6_unfiltered,
    remediated_by=("daemon_config",),
)


_OPTION = "encrypted"
"""That it is there is what counts, whatever its value (moby, libnetwork/drivers/overlay/ov_network.go)."""


def _judge_overlay(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    overlays = [network for network in snapshot.networks if network.driver == "overlay"]
    if not overlays:
        return [not_applicable(resources.host(snapshot), "This daemon has no overlay network")]
    plain = [network for network in overlays if _OPTION not in network.options]
    names = {"overlay networks": [network.name for network in overlays]}
    return [_in_the_clear(network) for network in plain] or [
        passed(resources.host(snapshot), "All overlay networks of this node are encrypted", names)
    ]


def _in_the_clear(network: Network) -> Verdict:
    return failed(
        resources.network(network),
        f"Overlay network {network.name}: its traffic is not encrypted",
        {"options": network.options},
        "Traffic between containers on different nodes is plain VXLAN (UDP 4789): every machine on the network "
        "between the nodes can read and forge it.",
        Remediation(
            "Decide whether the network between the nodes can be trusted. If not, recreate this one encrypted (docker "
            f"network create --driver overlay --opt {_OPTION}), and accept UDP 4789 and protocol 50 (ESP) between the "
            "nodes"
        ),
    )


OVERLAY_UNENCRYPTED = Check(
    id="network.overlay-unencrypted",
    grades=(Grade(WEAKNESS, "machines between the nodes can read and forge the traffic of containers"),),
    title="Overlay networks are encrypted",
    rationale=(
        "Swarm encrypts the traffic of its managers, not that of containers: encryption must be enabled for each "
        "network."
    ),
    needs=(ENGINE,),
    judge=_judge_overlay,
    cis=cis.OVERLAY_ENCRYPTED,
)

CHECKS: tuple[Check, ...] = (
    DEFAULT_BRIDGE,
    ICC,
    ENDPOINT,
    CONNECTIVITY,
    INTERNAL_OPEN,
    OVERLAP,
    POOLS,
    IPV6_UNFILTERED,
    OVERLAY_UNENCRYPTED,
)
"""In the order in which reports show them."""
