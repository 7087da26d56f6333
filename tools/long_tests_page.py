# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page that keeps the last run of each step of ``make test-long``: what was run, of which commit, and how it ended.

The page itself is what is kept from run to run: it is read before a row is written. What is read has to be exactly what
this file would write, so that a line edited, lost or merged wrongly is named, and is not carried on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

NOT_RUN = "not run"
CELLS = 10
"""Of a row: step, result, three counts, seconds, size, begin, commit, and what was said last."""
SAID = 300
"""Characters of a step's last line that the page keeps."""
HEAD = """\
# The last run of each long test

`make test-long` writes this page. Before a release it runs the tests that take too long for `make test`; with
`STEPS="rules hostile"` it runs these steps alone. A row is about the commit that it names, and stays until its step is
run again.

| step | result | passed | failed | skipped | seconds | size | begun (UTC) | commit | what it said last |
|---|---|---|---|---|---|---|---|---|---|
"""


class PageError(Exception):
    """The page is not as it was written, and the message says where."""


@dataclasses.dataclass(frozen=True)
class Row:
    """The last run of a step. Where it wrote no JUnit file, the step counts as one test."""

    step: str
    passed: int
    failed: int
    skipped: int
    seconds: int
    size: str
    begun: str
    commit: str
    said: str
    environment: str
    """The machine, the programs and the kinds of hosts that it was run with."""

    def __str__(self) -> str:
        result = "FAILED" if self.failed else "ok"
        cells = (result, self.passed, self.failed, self.skipped, self.seconds, self.size, self.begun, self.commit)
        return _line(self.step, *map(str, cells), self.said)


def record(path: Path, row: Row, steps: Sequence[str]) -> None:
    """Write the row of a step that has run. Rows of other steps stay; one whose step is not among the steps goes.

    Raises PageError, and leaves the page as it is, where it was not written by this function.
    """
    rows = {**read(path), row.step: row}
    scratch = path.with_name(f".{path.name}.new")
    scratch.write_text(_page({step: rows.get(step) for step in steps}), encoding="utf-8")
    scratch.replace(path)


def read(path: Path) -> dict[str, Row | None]:
    """Return the steps of the page with the rows of those that were run; none where there is no page."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    environments = {
        step.strip("` "): environment
        for line in lines
        if line.startswith("* `")
        for steps, dummy, environment in [line[2:].partition(": ")]
        for step in steps.split(",")
    }
    found = [_read_row(line, environments) for line in lines if line.startswith("| `make ")]
    rows = dict(found)
    for number, (line, ours) in enumerate(zip_longest(lines, _page(rows).splitlines(), fillvalue=""), start=1):
        if line != ours:
            raise PageError(
                f"{path}, line {number}, is not what make test-long wrote: {_short(line)}, not {_short(ours)}. "
                f"Restore the page (git checkout {path}), or delete it to record all steps again"
            )
    return rows


def clean(said: str) -> str:
    """Return a line as a cell of the page can hold it."""
    return " ".join("".join(one if one.isprintable() else " " for one in said.replace("|", " ")).split())[:SAID].strip()


def _read_row(line: str, environments: Mapping[str, str]) -> tuple[str, Row | None]:
    """Return a step and its row; one that is damaged does not become this line again."""
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    step = cells[0].strip("`").removeprefix("make ") if cells else ""
    if len(cells) != CELLS or cells[1] == NOT_RUN:
        return step, None
    numbers = [int(cell) if cell.isascii() and cell.isdigit() else -1 for cell in cells[2:6]]
    size, begun, commit, said = cells[6:]
    passed, failed, skipped, seconds = numbers
    return step, Row(step, passed, failed, skipped, seconds, size, begun, commit, said, environments.get(step, ""))


def _page(rows: Mapping[str, Row | None]) -> str:
    table = [str(row or _line(step, NOT_RUN, *[""] * (CELLS - 2))) for step, row in rows.items()]
    environments: dict[str, list[str]] = {}
    for step, row in rows.items():
        if row:
            environments.setdefault(row.environment, []).append(f"`{step}`")
    ran = [f"* {', '.join(steps)}: {environment}" for environment, steps in environments.items()]
    return HEAD + "\n".join([*table, *(["", "They were run with:", "", *ran] if ran else [])]) + "\n"


def _line(step: str, *cells: str) -> str:
    return " ".join(["|", " | ".join([f"`make {step}`", *cells]), "|"])


def _short(line: str) -> str:
    return repr(line if len(line) <= 100 else f"{line[:97]}...")
