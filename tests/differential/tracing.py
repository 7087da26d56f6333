"""Traces of many packets on a lab host, held against their predictions step by step.

All are made by one program on the host, dry: nothing leaves it, and connection tracking keeps nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    REQUEST,
    UNKNOWN,
    UNREACHABLE,
    Packet,
    Path,
    split_end,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison, align
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_result import probe_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import RuleIndex

from tests.integration.snapshots import PLACE, install_readers, read_host
from tests.lab.host import Host

PROGRAM = """
import json, sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.run import trace
for line in {questions!r}.splitlines():
    options, pid = json.loads(line)
    print(json.dumps(to_plain(trace(question_of(options), pid))), flush=True)
"""
SECONDS_EACH = 30.0
MOST_SHOWN = 5


@dataclass(frozen=True)
class TracedProbe:
    """A packet, what was predicted of it, and what the kernel did."""

    packet: Packet
    path: Path
    trace: KernelTrace
    comparison: Comparison
    same: int
    """Rules and policies that were the same."""

    def __str__(self) -> str:
        events = [
            f"\n    {event.leg} {event.hook}: {event.table} {event.chain} {event.kind} "
            f"{event.handle or event.number or ''} {event.verdict} [{event.source} to {event.destination} "
            f"{event.incoming}>{event.outgoing}]"
            for event in self.trace.events
        ]
        steps = [
            f"\n    {step.leg} {step.place}: {step.table} {step.chain} {step.number or ''} {step.action} "
            f"{step.rule[:90]} {step.note[:90]}"
            for step in self.path.steps
            if step.leg.endswith("request")
        ]
        return (
            f"  {self.packet}\n    {self.comparison.difference}\n    end {self.trace.end} {self.trace.end_device}"
            f"\n   predicted {self.path.verdict}, {self.path.reason}:{''.join(steps)}\n   kernel:{''.join(events)}"
        )


@dataclass
class Traces:
    """All traces of one host."""

    probes: list[TracedProbe]
    repeated: int = 0
    """How many differed at first, and not when they were traced once more after the host was read again."""

    @property
    def agreeing(self) -> list[TracedProbe]:
        """Those that did what was predicted."""
        return [probe for probe in self.probes if probe.comparison.agree is True]

    @property
    def differing(self) -> list[TracedProbe]:
        """Those that did something else."""
        return [probe for probe in self.probes if probe.comparison.agree is False or _is_unsent_by_surprise(probe)]

    @property
    def left_open(self) -> list[TracedProbe]:
        """Those that did something else at a rule that cannot be told from what was read."""
        return [probe for probe in self.probes if _OPEN in probe.comparison.difference]

    @property
    def not_compared(self) -> dict[str, int]:
        """Why the others were not compared, and how often."""
        found: dict[str, int] = {}
        for probe in self.probes:
            if probe.comparison.agree is None and not _is_unsent_by_surprise(probe):
                why = _reason(probe)
                found[why] = found.get(why, 0) + 1
        return found

    @property
    def same(self) -> int:
        """Rules and policies that were compared and the same."""
        return sum(probe.same for probe in self.agreeing)


_OPEN = "cannot be told from what was read"
_UNSENT = "no probe could be sent"


def _is_unsent_by_surprise(probe: TracedProbe) -> bool:
    """Whether the sender's own namespace refused a packet that was predicted to leave it."""
    return _UNSENT in probe.trace.problem and probe.path.verdict not in (UNREACHABLE, UNKNOWN)


def _reason(probe: TracedProbe) -> str:
    text = probe.comparison.difference
    if _UNSENT in text:
        return "the sender's own namespace refuses to send it, as predicted"
    if text.endswith("the trace begins where the packet has come to the host"):
        return "the packet is not predicted to come to the host, where a trace from outside begins"
    if text.startswith("the prediction is undetermined"):
        return "the prediction is undetermined"
    if _OPEN in text:
        return "a rule asks what a packet to predict does not have"
    if "reported no rules of iptables-legacy" in text:
        return "the kernel reported no rules of iptables-legacy"
    if text.startswith("nothing to compare"):
        places = {step.place for step in probe.path.steps if step.leg == REQUEST}
        where = "stays in the container" if places <= {"container", "socket"} else f"is {probe.path.verdict}"
        return f"no rule saw it, and it is predicted that it {where}"
    if text.startswith("not compared: the ruleset changed"):
        return "the ruleset changed meanwhile"
    return text


def trace_all(host: Host, snapshot: HostSnapshot, packets: Sequence[Packet]) -> Traces:
    """Trace all of them and compare; what differs is traced again on a fresh snapshot, and counts then."""
    install_readers(host)
    found = Traces(list(traced(host, snapshot, packets)))
    again = [place for place, probe in enumerate(found.probes) if probe.comparison.agree is False]
    if again:
        fresh = read_host(host)
        second = traced(host, fresh, [packets[place] for place in again])
        for place, probe in zip(again, second, strict=True):
            found.repeated += probe.comparison.agree is not False
            found.probes[place] = probe
    return found


def traced(host: Host, snapshot: HostSnapshot, packets: Sequence[Packet]) -> Iterator[TracedProbe]:
    """Trace packets on a host that has the readers, and hold each against what the snapshot predicts."""
    view = HostView.of(snapshot)
    index = RuleIndex.of(view)
    questions = [json.dumps(_question(view, packet)) for packet in packets]
    program = PROGRAM.format(place=PLACE, questions="\n".join(questions))
    out = host.run(["/usr/bin/python3", "-"], stdin=program, timeout=60 + SECONDS_EACH * len(packets)).out
    for packet, line in zip(packets, out.splitlines(), strict=True):
        trace = from_plain(KernelTrace, json.loads(line))
        # The ports that machines outside have are drawn for what they send, which a trace does itself.
        sent = replace(packet, source_port=split_end(trace.source)[1]) if packet.source_port else packet
        path = predict(view, sent)
        aligned = align(path, trace, index)
        yield TracedProbe(sent, path, trace, aligned.comparison, aligned.same)


def _question(view: HostView, packet: Packet) -> tuple[dict[str, object], int | None]:
    """Options of kernel_trace as its module has them, and a process in the namespace of a container."""
    options = {**probe_of(view, packet), "mode": "dry", "seconds": SECONDS_EACH, "wait": 0}
    pid = view.containers[packet.origin.name].pid if packet.origin.kind == CONTAINER else None
    return options, pid
