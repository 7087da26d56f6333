"""Connections on hosts that exist nowhere, with probes and traces as a kernel would give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import DRY, KernelTrace, TraceEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import Probe, ProbeLayer
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import Question, packet_of


def case_of(snapshot: HostSnapshot, question: Question, **evidence: Any) -> Case:
    """The case of a question on a host, with the findings of its audit."""
    packet = packet_of(snapshot, question)
    path = predict(HostView.of(snapshot), packet)
    return Case(snapshot, packet, path, findings_of(snapshot), **evidence)


def findings_of(snapshot: HostSnapshot) -> list[Finding]:
    """All findings of an audit."""
    return run_checks(AuditContext(snapshot, Settings()))


def probed(case: Case, observed: str, *layers: ProbeLayer, **changes: Any) -> Case:
    """The same with a probe of what is asked, from where it is asked."""
    return replace(case, probes=[*case.probes, probe_of(case.packet, observed, layers, **changes)])


def probe_of(packet: Packet, observed: str, layers: Sequence[ProbeLayer] = (), **changes: Any) -> Probe:
    """A probe of what a packet asks, from its origin."""
    origin = packet.origin.name or packet.origin.kind
    target = packet.destination
    made = Probe(origin, target, packet.protocol, packet.port, target, observed, list(layers), f"{target}:40000")
    return replace(made, **changes)


def traced(case: Case, end: str, *events: TraceEvent, **changes: Any) -> Case:
    """The same with a trace of the kernel."""
    trace = KernelTrace(DRY, "socket", end, complete=True, events=list(events))
    return replace(case, trace=replace(trace, **changes))


def drop_event(case: Case) -> TraceEvent:
    """The event of the rule or policy that the prediction says ends it."""
    step = case.decision
    assert step is not None
    kind = "rule" if step.rule else "policy"
    return TraceEvent(
        step.leg, "nft", step.place, step.table, step.chain, kind, "drop", handle=7 if step.rule else None,
        source=step.source, destination=step.destination, incoming=step.incoming, outgoing=step.outgoing,
    )  # fmt: skip
