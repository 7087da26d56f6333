"""Sums and verdicts of made-up samples."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.prober import page
from tests.prober.judge import compare
from tests.prober.measure import PHASES, WITH_PROXY_OFF, Sample
from tests.prober.paths import STRANGER, Count

WAYS = ("another machine", STRANGER)
SENT = 200


def samples(losses: list[int], more: dict[str, int] | None = None) -> list[Sample]:
    """A sample for each phase, way and round; more: further losses, by phase."""
    made = []
    for lost in losses:
        for phase in PHASES:
            total = lost + (more or {}).get(phase.name, 0)
            count = Count({"answered": SENT - total, "refused": total}, [], 0)
            made += [Sample(phase.name, way, count) for way in WAYS]
    return made


def test_the_same_losses_are_no_worse() -> None:
    compared = compare(samples([20, 20, 20]))
    assert not [item for item in compared if item.worse]
    assert {item.noise for item in compared} == {2.0}
    assert (STRANGER, PHASES[2].name) not in {(item.way, item.phase) for item in compared}
    assert len(compared) == sum(2 - (phase.name in WITH_PROXY_OFF) for phase in PHASES if phase.bare)


@pytest.mark.parametrize(("more", "worse"), [(2, False), (3, True)])
def test_three_more_a_restart_are_worse_where_restarts_are_alike(more: int, worse: bool) -> None:
    found = {item.phase for item in compare(samples([20, 20, 20], {PHASES[0].name: more})) if item.worse}
    assert found == ({PHASES[0].name} if worse else set())


def test_where_restarts_differ_more_is_chance() -> None:
    assert not [item for item in compare(samples([10, 20, 30], {PHASES[0].name: 8})) if item.worse]


def test_the_page_has_a_row_for_each_phase_and_way(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"Before.\n{page.BEGIN}\nstale\n{page.END}\nAfter.\n")
    page.write({"26.1.5": samples([20, 22])}, "2026-01-01", path)
    text = path.read_text()
    assert text.startswith("Before.\n")
    assert text.endswith("After.\n")
    assert "stale" not in text
    assert text.count("\n| `") == len(PHASES) * len(WAYS)
    assert f"| {PHASES[0].name} | {WAYS[0]} | 358 | 42 | 0 | 0 | 21.0 |" in text
    assert "Measured on 2026-01-01." in text
