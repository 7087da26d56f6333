# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run steps of ``make test`` one after another, go on when one fails, and end with one line that sums them up.

A step is a target of the Makefile. One that writes a JUnit file .build/results/STEP.xml counts as the tests in it, any
other as one test.
"""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

from stage import BUILD, ROOT

RESULTS = BUILD / "results"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a step ended: numbers of tests, and the seconds it took."""

    step: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def read_junit(path: Path) -> tuple[int, int, int]:
    """Return the numbers of tests that passed, failed (errors included) and were skipped."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))  # noqa: S314  # written by the step just run
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def run_step(step: str) -> Outcome:
    """Run one target of the Makefile and count what it did."""
    print(f"\n==== {step} ====", flush=True)
    report = RESULTS / f"{step}.xml"
    report.unlink(missing_ok=True)
    start = time.monotonic()
    status = subprocess.run(["make", "--no-print-directory", step], cwd=ROOT, check=False).returncode
    seconds = time.monotonic() - start
    passed, failed, skipped = read_junit(report) if report.exists() else (int(status == 0), 0, 0)
    if status != 0 and failed == 0:
        failed = 1
    return Outcome(step, passed, failed, skipped, seconds)


def main(steps: list[str]) -> int:
    """Return 0 only if every step succeeded."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    outcomes = [run_step(step) for step in steps]
    print()
    for outcome in outcomes:
        verdict = "FAILED" if outcome.failed else "ok"
        counts = f"{outcome.passed:5d} ok {outcome.failed:5d} bad {outcome.skipped:5d} skipped"
        print(f"{outcome.step:16} {verdict:6} {outcome.seconds:7.1f} s {counts}")
    passed, failed, skipped = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
