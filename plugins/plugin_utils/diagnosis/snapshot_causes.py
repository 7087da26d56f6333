# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Causes that the snapshot shows on the path, wherever the prediction ends: what no evaluation of rules can decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    ADDRESS,
    FAILED,
    INTERFACE,
    NEIGHBOUR,
    PASSED,
    PATH_MTU,
    ROUTE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import (
    ANY_PLACE,
    BEHIND_RULES,
    ROUTING,
    SENDER,
    Candidate,
    upper,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case, layers
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    CHECK,
    POSSIBLE,
    PREDICTION,
    PROBE,
    Evidence,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.misrouting_causes import detached, overlap
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.step_causes import (
    missing_gateway,
    unresolved,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import is_for_name_server
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    IPSEC_POLICY,
    OF_NEIGHBOURS,
    POLICY_RULE,
    TRAFFIC_CONTROL,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMP, ICMPV6, TRANSPORTS


def snapshot_causes(case: Case) -> Iterator[Candidate]:
    """All that the snapshot shows of such causes, one after the other."""
    for kind in _KINDS:
        yield from kind(case)


def _read(text: str) -> tuple[Evidence, ...]:
    return (Evidence(PREDICTION, text),)


def _rules_inside(case: Case) -> Iterator[Candidate]:
    for container in case.ends:
        space = case.space(container)
        tables = [table for table in space.tables if not is_for_name_server(space, table)] if space else []
        if not tables:
            continue
        name, named = container.name, ", ".join(tables)
        yield Candidate(
            "rules_in_container",
            f"Container {name} has firewall rules of its own ({named}), which can drop what it sends or receives",
            SENDER if container is case.asking else BEHIND_RULES,
            _read(f"The network namespace of container {name} has rules in {named}"),
            remediation=Remediation(
                f"Look at them (nsenter -n -t {container.pid} nft list ruleset) and remove what drops the connection"
            ),
            at_most=CERTAIN if _is_alone(case) else POSSIBLE,
        )


_BELOW_RULES = (INTERFACE, ADDRESS, ROUTE, NEIGHBOUR)


def _is_alone(case: Case) -> bool:
    """Whether nothing else that ends the connection is predicted, or was seen below where rules are asked."""
    failed = case.own_probe.first_failed if case.own_probe is not None else None
    return case.decision is None and (failed is None or failed.layer not in _BELOW_RULES)


def _detached(case: Case) -> Iterator[Candidate]:
    yield from (found for found in (detached(case, container.name) for container in case.ends) if found is not None)


def _gateway(case: Case) -> Iterator[Candidate]:
    found = missing_gateway(case)
    if found is not None and case.decision is None:
        yield found


def _tracking(case: Case) -> Iterator[Candidate]:
    number = TRANSPORTS.get(case.packet.protocol, ICMP if case.family == 4 else ICMPV6)
    settings = case.view.settings
    forgets = settings.forgets_at_once(number)
    why, is_full = forgets or settings.tracks_no_more(), not forgets
    if not why:
        return
    yield Candidate(
        "conntrack_full" if is_full else "conntrack_timeout_zero",
        f"Connection tracking has no room: {why}, so new connections are dropped"
        if is_full
        else f"{why}: connection tracking forgets the connection before its answer comes",
        ROUTING if is_full else BEHIND_RULES,
        _read(f"Read from the kernel: {why}"),
        remediation=Remediation(
            "Raise the limit, now and at boot (sysctl -w net.netfilter.nf_conntrack_max=NUMBER), and find out what "
            "opens so many connections (conntrack -S, conntrack -L)"
            if is_full
            else "Restore the default of that sysctl, now and at boot"
        ),
        decides=True,
    )


def _stale_flow(case: Case) -> Iterator[Candidate]:
    if case.packet.protocol != "udp":
        return
    for finding in case.related("conntrack.stale"):
        yield Candidate(
            "stale_conntrack",
            f"{upper(finding.summary)}: who sends from the same port gets no answer",
            ANY_PLACE,
            (Evidence(CHECK, finding.summary, finding.check),),
            remediation=finding.remediation,
            works_in_part=True,
            # Those who send from other ports are served.
            at_most=POSSIBLE if case.was_answered else CERTAIN,
        )


def _overlap(case: Case) -> Iterator[Candidate]:
    """A container's address that the host looks for elsewhere."""
    asked = case.asked
    goes_out = case.path.responder is not None and case.path.responder.kind == "outside"
    addresses = [end.address if case.family == 4 else end.address6 for end in asked.endpoints] if asked else []
    if not (asked and goes_out and case.packet.destination in addresses):
        return
    yield overlap(
        f"{case.packet.destination} is an address of container {asked.name}, but the host's routes "
        "send it out of the host"
    )


def _mtu(case: Case) -> Iterator[Candidate]:
    """A link that is narrower than what the endpoint sends."""
    measured = {layer.outcome for probe in case.probes for layer in probe.layers if layer.layer == PATH_MTU}
    if PASSED in measured:
        return
    for finding in case.related("bridge.mtu"):
        yield Candidate(
            "mtu_black_hole",
            f"{finding.summary}: large packets are lost, so connections open and then hang",
            ANY_PLACE,
            (Evidence(CHECK, finding.summary, finding.check), *_lost_size(case)),
            remediation=finding.remediation,
            layer=PATH_MTU,
            works_in_part=True,
            at_most=CERTAIN if FAILED in measured else POSSIBLE,
        )


def _lost_size(case: Case) -> Iterator[Evidence]:
    yield from (
        Evidence(PROBE, f"Large packets from {probe.origin} are lost: {layer.detail or layer.error}")
        for probe in case.probes
        for layer in layers(probe, PATH_MTU)
        if layer.outcome == FAILED
    )


def _doubts(case: Case) -> Iterator[Candidate]:
    """What the evaluator leaves open, where it names a thing that can drop packets."""
    for doubt, mechanism in zip(case.path.undetermined, case.path.undetermined_mechanisms):
        if mechanism == IPSEC_POLICY:
            yield Candidate(
                "ipsec_policy",
                f"An IPsec policy may take or block the packet: {doubt}",
                ROUTING,
                _read(f"Not decided: {doubt}"),
                remediation=Remediation("Exclude Docker's subnets from the IPsec policy (ip xfrm policy shows it)"),
                at_most=POSSIBLE,
            )
        if mechanism == POLICY_RULE:
            yield Candidate(
                "policy_route",
                f"A policy rule of the host may send the packet elsewhere: {doubt}",
                ROUTING,
                _read(f"Not decided: {doubt}"),
                remediation=Remediation("Correct the policy rule (ip rule show, ip route show table all)"),
                at_most=POSSIBLE,
            )
        if mechanism in OF_NEIGHBOURS:
            yield replace(unresolved(mechanism, doubt, "the packet"), evidence=_read(f"Not decided: {doubt}"))
        if mechanism == TRAFFIC_CONTROL:
            yield Candidate(
                "traffic_control",
                f"A program or a filter at a device may drop the packet: {doubt}",
                ANY_PLACE,
                _read(f"Not decided: {doubt}"),
                remediation=Remediation("Look at the named device with the named command, and remove what drops"),
                at_most=POSSIBLE,
            )


def _other_answers(case: Case) -> Iterator[Candidate]:
    """What answers is not what is meant."""
    who, wanted = case.path.responder, case.container(case.wanted) or case.publisher
    if who is None or wanted is None or not case.is_predicted_well:
        return
    if who.kind == CONTAINER and who.name == wanted.name:
        return
    if who.kind == "host" and wanted.network_mode == "host":
        return
    shared = case.container(who.name)
    if shared is not None and shared.netns == wanted.netns and wanted.netns is not None:
        return
    yield Candidate(
        "wrong_service",
        f"{str(who).capitalize()} answers on {str(case.packet).partition(' to ')[2]}, not container {wanted.name}, "
        "which the question means",
        ANY_PLACE,
        _read(f"The path leads to {who}: {case.path.reason}"),
        checks=("firewall.publish", "firewall.stale", "proxy.missing"),
        remediation=Remediation(
            "Remove the rule or stop the program that takes the connection; the steps of the path name it"
        ),
        works_in_part=True,
    )


_KINDS: tuple[Callable[[Case], Iterator[Candidate]], ...] = (
    _rules_inside,
    _detached,
    _gateway,
    _tracking,
    _stale_flow,
    _overlap,
    _mtu,
    _doubts,
    _other_answers,
)
