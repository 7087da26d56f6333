# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A predicted path held against what the kernel said of a packet, step by step. Pure; the kernel is right.

Compared are the rules that matched and the policies that applied, leg by leg, up to where the trace ends; of a leg the
first packet alone. No event shows routing, sockets, what containers do themselves, or how connection tracking
translates later packets: of those the end tells, which is compared, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    DRY,
    INJECTED,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
    KernelTrace,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    IPSEC,
    NO_ANSWER,
    PROXY_REPLY,
    PROXY_REQUEST,
    REFUSED,
    REPLY,
    REQUEST,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Path,
    PathStep,
    address_in,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Match,
    Rule,
    Undecidable,
    Unpredictable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.chain_runs import (
    BRIDGE,
    Group,
    Run,
    Visit,
    first_of_leg,
    groups_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.trace_words import end_of_trace, rule_words
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import (
    RuleIndex,
    TracedStep,
    is_legacy,
    settled,
    traced_steps,
)

_LEGS = (REQUEST, PROXY_REQUEST, PROXY_REPLY, REPLY)
_NOT_ASKED = frozenset({"skuid", "skgid", "ttl"})
"""Fields of a packet that a question leaves open."""
_ENDED = (DROPPED, REFUSED, UNREACHABLE)
"""Verdicts of what does not come to its end, or to a machine where nothing listens."""

_OF_THE_HOST = frozenset({"routing", "input", "output", "wire"})
"""Places of what passes the host's own stack, where a trace sees all packets."""
_RECEIVE = "receive"
"""Action of the step with which a packet from outside comes to the host."""

Row = tuple[int | None, int | None]
"""Index of a step of the path, and of an event of the trace; None where one side has nothing."""


@dataclass(frozen=True)
class Comparison:
    """A predicted path and what the kernel did, side by side."""

    agree: bool | None
    """None where they could not be compared."""
    difference: str = ""
    """One sentence: where they first differ, or why they were not compared. The kernel is right."""
    predicted_step: int | None = None
    """Index of the step of the path at the first difference."""
    event: int | None = None
    """Index of the event of the trace at the first difference."""


class Alignment(NamedTuple):
    """Predicted and traced rules side by side."""

    rows: list[Row]
    same: int
    """How many rows at the beginning are the same; behind them each side stands for itself."""
    comparison: Comparison


def compare(path: Path, trace: KernelTrace, snapshot: HostSnapshot) -> Comparison:
    """Whether the kernel did what was predicted from that snapshot, or why that cannot be said."""
    return align(path, trace, RuleIndex.of(HostView.of(snapshot))).comparison


def align(path: Path, trace: KernelTrace, index: RuleIndex) -> Alignment:
    """The same with both sides, for a path that was predicted from the rules of the index."""
    traced = traced_steps(trace, index)
    trace = settled(trace, traced)
    found = _Comparing(path, trace, traced, index).run()
    why = _incomparable(path, trace, traced, found.comparison) or _changed(trace, index, found.comparison)
    return found if why is None else found._replace(comparison=why)


def _incomparable(path: Path, trace: KernelTrace, traced: Sequence[TracedStep], found: Comparison) -> Comparison | None:
    """Why there is nothing to compare, or no sense in it; None where there is."""
    if not trace.complete:
        return Comparison(None, f"not compared: {trace.problem or 'the trace is not complete'}")
    unknown = next((item for item in traced if not item.is_known), None)
    if unknown is not None:
        why = f"not compared: the ruleset changed meanwhile; {rule_words(unknown.step)} was not there when it was read"
        return Comparison(None, why, found.predicted_step, unknown.event)
    if trace.sent == INJECTED and path.steps and path.steps[0].action != _RECEIVE:
        return Comparison(None, f"not compared: {path.reason}; the trace begins where the packet has come to the host")
    if path.verdict == UNKNOWN:
        ended = end_of_trace(trace, traced)
        return Comparison(None, f"the prediction is undetermined ({path.because}); in the kernel {ended}")
    return None


def _changed(trace: KernelTrace, index: RuleIndex, found: Comparison) -> Comparison | None:
    """That a difference may be one of the ruleset, which is not the one any more that was read; None for all others."""
    generations = (index.generation, trace.generation)
    if found.agree is not False or None in generations or len(set(generations)) == 1:
        return None
    why = f"not compared: the ruleset changed meanwhile; by the rules as they were read, {found.difference}"
    return replace(found, agree=None, difference=why)


class _Difference(NamedTuple):
    """The first visits that are not the same; None for the side that has no more of them."""

    predicted: Visit | None
    traced: Visit | None


class _Comparing:
    """One path and one trace."""

    def __init__(self, path: Path, trace: KernelTrace, traced: Sequence[TracedStep], index: RuleIndex) -> None:
        self._path = path
        self._trace = trace
        self._index = index
        self._steps = list(enumerate(path.steps))
        self._events = [(item.event, item.step) for item in traced]
        self._ended = end_of_trace(trace, traced)
        self._rows: list[Row] = []

    def run(self) -> Alignment:
        """Leg by leg, up to the first difference."""
        for leg in _LEGS:
            events = [item for item in self._events if item[1].leg == leg]
            if leg != REQUEST and not events:
                continue
            steps = first_of_leg(self._steps, leg)
            predicted, seen = groups_of(steps, self._index), groups_of(events, self._index)
            difference = self._of_groups(predicted, seen, leg)
            if difference is not None:
                rows = [*self._rows, *_rest(predicted, seen, self._rows)]
                return Alignment(rows, len(self._rows), self._said(difference, leg))
            wrong = self._of_end([step for dummy, step in steps]) if leg == REQUEST else ""
            if wrong:
                return self._done(Comparison(False, wrong, steps[-1][0] if steps else None))
        return self._done(self._of_answer())

    def _done(self, comparison: Comparison) -> Alignment:
        return Alignment(self._rows, len(self._rows), comparison)

    def _of_answer(self) -> Comparison:
        """What the sender saw of it, where all rules were the same."""
        if not self._rows and self._trace.end == NOT_SEEN:
            return Comparison(None, "nothing to compare, since the predicted path passes no rule")
        seen, foretold = self._trace.observed, self._path.observed
        if foretold == NO_ANSWER and seen in (TIMED_OUT, UNREACHABLE):
            return Comparison(True)
        if seen in ("", UNKNOWN, foretold) or foretold == UNKNOWN:
            return Comparison(True)
        return Comparison(False, f"the sender sees {seen}, where {foretold} was predicted: {self._path.reason}")

    def _of_groups(self, predicted: Sequence[Group], seen: Sequence[Group], leg: str) -> _Difference | None:
        rest = list(seen)
        for expected in predicted:
            found = rest[0] if rest else None
            if (found is None or found.place != expected.place) and expected.may_be_missed(leg):
                continue
            if found is None:
                return _Difference(expected.runs[0].visits[0], None) if self._had_to_come(expected) else None
            if found.place != expected.place:
                return _Difference(expected.runs[0].visits[0], found.runs[0].visits[0])
            difference = self._of_group(expected, found)
            if difference is not None:
                return difference
            del rest[0]
        # What comes behind the first packet of another leg is the connection's next one.
        if not rest or (predicted and leg != REQUEST):
            return None
        return _Difference(None, rest[0].runs[0].visits[0])

    def _had_to_come(self, group: Group) -> bool:
        """Whether a group had to be seen: a dry trace ends before the host's own frames pass rules of bridges."""
        is_behind_its_end = self._trace.mode == DRY and self._trace.end in (LEFT, TO_HOST)
        return not (is_behind_its_end and group.kind == BRIDGE)

    def _of_group(self, expected: Group, found: Group) -> _Difference | None:
        mine = {run.base.key: run for run in expected.runs}
        others = {run.base.key: run for run in found.runs}
        # Where one of several tables decides, those behind it are not asked, and which those are is not known.
        is_decided = any(run.decides and key in others and others[key].decides for key, run in mine.items())
        for key, run in mine.items():
            if key in others:
                difference = self._of_run(run, others[key])
                if difference is not None:
                    return difference
            elif not is_decided:
                return _Difference(run.visits[0], found.runs[0].visits[0])
        strange = next((run for key, run in others.items() if key not in mine), None)
        return None if strange is None or is_decided else _Difference(expected.runs[-1].last, strange.visits[0])

    def _of_run(self, run: Run, other: Run) -> _Difference | None:
        for expected, found in zip_longest(run.visits, other.visits):
            if expected is None or found is None or not expected.is_same(found):
                return _Difference(expected, found)
            self._rows.append((expected.at, found.at))
        return None

    def _said(self, difference: _Difference, leg: str) -> Comparison:
        predicted, traced = difference
        step = predicted.at if predicted is not None else None
        event = traced.at if traced is not None else None
        for visit in (traced, predicted):
            rule = self._index.rule_of(visit.step) if visit is not None else None
            if visit is not None and rule is not None and _is_open(rule):
                why = f"whether {rule_words(visit.step)} applies cannot be told from what was read"
                return Comparison(None, f"not compared further: {why}; in the kernel {self._ended}", step, event)
        if (
            predicted is not None
            and is_legacy(predicted.step)
            and not any(is_legacy(one) for dummy, one in self._events)
        ):
            why = f"the kernel reported no rules of iptables-legacy, and predicted is {rule_words(predicted.step)}"
            return Comparison(None, f"not compared further: {why}; in the kernel {self._ended}", step, event)
        foretold = rule_words(predicted.step) if predicted is not None else "that no rule applies"
        hook = next((visit.step.place for visit in (traced, predicted) if visit is not None), "")
        if traced is None:
            text = f"in {hook} of the {leg} predicted is {foretold}; in the kernel {self._ended}"
        else:
            text = f"in {hook} of the {leg} the kernel applies {rule_words(traced.step)}; predicted is {foretold}"
        return Comparison(False, text, step, event)

    def _of_end(self, steps: Sequence[PathStep]) -> str:
        """What is wrong about the end of the request, whose rules are as predicted; empty if nothing."""
        end = self._trace.end
        if end == DROPPED_BY_RULE:
            return ""
        stop = self._stop(steps)
        if stop is not None:
            if end in (LOST, NOT_SEEN) or _is_behind_hooks(stop, end):
                return ""
            return f"predicted is that it ends before ({stop.note or stop.action}); in the kernel {self._ended}"
        if end == NOT_SEEN and any(step.place in _OF_THE_HOST for step in steps):
            return f"predicted is that it passes the host; in the kernel {self._ended}"
        if end == LOST:
            return f"predicted is that no setting or route ends the request; in the kernel {self._ended}"
        comes_to_host = _comes_to_host(steps)
        if end == LEFT and comes_to_host:
            return f"predicted is that it comes to a socket of the host; in the kernel {self._ended}"
        device = _device_out(steps)
        if end == TO_HOST and device and not comes_to_host:
            return f"predicted is that it leaves by {device}; in the kernel {self._ended}"
        return self._of_addresses(steps) if end in (LEFT, TO_HOST) else ""

    def _stop(self, steps: Sequence[PathStep]) -> PathStep | None:
        """The step that ends a request before it is at its end, and that no event shows; None where there is none."""
        if self._path.verdict not in _ENDED or not steps or self._path.steps[-1] is not steps[-1]:
            return None
        return None if steps[-1].place in ("socket", "proxy") else steps[-1]

    def _of_addresses(self, steps: Sequence[PathStep]) -> str:
        """Compare where it goes and what it comes from once all translation is done."""
        if not steps:
            return ""
        foretold, trace = steps[-1], self._trace
        if trace.end_destination and trace.end_destination != foretold.destination:
            return f"predicted is the destination {foretold.destination}; in the kernel {self._ended}"
        source = address_in(foretold.source)
        if trace.end_source and address_in(trace.end_source) != source:
            return f"predicted is the source {source}; in the kernel {self._ended}"
        return ""


def _rest(predicted: Sequence[Group], seen: Sequence[Group], rows: Sequence[Row]) -> list[Row]:
    """What comes behind the rows that are the same."""
    mine, others = {row[0] for row in rows}, {row[1] for row in rows}
    left = [number for number in _indices(predicted) if number not in mine]
    right = [number for number in _indices(seen) if number not in others]
    return list(zip_longest(left, right))


def _indices(groups: Sequence[Group]) -> Iterator[int]:
    return (visit.at for group in groups for run in group.runs for visit in run.visits)


def _is_open(rule: Rule) -> bool:
    """Whether a rule asks what a question does not say, or what is not modelled."""
    if _NOT_ASKED.intersection(rule.fields):
        return True
    for statement in rule.statements:
        parts = statement.matches if isinstance(statement, AnyOf) else (statement,)
        if any(isinstance(part, Match) and isinstance(part.test, Undecidable) for part in parts):
            return True
    return any(isinstance(statement, Unpredictable) for statement in rule.statements)


def _is_behind_hooks(stop: PathStep, end: str) -> bool:
    """Whether what stops a packet comes behind all rules, so that a trace ends before it.

    That is what keeps it on the device that it leaves by, and IPsec policies, which a socket's protocol asks.
    """
    return end in (LEFT, TO_HOST) and (bool(stop.outgoing) or (end == TO_HOST and stop.place == IPSEC))


def _comes_to_host(steps: Sequence[PathStep]) -> bool:
    """Whether a request comes to a socket of the host's own namespace."""
    return bool(steps) and not steps[-1].outgoing and bool(steps[-1].incoming)


def _device_out(steps: Sequence[PathStep]) -> str:
    """The device of the host that a request leaves by; empty where it stays."""
    return next((step.outgoing for step in reversed(steps) if step.outgoing and step.place != "container"), "")
