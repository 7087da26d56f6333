# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The steps of a path, or of a trace, as the base chains that a packet passed, each with the rules that it met. Pure.

What no event can show, or what decides nothing, is left out: so two ways of telling the same become equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST, PathStep
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.chain_walk import NOTRACK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import NAT_PRIORITIES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    OUTPUT,
    PREROUTING,
    REJECT,
    Chain,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_steps import RuleIndex, is_legacy

MARKED_AT, REPLIES_MARKED_AT = -301, -199
"""Priorities at which kernel_trace marks packets in prerouting and output: requests, and answers that connection
tracking has to know first."""

_ACCEPTING = frozenset({"accept", "dnat", "snat", "masquerade", "redirect"})
_CHANGING = frozenset({"mark", NOTRACK})
NATIVE, BRIDGE, NAT = "filter", "bridge", "nat"


def verdict_of(action: str) -> str:
    """What an action comes to for the kernel, which says of a rule no more than its verdict."""
    if action in _ACCEPTING:
        return ACCEPT
    if action in (DROP, REJECT):
        return DROP
    return CONTINUE if action in _CHANGING else action


class Visit(NamedTuple):
    """A rule that a packet met, or a policy."""

    at: int
    """Index of the step, or of the event."""
    step: PathStep

    @property
    def is_rule(self) -> bool:
        """Whether it is a rule; else it is the chain's policy."""
        return self.step.number is not None or self.step.handle is not None

    @property
    def verdict(self) -> str:
        """What it comes to for the kernel."""
        return verdict_of(self.step.action)

    def is_same(self, other: Visit) -> bool:
        """Whether both are one rule or policy, and say the same; a rule that has no place here is one of its chain."""
        mine, others = self.step, other.step
        numbers = {mine.number, others.number}
        placed = None not in numbers or not (self.is_rule and other.is_rule)
        return (
            (mine.table, mine.chain, self.is_rule) == (others.table, others.chain, other.is_rule)
            and (len(numbers) == 1 or not placed)
            and ("" in (self.verdict, other.verdict) or self.verdict == other.verdict)
        )


class Run(NamedTuple):
    """A base chain that a packet passed, with all that it met there."""

    base: Chain
    hook: str
    visits: list[Visit]

    @property
    def last(self) -> Visit:
        """What ended it."""
        return self.visits[-1]

    @property
    def kind(self) -> str:
        """``nat``, ``bridge`` or ``filter``: all nat chains of a hook come at one time, those of bridges at another."""
        if self.base.family == "bridge":
            return BRIDGE
        return NAT if self.base.kind == "nat" else NATIVE

    @property
    def priority(self) -> int:
        """Where the hook asks it."""
        return NAT_PRIORITIES.get(self.hook, 0) if self.kind == NAT else self.base.priority

    @property
    def decides(self) -> bool:
        """Whether chains of the same priority behind it are not asked any more."""
        last = self.last
        return last.verdict == DROP or (self.kind == NAT and last.is_rule and last.verdict == ACCEPT)


class Group(NamedTuple):
    """The base chains of one hook and priority. Which table of several comes first is nowhere to be seen."""

    hook: str
    kind: str
    priority: int
    runs: list[Run]

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells it from the others of a leg."""
        return (self.hook, self.kind, self.priority)

    def may_be_missed(self, leg: str) -> bool:
        """Whether it comes before packets are marked for tracing, but for those that a bridge has marked."""
        marked_at = MARKED_AT if leg in (REQUEST, PROXY_REQUEST) else REPLIES_MARKED_AT
        return self.hook in (PREROUTING, OUTPUT) and self.kind != BRIDGE and self.priority < marked_at


def first_of_leg(steps: Iterable[tuple[int, PathStep]], leg: str) -> list[tuple[int, PathStep]]:
    """The first packet of a leg, with the index of each step: later ones go the same way again."""
    for name, some in groupby(steps, key=lambda item: item[1].leg):
        if name == leg:
            return list(some)
    return []


def groups_of(steps: Sequence[tuple[int, PathStep]], index: RuleIndex) -> list[Group]:
    """What a trace can show of the steps of one leg."""
    runs: list[Run] = []
    for dummy_hook, some in groupby((item for item in steps if item[1].chain), key=lambda item: item[1].place):
        here = list(some)
        runs += _in_order(*(_runs(_visits(_of_backend(here, legacy=legacy), index), index) for legacy in (False, True)))
    return [
        Group(hook, kind, priority, list(some))
        for (hook, kind, priority), some in groupby(
            (run for run in runs if _is_telling(run)), key=lambda run: (run.hook, run.kind, run.priority)
        )
    ]


def _of_backend(steps: Sequence[tuple[int, PathStep]], *, legacy: bool) -> list[tuple[int, PathStep]]:
    return [item for item in steps if is_legacy(item[1]) == legacy]


def _in_order(native: Sequence[Run], legacy: Sequence[Run]) -> list[Run]:
    """The runs of a hook as the kernel asks them: of both backends it tells by ways of their own, each in its order."""
    found: list[Run] = []
    waiting = list(legacy)
    for run in native:
        while waiting and run.kind != BRIDGE and waiting[0].priority < run.priority:
            found.append(waiting.pop(0))
        found.append(run)
    return [*found, *waiting]


def _visits(steps: Sequence[tuple[int, PathStep]], index: RuleIndex) -> Iterator[Visit]:
    """Each rule once: a path tells the changes of a rule and its verdict one by one, the kernel the verdict alone."""
    visits = (Visit(number, step) for number, step in steps)
    for dummy_rule, same in groupby(visits, key=lambda visit: _rule_key(visit, index)):
        *dummy_changes, last = same
        # Rules that decide and change nothing are in no path: counters, logs, those that would keep a packet from being
        # tracked that is tracked already, as on its way through the loopback. Which those are handles tell.
        if last.step.action not in (CONTINUE, NOTRACK) and (index.has_handles or last.verdict != CONTINUE):
            yield last


def _rule_key(visit: Visit, index: RuleIndex) -> tuple[object, ...]:
    step = visit.step
    is_rule = index.rule_of(step) is not None
    return (step.place, step.table, step.chain, is_rule, step.number if is_rule else visit.at)


def _runs(visits: Iterable[Visit], index: RuleIndex) -> list[Run]:
    found: list[Run] = []
    is_open = False
    for visit in visits:
        step = visit.step
        chain = index.chain(step.table, step.chain)
        if chain is None:
            continue
        is_new = bool(chain.hook) and (not is_open or found[-1].hook != step.place or found[-1].base.key != chain.key)
        if is_new:
            found.append(Run(chain, step.place, [visit]))
        elif found:
            found[-1].visits.append(visit)
        is_open = visit.is_rule and visit.verdict not in (ACCEPT, DROP)
    return found


def _is_telling(run: Run) -> bool:
    """Not of a chain without rules that accepts: where several tables have one priority a path does not name it."""
    return bool(run.base.rules) or run.base.policy != ACCEPT
