# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether containers reach the outside, with the host's address where masquerading is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import DEFAULT_ROUTE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    DELIVERED,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import default_device, routed_addresses
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import PACKETS, AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import (
    Failure,
    Wording,
    unfollowed,
    unread_inside,
    verdicts_by_network,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import Verdict, not_applicable, passed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import family_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Attachment,
    Namespace,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    WAYS_OUT,
    Answer,
    QuestionKey,
)

_NAMED = 5
_TRANSLATED_MODES = ("nat", "nat-unprotected")
_WORDS = Wording(
    who="containers",
    number="number of containers",
    deed="reach the outside",
    impact="They get no answer from other machines: updates, DNS servers, services they depend on.",
)


class _Fault(NamedTuple):
    reason: str
    undetermined: bool
    """Whether it is merely not known that packets get there."""


def _judge(context: AuditContext) -> list[Verdict]:
    host = resources.host(context.snapshot)
    good, failures = _followed(context)
    meant: dict[str, None] = {}
    faults = []
    for item in failures:
        kept_in = context.purposes.kept_off(item.path)
        if kept_in:
            meant[kept_in] = None
        else:
            faults.append(item)
    doubts = [*unfollowed(context.answers, host, WAYS_OUT), *unread_inside(context.snapshot)]
    found = [*verdicts_by_network(faults, _WORDS, context.snapshot.containers), *doubts]
    if found:
        return found
    without = [f"IPv{family}" for family in (4, 6) if not default_device(context.snapshot, family)]
    if not good and not meant:
        reason = "No running container has a default route over a bridge network"
        if without:
            reason = f"The host itself has no default route for {' and '.join(without)}"
        return [not_applicable(host, reason)]
    evidence: dict[str, Any] = {"containers that reach the outside, IPv4 and IPv6": good}
    if without:
        evidence["not checked: the host has no default route for it"] = without
    if meant:
        evidence["blocked on purpose"] = list(meant)[:_NAMED]
    return [passed(host, "Containers reach the outside", evidence)]


def _followed(context: AuditContext) -> tuple[int, list[Failure]]:
    """How many reach the outside, and the others by network and by what becomes of their packets."""
    failures: dict[tuple[str, QuestionKey], Failure] = {}
    good = 0
    for answer in context.answers.answers:
        if answer.source.kind != CONTAINER or answer.targets.kind != BEYOND:
            continue
        for namespace, network in _leaving(answer):
            if _fault(context, answer.packet, answer.path, namespace, network) is None:
                good += 1
                continue
            key = (network.id, answer.key)
            if key not in failures:
                failures[key] = _failure(context, answer, namespace, network)
            failures[key].members[namespace.name] = None
    return good, list(failures.values())


def _failure(context: AuditContext, answer: Answer, namespace: Namespace, network: Network) -> Failure:
    """Told by a packet of the container's own, which fares like that of its class."""
    packet = replace(answer.packet, origin=Origin(CONTAINER, namespace.name))
    path = context.path(packet)
    fault = _fault(context, packet, path, namespace, network) or _Fault("", undetermined=False)
    return Failure(network, packet, path, fault.reason, fault.undetermined)


def _leaving(answer: Answer) -> Iterator[tuple[Namespace, Network]]:
    """Namespaces whose way to the outside leads over a bridge network, or ought to, with that network."""
    family = answer.targets.family
    for namespace in answer.namespaces:
        attachment = _egress_link(namespace, family)
        if attachment is not None and not attachment.net.network.internal:
            yield namespace, attachment.net.network


def _egress_link(namespace: Namespace, family: int) -> Attachment | None:
    """The link by which a container is to reach the outside; None where that is no bridge network's affair."""
    if namespace.space is None:
        return None
    routes = [item for item in namespace.space.routes if item.destination == DEFAULT_ROUTE[family]]
    if not routes:
        giving = (attachment for attachment in namespace.attachments if _is_gateway_for(attachment, family))
        return next((attachment for attachment in giving if namespace.is_given(attachment.net, family)), None)
    indices = min(routes, key=lambda item: item.metric).interfaces
    return next((attachment for attachment in namespace.attachments if attachment.inside.index in indices[:1]), None)


def _is_gateway_for(attachment: Attachment, family: int) -> bool:
    """Whether dockerd gives containers of a network a default route: where the bridge is their gateway to elsewhere."""
    network = attachment.net.network
    return (
        bool(routed_addresses(attachment.net.link, family)) and not network.internal and (family == 4 or network.ipv6)
    )


def _fault(context: AuditContext, packet: Packet, path: Path, namespace: Namespace, network: Network) -> _Fault | None:
    """Why a container does not reach the outside as it is meant to; None where it does."""
    family = family_of(packet.destination)
    masquerades = _masquerades(context, network, family)
    if path.verdict == DELIVERED and not (masquerades and path.translated_source in namespace.addresses):
        return None
    whole = context.path(packet)
    if masquerades and whole.sent_as and whole.sent_as == whole.first_source:
        reason = f"its packets leave with its own address {whole.sent_as}, although masquerading is configured"
        return _Fault(reason, undetermined=False)
    if whole.sent_as and not masquerades:
        return None
    return _Fault(path.because, path.verdict == UNKNOWN)


def _masquerades(context: AuditContext, network: Network, family: int) -> bool:
    """Whether dockerd is to masquerade what leaves a network."""
    wanted = network.masquerades and network.gateway_mode(family) in _TRANSLATED_MODES
    return wanted and context.rule_making[family].value is not False


EGRESS = Check(
    id="firewall.egress",
    grades=(Grade(BROKEN, "containers do not reach the outside"),),
    title="Containers reach the outside",
    rationale=(
        "Outbound access needs forwarding, the rules of FORWARD and masquerading, so one packet is traced out of each "
        "network, and its reply back. Traffic that a rule in DOCKER-USER blocks on purpose is not a finding."
    ),
    needs=PACKETS,
    judge=_judge,
)
