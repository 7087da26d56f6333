"""Holds predictions against real connections on generated hosts: see docs/reachability-differential.md.

    python -m tests.differential.reachability --cases 5000 --seed 1
    python -m tests.differential.reachability --seed 1 --case 37

Needs a lab; hosts of all its kinds are used at the same time. Exits with 1 when one prediction was wrong, or more than
2 % said unknown.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count

from tests.differential import reachability_page
from tests.differential.reachability_case import Comparison, Report, Tracing, run_case
from tests.differential.reachability_hosts import HostCase, host_case
from tests.differential.reachability_machines import prepare
from tests.differential.reachability_page import MOST_UNKNOWN, share_unknown, summary
from tests.differential.tracing import trace_all
from tests.integration.snapshots import install_readers
from tests.lab.host import Host
from tests.lab.kinds import KINDS
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock


def main() -> int:
    """Share generated hosts among those of the lab and print what was wrong; the last line has the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=5000, help="how many comparisons to make at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first host")
    parser.add_argument("--case", type=int, help="the number of the one host to make")
    parser.add_argument("--kinds", default="", help="only hosts of these kinds, separated by commas")
    parser.add_argument("--trace", action="store_true", help="trace the packets in the kernel, step by step, as well")
    parser.add_argument("--change-all", action="store_true", help="change every host, not one of some")
    parser.add_argument("--record", action="store_true", help=f"write the result into {reachability_page.PAGE.name}")
    parser.add_argument("--verbose", action="store_true", help="show every host and what is unknown")
    asked = parser.parse_args()
    lab = Lab.open()
    hosts = [lab.host(name) for name in lab.hosts if not asked.kinds or lab.host(name).kind in asked.kinds.split(",")]
    started = time.monotonic()
    prepare(lab)
    numbers = _Numbers(asked.first, asked.case, asked.cases)
    made = changed_case if asked.change_all else host_case
    trace = trace_all if asked.trace else None
    reports = run_many(lab, hosts, asked.seed, numbers, _printer(asked.verbose), trace, made)
    seconds = time.monotonic() - started
    if asked.record:
        reachability_page.write(reports, asked.seed, seconds)
    print("\n" + "\n".join(summary(reports, asked.seed, seconds)))
    wrong = any(
        report.wrong or report.matrix.complaints or report.change.wrong or report.traces.differing for report in reports
    )
    return 1 if wrong or share_unknown(reports) > MOST_UNKNOWN else 0


def changed_case(seed: int, number: int, release: str) -> HostCase:
    """The host of that number, to be changed whatever its number is."""
    return replace(host_case(seed, number, release), is_changed=True)


class _Numbers:
    """Hands out the numbers of cases to the threads that run them, until enough was compared."""

    def __init__(self, first: int, only: int | None, cases: int) -> None:
        self._first = first
        self._only = only
        self._left = cases
        self._lock = threading.Lock()
        self._next = {kind: count(first + (place - first) % len(KINDS), len(KINDS)) for place, kind in enumerate(KINDS)}

    def take(self, kind: str) -> int | None:
        """The next number for a host of that kind; None when there is nothing more to do."""
        with self._lock:
            if self._left <= 0:
                return None
            if self._only is None:
                return next(self._next[kind])
            if list(KINDS)[self._only % len(KINDS)] != kind:
                return None
            self._left = 0
            return self._only

    def done(self, comparisons: int) -> None:
        """Note that so many comparisons were made."""
        with self._lock:
            self._left -= comparisons


def run_many(
    lab: Lab,
    hosts: Sequence[Host],
    seed: int,
    numbers: _Numbers,
    tell: Callable[[Report], None],
    trace: Tracing | None = None,
    made: Callable[[int, int, str], HostCase] = host_case,
) -> list[Report]:
    """Run cases on all hosts at the same time; with trace, packets are traced in the kernel as well.

    made: gives the host of a seed, a number and an engine.
    """

    def work(host: Host) -> list[Report]:
        reports = []
        with file_lock(lab.identity.state / "busy" / host.name):
            host.reset()
            install_readers(host)
            while (number := numbers.take(host.kind)) is not None:
                report = run_case(lab, host, made(seed, number, host.release), trace)
                numbers.done(len(report.comparisons))
                tell(report)
                reports.append(report)
                host.reset()
                install_readers(host)
        return reports

    with ThreadPoolExecutor(len(hosts)) as pool:
        return [report for some in pool.map(work, hosts) for report in some]


def _printer(verbose: bool) -> Callable[[Report], None]:
    def tell(report: Report) -> None:
        case = report.case
        if report.void:
            text = f"{case.group} {case.number}: void: {report.void}"
        else:
            text = f"{case.group} {case.number}: {len(report.comparisons)} compared, {len(report.wrong)} wrong, "
            text += f"{len(report.unknown)} unknown, {report.repeated} repeated"
            text += f"; matrix: {report.matrix}"
            text += f"; change: {report.change}" if report.change.words else ""
            traced = report.traces
            if traced.probes:
                text += f"; traced: {len(traced.probes)}, {len(traced.agreeing)} as predicted"
                text += f", {len(traced.differing)} not, {traced.repeated} repeated"
        shown = [*report.wrong, *(report.unknown if verbose else ())]
        shown += [*report.matrix.complaints, *report.change.wrong, *(report.change.notes if verbose else ())]
        shown += map(str, [*report.traces.differing, *(report.traces.left_open if verbose else ())])
        if shown or verbose:
            text = "\n".join([text, str(case), *(_words(entry, verbose=verbose) for entry in shown)])
        print(text, flush=True)

    return tell


def _words(entry: Comparison | str, *, verbose: bool) -> str:
    return entry.listing() if verbose and isinstance(entry, Comparison) else str(entry)


if __name__ == "__main__":
    sys.exit(main())
