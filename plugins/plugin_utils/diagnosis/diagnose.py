# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""From all evidence about a connection to the causes why it does not work, the most certain first."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import ANSWERED, UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import LAYERS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.candidate import (
    CERTAINTIES,
    Candidate,
    weigh,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    FAULT,
    LIKELY,
    NO_FAULT,
    POSSIBLE,
    UNDETERMINED,
    Cause,
    Diagnosis,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis_text import asked_in_words
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.probe_causes import probe_causes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.rule_causes import traced_stop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.snapshot_causes import snapshot_causes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.step_causes import predicted_stop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_in_words

_FAR = 1000


def diagnose(case: Case) -> Diagnosis:
    """Why the connection does not work; the kernel is right where it and the prediction differ."""
    causes = _ranked(case, [cause for candidate in _candidates(case) for cause in [weigh(case, candidate)] if cause])
    if _is_seen_to_fail(case) is not True:
        # Where nothing was seen to fail, what merely fits a failure explains none.
        causes = [cause for cause in causes if cause.certainty != POSSIBLE]
    verdict = _verdict(case, causes)
    works = _what_works(case) if verdict == NO_FAULT else ""
    return Diagnosis(
        verdict,
        _summary(case, verdict, causes, works),
        case.packet,
        case.path,
        causes,
        list(case.probes),
        case.process,
        case.trace,
        case.comparison,
        works,
        _undetermined(case, verdict),
    )


def _candidates(case: Case) -> list[Candidate]:
    """All candidates, what two kinds of evidence lead to once."""
    predicted, traced = predicted_stop(case), traced_stop(case)
    found = [item for item in (traced, predicted) if item is not None]
    return _merged([*found, *snapshot_causes(case), *probe_causes(case)])


def _merged(candidates: list[Candidate]) -> list[Candidate]:
    by_cause: dict[str, Candidate] = {}
    for item in candidates:
        known = by_cause.get(item.cause)
        by_cause[item.cause] = item if known is None else _united(known, item)
    return list(by_cause.values())


def _united(first: Candidate, second: Candidate) -> Candidate:
    evidence = tuple(dict.fromkeys((*first.evidence, *second.evidence)))
    return replace(
        first,
        evidence=evidence,
        checks=tuple(dict.fromkeys((*first.checks, *second.checks))),
        remediation=first.remediation or second.remediation,
        step=first.step if first.step is not None else second.step,
        layer=first.layer or second.layer,
        decides=first.decides or second.decides,
        named=first.named or second.named,
        works_in_part=first.works_in_part or second.works_in_part,
        at_most=min(first.at_most, second.at_most, key=CERTAINTIES.index),
    )


def _ranked(case: Case, causes: list[Cause]) -> list[Cause]:
    """The most certain first; among equals the nearest to the deciding step, then to the sender."""
    decided = case.decided_at

    def distance(cause: Cause) -> tuple[int, int, int]:
        step = _FAR if cause.step is None or decided is None else abs(cause.step - decided)
        layer = LAYERS.index(cause.layer) if cause.layer in LAYERS else len(LAYERS)
        return CERTAINTIES.index(cause.certainty), step, layer

    return sorted(causes, key=distance)


_PASSED = (LEFT, TO_HOST)


def _is_seen_to_fail(case: Case) -> bool | None:
    """Whether the connection was seen to fail; None where nothing was seen of it."""
    probe, trace = case.own_probe, case.trace
    if any(layer.layer == "name" and layer.outcome == "failed" for item in case.probes for layer in item.layers):
        return True
    if probe is not None and probe.observed != UNKNOWN:
        return probe.observed != ANSWERED
    if trace is not None and trace.end in (DROPPED_BY_RULE, LOST) and trace.complete:
        return True
    if case.silent_from_host is not None:
        return True
    if trace is not None and trace.end == NOT_SEEN and trace.complete and case.decision is not None:
        return True
    if trace is not None and trace.observed not in ("", UNKNOWN):
        return trace.observed != ANSWERED
    return None


def _verdict(case: Case, causes: list[Cause]) -> str:
    failed = _is_seen_to_fail(case)
    if causes:
        return FAULT
    if failed is False:
        return NO_FAULT
    if failed is True:
        return UNDETERMINED
    return NO_FAULT if case.is_predicted_well else UNDETERMINED


def _summary(case: Case, verdict: str, causes: list[Cause], works: str) -> str:
    asked = asked_in_words(case.packet, case.probes)
    if verdict == FAULT:
        best = causes[0]
        word = {CERTAIN: "", LIKELY: "likely: ", POSSIBLE: "possibly: "}[best.certainty]
        return f"{asked}: {word}{best.summary}"
    if verdict == NO_FAULT:
        return f"{asked}: no fault found; {works}"
    return f"{asked}: undetermined; {_open_questions(case)[0]}"


def _what_works(case: Case) -> str:
    probe, trace = case.own_probe, case.trace
    if probe is not None and probe.observed == ANSWERED:
        return f"a connection from {probe.origin} was answered"
    if case.was_answered:
        return "the traced connection was answered"
    who = case.path.answered_by or "the target"
    if probe is not None and probe.observed == UNKNOWN:
        return f"a datagram from {probe.origin} was sent, {who} is predicted to get it, and UDP does not say more"
    if trace is not None and trace.end in _PASSED:
        return f"{end_in_words(trace)}, and {who} is predicted to answer"
    return f"{who} is predicted to answer, and no connection was tried"


def _undetermined(case: Case, verdict: str) -> list[str]:
    """What could not be looked at; of what the prediction leaves open nothing where the connection works."""
    return _open_questions(case) if verdict == UNDETERMINED else list(dict.fromkeys(case.problems))


def _open_questions(case: Case) -> list[str]:
    doubts = [f"not known: {doubt}" for doubt in case.path.undetermined]
    trace = case.trace
    problems = [trace.problem] if trace is not None and trace.problem else []
    differs = case.comparison is not None and case.comparison.agree is False
    differences = [f"prediction and kernel differ: {case.comparison.difference}"] if differs and case.comparison else []
    found = list(dict.fromkeys([*differences, *doubts, *case.problems, *problems]))
    if found:
        return found
    if _is_seen_to_fail(case):
        return ["the connection fails, and nothing that was read, probed or traced explains it"]
    return [case.path.reason]
