"""The history of a year: bytes of its file after daily runs over a fleet of which some hosts change each day.

A host that changes has one finding that is fixed, or one that fails anew. Needs no root.
"""

from __future__ import annotations

import argparse
import datetime
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    HIGH,
    PASS,
    Finding,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.collecting import HostDocument
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import RunTotals
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.history import History
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit

CHECKS = 60
FAILING = 10
"""Of these checks, on each host."""
CHANGING = 0.01
"""Hosts that change in a day."""
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
KEPT = 400
"""Days."""


def main() -> None:
    """Record the runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=365)
    arguments = parser.parse_args()
    chance = random.Random(1)  # noqa: S311 (nothing secret)
    failing = [set(range(FAILING)) for dummy in range(arguments.hosts)]
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "history.sqlite3")
        for day in range(arguments.runs):
            when = (START + datetime.timedelta(days=day)).isoformat()
            record(path, when, failing)
            if day in (0, arguments.runs - 1):
                size = path.stat().st_size
                took = time.process_time() - began
                print(f"{arguments.hosts} hosts, {day + 1} runs: {size} bytes, {took:.1f} s of the processor")
            for checks in failing:
                if chance.random() < CHANGING:
                    checks ^= {chance.randrange(CHECKS)}


def record(path: Path, when: str, failing: list[set[int]]) -> None:
    """Record a run in which those checks fail on hosts."""
    history = History(path)
    try:
        history.begin(when, when)
        for number, checks in enumerate(failing):
            audit = Audit(f"host{number:05}.example.org", {"platform": {"state": "answers"}}, findings_of(checks))
            history.record(HostDocument(audit, when, when, (), (0, 0, 0)), when)
        new, fixed, regressed = history.changes()
        totals = RunTotals(when, when, len(failing), {"high": len(failing)}, {"high": FAILING * len(failing)})
        history.finish(replace(totals, new=new, fixed=fixed, regressed=regressed), KEPT)
    finally:
        history.close()


def findings_of(failing: set[int]) -> list[Finding]:
    """All checks, of which those fail."""
    return [
        Finding(
            f"area.check-{number}", FAIL if number in failing else PASS, HIGH, Resource("container", f"web{number}"), ""
        )
        for number in range(CHECKS)
    ]


if __name__ == "__main__":
    main()
