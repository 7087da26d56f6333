# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether bridge networks are kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import INNER_PORT, OTHER_NETWORK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, UNKNOWN, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of, parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Namespace,
    TargetPort,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import BETWEEN, Answer

_NAMED = 5
_SHARING_KINDS = ("macvlan", "macvtap", "ipvlan", "ipvtap")
_OPEN_MODES = ("routed", "nat-unprotected")


@dataclass
class _Open:
    """A network that containers of others reach."""

    network: Network
    reason: str
    undetermined: bool
    example: str
    ports: dict[str, None] = field(default_factory=dict)
    askers: dict[str, None] = field(default_factory=dict)


def _judge(context: AuditContext) -> list[Verdict]:
    snapshot, answers = context.snapshot, context.answers
    host = resources.host(snapshot)
    opened: dict[tuple[str, bool], _Open] = {}
    questions = 0
    aside: dict[str, None] = {}
    for answer in answers.answers:
        if answer.source.kind == CONTAINER and answer.targets.kind == INNER_PORT and answer.relation == OTHER_NETWORK:
            if answer.path.verdict == UNKNOWN and _leaves_by_parent(context, answer.packet):
                aside.update(dict.fromkeys(_names(answer.namespaces)))
                continue
            questions += 1
            if answer.path.verdict == UNKNOWN or _came(context, answer):
                _note(context, opened, answer)
    found = [
        _verdict(item) for item in opened.values() if not (item.undetermined and (item.network.id, False) in opened)
    ]
    found += [*unfollowed(answers, host, BETWEEN), *unread_inside(snapshot)]
    if found:
        return found
    if not questions:
        return [
            not_applicable(
                host, "No container listens on a network that a container of another network could try to reach"
            )
        ]
    evidence: dict[str, Any] = {
        ("connections traced from containers to ports on other networks"): questions,
        "answered": 0,
    }
    if aside:
        evidence["not traced: on a macvlan or ipvlan, they are like machines outside"] = listed(list(aside), _NAMED)
    return [passed(host, "No container reaches a container on another bridge network", evidence)]


def _leaves_by_parent(context: AuditContext, packet: Packet) -> bool:
    """Whether a container sends a packet among the machines outside, by a link that shares one of the host's.

    What those reach is for publish.direct-access to say.
    """
    container = context.view.containers.get(packet.origin.name)
    stack = None if container is None else context.view.stack_of(container)
    link = None if stack is None else stack.link_towards(*parse_address(packet.destination))
    return link is not None and link.kind in _SHARING_KINDS


def _came(context: AuditContext, answer: Answer) -> bool:
    """Whether the request came into the container, whatever became of the answer."""
    if answer.path.answering_container:
        return True
    door = reached(context.path(answer.packet), (answer.packet.destination,), answer.packet.port)
    return door is not None and door.action in ("deliver", "hold")


def _note(context: AuditContext, opened: dict[tuple[str, bool], _Open], answer: Answer) -> None:
    undetermined = answer.path.verdict == UNKNOWN
    for namespaces, ports in answer.pairs():
        for target in ports:
            net = target.net
            if net is None or _is_meant(net.network, family_of(target.address)):
                continue
            key = (net.network.id, undetermined)
            if key not in opened:
                opened[key] = _opened(context, answer, namespaces[0], target, net.network)
            item = opened[key]
            item.ports[target.label] = None
            if len(item.askers) <= _NAMED:
                item.askers.update(dict.fromkeys(_names(namespaces)))


def _opened(context: AuditContext, answer: Answer, namespace: Namespace, target: TargetPort, network: Network) -> _Open:
    """Told by a packet of these two, which fares like that of its class."""
    packet = replace(
        answer.packet, origin=Origin(CONTAINER, namespace.name), destination=target.address, port=target.port
    )
    path = context.path(packet)
    return _Open(network, path.because, answer.path.verdict == UNKNOWN, str(packet))


def _names(namespaces: Iterable[Namespace]) -> Iterator[str]:
    return (namespace.name for namespace in islice(namespaces, _NAMED + 1))


def _is_meant(network: Network, family: int) -> bool:
    """Whether a network was made to be reached by routing."""
    return network.gateway_mode(family) in _OPEN_MODES


def _verdict(item: _Open) -> Verdict:
    ports, askers = listed(list(item.ports), _NAMED), listed(list(item.askers), _NAMED)
    evidence = {"ports": ports, "from": askers, "packet": item.example, "ends": item.reason}
    resource = resources.network(item.network)
    if item.undetermined:
        reason = f"whether {item.network.name} is isolated from other networks is not known: {item.reason}"
        return unknown(resource, reason, evidence)
    return failed(
        resource,
        f"Network {item.network.name}: containers of other networks ({askers}) reach {ports}",
        evidence,
        "Containers on this network are open to containers of other networks, from which their network is meant to "
        "isolate them.",
        Remediation(
            "Restart dockerd if its rules are missing. Remove any other rule that accepts the packets before Docker's "
            "rules drop them. Connect containers that are to talk to a common network"
        ),
    )


ISOLATION = Check(
    id="firewall.isolation",
    grades=(Grade(OPEN, "networks that the engine isolates reach each other"),),
    title="Bridge networks are isolated from each other",
    rationale=(
        "Separate networks isolate containers, and only firewall rules keep them separate. So packets are traced from "
        "each network to the listening ports of the others. Networks with the gateway mode routed or nat-unprotected "
        "are meant to be reached."
    ),
    needs=PACKETS,
    judge=_judge,
)
