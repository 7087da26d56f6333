# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each mutant means something else than the code that it is made from, at one place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import mutants

CODE = """\
LIMIT = 3


def found(items):
    if not items:
        return False
    return [item for item in items if item > 1 and item is not LIMIT]
"""
CHANGES = {
    "not items -> items",
    "return False -> return True",
    "item > 1 -> item >= 1",
    "item is not LIMIT -> item is LIMIT",
    "1 -> 2",
    "item > 1 and item is not LIMIT -> item > 1 or item is not LIMIT",
    "for item in items if item > 1 and item is not LIMIT -> for item in items if not (item > 1 and item is not LIMIT)",
    "return [item for item in items if item > 1 and item is not LIMIT] -> return None",
    "if not items: return False -> if not not items: return False",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "code.py"
    path.write_text(CODE, encoding="utf-8")
    return path


def test_what_runs_at_import_stays_and_all_else_is_changed_once(file: Path) -> None:
    made = [mutants.mutant(place) for place in mutants.places(file)]
    assert {f"{one.before} -> {one.after}" for one in made} == CHANGES
    assert len({ast.unparse(one.tree) for one in made} - {ast.unparse(ast.parse(CODE))}) == len(CHANGES)


def test_the_lines_of_a_change_are_those_of_its_statement(file: Path) -> None:
    lines = {one.before: one.lines for one in map(mutants.mutant, mutants.places(file))}
    assert lines["not items"] == range(5, 6)
    assert lines["return False"] == range(6, 7)
    assert lines["item > 1"] == range(7, 8)


def test_a_run_can_go_on_where_another_one_of_its_seed_ended(file: Path) -> None:
    def changes(wanted: slice) -> list[str]:
        made = mutants.drawn([file], 5, wanted, lambda change: not change.before.startswith("return"))
        return [f"{one.before} -> {one.after}" for one in made]

    all_of_them = changes(slice(0, 100))
    assert len(all_of_them) == len(CHANGES) - 2
    assert changes(slice(0, 3)) + changes(slice(3, 100)) == all_of_them
