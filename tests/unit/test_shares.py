# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make test` leaves out of the tests on lab hosts is what `make test-long` runs."""

from __future__ import annotations

import pytest

from tests.lab.kinds import KINDS
from tests.lab.shares import SMOKE, TURNS, short_kinds, wanted_share
from tests.unit.examples import examples, seeds

ALL = tuple(KINDS)
GENERATIONS = [name for name in ALL if name != SMOKE]


def test_tests_take_turns_on_one_kind_each() -> None:
    chosen = [short_kinds(ALL, turn, engines=False, smoke=False) for turn in range(len(TURNS))]
    assert [{name} for name in TURNS] == chosen
    assert short_kinds(ALL, len(TURNS), engines=False, smoke=False) == chosen[0]
    assert {name: TURNS.count(name) for name in ALL} == {**dict.fromkeys(GENERATIONS, 1), SMOKE: 2}


def test_what_is_about_engines_runs_on_each_generation() -> None:
    assert short_kinds(ALL, 5, engines=True, smoke=False) == set(GENERATIONS)
    assert short_kinds(ALL, 5, engines=True, smoke=True) == set(ALL)


def test_a_test_that_is_for_some_kinds_takes_turns_on_those() -> None:
    assert short_kinds((SMOKE,), 1, engines=False, smoke=False) == {SMOKE}
    assert short_kinds((SMOKE,), 1, engines=True, smoke=False) == {SMOKE}
    assert short_kinds((SMOKE, "debian13"), 1, engines=True, smoke=False) == {"debian13"}
    seen = [short_kinds((SMOKE, "debian13"), turn, engines=False, smoke=False) for turn in range(3)]
    assert seen == [{SMOKE}, {"debian13"}, {SMOKE}]
    assert short_kinds(("debian11", "debian13"), 1, engines=False, smoke=True) == {"debian13"}


def test_a_share_that_there_is_not_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARE", "half")
    with pytest.raises(pytest.UsageError, match="SHARE=half"):
        wanted_share()


def test_the_short_share_tries_few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARE", "short")
    assert examples(20, 150) == 20
    for share in ("long", ""):
        monkeypatch.setenv("SHARE", share)
        assert examples(20, 150) == 150
    assert [getattr(item, "marks", ()) for item in seeds(2, range(4))] == [(), (), *[(pytest.mark.long,)] * 2]
