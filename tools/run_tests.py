# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run steps of ``make test``, go on when one fails, and end with one line that sums them up.

A step is a target of the Makefile. One that writes a JUnit file .build/results/STEP.xml counts as the tests in it, any
other as one test. As many steps as there are processors run at a time, and what each says is shown when it has ended;
those of --alone follow one by one, with the machine to themselves.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from xml.etree import ElementTree

from stage import BUILD, ROOT

RESULTS = BUILD / "results"
MAKE = ("make", "--no-print-directory")


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


def run_step(step: str, make: Callable[[str], int]) -> Outcome:
    """Run one target of the Makefile and count what it did."""
    report = RESULTS / f"{step}.xml"
    report.unlink(missing_ok=True)
    start = time.monotonic()
    status = make(step)
    seconds = time.monotonic() - start
    passed, failed, skipped = read_junit(report) if report.exists() else (int(status == 0), 0, 0)
    if status != 0 and failed == 0:
        failed = 1
    return Outcome(step, passed, failed, skipped, seconds)


def make_aloud(step: str) -> int:
    """Make a target that says what it has to say at once, and return make's exit status."""
    print(f"\n==== {step} ====", flush=True)
    return subprocess.run([*MAKE, step], cwd=ROOT, check=False).returncode


def make_and_tell(step: str) -> int:
    """Make a target, show in one piece what it said, and return make's exit status."""
    done = subprocess.run(
        [*MAKE, step],
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(f"\n==== {step} ====\n{done.stdout.decode('utf-8', 'replace')}", end="", flush=True)
    return done.returncode


def run_beside(steps: Sequence[str]) -> Iterator[Outcome]:
    """Run steps beside each other, begun in their order, and yield their outcomes as they end."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for future in as_completed([pool.submit(run_step, step, make_and_tell) for step in steps]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def main(arguments: Sequence[str]) -> int:
    """Return 0 only if every step succeeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*")
    parser.add_argument("--alone", nargs="+", default=[])
    wanted = parser.parse_args(arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    outcomes = list(run_beside(wanted.steps))
    outcomes += [run_step(step, make_aloud) for step in wanted.alone]
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
