"""Kills edits of daemon.json again and again, and looks at what is left each time."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import exclusive

from tests.faults.edits import Edit, Goal
from tests.faults.runs import Outcome, run_module
from tests.faults.view import View, settle
from tests.lab.host import Host

FIRST_OF_CHANGE = f"{exclusive.__module__.rpartition('.')[2]}.{exclusive.__name__}:"
"""From here on a run changes things; before, it only reads."""
SPARE_ATTEMPTS = 3
"""A run can end before its kill. So many times as many attempts as kills are made at most."""


@dataclass
class Totals:
    """What was killed where, and what was found then."""

    seed: int
    kills: int = 0
    attempts: int = 0
    by_step: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    """The file old or new or between, and what was in force."""
    leftovers: int = 0
    """Temporary files that were found, and gone after the next run."""

    def to_plain(self) -> dict[str, Any]:
        return {**vars(self), "by_step": dict(self.by_step), "found": dict(self.found)}


@dataclass(frozen=True)
class Reference:
    """An undisturbed run in one direction: what it leaves, how long it takes, which lines it goes through."""

    goal: Goal
    view: View
    seconds: float
    points: dict[str, list[str]]
    """By step (file.function), the lines that change something or come after."""
    times: dict[str, int]


def undisturbed(host: Host, goal: Goal) -> Reference:
    outcome = run_module(host, goal.module, goal.arguments, points=True)
    assert outcome.result is not None, outcome
    assert outcome.result.get("changed"), outcome
    view = settle(host)
    assert view.text == goal.text, view
    assert goal.in_force(view), view
    names = list(outcome.points)
    first = next(place for place, name in enumerate(names) if name.startswith(FIRST_OF_CHANGE))
    points: dict[str, list[str]] = {}
    for name in names[first:]:
        points.setdefault(name.partition(":")[0], []).append(name)
    return Reference(goal, view, outcome.seconds, points, outcome.points)


def kill_again_and_again(host: Host, edit: Edit, kills: int, totals: Totals) -> None:
    """Make so many kills, by turns there and back; asserts after each, and after the next run, that nothing is lost."""
    choice = random.Random(f"{totals.seed} {edit.name}")  # noqa: S311
    references = [undisturbed(host, edit.there), undisturbed(host, edit.back)]
    while totals.kills < kills:
        totals.attempts += 1
        assert totals.attempts <= SPARE_ATTEMPTS * kills, f"too few runs were killed: {totals}"
        wanted, origin = references[(totals.attempts + 1) % 2], references[totals.attempts % 2]
        kill = instant(choice, wanted)
        outcome = run_module(host, wanted.goal.module, wanted.goal.arguments, kill=kill)
        told = f"{host.name}, {edit.name}, seed {totals.seed}, attempt {totals.attempts}: {kill}, {outcome}"
        found = settle(host)
        assert_whole(found, origin, wanted, edit, told)
        if outcome.killed:
            count(totals, outcome, found, origin, wanted)
        assert_mended(host, found, wanted, told)


def instant(choice: random.Random, reference: Reference) -> dict[str, Any]:
    """At any time of the run, or before a line of any step, every step being equally likely."""
    if choice.random() < 0.5:
        return {"seconds": choice.uniform(0.0, reference.seconds)}
    point = choice.choice(reference.points[choice.choice(sorted(reference.points))])
    return {"point": point, "time": choice.randint(1, min(reference.times[point], 3))}


def assert_whole(found: View, origin: Reference, wanted: Reference, edit: Edit, told: str) -> None:
    """The file is one of those that were meant, with all that belongs to it, and no container was affected."""
    texts = {origin.goal.text, wanted.goal.text, *edit.between}
    assert found.text in texts, (told, found)
    assert found.mode_and_owner == wanted.view.mode_and_owner, (told, found)
    assert found.containers == wanted.view.containers, (told, found)
    if found.text == origin.goal.text and not edit.between:
        assert origin.goal.in_force(found), (told, found)


def assert_mended(host: Host, found: View, wanted: Reference, told: str) -> None:
    """The next run is not held up, and leaves the host as an undisturbed one does."""
    outcome = run_module(host, wanted.goal.module, wanted.goal.arguments)
    assert outcome.result is not None, (told, outcome)
    assert not outcome.result.get("failed"), (told, found, outcome)
    assert settle(host) == wanted.view, (told, found, outcome)


def count(totals: Totals, outcome: Outcome, found: View, origin: Reference, wanted: Reference) -> None:
    totals.kills += 1
    totals.by_step[outcome.step] += 1
    totals.leftovers += len(found.leftovers)
    if found.text == origin.goal.text:
        totals.found["old file"] += 1
    elif found.text == wanted.goal.text:
        totals.found["new file, " + ("in force" if wanted.goal.in_force(found) else "not effective yet")] += 1
    else:
        totals.found["file of the first of two steps"] += 1
