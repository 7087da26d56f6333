"""Programs are run without a shell, with a limit."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import child_process
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import deadline

from tests.lab.proc import wait_for
from tests.unit.patience import EVER, SECONDS


def test_output_status_and_language() -> None:
    code = "import os, sys; print(os.environ['LC_ALL']); print('x', file=sys.stderr); sys.exit(3)"
    assert child_process.run_command([sys.executable, "-c", code]) == (3, "C\n", "x\n")


def test_words_are_not_for_a_shell() -> None:
    assert child_process.run_command(["echo", "$HOME;`id`"]) == (0, "$HOME;`id`\n", "")


def test_bytes_that_are_no_text() -> None:
    assert child_process.run_command(["printf", r"\377"]) == (0, "\ufffd", "")


def test_a_program_that_is_not_there() -> None:
    assert child_process.run_command(["dockernet-no-such-program"])[0] == child_process.NOT_FOUND


def test_a_program_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "TIME_LIMIT", 0.1)
    status, dummy, problem = child_process.run_command(["sleep", "60"])
    assert status == child_process.TIMED_OUT
    assert "no end" in problem


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_program_that_prints_for_ever(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setattr(child_process, "MOST_OUTPUT", 1 << 20)
    status, output, problem = child_process.run_command(["sh", "-c", f"yes >&{stream}"])
    assert (status, output) == (child_process.TOO_MUCH, "")
    assert problem.startswith("sh: ")
    assert problem.endswith("more than 1 MiB")


def test_a_program_that_says_much_on_both_ends_and_is_read_whole() -> None:
    code = "import sys\nfor n in range(300): print('o' * 999); print('e' * 999, file=sys.stderr)\nsys.exit(7)"
    status, output, problem = child_process.run_command([sys.executable, "-c", code])
    assert (status, len(output), len(problem)) == (7, 300_000, 300_000)


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_program_started_is_ended_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = tmp_path / "pid"
    real, looks = time.monotonic, 0

    def monotonic() -> float:
        """The limit passes when all of them run, however long that takes: from then on each look costs it."""
        nonlocal looks
        looks += place.exists() and place.stat().st_size > 0
        return real() + looks * EVER

    script = f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >{place}; sleep {EVER:g}' & wait"
    with monkeypatch.context() as patch:
        patch.setattr(time, "monotonic", monotonic)
        assert child_process.run_command(["sh", "-c", script])[0] == child_process.TIMED_OUT
    inner = int(place.read_text())
    wait_for(lambda: not running(inner), SECONDS, "the end of what it started")


def test_an_output_that_is_held_by_what_was_left_behind_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "TIME_LIMIT", EVER)
    status, output, dummy = child_process.run_command(["sh", "-c", f"setsid sleep {SECONDS:g} & echo $!"])
    assert status == 0
    # It holds it still. Whoever waits for it finds it ended.
    assert running(int(output))
    os.kill(int(output), signal.SIGKILL)


def test_programs_have_no_more_time_than_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the clock takes a second.
    looks = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(looks)))
    with deadline(3):
        status, output, error = child_process.run_command(["sleep", f"{EVER:g}"])
    assert (status, output) == (child_process.TIMED_OUT, "")
    assert error == "sleep: no end after 2 seconds"
    with deadline(0):
        status, output, error = child_process.run_command(["true"])
    assert (status, output) == (child_process.TIMED_OUT, "")
    assert error.startswith("true: not run")
    monkeypatch.undo()
    assert child_process.run_command(["true"])[0] == 0
