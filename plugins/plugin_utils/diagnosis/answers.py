# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""From a question to the result of a task: what is to be asked of a host, and what all its answers mean together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    OUTSIDE,
    UNKNOWN,
    UNREACHABLE,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import EXITED, Probe, ProcessState
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import in_words
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnose import diagnose
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import Diagnosis
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import listing_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.plan import (
    ALL_LAYERS,
    ProbeTask,
    probe_tasks,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.question import (
    Inquiry,
    host_name_in,
    resolver_packet,
    sleeping_ends,
    wanted_container,
    with_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    predict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import (
    Question,
    QuestionError,
    packet_of,
    target_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import is_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import HopWriter
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.compare import Comparison, compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_result import probe_of

T = TypeVar("T")

_MOST_PROBES = 20
_LONGEST_PROBLEM = 400
_PARTS = {"origin": "from", "destination": "to"}


@dataclass(frozen=True)
class Answers:
    """What modules on the host returned, not yet looked at: a host can answer with anything."""

    lookup: Mapping[str, Any] | None = None
    probes: tuple[Mapping[str, Any], ...] = ()
    process: Any = None
    trace: Mapping[str, Any] | None = None

    def with_lookup(self, result: Mapping[str, Any]) -> Answers:
        """The same with the probe that looked up the name."""
        return replace(self, lookup=result, process=result.get("process"))

    def with_probe(self, result: Mapping[str, Any], *, tells_process: bool) -> Answers:
        """The same with what one more call of container_probe returned."""
        process = result.get("process") if tells_process else self.process
        return replace(self, probes=(*self.probes, result), process=process)

    def with_trace(self, result: Mapping[str, Any]) -> Answers:
        """The same with what kernel_trace returned."""
        return replace(self, trace=result)


@dataclass(frozen=True)
class _Seen:
    """The answers as far as they are what they ought to be."""

    probes: tuple[Probe, ...]
    process: ProcessState | None
    trace: KernelTrace | None
    problems: tuple[str, ...]
    address: str
    """What the sender's own resolver gave for the name; empty where no name was asked, or it has no address."""


def plan_of(snapshot: HostSnapshot, inquiry: Inquiry, answers: Answers | None = None) -> dict[str, Any]:
    """What is to be probed and traced, as plain data; ``failed`` and ``msg`` for what this host cannot be asked.

    ``lookup`` where a name has to be looked up first; answers has what came of that.
    """
    seen = _seen_in(answers or Answers())
    name = host_name_in(snapshot, inquiry.question)
    try:
        if sleeping_ends(snapshot, inquiry.question) is not None:
            return {}
        if name and answers is None:
            return {"lookup": _plain_task(_lookup_task(snapshot, inquiry, name))}
        case = _case(snapshot, inquiry, name, seen)
    except (QuestionError, BadPacketError) as error:
        return _failure(error)
    # The probe that looked up the name has asked its address as well.
    tasks = probe_tasks(case, inquiry.service)[1 if name else 0 :]
    return {"probes": [_plain_task(task) for task in tasks], "trace": probe_of(case.view, case.packet)}


def _plain_task(task: ProbeTask) -> dict[str, Any]:
    return {
        "origin": task.origin,
        "probes": task.probes,
        "layers": task.layers,
        "tells_process": task.tells_process,
    }


def _lookup_task(snapshot: HostSnapshot, inquiry: Inquiry, name: str) -> ProbeTask:
    """A probe of a name from where it is asked. Raises QuestionError where that is outside, or not there."""
    question = inquiry.question
    _require_resolver(question, name)
    # Whether the sender is there.
    packet_of(snapshot, Question(question.start, "outside", "icmp"))
    target = target_of(question.to)
    port = question.port if question.port is not None else target.port
    protocol = inquiry.service or question.protocol or target.protocol or "tcp"
    asked = {"to": name, "protocol": protocol, **({} if port is None else {"port": port})}
    return ProbeTask(question.start, [asked], ALL_LAYERS)


def _require_resolver(question: Question, name: str) -> None:
    """Raise QuestionError where the sender of a question about a name is outside."""
    if question.start.split(" ")[0] == OUTSIDE:
        raise QuestionError(f"to: {name} is no container, and no name can be looked up from outside; give an address")


def judge_all(snapshot: HostSnapshot, inquiry: Inquiry, answers: Answers) -> dict[str, Any]:
    """The result of a task: the diagnosis of all that was read, probed and traced."""
    seen = _seen_in(answers)
    asleep = sleeping_ends(snapshot, inquiry.question)
    name = host_name_in(snapshot, inquiry.question)
    try:
        if asleep is not None:
            case = _case_of_sleeper(snapshot, *asleep)
        else:
            case = replace(_case(snapshot, inquiry, name, seen), findings=_findings(snapshot))
    except (QuestionError, BadPacketError) as error:
        return _failure(error)
    found = diagnose(replace(case, comparison=_compared(case)))
    return {
        "msg": safe(found.summary),
        "diagnosis": to_plain(found),
        "listing": "\n".join(listing_of(found)),
        "hops": HopWriter(snapshot).hops_of(found.packet, found.predicted),
        "keeps_snapshot": _differs(found),
    }


def _compared(case: Case) -> Comparison | None:
    """The prediction held against what was seen; None where nothing was, or it agrees with a probe alone."""
    traced = compare(case.path, case.trace, case.snapshot) if case.trace is not None else None
    if (traced is not None and traced.agree is False) or not case.was_answered:
        return traced
    if case.path.verdict == UNKNOWN or case.is_predicted_well:
        return traced
    predicted = f"it was predicted that it {in_words(case.path.observed)} ({case.path.reason})"
    difference = f"{predicted}, and a real connection was answered"
    return Comparison(agree=False, difference=difference, predicted_step=case.decided_at)


def _differs(found: Diagnosis) -> bool:
    return found.comparison is not None and found.comparison.agree is False


def _failure(error: QuestionError | BadPacketError) -> dict[str, Any]:
    if isinstance(error, BadPacketError):
        return {"failed": True, "msg": safe(f"{_PARTS.get(error.part, error.part)}: {error.problem}")}
    return {"failed": True, "msg": safe(str(error))}


def _findings(snapshot: HostSnapshot) -> list[Any]:
    return run_checks(AuditContext(snapshot, Settings()))


def _case(snapshot: HostSnapshot, inquiry: Inquiry, name: str, seen: _Seen) -> Case:
    """Raises QuestionError and BadPacketError."""
    question = inquiry.question
    if name:
        _require_resolver(question, name)
    if not name:
        packet = packet_of(snapshot, question)
    elif seen.address:
        packet = packet_of(snapshot, with_address(question, seen.address))
    else:
        packet = resolver_packet(snapshot, question, seen.probes[0] if seen.probes else None)
    path = predict(HostView.of(snapshot), packet)
    return Case(
        snapshot,
        packet,
        path,
        probes=seen.probes if name else _telling(seen.probes, packet),
        process=seen.process,
        trace=seen.trace,
        wanted="" if name else wanted_container(snapshot, question),
        name=name,
        problems=seen.problems,
    )


def _telling(probes: tuple[Probe, ...], packet: Packet) -> tuple[Probe, ...]:
    """Without those by the name of a container that came to the address which another one has asked."""
    return tuple(item for item in probes if item.address != packet.destination or is_address(item.target))


def _case_of_sleeper(snapshot: HostSnapshot, name: str, packet: Packet) -> Case:
    """A container that does not run has no address: there is nothing to follow."""
    path = Path(UNREACHABLE, UNREACHABLE, f"container {name} does not run")
    return Case(snapshot, packet, path, process=ProcessState(EXITED), wanted=name)


def _seen_in(answers: Answers) -> _Seen:
    problems: list[str] = []
    probes: list[Probe] = []
    results = [item for item in (answers.lookup, *answers.probes) if item is not None]
    for result in results:
        probes += _probes_in(result, problems)
    process = _decoded(ProcessState, answers.process, "container_probe", problems) if answers.process else None
    trace = None
    if answers.trace is not None:
        trace = _trace_in(answers.trace, problems)
    address = ""
    if answers.lookup is not None and probes:
        address = probes[0].address
    return _Seen(tuple(probes[:_MOST_PROBES]), process, trace, tuple(dict.fromkeys(problems)), address)


def _probes_in(result: Mapping[str, Any], problems: list[str]) -> list[Probe]:
    plain = result.get("probes")
    if result.get("failed") or not isinstance(plain, list):
        problems.append(_problem("container_probe", result))
        return []
    found = (_decoded(Probe, item, "container_probe", problems) for item in plain[:_MOST_PROBES])
    return [item for item in found if item is not None]


def _trace_in(result: Mapping[str, Any], problems: list[str]) -> KernelTrace | None:
    plain = result.get("trace")
    if result.get("failed") or not plain:
        problems.append(_problem("kernel_trace", result))
        return None
    return _decoded(KernelTrace, plain, "kernel_trace", problems)


def _problem(module: str, result: Mapping[str, Any]) -> str:
    return f"{module} gave no answer: {str(result.get('msg') or 'no reason')[:_LONGEST_PROBLEM]}"


def _decoded(kind: type[T], plain: Any, module: str, problems: list[str]) -> T | None:
    try:
        return from_plain(kind, plain)
    except DecodeError as error:
        problems.append(f"{module} did not answer as it ought to: {str(error)[:_LONGEST_PROBLEM]}")
        return None
