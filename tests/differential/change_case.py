# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an audit finds after one change of a host, by the contract that was learned before it.

Exactly what connections show: an intent fails when what it wants was lost or is gone, and what became reachable is
uncovered where no words of the contract select it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import OUTSIDE, Origin
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    UNJUDGED,
    UNMATCHED,
    VIOLATED,
    Judgement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.learn import UNCOVERED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.uncovered import Open, uncovered_on

from tests.differential.contract_case import Scene
from tests.differential.learned_case import Due, Learned, Pair, reached
from tests.differential.matrix_questions import BEYOND


@dataclass
class Consequences:
    """What one change did, and what was found of it."""

    words: str = ""
    """The change; empty where there was none."""
    intents: int = 0
    new: int = 0
    """Pairs of who asks and what is asked for that were connected after the change alone."""
    lost: int = 0
    """Those that were before it alone."""
    findings: int = 0
    unknown: int = 0
    """Intents, and kinds of origins for what no intent covers, of which the audit says that it does not know."""
    unsettled: int = 0
    """Intents that machines decide which the lab does not have."""
    allowed: int = 0
    """New pairs that words of the contract select, so that there is nothing to find."""
    gone: int = 0
    """Lost pairs of which a container is gone, and that intents about several containers miss nothing of."""
    unneeded: int = 0
    """Other lost pairs that no intent needs."""
    void: str = ""
    """Why there was no change."""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What to look at: pairs that nothing was found of, intents that are not settled."""

    def __str__(self) -> str:
        return (
            f"{self.words}: {self.new} new ({self.allowed} allowed), {self.lost} lost ({self.gone} gone, "
            f"{self.unneeded} unneeded), {self.intents} intents, {self.findings} findings, "
            f"{self.unknown} unknown, {self.unsettled} unsettled, {len(self.wrong)} wrong"
        )


def consequences(
    words: str,
    intents: Sequence[Mapping[str, Any]],
    before: tuple[HostSnapshot, Scene],
    after: tuple[HostSnapshot, Scene],
) -> Consequences:
    """Hold what was learned against the host before and after the change, and both against connections."""
    found = Consequences(words, len(intents))
    then, now = reached(before[1]), reached(after[1])
    found.new, found.lost = len(now - then), len(then - now)
    fulfilled = Consequences()
    _hold(fulfilled, intents, *before)
    found.wrong = [f"before the change: {complaint}" for complaint in fulfilled.wrong]
    if fulfilled.findings:
        found.wrong.append(f"before the change: {fulfilled.findings} findings")
    _hold(found, intents, *after)
    _count_unnamed(found, Learned(intents, after[1]), now - then, then - now, after[1])
    return found


def _count_unnamed(found: Consequences, learned: Learned, new: set[Pair], lost: set[Pair], scene: Scene) -> None:
    """Count what changed and no finding is due of."""
    uncovered = {(origin, name) for name, origins in learned.uncovered().items() for origin in origins}
    resources = {(origin, what): origin.name if what == OUTSIDE else what for origin, what in new}
    allowed = [pair for pair in new if (pair[0], resources[pair]) not in uncovered]
    missing = {why for due in learned.due() for why in due.why}
    names = {somebody.name for somebody in scene.everybody}
    unnamed = [pair for pair in lost if not any(_is_named(pair, why) for why in missing)]
    gone = [pair for pair in unnamed if {pair[0].name, pair[1].partition(":")[0]} - names - _ELSEWHERE]
    found.allowed, found.gone, found.unneeded = len(allowed), len(gone), len(unnamed) - len(gone)
    found.notes += [f"allowed: {origin} to {what}" for origin, what in allowed]
    found.notes += [f"nothing found of what was lost: {origin} to {what}" for origin, what in unnamed]


def _is_named(pair: Pair, missing: str) -> bool:
    origin, what = pair
    asked = what if what != OUTSIDE else f"{OUTSIDE}:"
    return missing.startswith(f"{OUTSIDE if origin.kind == OUTSIDE else origin} ") and f" to {asked}" in missing


_ELSEWHERE = {"", OUTSIDE, "eth0", "eth1"}


def _hold(found: Consequences, intents: Sequence[Mapping[str, Any]], snapshot: HostSnapshot, scene: Scene) -> None:
    contract = read_contract({"uncovered": UNCOVERED, "intents": list(intents)})
    context = AuditContext(snapshot, Settings(checks=("contract.*",), contract=contract))
    failed = [item for item in run_checks(context) if item.outcome == FAIL]
    found.findings += len(failed)
    learned = Learned(intents, scene)
    named = {item.resource.name for item in failed}
    for due, judgement in zip(learned.due(), context.judgements):
        _hold_intent(found, due, judgement)
        if judgement.state in (VIOLATED, UNMATCHED) and judgement.intent.name not in named:
            found.wrong.append(f"{judgement.intent}: {judgement.state}, and no finding says so")
    uncovered = uncovered_on(context.contract_judge)
    found.unknown += len(uncovered.doubts)
    told: dict[str, list[Open]] = {}
    for item in uncovered.found:
        told.setdefault(_name(item, snapshot), []).append(item)
    if set(told) != {item.resource.name for item in failed if item.check == "contract.uncovered"}:
        found.wrong.append(f"uncovered are {sorted(told)}, and the findings are about others")
    open_ = {name or snapshot.hostname: origins for name, origins in learned.uncovered().items()}
    found.wrong += _not_told(open_, told, uncovered.doubts)
    found.wrong += _told_wrongly(open_, told, scene)


def _hold_intent(found: Consequences, due: Due, judgement: Judgement) -> None:
    missing = [f"{one.origin.partition(' and ')[0]} to {one.destination}" for one in judgement.examples]
    if judgement.state == UNJUDGED:
        found.unknown += 1
    elif judgement.state != due.state and due.depends:
        found.unsettled += 1
        found.notes.append(f"unsettled: {judgement.intent}: {judgement.state} {missing}, but {due}")
    elif judgement.state != due.state:
        seen = f"{judgement.state} {missing or judgement.reason}"
        found.wrong.append(f"{judgement.intent}: {seen}, but {due.state}: {due.why[:_NAMED]}")
    elif not due.depends and not set(missing) <= set(due.why):
        found.wrong.append(f"{judgement.intent}: violated by {missing}, but missing is {due.why}")


def _not_told(
    open_: Mapping[str, set[Origin]], told: Mapping[str, Sequence[Open]], doubts: Mapping[str, object]
) -> Iterator[str]:
    """What is reached without an intent and no finding names, though nothing is undetermined there."""
    for name, origins in open_.items():
        for origin in origins:
            words = {word for item in told.get(name, ()) if item.kind == origin.kind for word in item.origins}
            if _words(origin) not in words and origin.kind not in doubts and len(words) <= _NAMED:
                yield f"{origin} reaches {name}, no intent covers it, and no finding says so"


def _told_wrongly(open_: Mapping[str, set[Origin]], told: Mapping[str, Sequence[Open]], scene: Scene) -> Iterator[str]:
    """What a finding names that is not reached, or that an intent covers."""
    for name, items in told.items():
        real = {_words(origin) for origin in open_.get(name, ())}
        for item in items:
            for word in () if _is_of_others(item, name, scene) else item.origins:
                if word not in real:
                    yield f"uncovered: {word} reaches {name} ({item.packet}), but it does not, or it is covered"


_NAMED = 5


def _name(item: Open, snapshot: HostSnapshot) -> str:
    """The resource of its finding: a port, or who gets out."""
    if item.place is not None:
        return item.place.label
    return snapshot.hostname if item.asking is None else item.asking.name


def _words(origin: Origin) -> str:
    return f"outside by {origin.name}" if origin.kind == OUTSIDE else str(origin)


def _is_of_others(item: Open, name: str, scene: Scene) -> bool:
    """Whether it is about machines outside that the lab does not have."""
    if item.kind == OUTSIDE:
        return bool(item.packet is not None and item.packet.source) or name in scene.apart
    if item.place is None:
        return item.packet is not None and item.packet.destination not in BEYOND.values()
    return False
