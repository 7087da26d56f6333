# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run steps of ``make test`` or ``make test-long``, go on when one fails, and end with one line that sums them up.

A step is a target of the Makefile. One that writes a JUnit file .build/results/STEP.xml counts as the tests in it, any
other as one test. A step more than there are processors runs at a time, and what each says is shown when it has ended;
those of --alone follow one by one, with the machine to themselves. --record writes the result to a page.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from stage import BUILD, ROOT

RESULTS = BUILD / "results"
PROGRAMS = ("ansible-core", "pytest", "docker", "pyroute2")
MAKE = ("make", "--no-print-directory")
WAITING = 1
"""Steps more than processors: molecule waits for daemons, and others for packages."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a step ended: numbers of tests, the seconds it took, and the last line it said of its own."""

    step: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    said: str = ""


@dataclasses.dataclass(frozen=True)
class Made:
    """What make did: its exit status, and the last line that it showed."""

    status: int
    said: str


def read_junit(path: Path) -> tuple[int, int, int]:
    """Return the numbers of tests that passed, failed (errors included) and were skipped."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))  # noqa: S314  # written by the step just run
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    )
    return total - failures - errors - skipped, failures + errors, skipped


def run_step(step: str, make: Callable[[str], Made]) -> Outcome:
    """Run one target of the Makefile and count what it did."""
    report = RESULTS / f"{step}.xml"
    report.unlink(missing_ok=True)
    start = time.monotonic()
    made = make(step)
    seconds = time.monotonic() - start
    passed, failed, skipped = read_junit(report) if report.exists() else (int(made.status == 0), 0, 0)
    if made.status != 0 and failed == 0:
        failed = 1
    return Outcome(step, passed, failed, skipped, seconds, "" if report.exists() else made.said)


def last_words(text: str) -> str:
    """The last line that is neither empty nor about the lab that the step ran in."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith(("lab: ", "make: "))), "")


def make_aloud(step: str) -> Made:
    """Make a target that says what it has to say at once."""
    print(f"\n==== {step} ====", flush=True)
    said = ""
    with subprocess.Popen([*MAKE, step], cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said = last_words(line) or said
    return Made(process.returncode, said)


def make_and_tell(step: str) -> Made:
    """Make a target, and show in one piece what it said."""
    done = subprocess.run(
        [*MAKE, step],
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    text = done.stdout.decode("utf-8", "replace")
    print(f"\n==== {step} ====\n{text}", end="", flush=True)
    return Made(done.returncode, last_words(text))


def run_beside(steps: Sequence[str]) -> Iterator[Outcome]:
    """Run steps beside each other, begun in their order, and yield their outcomes as they end."""
    pool = ThreadPoolExecutor((os.cpu_count() or 1) + WAITING)
    try:
        for future in as_completed([pool.submit(run_step, step, make_and_tell) for step in steps]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "HEAD") + (", with changes" if git("status", "--porcelain", "--untracked-files=no") else "")


def page(outcomes: Sequence[Outcome], began: datetime, tree: str) -> str:
    """What the repository keeps of a run: when, of what, with what, and how each step ended."""
    from tests.lab.kinds import KINDS

    versions = ", ".join(f"{name} {version(name)}" for name in PROGRAMS)
    rows = [
        f"| `make {outcome.step}` | {'FAILED' if outcome.failed else 'ok'} | {outcome.passed} | {outcome.failed} "
        f"| {outcome.skipped} | {outcome.seconds:.0f} | {outcome.said.replace('|', ' ')} |"
        for outcome in outcomes
    ]
    head = [
        "# The last run of the long tests",
        "",
        "`make test-long` wrote this page. Before a release it runs the tests that take too long for `make test`.",
        "",
        f"* Begun {began:%Y-%m-%d %H:%M} UTC, {sum(outcome.seconds for outcome in outcomes) / 60:.0f} minutes.",
        f"* Commit {tree}.",
        f"* Linux {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, {versions}.",
        f"* Docker Engine {', '.join(kind.engine for kind in KINDS.values())}.",
        "",
        "| step | | passed | failed | skipped | seconds | what it said last |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Return 0 only if every step succeeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*")
    parser.add_argument("--alone", nargs="+", default=[])
    parser.add_argument("--record", type=Path, help="write the result to this page")
    wanted = parser.parse_args(arguments)
    RESULTS.mkdir(parents=True, exist_ok=True)
    began, tree = datetime.now(timezone.utc), commit() if wanted.record else ""
    outcomes = list(run_beside(wanted.steps))
    outcomes += [run_step(step, make_aloud) for step in wanted.alone]
    if wanted.record:
        wanted.record.write_text(page(outcomes, began, tree), encoding="utf-8")
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
