# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run steps of ``make test`` or ``make test-long``, go on when one fails, and end with one line that sums them up.

A step is a target of the Makefile. One that writes a JUnit file .build/results/STEP.xml counts as the tests in it, any
other as one test. Those of --in-turn run one after the other. The rest runs beside them at the lowest priority, on what
those leave of the processors: a step more than there are processors at a time, and what each says is shown when it has
ended. --record writes a row for each step to a page, as soon as it has ended. A step says with a line "size: ..." with
which variables it runs.

Beside the time that a step took stands the processor time of the programs that it waited for. Daemons are not among
them: what systemd, dockerd and containers of lab hosts use is only in what the machine used in all.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import long_tests_page
from stage import BUILD, ROOT

RESULTS = BUILD / "results"
PROGRAMS = ("ansible-core", "pytest", "docker", "pyroute2")
MAKE = ("make", "--no-print-directory")
LOW_PRIORITY = ("nice", "-n", "19")
SIZE = "size: "
WRITTEN = ("docs/long-tests.md", "docs/reachability-differential.md", "docs/restart-without-loss.md")
"""Pages that steps write: where they differ from the commit, what was tested does not."""
WAITING = 1
"""Steps more than processors: molecule waits for daemons, and others for packages."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a step ended: when it began, how large it was, numbers of tests, its seconds, and its last line.

    `processor` are seconds of its programs on the processors, together.
    """

    step: str
    begun: datetime
    size: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    processor: float
    said: str = ""


@dataclasses.dataclass(frozen=True)
class Made:
    """What make did: its exit status, its processor time, the last line that it showed, and the size that it named."""

    status: int
    processor: float
    said: str
    size: str = ""


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
    begun, start = datetime.now(timezone.utc), time.monotonic()
    made = make(step)
    seconds = time.monotonic() - start
    passed, failed, skipped = read_junit(report) if report.exists() else (int(made.status == 0), 0, 0)
    if made.status != 0 and failed == 0:
        failed = 1
    said = "" if report.exists() else made.said
    return Outcome(step, begun, made.size, passed, failed, skipped, seconds, made.processor, said)


def last_words(text: str) -> str:
    """The last line that is neither empty nor about the lab that the step ran in."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith(("lab: ", "make: ", SIZE))), "")


def named_size(text: str) -> str:
    """The variables that a step named as its size, such as ``CASES=100 SEED=1``; empty where it has none."""
    return next((line.removeprefix(SIZE).strip() for line in text.splitlines() if line.startswith(SIZE)), "")


def make_aloud(step: str) -> Made:
    """Make a target that says what it has to say at once."""
    print(f"\n==== {step} ====", flush=True)
    said = size = ""
    with subprocess.Popen([*MAKE, step], cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            said, size = last_words(line) or said, named_size(line) or size
        status, processor = end_of(process)
    return Made(status, processor, said, size)


def make_and_tell(step: str) -> Made:
    """Make a target at the lowest priority, and show in one piece what it said."""
    with subprocess.Popen(
        [*LOW_PRIORITY, *MAKE, step],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        text = process.stdout.read() if process.stdout else ""
        status, processor = end_of(process)
    print(f"\n==== {step} ====\n{text}", end="", flush=True)
    return Made(status, processor, last_words(text), named_size(text))


def end_of(process: subprocess.Popen[str]) -> tuple[int, float]:
    """Wait for a program; its exit status, and the processor time of it and of all that it waited for."""
    dummy, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_utime + used.ru_stime


def machine_seconds() -> float:
    """The processor time of all programs of the machine since it started."""
    user, nice, system, dummy_idle, dummy_waiting, *interrupts = (
        int(ticks) for ticks in Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:8]
    )
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def run_all(beside: Sequence[str], in_turn: Sequence[str]) -> Iterator[Outcome]:
    """Run steps beside each other, begun in their order, and beside those in turn, and yield their outcomes."""
    pool = ThreadPoolExecutor((os.cpu_count() or 1) + WAITING)
    try:
        begun = [pool.submit(run_step, step, make_and_tell) for step in beside]
        for step in in_turn:
            yield run_step(step, make_aloud)
        for future in as_completed(begun):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    differ = git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{name}" for name in WRITTEN))
    return git("rev-parse", "--short=12", "HEAD") + (", with changes" if differ else "")


def environment() -> str:
    """The machine, the programs and the kinds of hosts that steps are run with."""
    from tests.lab.kinds import KINDS

    programs = ", ".join(f"{name} {version(name)}" for name in PROGRAMS)
    engines = ", ".join(f"{kind.name} {kind.engine}" for kind in KINDS.values())
    return (
        f"Linux {platform.release()}, {os.cpu_count()} processors, Python {platform.python_version()}, {programs}; "
        f"Docker Engine of lab hosts: {engines}"
    )


def row_of(outcome: Outcome, tree: str, where: str) -> long_tests_page.Row:
    """What the page keeps of a step that ran on a commit in an environment."""
    return long_tests_page.Row(
        step=outcome.step,
        passed=outcome.passed,
        failed=outcome.failed,
        skipped=outcome.skipped,
        seconds=round(outcome.seconds),
        size=long_tests_page.clean(outcome.size),
        begun=f"{outcome.begun:%Y-%m-%d %H:%M}",
        commit=tree,
        said=long_tests_page.clean(outcome.said),
        environment=where,
    )


def recorded(outcomes: Iterable[Outcome], page: Path, steps: Sequence[str]) -> Iterator[Outcome]:
    """Yield outcomes, each once its row is on the page."""
    tree, where = commit(), environment()
    for outcome in outcomes:
        long_tests_page.record(page, row_of(outcome, tree, where), steps)
        yield outcome


def print_table(outcomes: Sequence[Outcome], machine: float) -> None:
    """What each step took and counted; `machine` is the processor time of all programs meanwhile."""
    print()
    for outcome in outcomes:
        verdict = "FAILED" if outcome.failed else "ok"
        times = f"{outcome.seconds:7.1f} s {outcome.processor:7.1f} s of processors"
        counts = f"{outcome.passed:5d} ok {outcome.failed:5d} bad {outcome.skipped:5d} skipped"
        print(f"{outcome.step:16} {verdict:6} {times} {counts}")
    steps = sum(outcome.processor for outcome in outcomes)
    print(f"processors: {machine:.0f} s, of which {steps:.0f} s by the steps, the rest by daemons and other programs")


def main(arguments: Sequence[str]) -> int:
    """Return 0 only if every step succeeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*")
    parser.add_argument("--in-turn", nargs="+", default=[], metavar="STEP")
    parser.add_argument("--record", type=Path, help="write a row for each step to this page")
    parser.add_argument("--rows", nargs="+", default=[], metavar="STEP", help="the steps that the page is about")
    wanted = parser.parse_args(arguments)
    used = machine_seconds()
    chosen: Iterator[Outcome] = run_all(wanted.steps, wanted.in_turn)
    RESULTS.mkdir(parents=True, exist_ok=True)
    try:
        if wanted.record:
            if strange := sorted({*wanted.steps, *wanted.in_turn} - {*wanted.rows}):
                parser.error(f"no such step: {', '.join(strange)}; there are {', '.join(wanted.rows)}")
            long_tests_page.read(wanted.record)
            chosen = recorded(chosen, wanted.record, wanted.rows)
        outcomes = list(chosen)
    except long_tests_page.PageError as error:
        parser.error(str(error))
    print_table(outcomes, machine_seconds() - used)
    passed, failed, skipped = (
        sum(getattr(outcome, name) for outcome in outcomes) for name in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
