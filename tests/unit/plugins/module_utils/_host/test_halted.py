# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that hold sockets and do not run: real ones, stopped, traced and awake, and control groups in files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs, socket_owners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import listening_sockets
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Halt, Listener

from tests.lab.proc import wait_for
from tests.unit.patience import SECONDS

SERVER = """
import os, socket, sys, time
listening = socket.create_server(("127.0.0.1", 0))
# The start of a process is known to a clock tick.
time.sleep(0.05)
worker = os.fork() if sys.argv[1] == "with a worker" else 0
if worker or sys.argv[1] == "alone":
    print(listening.getsockname()[1], worker, flush=True)
    sys.stdin.read()
    if worker:
        os.kill(worker, 9)
else:
    time.sleep(600)
"""
TRACED = """
import ctypes, os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
child = os.fork()
if child == 0:
    ctypes.CDLL(None).ptrace(0, 0, 0, 0)
    os.kill(os.getpid(), 19)
os.waitpid(child, 2)
listening_port = listening.getsockname()[1]
listening.close()
print(listening_port, child, flush=True)
sys.stdin.read()
os.kill(child, 9)
"""


class Server:
    """A process that listens, perhaps with a worker that has the same socket."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        self.pid = child.pid
        self.port, self.worker = map(int, child.stdout.readline().split())
        self.halted: list[int] = []

    def stop(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            self.halted.append(pid)
            wait_for(lambda pid=pid: state(pid) == "T", SECONDS, "the stop")  # type: ignore[misc]

    def resume(self) -> None:
        while self.halted:
            pid = self.halted.pop()
            os.kill(pid, signal.SIGCONT)
            wait_for(lambda pid=pid: state(pid) != "T", SECONDS, "its end")  # type: ignore[misc]

    def listener(self) -> Listener:
        """As it is seen among those of the host."""
        return next(item for item in socket_owners.read_listeners({}) if item.port == self.port)

    def inside(self) -> Listener:
        """As it is seen in the namespace of a container whose first process it is."""
        processes = procfs.processes()
        halted = socket_owners.halted_in_containers(processes, {self.pid})
        found = socket_owners.with_halted(listening_sockets({}), halted)
        return next(item for item in found if item.port == self.port)


def state(pid: int) -> str:
    process = procfs.read_process(pid)
    return process.state if process else ""


def started(*argv: str) -> Iterator[Server]:
    with subprocess.Popen([sys.executable, "-c", *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        server = Server(child)
        try:
            yield server
        finally:
            server.resume()
            assert child.stdin is not None
            child.stdin.close()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from started(SERVER, "alone")


@pytest.fixture
def prefork() -> Iterator[Server]:
    yield from started(SERVER, "with a worker")


@pytest.fixture
def traced() -> Iterator[Server]:
    yield from started(TRACED)


def test_a_process_that_runs_or_sleeps_is_not_halted(server: Server) -> None:
    assert (server.listener().pid, server.listener().halt) == (server.pid, None)
    # Inside containers only those that are halted are looked for.
    assert (server.inside().pid, server.inside().halt) == (None, None)


def test_a_process_that_a_signal_stopped_until_it_continues(server: Server) -> None:
    server.stop(server.pid)
    program = os.path.basename(os.path.realpath(sys.executable))
    for found in (server.listener(), server.inside()):
        assert (found.owner, found.pid, found.halt) == (program, server.pid, Halt("stopped"))
    server.resume()
    assert server.listener().halt is None
    assert server.inside().halt is None


def test_a_process_that_a_debugger_holds(traced: Server) -> None:
    assert state(traced.worker) == "t"
    assert (traced.listener().pid, traced.listener().halt) == (traced.worker, Halt("traced"))
    assert (traced.inside().pid, traced.inside().halt) == (traced.worker, Halt("traced"))


def test_a_worker_that_runs_accepts_for_its_master(prefork: Server) -> None:
    prefork.stop(prefork.pid)
    assert (prefork.listener().pid, prefork.listener().halt) == (prefork.worker, None)
    assert prefork.inside().halt is None


def test_a_master_might_accept_for_its_worker(prefork: Server) -> None:
    prefork.stop(prefork.worker)
    for found in (prefork.listener(), prefork.inside()):
        assert (found.pid, found.halt) == (prefork.worker, Halt("stopped", shared=True))


def test_nothing_accepts_where_all_who_hold_a_socket_are_halted(prefork: Server) -> None:
    prefork.stop(prefork.pid, prefork.worker)
    for found in (prefork.listener(), prefork.inside()):
        assert (found.pid, found.halt) == (prefork.worker, Halt("stopped"))


def test_who_only_hands_sockets_down_accepts_nothing(prefork: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    prefork.stop(prefork.worker)
    monkeypatch.setattr(socket_owners, "_GIVERS", (*socket_owners._GIVERS, name_of(prefork.pid)))
    assert prefork.listener().halt == Halt("stopped")


def name_of(pid: int) -> str:
    process = procfs.read_process(pid)
    assert process is not None
    return process.name


def test_whether_others_hold_it_is_not_known_with_too_many_open_files(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop(server.pid)
    processes = procfs.processes()
    monkeypatch.setattr(socket_owners, "_MOST_OPEN_FILES", 10)
    halted = socket_owners.halted_holders(processes, {server.pid})
    assert {pid: halt for pid, halt in halted.values() if pid == server.pid} == {
        server.pid: Halt("stopped", shared=True)
    }


@pytest.mark.parametrize("letter", ["D", "Z", "S", "R", "I", "X"])
def test_other_states_are_none_of_a_halted_process(server: Server, letter: str) -> None:
    listed = [replace(item, state=letter) for item in procfs.processes() if item.pid == server.pid]
    assert socket_owners.halted_holders(listed, {server.pid}) == {}


def test_a_process_that_stood_for_a_moment_is_not_halted(server: Server) -> None:
    listed = [replace(item, state="t") for item in procfs.processes() if item.pid == server.pid]
    assert len(listed) == 1
    assert socket_owners.halted_holders(listed, {server.pid}) == {}


def test_a_process_that_ended_meanwhile_or_has_another_in_its_place(server: Server) -> None:
    gone = procfs.Process(2**22 + 1, "gone", 1, 5, "T")
    assert socket_owners.halted_holders([gone], {gone.pid}) == {}
    server.stop(server.pid)
    before = [replace(item, start_ticks=1) for item in procfs.processes() if item.pid == server.pid]
    assert socket_owners.halted_holders(before, {server.pid}) == {}


# ---- control groups --------------------------------------------------------------------------------------------------


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    monkeypatch.setattr(procfs, "CGROUPS", tmp_path)

    def write(path: str, content: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    return write


def test_a_frozen_group_is_found_with_the_file_that_thaws_it(
    groups: Callable[[str, str], None], tmp_path: Path
) -> None:
    mine = "system.slice/docker-1.scope"
    groups(f"{mine}/cgroup.events", "populated 1\nfrozen 0\n")
    assert procfs.freezer_in(f"0::/{mine}\n".encode()) == ""
    groups(f"{mine}/cgroup.events", "populated 1\nfrozen 1\n")
    groups(f"{mine}/cgroup.freeze", "1\n")
    assert procfs.freezer_in(f"0::/{mine}\n".encode()) == f"{tmp_path}/{mine}/cgroup.freeze"
    # By one above it.
    groups(f"{mine}/cgroup.freeze", "0\n")
    groups("system.slice/cgroup.freeze", "1\n")
    assert procfs.freezer_in(f"0::/{mine}\n".encode()) == f"{tmp_path}/system.slice/cgroup.freeze"


def test_a_hierarchy_of_version_2_beside_those_of_version_1(groups: Callable[[str, str], None], tmp_path: Path) -> None:
    content = b"9:freezer:/docker/1\n1:name=systemd:/docker/1\n0::/docker/1\n"
    groups("freezer/docker/1/freezer.state", "THAWED\n")
    groups("unified/docker/1/cgroup.events", "frozen 1\n")
    assert procfs.freezer_in(content) == f"{tmp_path}/unified/docker/1/cgroup.freeze"
    groups("unified/docker/1/cgroup.events", "frozen 0\n")
    assert procfs.freezer_in(content) == ""
    for words in ("FROZEN", "FREEZING"):
        groups("freezer/docker/1/freezer.state", f"{words}\n")
        assert procfs.freezer_in(content) == f"{tmp_path}/freezer/docker/1/freezer.state"
    groups("freezer/docker/freezer.self_freezing", "1\n")
    assert procfs.freezer_in(content) == f"{tmp_path}/freezer/docker/freezer.state"


@pytest.mark.parametrize("content", [b"", b"0::/gone\n", b"7:memory:/x\n", b"nothing of the kind", b"0::/../x\n"])
def test_without_a_group_that_can_be_read_nothing_is_frozen(groups: Callable[[str, str], None], content: bytes) -> None:
    groups("docker/cgroup.events", "frozen 1\n")
    assert procfs.freezer_in(content) == ""


def test_a_name_of_a_group_ends_no_line(groups: Callable[[str, str], None], tmp_path: Path) -> None:
    groups("a\x850::b/cgroup.events", "frozen 1\n")
    groups("b/cgroup.events", "frozen 0\n")
    assert procfs.freezer_in("0::/a\x850::b\n".encode()) == f"{tmp_path}/a\x850::b/cgroup.freeze"


def test_all_sockets_of_a_frozen_group_are_silent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "freezer_in", lambda dummy: "/sys/fs/cgroup/x/cgroup.freeze")
    assert server.inside().halt == server.listener().halt == Halt("frozen", "/sys/fs/cgroup/x/cgroup.freeze")


def test_snapshots_of_before_know_no_halted_process() -> None:
    plain = to_plain(Listener("tcp", "::", 80, pid=7, halt=Halt("frozen", "/sys/fs/cgroup/x/cgroup.freeze")))
    assert from_plain(Listener, plain).halt == Halt("frozen", "/sys/fs/cgroup/x/cgroup.freeze")
    del plain["halt"]
    assert from_plain(Listener, plain) == Listener("tcp", "::", 80, pid=7)


def test_in_containers_the_groups_of_all_their_processes_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 starts the first process 6 and, for docker exec, 7; 8 is a child of 6, 9 is of the host, and 10 is stopped."""
    parents = {5: 1, 6: 5, 7: 5, 8: 6, 9: 1, 10: 9}
    processes = [procfs.Process(pid, "", ppid, 1, "T" if pid == 10 else "S") for pid, ppid in parents.items()]
    asked: list[int] = []

    def halted_holders(dummy: object, candidates: set[int]) -> socket_owners.Halted:
        asked.extend(sorted(candidates))
        return {}

    monkeypatch.setattr(socket_owners, "halted_holders", halted_holders)
    assert socket_owners.halted_in_containers(processes, {6, None, 99}) == {}
    assert asked == [5, 6, 7, 8, 10]
