# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the long tests keeps each step's last row, and carries on nothing that it did not write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from long_tests_page import PageError, Row, clean, read, record

RULES = Row("rules", 1, 0, 0, 61, "CASES=9 SEED=1", "2026-01-02 03:04", "f00", "9 probes: 0 wrong", "Linux 6")
FAULTS = Row("faults", 7, 1, 2, 900, "KILLS=2", "2026-01-03 03:04", "ba7, with changes", "", "Linux 6")
PROBER = Row("prober", 1, 0, 0, 5, "", "2026-01-04 03:04", "ba7", "ours lost no more", "Linux 7")
ROWS = (RULES, FAULTS, PROBER)
STEPS = ("faults", "rules", "prober", "hostile")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    for row in ROWS:
        record(path, row, STEPS)
    return path


def test_the_page_is_read_as_it_was_written(page: Path) -> None:
    assert read(page) == {"faults": FAULTS, "rules": RULES, "prober": PROBER, "hostile": None}


def test_rows_come_in_the_order_of_the_steps_and_name_what_was_not_run(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `make ")]
    assert [row.split("|")[1:3] for row in rows] == [
        [" `make faults` ", " FAILED "],
        [" `make rules` ", " ok "],
        [" `make prober` ", " ok "],
        [" `make hostile` ", " not run "],
    ]


def test_steps_that_ran_with_the_same_programs_share_a_line(page: Path) -> None:
    assert "* `faults`, `rules`: Linux 6\n* `prober`: Linux 7\n" in page.read_text()


def test_a_step_that_is_gone_loses_its_row(page: Path) -> None:
    record(page, RULES, ("rules", "faults"))
    assert read(page) == {"rules": RULES, "faults": FAULTS}
    assert "Linux 7" not in page.read_text()


def test_there_is_nothing_before_the_first_run(tmp_path: Path) -> None:
    assert read(tmp_path / "page.md") == {}


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda text: text.replace("| ok | 1 |", "| fine | 1 |", 1), 10),
        (lambda text: text.replace("| FAILED |", "| ok |"), 9),
        (lambda text: text.replace("| 900 |", "| long |"), 9),
        (lambda text: text.replace("| 900 |", "|"), 9),
        (lambda text: text.replace("`make rules`", "`make faults`"), 9),
        (lambda text: text.replace("* `prober`: Linux 7\n", ""), 17),
        (lambda text: text.replace("A row is", "A line is"), 4),
        (lambda text: text.replace("|---|", "<<<<<<< ours\n|---|", 1), 8),
        (lambda text: text + "\nMore.\n", 19),
        (lambda text: text[: text.index("| `make prober`") + 30], 11),
        (lambda _: "", 1),
    ],
)
def test_what_was_edited_or_damaged_is_named_and_stays(page: Path, edit: Callable[[str], str], line: int) -> None:
    damaged = edit(page.read_text())
    page.write_text(damaged)
    with pytest.raises(PageError, match=f"line {line}, is not what make test-long wrote.*git checkout"):
        record(page, RULES, STEPS)
    assert page.read_text() == damaged


def test_bytes_that_are_no_text_are_damage(page: Path) -> None:
    page.write_bytes(b"\xff" + page.read_bytes())
    with pytest.raises(PageError, match="line 1,"):
        read(page)


def test_what_a_step_said_fits_into_a_cell() -> None:
    said = clean("a | b\t\x1b[31m\u2028 c" + "d" * 1000)
    assert said.startswith("a b [31m cddd")
    assert len(said) == 300


def test_the_page_of_the_repository_can_be_written() -> None:
    assert read(Path(__file__).resolve().parents[3] / "docs" / "long-tests.md")
