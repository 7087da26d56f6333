# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A possible cause, and how certain the evidence makes it."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    NO_ANSWER,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.case import Case
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import (
    CERTAIN,
    CHECK,
    LIKELY,
    POSSIBLE,
    PREDICTION,
    PROBE,
    TRACE,
    Cause,
    Evidence,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_in_words

# Where on its way a cause stops the packet: it says which ends of a trace fit, and which speak against it.
SENDER = "sender"
"""In the namespace of the sender, or between it and the rules of the host: the host's rules see nothing."""
RULE = "rule"
ROUTING = "routing"
"""In the host's stack, between two hooks."""
BEHIND_RULES = "behind the rules"
"""After all rules of the request: a neighbour on a bridge, a socket, the answer."""
BEYOND = "beyond"
"""On another machine."""
ANY_PLACE = "any place"
"""A trace of one packet says nothing of it."""

_FITTING = {
    SENDER: {NOT_SEEN},
    RULE: {DROPPED_BY_RULE},
    ROUTING: {LOST},
    BEYOND: {LEFT},
    BEHIND_RULES: set(),
    ANY_PLACE: set(),
}
_AGAINST = {
    SENDER: {LEFT, TO_HOST, DROPPED_BY_RULE},
    RULE: {LEFT, TO_HOST, LOST, NOT_SEEN},
    ROUTING: {LEFT, TO_HOST, DROPPED_BY_RULE},
    BEYOND: {TO_HOST, DROPPED_BY_RULE, LOST, NOT_SEEN},
    BEHIND_RULES: {DROPPED_BY_RULE},
    ANY_PLACE: set(),
}
CERTAINTIES = (CERTAIN, LIKELY, POSSIBLE)
"""The most certain first."""
_SILENT = frozenset({TIMED_OUT, UNREACHABLE, NO_ANSWER})


@dataclass(frozen=True)
class Candidate:
    """A cause before the evidence is weighed."""

    cause: str
    summary: str
    stage: str
    evidence: tuple[Evidence, ...] = ()
    """What speaks for it in particular."""
    checks: tuple[str, ...] = ()
    """Checks whose failed findings on the path speak for it."""
    remediation: Remediation | None = None
    """Where no finding names a module that does it."""
    step: int | None = None
    layer: str = ""
    decides: bool = False
    """Whether the prediction is that it, and nothing else, ends the connection."""
    named: bool = False
    """Whether the kernel itself names it: a rule's verdict, an error of a call inside the container."""
    works_in_part: bool = False
    """Whether a connection can open in spite of it: large packets, names, who answers."""
    at_most: str = CERTAIN
    """Where what was seen fits other causes as well, the certainty that it cannot exceed."""


def weigh(case: Case, candidate: Candidate) -> Cause | None:
    """Return the cause with its certainty, or None where what was seen excludes it.

    Certain takes two kinds of evidence, one of them seen, or the kernel's own word; and nothing that speaks against it.
    """
    if case.was_answered and not candidate.works_in_part:
        return None
    found = case.related(*candidate.checks)
    checked = tuple(Evidence(CHECK, item.summary, item.check) for item in found)
    evidence = [*candidate.evidence, *_of_probe(case, candidate), *_of_trace(case, candidate), *checked]
    if not evidence:
        return None
    certainty = _certainty(candidate, evidence, is_disputed=_is_disputed(case, candidate))
    remediations = [item.remediation for item in found if item.remediation is not None]
    modules = [item for item in remediations if item.module]
    # A check knows the host, and a candidate the one connection: it is more exact, unless a module does it.
    remediation = next(
        iter([*modules, *([candidate.remediation] if candidate.remediation else []), *remediations]), None
    )
    return Cause(candidate.cause, candidate.summary, certainty, evidence, remediation, candidate.step, candidate.layer)


def _certainty(candidate: Candidate, evidence: list[Evidence], *, is_disputed: bool) -> str:
    kinds = {item.kind for item in evidence}
    if is_disputed:
        return POSSIBLE
    is_agreed = len(kinds) > 1 and kinds & {TRACE, PROBE}
    found = CERTAIN if candidate.named or is_agreed else LIKELY
    return max(found, candidate.at_most, key=CERTAINTIES.index)


def _of_probe(case: Case, candidate: Candidate) -> tuple[Evidence, ...]:
    """What the sender saw, for a cause that was predicted to have it see just that."""
    probe = case.own_probe
    if probe is None or not candidate.decides or not _is_foreseen(case.path.observed, probe.observed):
        return ()
    how = "" if case.path.observed == UNKNOWN else ", as predicted"
    target = str(case.packet).partition(" to ")[2]
    text = f"A connection from {probe.origin} to {target} {in_words(probe.observed)}{how}"
    return (Evidence(PROBE, text),)


_SEEN = {
    TIMED_OUT: "times out",
    REFUSED: "is refused",
    UNREACHABLE: "fails (unreachable)",
    ANSWERED: "is answered",
    CLOSED: "opens and is closed at once",
}


def in_words(observed: str) -> str:
    """What became of a connection, as the end of a sentence."""
    return _SEEN.get(observed, f"ends as {observed}")


def _is_foreseen(predicted: str, observed: str) -> bool:
    if predicted == UNKNOWN:
        return observed in _SILENT
    return predicted == observed or (predicted in _SILENT and observed in _SILENT)


def _of_trace(case: Case, candidate: Candidate) -> tuple[Evidence, ...]:
    trace = case.trace
    if trace is None or trace.end not in _FITTING[candidate.stage] or _says_nothing(case, trace):
        return ()
    if candidate.stage == RULE:
        # Which rule it was is for who found it in the events.
        return ()
    return (Evidence(TRACE, upper(end_in_words(trace))),)


def _says_nothing(case: Case, trace: KernelTrace) -> bool:
    """Whether no event where one could be has no meaning: what was missed, or what a bridge alone switches."""
    return trace.end in (NOT_SEEN, LOST) and (not trace.complete or case.is_switched)


def _is_disputed(case: Case, candidate: Candidate) -> bool:
    """Whether something that was seen speaks against it, and does not exclude it."""
    trace, probe = case.trace, case.own_probe
    if trace is not None and trace.end in _AGAINST[candidate.stage] and not _says_nothing(case, trace):
        return True
    if probe is None or not candidate.decides or probe.observed in ("", UNKNOWN, ANSWERED):
        return False
    if case.path.observed == UNKNOWN:
        return False
    return (probe.observed == REFUSED) != (case.path.observed == REFUSED)


def predicted(case: Case) -> Evidence:
    """The prediction as evidence."""
    return Evidence(PREDICTION, upper(case.path.reason))


_NAMES = ("net.", "br-", "veth", "rp_filter", "eth", "docker")
"""What keeps its name at the beginning of a sentence: sysctls, devices, programs."""


def upper(text: str) -> str:
    """With a capital letter at the beginning."""
    return text if text.startswith(_NAMES) else text[:1].upper() + text[1:]
