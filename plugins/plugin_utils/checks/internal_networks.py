# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of internal networks: whose packets get past their wall."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import OTHER_NETWORK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    HOST,
    OUTSIDE,
    UNKNOWN,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    OPEN,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import PACKETS, AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    reached,
    unfollowed,
    unread_inside,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Namespace,
    Net,
    TargetPort,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    BETWEEN,
    FROM_OUTSIDE,
    WAYS_OUT,
    Answer,
)

_NAMED = 5
_OUTSIDE = "machines outside"


@dataclass
class _Gap:
    """One way through the wall of an internal network, or what is perhaps one."""

    network: Network
    leads_out: bool
    path: Path
    packet: Packet
    askers: dict[str, None] = field(default_factory=dict)
    targets: dict[str, None] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        return self.path.verdict != UNKNOWN


def _judge(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    host = resources.host(snapshot)
    if not _is_inhabited(snapshot):
        return [not_applicable(host, "No running container is on an internal network")]
    answers = context.answers
    questions = 0
    gaps: dict[tuple[str, bool, bool], _Gap] = {}
    for answer in answers.answers:
        followed: tuple[Packet, Path, bool] | None = None
        for net, leads_out, namespaces, ports in _through_the_wall(answer):
            questions += 1
            if followed is None:
                # One packet stands for all of an answer. Only its path shows how far it came, unless that is unknown.
                packet = _packet(answer, namespaces, ports)
                path = answer.path if answer.path.verdict == UNKNOWN else context.path(packet)
                followed = packet, path, _comes(path, ports)
            packet, path, comes = followed
            if not comes:
                continue
            key = (net.network.id, leads_out, path.verdict == UNKNOWN)
            gap = gaps.setdefault(key, _Gap(net.network, leads_out, path, packet))
            gap.askers.update(dict.fromkeys(item.name for item in namespaces[: _NAMED + 1]))
            if not namespaces:
                gap.askers[f"{_OUTSIDE} through {answer.source.uplink}"] = None
            where = f" at {packet.destination}" if answer.at else ""
            gap.targets.update(dict.fromkeys(f"{port.label}{where}" for port in ports) or {_OUTSIDE: None})
    open_ = {gap.network.id for gap in gaps.values() if gap.is_open}
    found = [_verdict(gap) for gap in gaps.values() if gap.is_open or gap.network.id not in open_]
    found += [*unfollowed(answers, host, WAYS_OUT, BETWEEN, FROM_OUTSIDE), *unread_inside(snapshot)]
    if found:
        return found
    if not questions:
        reason = "No running container is on internal networks only, or listens on one of them"
        return [not_applicable(host, reason)]
    summary = "Internal networks are isolated: nothing leaves or enters them"
    return [passed(host, summary, {"connections traced": questions, "that were not blocked": 0})]


def _is_inhabited(snapshot: HostSnapshot) -> bool:
    internal = {network.id for network in snapshot.networks if network.internal and network.bridge}
    return any(end.network_id in internal for container in running(snapshot) for end in container.endpoints)


def _through_the_wall(answer: Answer) -> Iterator[tuple[Net, bool, list[Namespace], list[TargetPort]]]:
    """The parts of an answer that are about both sides of an internal network.

    Each with the network, whether it is the asking side's, who asks (no container for machines outside), and for which
    ports (none for the outside).
    """
    if answer.source.kind == HOST:
        return
    for namespaces, ports in _pairs(answer):
        net = namespaces[0].confined_to if namespaces else None
        if net is not None:
            yield net, True, namespaces, ports
        for inner_net, inner in _by_net(ports):
            yield inner_net, False, namespaces, inner


def _pairs(answer: Answer) -> Iterator[tuple[list[Namespace], list[TargetPort]]]:
    if answer.source.kind == OUTSIDE:
        yield from (([], ports) for ports in answer.targets.ports.values())
    elif answer.target is None:
        yield from ((namespaces, []) for namespaces in answer.source.namespaces.values())
    elif answer.relation == OTHER_NETWORK:
        yield from answer.pairs()


def _by_net(ports: Iterable[TargetPort]) -> Iterator[tuple[Net, list[TargetPort]]]:
    """Ports that are inside an internal network, by the network."""
    found: dict[int, tuple[Net, list[TargetPort]]] = {}
    for port in ports:
        net = port.net if port.address else port.namespace.confined_to
        if net is not None and net.network.internal:
            found.setdefault(net.number, (net, []))[1].append(port)
    yield from found.values()


def _packet(answer: Answer, namespaces: list[Namespace], ports: list[TargetPort]) -> Packet:
    """One of these for one of those, which fares like that of its class."""
    if not ports:
        return answer.packet
    plan, origins = answer.plan, answer.source
    namespace = namespaces[0] if namespaces else None
    for address in plan.addresses_for(ports[0], origins):
        if plan.key(namespace, answer.key.source, ports[0], address) == answer.key:
            return plan.packet(origins, namespace, ports[0], address)
    return answer.packet


def _comes(path: Path, ports: list[TargetPort]) -> bool:
    """Whether a request comes through, whatever becomes of the answer, or perhaps does."""
    if path.verdict in (DELIVERED, UNKNOWN):
        return True
    if not ports:
        return bool(path.sent_as)
    addresses = (ports[0].address,) if ports[0].address else ports[0].namespace.addresses
    return reached(path, addresses, ports[0].port) is not None


def _verdict(gap: _Gap) -> Verdict:
    name = gap.network.name
    askers, targets = listed(list(gap.askers), _NAMED), listed(list(gap.targets), _NAMED)
    evidence = {"from": askers, "to": targets, "packet": str(gap.packet), "ends": gap.path.because}
    resource = resources.network(gap.network)
    if not gap.is_open:
        reason = f"whether the internal network {name} is isolated is not known: {gap.path.because}"
        return unknown(resource, reason, evidence)
    if gap.leads_out:
        summary = f"Internal network {name}: its containers ({askers}) reach {targets} outside it"
    else:
        summary = f"Internal network {name} is reached from outside ({askers}): {targets}"
    return failed(
        resource,
        summary,
        evidence,
        "An internal network is for containers that must not communicate with others. Their data can leave this way, "
        "or others can reach them.",
        Remediation(
            "Remove or narrow any other rule that accepts the packets before Docker's rules drop them. With the "
            "nftables backend of Engine 29, which accepts packets for a published port before it drops those of an "
            "internal network: publish on one address of the host instead of 0.0.0.0, or give the internal network no "
            "gateway (--opt com.docker.network.bridge.gateway_mode_ipv4=isolated, and gateway_mode_ipv6), or drop the "
            "packets in a table of your own at the hook forward (iifname BRIDGE oifname != BRIDGE drop, and the "
            "reverse)"
        ),
    )


INTERNAL_OPEN = Check(
    id="network.internal-open",
    grades=(Grade(OPEN, "the network is internal, but its containers reach others or are reached"),),
    title="Internal networks are isolated",
    rationale=(
        "Containers of an internal network are meant to talk only to each other. They have no default route, but a "
        "gateway that answers, and only rules decide what it forwards. So packets are traced from them to machines "
        "outside, to other networks and to published ports at every address of the host, and from all of these to "
        "them. The host itself may reach them, and they may reach its services."
    ),
    needs=PACKETS,
    judge=_judge,
)
