# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of published ports by packets: whether they lead to their containers, and past a firewall that denies them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ANYWHERE,
    Container,
    Engine,
    PublishedPort,
    RoutedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, Remediation, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import DENIED_BY_HOST, PUBLISHED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    HOST,
    OUTSIDE,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links, routed_addresses
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    OPEN,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import PACKETS, AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    match_of_published_port,
    place_of_own_rules,
    reached,
    remediation_of,
    unfollowed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import TRANSPORTS, parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import Exposed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import TargetPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    FROM_HOST,
    FROM_OUTSIDE,
    Answer,
)

_LED, _LOST, _UNDETERMINED, _MEANT = "reached", "lost", "undetermined", "intended"

_Port = tuple[str, int, str]
"""Name of the container, port inside, protocol."""


@dataclass
class _Outcome:
    """What became of the packets to one port of a container."""

    target: TargetPort
    texts: dict[str, dict[str, None]] = field(default_factory=dict)
    """By how they ended, where they were sent to and why."""
    lost: list[tuple[str, Path]] = field(default_factory=list)
    """The packets that did not get there, with the sockets that they were sent to."""

    def add(self, disposition: str, text: str) -> None:
        self.texts.setdefault(disposition, {})[text] = None

    def texts_of(self, disposition: str) -> list[str]:
        return list(self.texts.get(disposition, ()))


class _Judge:
    """Sorts answers by the ports that they are about."""

    def __init__(self, context: AuditContext) -> None:
        self._context = context
        self._asked: set[TargetPort] = set()
        self._outer = {
            (link.name, version): routed_addresses(link, version)
            for version in (4, 6)
            for link in outer_links(context.snapshot, version)
        }
        self.outcomes: dict[_Port, _Outcome] = {}
        published = [answer for answer in context.answers.answers if answer.targets.kind == PUBLISHED]
        for answer in published:
            if answer.source.kind == OUTSIDE and self._is_meant_for_outside(answer):
                self._add(answer, answer.ports)
        outside = set(self._asked)
        for answer in published:
            if answer.source.kind == HOST and _is_meant_for_host(answer):
                self._add(answer, [target for target in answer.ports if target not in outside])

    def _is_meant_for_outside(self, answer: Answer) -> bool:
        """Whether the port is published for machines beyond this uplink at this address."""
        own = self._outer.get((answer.source.uplink, answer.targets.family), [])
        return answer.at in own and answer.targets.host_ip in (*ANYWHERE.values(), answer.at)

    def _add(self, answer: Answer, ports: Iterable[TargetPort]) -> None:
        disposition, reason = self._disposition(answer)
        who = "this host" if answer.source.kind == HOST else f"outside through {answer.source.uplink}"
        example = answer.targets.first
        for target in ports:
            self._asked.add(target)
            like = "" if target.label == example.label else f" (same as {example.label})"
            key = (target.namespace.name, target.port, target.protocol)
            outcome = self.outcomes.setdefault(key, _Outcome(target))
            socket = socket_name(answer.at, target.host_port)
            outcome.add(disposition, f"{socket} from {who}: {reason}{like}")
            if disposition == _LOST:
                outcome.lost.append((socket, self._context.path(answer.packet)))

    def _disposition(self, answer: Answer) -> tuple[str, str]:
        """The same for all ports of the answer, told by the one that its packet is for."""
        path, namespace = answer.path, answer.targets.first.namespace
        if path.verdict == UNKNOWN:
            return _UNDETERMINED, path.because
        if path.verdict == DELIVERED:
            return (_LOST, f"{answer.instead} answers instead") if answer.instead else (_LED, path.reason)
        whole = self._context.path(answer.packet)
        door = reached(whole, namespace.addresses, answer.targets.first.port)
        if door is not None and door.action != "deliver":
            return _LED, path.reason
        meant = self._context.purposes.kept_off(whole)
        return (_MEANT, meant) if meant else (_LOST, path.reason)


def _is_meant_for_host(answer: Answer) -> bool:
    """Whether the host itself is asked for a port that no machine outside can be: at its own address, or at 127.0.0.1.

    At ::1 a port that is published on all addresses is not served without docker-proxy, whatever the rules say.
    """
    host_ip, at = answer.targets.host_ip, answer.at
    return at == host_ip or (host_ip == ANYWHERE[4] and at.startswith("127."))


def _judge_publish(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    host = resources.host(snapshot)
    bindings = sum(bool(port.host_port) for item in running(snapshot) for port in item.published)
    bindings += sum(len(item.routed) for item in running(snapshot))
    if not bindings:
        return [not_applicable(host, "No running container publishes a port")]
    outcomes = _Judge(context).outcomes
    found = [verdict for outcome in outcomes.values() for verdict in _verdicts(context, outcome)]
    doubts = unfollowed(context.answers, host, FROM_OUTSIDE, FROM_HOST)
    judged = {verdict.resource for verdict in found}
    unheard = [verdict for item in running(snapshot) for verdict in _unasked(context, item, outcomes)]
    # Where packets were left out, that a port was not asked has that reason.
    found += [item for item in _routed_ports(context) if item.resource not in judged]
    found += [item for item in unheard if item.resource not in judged and (item.outcome == FAIL or not doubts)]
    found += doubts
    if found:
        return found
    kept_off = [text for outcome in outcomes.values() for text in outcome.texts_of(_MEANT)]
    evidence = {"published ports": bindings, "blocked on purpose": kept_off[:5]}
    if not kept_off:
        del evidence["blocked on purpose"]
    return [passed(host, "Every published port reaches its container", evidence)]


def _verdicts(context: AuditContext, outcome: _Outcome) -> list[Verdict]:
    target = outcome.target
    resource = resources.port(target.namespace.containers[0], target.port, target.protocol)
    lost, undetermined = outcome.texts_of(_LOST), outcome.texts_of(_UNDETERMINED)
    evidence = {"bindings": _bindings(target), "not reached": lost}
    if lost:
        summary = (
            f"{target.namespace.name} publishes {target.port}/{target.protocol}, but clients do not reach {lost[0]}"
        )
        socket, path = outcome.lost[0]
        impact = f"Clients of {socket} do not reach {target.namespace.name}."
        return [failed(resource, summary, evidence, impact, remediation_of(path, context.snapshot.containers))]
    return [unknown(resource, text, {"bindings": _bindings(target)}) for text in undetermined[:1]]


def _bindings(target: TargetPort) -> list[str]:
    return [
        str(port)
        for item in target.namespace.containers
        for port in item.published
        if (port.container_port, port.protocol) == (target.port, target.protocol)
    ]


def _unasked(context: AuditContext, item: Container, outcomes: dict[_Port, _Outcome]) -> list[Verdict]:
    """On ports of a container with a binding to which no packet was sent."""
    found: dict[_Port, Verdict] = {}
    for port in item.published:
        key = (item.name, port.container_port, port.protocol)
        resource = resources.port(item, port.container_port, port.protocol)
        if port.host_port and _is_absent(context, port.address):
            found[key] = _absent(resource, item, port)
        elif port.host_port and key not in outcomes:
            known = port.protocol in TRANSPORTS
            where = f"{port.address or port.host_ip} is not an address of this host that is checked"
            reason = where if known else f"{port.protocol} packets are not traced"
            found.setdefault(key, unknown(resource, f"{port}: {reason}"))
    return list(found.values())


def _is_absent(context: AuditContext, address: str) -> bool:
    """Whether the host neither has an address on a link nor takes packets for it by a route."""
    if not address or address in ANYWHERE.values():
        return False
    family, number = parse_address(address)
    stack = context.view.host
    return number not in stack.numbers(family) and not stack.has_address(family, number)


def _absent(resource: Resource, item: Container, port: PublishedPort) -> Verdict:
    return failed(
        resource,
        f"{item.name} publishes {port.container_port}/{port.protocol} on {port.host_ip}, which is "
        "not an address of this host",
        {"binding": str(port)},
        f"No client reaches {item.name} there: packets for {port.host_ip} do not arrive at this host, or it forwards "
        "them.",
        Remediation(
            f"Add the address {port.host_ip} to the host, or publish the port on an address that it has. If hosts "
            "share the address (a virtual IP), waive this finding on those that do not hold it"
        ),
    )


PUBLISH = Check(
    id="firewall.publish",
    grades=(Grade(BROKEN, "clients of a published port do not reach its container"),),
    title="Published ports reach their containers",
    rationale=(
        "That a port is published is what dockerd remembers. Rules, routes and docker-proxy decide whether a "
        "connection reaches the container, so a packet is traced from outside to the container, and its reply back. "
        "Ports blocked on purpose, in DOCKER-USER or INPUT, count as reached."
    ),
    needs=PACKETS,
    judge=_judge_publish,
)


def _routed_ports(context: AuditContext) -> list[Verdict]:
    """On those that a machine outside does not reach which routes to their network, and those of which it is open."""
    found = []
    for item in running(context.snapshot):
        for port in item.routed:
            addresses = _addresses(context, item, port)
            by_family = (addresses[family] for family in (4, 6) if addresses[family])
            verdicts = (_judged(context, item, port, target) for target in by_family)
            found += [verdict for verdict in verdicts if verdict is not None][:1]
    return found


def _addresses(context: AuditContext, item: Container, port: RoutedPort) -> dict[int, list[str]]:
    """The container's addresses on networks that route, by family; none where it is published at the host's."""
    networks = {network.id: network for network in context.snapshot.networks}
    found: dict[int, list[str]] = {4: [], 6: []}
    for endpoint in item.endpoints:
        network = networks.get(endpoint.network_id)
        for family, address in ((4, endpoint.address), (6, endpoint.address6)):
            if address and network is not None and network.gateway_mode(family) == "routed":
                found[family].append(address)
    for binding in item.published:
        if (binding.protocol, binding.container_port) == (port.protocol, port.container_port) and binding.host_port:
            found[6 if ":" in binding.address else 4] = []
    return found


def _judged(context: AuditContext, item: Container, port: RoutedPort, addresses: list[str]) -> Verdict | None:
    """On one port, by packets to its addresses of one family: it is published on one of them alone."""
    resource = resources.port(item, port.container_port, port.protocol)
    if port.protocol not in TRANSPORTS:
        return unknown(resource, f"{port}: {port.protocol} packets are not traced")
    try:
        paths = {address: context.path(_packet(address, port)) for address in addresses}
    except BadPacketError as error:
        return unknown(resource, f"{port}: {error}")
    if any(_is_led(context, item, port, path, tuple(addresses)) for path in paths.values()):
        return None
    undetermined = [path.because for path in paths.values() if path.verdict == UNKNOWN]
    if undetermined:
        return unknown(resource, undetermined[0])
    lost = list(_texts(paths, port))
    summary = f"{item.name}: {port} is published by routing, but clients do not reach {lost[0]}"
    impact = f"Machines outside that route to the network of {item.name} do not reach it."
    remediation = remediation_of(paths[addresses[0]], context.snapshot.containers)
    return failed(resource, summary, {"not reached": lost}, impact, remediation)


def _packet(address: str, port: RoutedPort) -> Packet:
    """From beyond the uplink that the default route leads to."""
    return Packet(Origin(OUTSIDE), address, port.protocol, port.container_port)


def _is_led(context: AuditContext, item: Container, port: RoutedPort, path: Path, addresses: tuple[str, ...]) -> bool:
    """Whether it comes to the container, or is kept off on purpose."""
    if path.verdict == DELIVERED:
        return path.answering_container == item.name
    door = reached(path, addresses, port.container_port)
    refused = door is not None and door.action != "deliver"
    return refused or (path.verdict != UNKNOWN and bool(context.purposes.kept_off(path)))


def _texts(paths: dict[str, Path], port: RoutedPort) -> Iterator[str]:
    for address, path in paths.items():
        yield f"{socket_name(address, port.container_port)} from outside: {path.reason}"


_NAMED = 3


def _judge_bypass(context: AuditContext) -> list[Verdict]:
    host = resources.host(context.snapshot)
    outside = [
        answer
        for answer in context.answers.answers
        if answer.source.kind == OUTSIDE and answer.targets.kind == PUBLISHED
    ]
    doubts = unfollowed(context.answers, host, FROM_OUTSIDE)
    if not outside and not doubts:
        return [not_applicable(host, "No port is published that machines outside could reach")]
    ports: dict[str, list[tuple[TargetPort, Exposed]]] = {}
    for exposed in context.exposed:
        if exposed.kind == DENIED_BY_HOST:
            for target in exposed.ports:
                ports.setdefault(target.label, []).append((target, exposed))
    found = [_failed(members, context.snapshot.engine) for members in ports.values()]
    found += [*_undetermined(outside, ports), *doubts]
    if found:
        return found
    number = len({target.label for answer in outside for target in answer.ports})
    return [
        passed(host, "No port that the host's firewall denies is open because Docker publishes it", {"ports": number})
    ]


def _undetermined(outside: list[Answer], known: Collection[str]) -> list[Verdict]:
    found: dict[str, Verdict] = {}
    for answer in outside:
        if answer.path.verdict != UNKNOWN:
            continue
        for target in answer.ports:
            if target.label not in known:
                resource = resources.port(target.namespace.containers[0], target.port, target.protocol)
                verdict = unknown(
                    resource, f"whether machines outside reach {target.label} is not known: {answer.path.because}"
                )
                found.setdefault(target.label, verdict)
    return list(found.values())


def _failed(members: list[tuple[TargetPort, Exposed]], engine: Engine | None) -> Verdict:
    target, exposed = members[0]
    uplinks = list(dict.fromkeys(item.uplink for dummy, item in members))
    at = list(dict.fromkeys(text for dummy, item in members for text in item.at))
    let_in = [text for text in dict.fromkeys(text for dummy, item in members for text in item.not_at) if text not in at]
    besides = f". At {listed(let_in, _NAMED)}, the host's rules do not deny it" if let_in else ""
    evidence = {
        "example": str(exposed.example),
        "uplinks": uplinks,
        "denied": exposed.reason,
        "addresses": at,
        "addresses where they do not deny it": let_in,
    }
    return failed(
        resources.port(target.namespace.containers[0], target.port, target.protocol),
        f"{target.label} is open to machines outside through {', '.join(uplinks)} at {listed(at, _NAMED)}, "
        f"although the host's own rules deny it: {exposed.reason}{besides}",
        evidence,
        "The host's firewall is configured to close the port. Docker translates the address before chain INPUT is "
        "reached, so that rule never sees the packet.",
        Remediation(
            "Decide who may reach the port. Publish it on an address that only they reach (-p ADDRESS:PORT:PORT), or "
            f"move the rule to {place_of_own_rules(engine)}, and match the original port with "
            f"{match_of_published_port(engine)}"
        ),
    )


BYPASS = Check(
    id="firewall.bypass",
    grades=(Grade(OPEN, "the host's own firewall denies the port"),),
    title="No published port bypasses the host's firewall",
    rationale=(
        "ufw, firewalld and plain rules in INPUT protect the host's own programs. Traffic to published ports is "
        "forwarded and does not pass them, so a port can be open although a rule denies it."
    ),
    needs=PACKETS,
    judge=_judge_bypass,
)
