"""Audits many hosts that do all they can against it, and holds that each is still answered as it should be.

    python -m tests.hostile --cases 10000 --seed 1
    python -m tests.hostile --seed 1 --only 4711

Exits with 1 when a case shows a defect, and says how to repeat it. Needs root, for a root directory of each case's own.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.hostile.audited import DEFECT, SCHEMA, warm
from tests.hostile.case import BLINDED, LOST, MADE_UP, MEMORY_CAP, Verdict, healthy, run_case
from tests.hostile.hosts import NAMES, snapshot_of

SHOWN = 25
"""Defects that are shown whole; of those of one kind the first."""
MOST_REPEATED = 100
"""Cases that are repeated; where more are not clean, it is not the machine."""
FIRST = -20
"""The priority of those (nice(1))."""
EVERY = 30.0
"""Seconds between two lines of progress."""


def kind_of(problem: str) -> str:
    """What problems of one cause have in common: of a traceback its last line and place."""
    first, *lines = problem.strip().splitlines()
    if first.startswith((BLINDED, LOST, MADE_UP, SCHEMA)):
        return first.partition(":")[0]
    if first.startswith(DEFECT):
        error, dummy, place = problem.rpartition(" at ")
        return f"{error.partition(':')[2].strip().partition(':')[0]} at {place.partition(',')[0]}"
    places = [line.strip() for line in lines if line.strip().startswith("File ") and "/tests/" not in line]
    last = re.sub(r"\d+(\.\d+)?|'[^']*'", "N", (lines or [first])[-1][:120])
    return f"{last} {places[-1] if places else ''}"


def shortened(problem: str) -> str:
    """The beginning and the end of what is long."""
    return problem if len(problem) < 4000 else f"{problem[:800]}\n...\n{problem[-2400:]}"


def prepare() -> None:
    """Judge the hosts that nobody spoilt, and load all that a case needs."""
    for name in NAMES:
        warm(snapshot_of(name))
        healthy(name)
    gc.collect()
    gc.freeze()


def verdicts(seed: int, numbers: list[int], jobs: int) -> Iterator[Verdict]:
    """All of them, in any order."""
    if jobs == 1 or len(numbers) == 1:
        yield from (run_case(seed, number) for number in numbers)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(_Run(seed), numbers, chunksize=4)


class _Run:
    """run_case with its seed, for another process."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, number: int) -> Verdict:
        return run_case(self.seed, number)


def run(seed: int, numbers: list[int], jobs: int) -> int:
    """Run cases, tell of them, and return how many have defects.

    A case has deadlines, and a busy machine misses them. So one that is not clean is run once more when nothing else of
    this run is under way, and has a defect where it is not clean then either.
    """
    began = time.monotonic()
    suspects: list[Verdict] = []
    longest, largest = Verdict(-1, ""), Verdict(-1, "")
    for verdict in _with_progress(verdicts(seed, numbers, jobs), len(numbers)):
        longest = max(longest, verdict, key=lambda item: sum(item.outcome.seconds.values()))
        largest = max(largest, verdict, key=lambda item: item.outcome.memory)
        if verdict.problems:
            suspects.append(verdict)
            print(f"case {verdict.number} is to be repeated: {_first_line(verdict)}", flush=True)
    busy = os.getloadavg()[0]
    repeated = _alone(seed, suspects[:MOST_REPEATED])
    failed = [verdict for verdict in [*repeated, *suspects[MOST_REPEATED:]] if verdict.problems]
    _tell(seed, failed)
    taken = sum(longest.outcome.seconds.values())
    named = ", ".join(str(verdict.number) for verdict in failed) or "none"
    print(
        f"{len(numbers)} hostile hosts (seed {seed}): {len(failed)} with defects ({named}); "
        f"{len(suspects)} were not clean at first, {len(repeated)} of them repeated alone (load average of the machine "
        f"then {busy:.1f}); the longest took {taken:.1f} s (case {longest.number}, {longest.told}), the largest "
        f"{largest.outcome.memory >> 20} of {MEMORY_CAP >> 20} MiB (case {largest.number}, {largest.told}); "
        f"{time.monotonic() - began:.0f} s in all"
    )
    return len(failed)


def _alone(seed: int, suspects: list[Verdict]) -> list[Verdict]:
    """Run cases once more, one by one and before what else the machine does."""
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, FIRST)
    try:
        return [run_case(seed, verdict.number) for verdict in suspects]
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


def _with_progress(found: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    """All of them, with a line now and then that says how far it is."""
    began = said = time.monotonic()
    for count, verdict in enumerate(found, 1):
        yield verdict
        if time.monotonic() - said > EVERY:
            said = time.monotonic()
            print(f"{count} of {total} cases, {said - began:.0f} s", flush=True)


def _first_line(verdict: Verdict) -> str:
    """What a case was, and the end of its first problem, on one line."""
    lines = verdict.problems[0].strip().splitlines()
    more = f" (and {len(verdict.problems) - 1} more)" if len(verdict.problems) > 1 else ""
    return f"{verdict.told}: {lines[-1][:200]}{more}"


def _tell(seed: int, failed: list[Verdict]) -> None:
    """Show the first defects of each kind whole, and how many there are of each."""
    kinds: Counter[str] = Counter()
    for verdict in failed:
        for kind, problem in {kind_of(problem): problem for problem in verdict.problems[::-1]}.items():
            kinds[kind] += 1
            if kinds[kind] == 1 and len(kinds) <= SHOWN:
                print(f"\ncase {verdict.number}, {verdict.told}\n  {shortened(problem.strip())}")
                print(f"  again: python -m tests.hostile --seed {seed} --only {verdict.number}", flush=True)
    for kind, count in kinds.most_common():
        print(f"{count:6d} {kind}")


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=10000, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="what the cases are drawn from (%(default)s)")
    parser.add_argument("--only", type=int, help="the number of one case, which is told of at length")
    jobs = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=jobs, help="how many run at a time (%(default)s)")
    asked = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("it takes root")
    prepare()
    if asked.only is not None:
        verdict = run_case(asked.seed, asked.only)
        outcome = verdict.outcome
        print(f"case {verdict.number}, {verdict.told}", outcome.seconds, sep="\n")
        print(f"{outcome.memory >> 20} MiB", outcome.sources, sep="\n")
        print(*(" ".join(item) for item in outcome.findings), sep="\n")
        print(*verdict.problems, sep="\n")
        return 1 if verdict.problems else 0
    return 1 if run(asked.seed, list(range(asked.cases)), asked.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
