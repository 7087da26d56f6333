# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What does not vanish with a process is taken back, also where that is killed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._trace.guard import Guard, Undo

from tests.lab.proc import wait_for
from tests.unit.patience import SECONDS


def appending(path: Path, text: str) -> Undo:
    def call() -> None:
        with path.open("a", encoding="ascii") as file:
            file.write(text)

    return Undo(text, call)


def refused() -> None:
    raise PermissionError(1, "Operation not permitted")


def test_all_is_taken_back_in_order(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with Guard([appending(seen, "a"), appending(seen, "b")]) as guard:
        assert not seen.exists()
    assert (seen.read_text(encoding="ascii"), guard.left_behind) == ("ab", [])


def test_what_cannot_be_taken_back_is_named(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with Guard([Undo("the setting", refused), appending(seen, "b")]) as guard:
        pass
    assert guard.left_behind == ["the setting (Operation not permitted)"]
    assert seen.read_text(encoding="ascii") == "b"


def test_nothing_to_take_back_takes_no_process() -> None:
    with Guard([]) as guard:
        pass
    assert guard.left_behind == []


def test_a_process_that_is_killed_with_its_group(tmp_path: Path) -> None:
    seen, reading, writing = tmp_path / "seen", *os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            with Guard([appending(seen, "a")]):
                os.write(writing, b".")
                signal.pause()
        finally:
            os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    # The guard holds no end of this pipe: it has closed all that it was not made for.
    assert os.read(reading, 1) == b""
    os.close(reading)
    # It is there before what is written to it.
    wait_for(lambda: seen.exists() and seen.stat().st_size, SECONDS, "what is taken back")
    assert seen.read_text(encoding="ascii") == "a"
