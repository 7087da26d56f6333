"""Runs programs one after the other, round by round, and says what each took: of one kind all see the same machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.lab.host import Host

ON_HOST = Path(__file__).with_name("measure_on_host.py")
TIME_LIMIT = 600.0


@dataclass(frozen=True)
class Took:
    """Medians of some runs: seconds, seconds of the processor, MB of the largest process at its peak."""

    wall: float
    cpu: float
    peak: float
    daemons: float = 0.0
    """Seconds of the processor that dockerd and containerd spent meanwhile."""

    @classmethod
    def median(cls, runs: Sequence[Took]) -> Took:
        """Of each figure by itself."""
        columns = zip(*((run.wall, run.cpu, run.peak, run.daemons) for run in runs))
        return cls(*(statistics.median(column) for column in columns))

    def without(self, part: Took) -> Took:
        """What is left of the times when a part of it is taken away."""
        return Took(self.wall - part.wall, self.cpu - part.cpu, self.peak, self.daemons - part.daemons)


def on_host(host: Host, programs: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Took]:
    """What the programs take on a host, by name; one run of each goes ahead and does not count."""
    argv = ["python3", "-", json.dumps([list(words) for words in programs.values()]), str(rounds)]
    done = host.run(argv, stdin=ON_HOST.read_bytes(), timeout=TIME_LIMIT)
    found = json.loads(done.out)
    return {name: Took.median([Took(*figures) for figures in runs]) for name, runs in zip(programs, found, strict=True)}


def here(
    programs: Mapping[str, Sequence[str]],
    environments: Mapping[str, Mapping[str, str]],
    rounds: int,
    *,
    ahead: int = 1,
    watch: Callable[[str, int], AbstractContextManager[object]] = lambda name, pid: nullcontext(),
) -> dict[str, Took]:
    """The same on this machine, each with an environment of its own; CPU is that of the program and what it started.

    So many rounds go ahead and do not count. ``watch`` is entered with name and process of each program while it runs.
    """
    runs: dict[str, list[Took]] = {name: [] for name in programs}
    for number in range(rounds + ahead):
        for name, argv in programs.items():
            took = _one(argv, environments[name], partial(watch, name))
            if number >= ahead:
                runs[name].append(took)
    return {name: Took.median(found) for name, found in runs.items()}


def _one(
    argv: Sequence[str], environment: Mapping[str, str], watch: Callable[[int], AbstractContextManager[object]]
) -> Took:
    started = time.monotonic()
    process = subprocess.Popen(
        argv, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    with watch(process.pid):
        said = process.stdout.read()
    dummy, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.stderr.buffer.write(said)
        raise SystemExit(f"status {process.returncode} from {' '.join(argv)}")
    return Took(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def table(title: str, rows: Mapping[str, Took], base: str) -> None:
    """Print them, and how many times the first's time each takes."""
    print(f"\n{title:<58}{'wall':>9}{'cpu':>9}{'daemons':>9}{'peak':>9}   times the time of: {base}")
    for name, took in rows.items():
        ratios = f"wall {took.wall / rows[base].wall:5.1f}   cpu {took.cpu / rows[base].cpu:5.1f}"
        print(f"  {name:<56}{took.wall:>7.2f} s{took.cpu:>7.2f} s{took.daemons:>7.2f} s{took.peak:>6.0f} MB   {ratios}")
