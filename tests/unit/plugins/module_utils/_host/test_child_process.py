"""Work in a process of its own: told as it goes, and left where it hangs."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import child_process
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import HandOver, run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._host.saved_snapshot import load_snapshot

from tests.lab.proc import wait_for
from tests.unit.patience import SECONDS, Clock

ROOT = Path(__file__).parents[5]
MNT_DETACH = 2


@contextmanager
def stuck_folder(folder: Path) -> Iterator[Path]:
    """A folder whose files hang whoever reads them."""
    folder.mkdir()
    program = [sys.executable, str(ROOT / "tests/lab/stuck_files.py"), str(folder)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"mounted\n"
            yield folder
        finally:
            # With its end all who hang are let go.
            server.kill()
            ctypes.CDLL(None).umount2(str(folder).encode(), MNT_DETACH)


def test_all_that_is_told_comes_in_order_and_from_any_thread() -> None:
    def work(tell: HandOver) -> None:
        tell({"big": "x" * 3_000_000})
        thread = threading.Thread(target=tell, args=("from a thread",))
        thread.start()
        thread.join()
        tell(os.getpid())

    told = run_in_child(work, SECONDS)
    assert (told.problem, told.defects) == ("", [])
    assert [len(told.items[0]["big"]), told.items[1]] == [3_000_000, "from a thread"]
    assert told.items[2] != os.getpid()


def held() -> list[str]:
    """What this process has open that others may wait for."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [item for item in found if item.startswith(("pipe", "socket"))]


def test_the_child_holds_nothing_of_ours_and_goes_first_when_memory_runs_out(capfd: pytest.CaptureFixture[str]) -> None:
    def work(tell: HandOver) -> None:
        os.write(1, b"not for whoever called")
        tell(held())
        tell(Path("/proc/self/oom_score_adj").read_text())

    reading, writing = os.pipe()
    before = len(held())
    told = run_in_child(work, SECONDS)
    assert before >= 2
    os.close(reading)
    os.close(writing)
    assert len(told.items[0]) == 1
    assert told.items[1] == "1000\n"
    assert capfd.readouterr().out == ""


def test_what_was_told_before_an_error_or_an_end_counts() -> None:
    def broken(tell: HandOver) -> None:
        tell(1)
        raise ZeroDivisionError("text\nof it")

    told = run_in_child(broken, SECONDS)
    assert told.items == [1]
    assert [item.error for item in told.defects] == ["ZeroDivisionError: text\\x0aof it"]

    def killed(tell: HandOver) -> None:
        tell(1)
        os.kill(os.getpid(), signal.SIGKILL)

    told = run_in_child(killed, SECONDS)
    assert told.items == [1]
    assert "was killed" in told.problem


def is_gone(pid: int) -> bool:
    # The kernel may have let it end only after it was left to init, which this process is to it.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not Path(f"/proc/{pid}").exists()


def test_one_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(tell: HandOver) -> None:
        tell(os.getpid())
        signal.pause()

    clock, real = Clock(monkeypatch), child_process._whole

    def whole(received: bytearray) -> list[Any]:
        found = real(received)
        if found:
            clock.go_on()
        return found

    monkeypatch.setattr(child_process, "_whole", whole)
    told = run_in_child(work, SECONDS)
    monkeypatch.undo()
    assert f"deadline of {SECONDS:g} seconds" in told.problem
    (pid,) = told.items
    wait_for(lambda: is_gone(pid), SECONDS, "the end of the child")


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="takes root and FUSE")
def test_what_hangs_in_the_kernel_is_unknown_with_its_place_and_nobody_waits_for_it(tmp_path: Path) -> None:
    """In a program of its own, whose end is waited for as Ansible waits for a module's."""
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read_whole import read_whole
nothing = lambda argv: (127, "", "not found")
print(read_whole(nothing, "unix:///nowhere/docker.sock", sys.argv[1], seconds=10.0).to_json())
"""
    with stuck_folder(tmp_path / "stuck") as folder:
        # Who waited for it would wait for ever.
        done = subprocess.run(
            [sys.executable, "-c", program, str(folder / "daemon.json")],
            capture_output=True,
            timeout=SECONDS,
            text=True,
            check=True,
        )
    snapshot = load_snapshot(done.stdout)
    late = snapshot.sources["daemon_config"]
    assert (late.read, late.kind) == (False, "deadline")
    words = (
        r"not read: the deadline of 10 seconds passed while the source daemon_config was read \(module_utils/_host/.*\)"
    )
    assert re.fullmatch(words, late.reason)
    for source in ("links", "routes", "sysctl", "boot", "conntrack", "listeners"):
        assert snapshot.was_read(source), snapshot.sources[source].reason
