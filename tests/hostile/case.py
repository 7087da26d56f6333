"""A case: what a number and a seed stand for, run in a process of its own, and held against what must be."""

from __future__ import annotations

import faulthandler
import os
import pickle
import random
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_saved
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    IPSEC,
    NEIGHBOURS,
    PROCESSES,
    RULESET,
    SERVICE,
    TRAFFIC_CONTROL,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import OF_EVERY_AUDIT

# They register what they can do.
from tests.hostile import of_engine, of_files, of_kernel, of_processes, of_rules  # noqa: F401  # pylint: disable=unused-import
from tests.hostile.audited import READING_LIMIT, Outcome, audit_saved, audit_world, limit_memory
from tests.hostile.engine_server import EngineServer
from tests.hostile.hostilities import ALL
from tests.hostile.hosts import HEALTHY, NAMES, NEIGHBOUR, WEIGHTS, snapshot_of
from tests.hostile.of_saved import write_saved
from tests.hostile.world import SOCKET, World, world_of

MEMORY_CAP = 512 << 20
"""Bytes that reading, judging and reporting a host may take beyond what the interpreter with Ansible has: what the
smallest machines that run containers can spare, and three times what an audit of 1,000 endpoints takes."""
PROCESSOR_CAP = 40.0
"""Seconds of processor time for judging and reporting."""
GRACE = 3.0
"""Seconds by which a reading may be late: this machine does other things, too."""
ENDED_AFTER = 120.0
"""Seconds after which a case is killed."""
# What packets are followed by as well, without being needed by a check: where it was not read, ways are open.
_EVALUATED = {TRAFFIC_CONTROL, NEIGHBOURS, IPSEC}
_PROXY_IN_FORCE = {ENGINE, RULESET, PROCESSES, DAEMON_CONFIG, SERVICE}
BLINDED = "what was not spoilt is unknown"
LOST = "the fault is not found any more"
MADE_UP = "something is said of what nobody spoilt"
_SAVED_SHARE = 0.12


@dataclass
class Verdict:
    """What a case came to."""

    number: int
    told: str
    """What it was, in words."""
    problems: list[str] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)


def run_case(seed: int, number: int) -> Verdict:
    """Run one; the same for the same numbers and the same code."""
    dice = random.Random(f"{seed}/{number}")  # noqa: S311
    folder = Path(tempfile.mkdtemp(prefix="hostile-", dir=_fast_folder()))
    try:
        if dice.random() < _SAVED_SHARE:
            return _run_saved(number, folder, dice)
        name = dice.choices(NAMES, WEIGHTS)[0]
        world = world_of(snapshot_of(name), os.getpid())
        kinds = dice.choices(ALL, [item.weight for item in ALL], k=dice.choice((1, 1, 2, 3)))
        for kind in sorted(kinds, key=lambda kind: kind.is_last):
            kind.spoil(world, dice)
            world.told.append(kind.name)
        verdict = Verdict(number, f"{name}: {', '.join(world.told)}")
        outcome, problem = run_world(world, folder)
        verdict.outcome = outcome
        verdict.problems = [problem] if problem else _judged(outcome, healthy(name), world.touched)
        return verdict
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _run_saved(number: int, folder: Path, dice: random.Random) -> Verdict:
    path = folder / "snapshot.json"
    verdict = Verdict(number, f"a saved snapshot: {write_saved(path, dice)}")
    verdict.outcome, problem = in_a_process(lambda: audit_saved(lambda: load_saved(str(path))))
    verdict.problems = [problem] if problem else _limits(verdict.outcome)
    return verdict


def run_world(world: World, folder: Path) -> tuple[Outcome, str]:
    """Audit a world below a folder; what went wrong with the process itself, else empty."""
    world.settle()
    (folder / SOCKET).parent.mkdir(parents=True)
    server = EngineServer(folder / SOCKET, world.answers)
    spaces = world.write(folder, server.inode)
    try:
        return in_a_process(lambda: audit_world(world, folder, spaces), meanwhile=server.start)
    finally:
        server.close()


@cache
def healthy(name: str) -> Outcome:
    """What the audit says of a host that nobody spoilt."""
    folder = Path(tempfile.mkdtemp(prefix="hostile-", dir=_fast_folder()))
    try:
        outcome, problem = run_world(world_of(snapshot_of(name), os.getpid()), folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    unread = {source: reason for source, reason in outcome.sources.items() if reason}
    if problem or outcome.wrong or unread:
        raise AssertionError(f"{name}, healthy: {problem} {outcome.wrong} {unread}")
    return outcome


def in_a_process(work: Callable[[], Outcome], meanwhile: Callable[[], None] = lambda: None) -> tuple[Outcome, str]:
    """Return what work returns in a process of its own; meanwhile is called here once that runs."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(reading)
            limit_memory()
            # Where it is when it is about to be killed.
            faulthandler.dump_traceback_later(ENDED_AFTER - 5)
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        meanwhile()
        answer, late = _received(reading, time.monotonic() + ENDED_AFTER)
    finally:
        os.close(reading)
        if late := _still_runs(pid):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if answer:
        return pickle.loads(answer), ""  # noqa: S301 (our own)
    return Outcome(), f"no end after {ENDED_AFTER:g} s" if late else "the process died"


def _received(reading: int, until: float) -> tuple[bytes, bool]:
    """All that is written until the other end closes; whether that took too long."""
    found = b""
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reading], [], [], left)[0]:
            return b"", True
        part = os.read(reading, 1 << 20)
        if not part:
            return found, False
        found += part


def _still_runs(pid: int) -> bool:
    """Whether a child that was to end does not."""
    for dummy in range(500):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    return True


def _limits(outcome: Outcome) -> list[str]:
    """What holds for every case."""
    found = list(outcome.wrong)
    if outcome.memory > MEMORY_CAP:
        found.append(f"{outcome.memory >> 20} MiB were resident; the cap is {MEMORY_CAP >> 20}")
    if outcome.seconds.get("reading", 0.0) > READING_LIMIT + GRACE:
        found.append(f"the reading took {outcome.seconds['reading']:.1f} s; its limit is {READING_LIMIT:g}")
    if outcome.processor > PROCESSOR_CAP:
        found.append(f"judging took {outcome.processor:.1f} s of processor time; the cap is {PROCESSOR_CAP:g}")
    return found


def _judged(outcome: Outcome, usual: Outcome, touched: set[str]) -> list[str]:
    found = _limits(outcome)
    if not outcome.findings:
        return found or ["there are no findings"]
    spoilt = touched | ({RULESET} if touched & _EVALUATED else set())
    intact = {check.id for check in OF_EVERY_AUDIT if not spoilt & _needs(check)}
    if ENGINE in outcome.gaps:
        # Whose ports dockerd holds is not known then.
        intact.discard("daemon.tcp")
    for source, reason in outcome.sources.items():
        if reason and not usual.sources.get(source) and source not in touched:
            found.append(f"{BLINDED}: source {source}, {reason[:300]}")
    before, after = _of_ours(usual, intact), _of_ours(outcome, intact)
    found += [f"{LOST}: {' '.join(item)}" for item in sorted(before - after)]
    found += [f"{MADE_UP}: {' '.join(item)}" for item in sorted(after - before)]
    was_judged = {check for check, dummy, dummy2, verdict in usual.findings if verdict != "unknown"}
    found += [
        f"{BLINDED}: {check} is unknown for {kind} {name[:80]}"
        for check, kind, name, verdict in outcome.findings
        if verdict == "unknown" and check in intact & was_judged and kind in ("host", "daemon")
    ]
    return found


def _needs(check: Check) -> set[str]:
    """Its sources, and those that tell whether docker-proxy is in force where it depends on that."""
    area = check.id.partition(".")[0]
    # Whether firewalld runs, which one of the advisories is about, is seen by its rules.
    more = {RULESET} if check.id == "daemon.advisory" else set()
    return {*check.needs, *more, *(_PROXY_IN_FORCE if area in ("bridge", "hairpin", "proxy") else ())}


def _of_ours(outcome: Outcome, checks: Iterable[str]) -> set[tuple[str, str, str, str]]:
    """The findings about the containers that are not spoilt."""
    ours = (NEIGHBOUR, HEALTHY)
    return {
        item
        for item in outcome.findings
        if item[0] in set(checks) and item[2].partition(":")[0] in ours and item[1] in ("container", "port")
    }
