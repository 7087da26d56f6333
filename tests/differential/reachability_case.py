"""One generated host: what was predicted for each question, and what really happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    NO_ANSWER,
    PROXY_REQUEST,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Packet,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path as PacketPath
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.answering import Servers, answer_of
from tests.differential.change_case import Consequences, consequences
from tests.differential.contract_case import Scene
from tests.differential.far_machine import far_machine
from tests.differential.host_change import Draw, change
from tests.differential.matrix_case import Judged, denied_wrongly, judge
from tests.differential.matrix_trying import source_ports
from tests.differential.namespaces import answer_soon
from tests.differential.nobody import is_lost_by_another_uplink, leaves_for_nobody
from tests.differential.observing import Attempt, Outcome, observe, observe_patiently
from tests.differential.reachability_apply import apply, further_addresses
from tests.differential.reachability_hosts import HostCase
from tests.differential.reachability_probes import (
    Outsider,
    Place,
    Probe,
    draw_probes,
    outsiders_of,
    places,
    servers,
)
from tests.differential.tracing import Traces
from tests.integration.snapshots import read_host
from tests.lab.host import Host
from tests.lab.identity import ROOT
from tests.lab.lab import Lab
from tests.lab.proc import LabError
from tests.lab.scenario import wait_for_ipv6

Tracing = Callable[[Host, HostSnapshot, Sequence[Packet]], Traces]
Attempting = Callable[[Sequence[Attempt]], list[Outcome]]
FAILING = ROOT / ".build" / "reachability"


@dataclass
class Comparison:
    """A question with both answers."""

    probe: Probe
    path: PacketPath
    outcome: Outcome
    complaint: str = ""
    """Why they disagree, empty when they agree."""

    @property
    def is_unknown(self) -> bool:
        return self.path.verdict == UNKNOWN and not is_lost_by_another_uplink(self.path)

    def __str__(self) -> str:
        doubts = "".join(f"\n    doubt: {doubt}" for doubt in self.path.undetermined)
        predicted = f"predicted: {self.path.verdict}, {self.path.reason}"
        return f"  {self.probe.packet}\n    {self.complaint}\n    {predicted}{doubts}"

    def listing(self) -> str:
        """All of it, with every step."""
        return str(self) + "".join(f"\n    {_step_words(step)}" for step in self.path.steps)


@dataclass
class Report:
    """All comparisons of one host."""

    case: HostCase
    comparisons: list[Comparison] = field(default_factory=list)
    snapshot: HostSnapshot | None = field(default=None, repr=False)
    changed_snapshot: HostSnapshot | None = field(default=None, repr=False)
    void: str = ""
    """Why the host could not be made or asked."""
    repeated: int = 0
    """How many attempts were made once more because the first disagreed, and then agreed."""
    matrix: Judged = field(default_factory=Judged)
    """What the matrix of the host says, held against attempts of its own."""
    change: Consequences = field(default_factory=Consequences)
    """What a contract that was learned of the host found after one change of it."""
    traces: Traces = field(default_factory=lambda: Traces([]))
    """What the kernel said of the packets, where they were traced."""

    @property
    def wrong(self) -> list[Comparison]:
        return [comparison for comparison in self.comparisons if comparison.complaint]

    @property
    def unknown(self) -> list[Comparison]:
        return [comparison for comparison in self.comparisons if comparison.is_unknown]


def run_case(lab: Lab, host: Host, case: HostCase, trace: Tracing | None = None) -> Report:
    """Make the host, ask it everything, compare. The caller has reset the host and holds its lock.

    With trace, the same packets are traced in the kernel.
    """
    report = Report(case)
    try:
        with ExitStack() as surroundings:
            far = surroundings.enter_context(far_machine(lab, host)) if case.has_second_uplink else None
            own = surroundings.enter_context(further_addresses(host, case.addresses))
            outsiders = outsiders_of(lab, host, far)
            apply(case, host, outsiders, own)
            _ask(lab, host, outsiders, report, trace)
    except LabError as error:
        report.void = str(error)
    is_wrong = report.wrong or report.matrix.complaints or report.change.wrong or report.traces.differing
    for name, snapshot in (("", report.snapshot), ("-changed", report.changed_snapshot)):
        if snapshot is not None and is_wrong:
            FAILING.mkdir(parents=True, exist_ok=True)
            _failing_file(case, name).write_text(snapshot.to_json())
    return report


def _ask(lab: Lab, host: Host, outsiders: Sequence[Outsider], report: Report, trace: Tracing | None) -> None:
    """Read the host, compare, judge its matrix."""
    case = report.case
    containers = places(host, [container.name for container in case.scenario.containers])
    for path in {host.path, *(place.path for place in containers)}:
        answer_soon(path)
    with Servers(servers(host, containers)):
        wait_for_ipv6(host)
        host.run(["conntrack", "--flush"], check=False)
        report.snapshot = snapshot = read_host(host)
        probes = draw_probes(case.draw, lab, host, containers, outsiders)
        report.comparisons = compare(snapshot, probes, containers)
        _ask_again(host, report, containers)
        if trace is not None:
            host.run(["conntrack", "--flush"], check=False)
            report.traces = trace(host, snapshot, [probe.packet for probe in probes])
        ports = source_ports(host)
        report.matrix = judge(host, outsiders, snapshot, [place.name for place in containers], ports)
        if not case.is_changed and report.matrix.attempts is not None:
            report.matrix.complaints += denied_wrongly(host, report.matrix.attempts)
    if case.is_changed and report.matrix.attempts is not None:
        _change(host, outsiders, report, report.matrix.attempts.scene, ports)


def _change(host: Host, outsiders: Sequence[Outsider], report: Report, before: Scene, ports: Iterator[int]) -> None:
    """Make one change of the host, and hold it to the contract that was learned before."""
    case, intents = report.case, report.matrix.contract.learned
    draw = Draw(f"change/{case.seed}/{case.number}")
    try:
        made = change(draw, host, before)
    except LabError as error:
        report.change.void = str(error)
        return
    assert report.snapshot is not None
    names = host.docker("ps", "--format", "{{.Names}}").out.split()
    containers = places(host, names) if names else []
    for place in containers:
        answer_soon(place.path)
    wanted = [
        item for item in servers(host, containers) if f"{item.name}:{item.port}/{item.protocol}" not in made.silent
    ]
    with Servers(wanted):
        wait_for_ipv6(host, *(place.name for place in containers if place.addresses and not place.shares))
        host.run(["conntrack", "--flush"], check=False)
        snapshot = read_host(host)
        judged = judge(host, outsiders, snapshot, names, ports, made.silent)
        report.matrix.complaints += [f"after {made.words}: {complaint}" for complaint in judged.complaints]
        if judged.attempts is None:
            return
        after = judged.attempts.scene
        report.change = consequences(made.words, intents, (report.snapshot, before), (snapshot, after))
        report.changed_snapshot = snapshot
        denied = denied_wrongly(host, judged.attempts)
        report.matrix.complaints += [f"after {made.words}: {complaint}" for complaint in denied]


def compare(
    snapshot: HostSnapshot, probes: Sequence[Probe], containers: Sequence[Place], attempt: Attempting = observe
) -> list[Comparison]:
    """Predict each packet, then try each for real."""
    view = HostView.of(snapshot)
    paths = [predict(view, probe.packet) for probe in probes]
    outcomes = attempt([probe.attempt for probe in probes])
    return [
        Comparison(probe, path, outcome, complaint(path, outcome, containers))
        for probe, path, outcome in zip(probes, paths, outcomes)
    ]


def _ask_again(host: Host, report: Report, containers: Sequence[Place]) -> None:
    """Repeat attempts that disagree, on a machine that is less busy, against a fresh snapshot.

    What differs then, differs. What was lost on the way the first time is counted as repeated.
    """
    wrong = report.wrong
    if not wrong:
        return
    host.run(["conntrack", "--flush"], check=False)
    probes = [entry.probe for entry in wrong]
    for first, second in zip(wrong, compare(read_host(host), probes, containers, observe_patiently)):
        if not second.complaint:
            report.repeated += 1
            first.path, first.outcome, first.complaint = second.path, second.outcome, ""


def complaint(path: PacketPath, outcome: Outcome, containers: Sequence[Place]) -> str:
    """Why a prediction and an attempt disagree; empty when they agree, or nothing was predicted."""
    if is_lost_by_another_uplink(path):
        is_lost = outcome.seen in (TIMED_OUT, CLOSED)
        return "" if is_lost else f"seen: predicted to be answered by another uplink, observed {outcome.seen!r}"
    if path.verdict == UNKNOWN:
        return ""
    if path.observed == UNKNOWN:
        # It surely does not arrive; what routers outside say of it is their own affair.
        return f"predicted not to arrive, observed {outcome.seen!r} {outcome.body}" if outcome.seen == ANSWERED else ""
    if leaves_for_nobody(path) and outcome.seen in (TIMED_OUT, UNREACHABLE):
        return ""
    if path.observed == NO_ANSWER:
        # Of docker-proxy's own connection the one who asks sees the end, once that has failed.
        has_proxy = any(step.leg == PROXY_REQUEST for step in path.steps)
        comes_to_nothing = (TIMED_OUT, UNREACHABLE, CLOSED) if has_proxy else (TIMED_OUT, UNREACHABLE)
        return "" if outcome.seen in comes_to_nothing else f"seen: predicted no answer, observed {outcome.seen!r}"
    if path.observed != outcome.seen:
        return f"seen: predicted {path.observed!r}, observed {outcome.seen!r} {outcome.detail} {outcome.body}".strip()
    if path.observed != ANSWERED or not outcome.body:
        return ""
    name, source = answer_of(outcome.body)
    who = {"internet": "outside", "outside": "outside", "host": "host"}.get(name, f"container {name}")
    if not _is(path.answered_by, who, containers):
        return f"answered by: predicted {path.answered_by!r}, observed {who!r}"
    if path.translated_source and path.translated_source != source:
        return f"source seen by {who}: predicted {path.translated_source}, observed {source}"
    return ""


def _is(predicted: str, observed: str, containers: Sequence[Place]) -> bool:
    """Whether both name the same namespace: a container can share that of the host or of another container."""
    shared = {f"container {place.name}" for place in containers if place.shares}
    return predicted.partition(" (")[0] == observed or predicted in shared


def _step_words(step: PathStep) -> str:
    where = " ".join(filter(None, (step.leg, step.place, step.table, step.chain)))
    devices = f"{step.incoming or '-'}>{step.outgoing or '-'}"
    return f"{where}: {step.action} [{step.source} to {step.destination} {devices}] {step.rule} {step.note}"


def _failing_file(case: HostCase, name: str) -> Path:
    return FAILING / f"{case.seed}-{case.number}-{case.kind}{name}.json"
