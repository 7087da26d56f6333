# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a container's processes run: what the engine, cgroups and the kernel say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import InodeListener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import ListeningSocket
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import process

WEB = Container("1" * 64, "web", status="running", pid=10)
HTTP = InodeListener(7, Listener("tcp", "::", 80), 3, 10)
STAT = b"10 (a b) c)) %s 1 10 10 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 100 0 0\n"


class Host:
    """Processes and cgroups that a test has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[tuple[int, str], bytes] = {(10, "stat"): STAT % b"S", (10, "cgroup"): b"0::/docker/1\n"}
        self.sockets = [HTTP]

    def cgroup(self, path: str, content: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True)
        file.write_text(content)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    found = Host(tmp_path)
    monkeypatch.setattr(procfs, "CGROUPS", tmp_path)
    monkeypatch.setattr(procfs, "read_bytes", lambda pid, name: found.files.get((pid, name), b""))
    monkeypatch.setattr(procfs, "processes", lambda: [item for item in map(procfs.read_process, (10, 11)) if item])
    monkeypatch.setattr(procfs, "namespace", lambda *dummy: 1)
    monkeypatch.setattr(procfs, "sockets", lambda dummy: {7})
    monkeypatch.setattr(process, "in_namespace", lambda *dummy: found.sockets)
    return found


def test_one_that_runs(host: Host) -> None:
    state = process.process_state(WEB)
    assert (state.state, state.pid, state.reason) == ("running", 10, "")
    assert (state.listening, state.queue_full) == (["tcp [::]:80"], [])


def test_one_that_does_not_run() -> None:
    state = process.process_state(Container("1" * 64, "web", status="exited"))
    assert (state.state, state.reason) == ("exited", "it does not run (exited)")


def test_one_that_ended_meanwhile(host: Host) -> None:
    host.files.clear()
    assert process.process_state(WEB).state == "exited"


def test_one_that_the_engine_paused(host: Host) -> None:
    assert process.process_state(Container("1" * 64, "web", status="paused", pid=10)).state == "paused"


@pytest.mark.parametrize(
    ("line", "path", "content"),
    [
        (b"0::/docker/1\n", "docker/1/cgroup.events", "populated 1\nfrozen 1\n"),
        (b"0::/docker/1\n", "unified/docker/1/cgroup.events", "frozen 1\n"),
        (b"7:freezer:/docker/1\n", "freezer/docker/1/freezer.state", "FROZEN\n"),
    ],
)
def test_one_whose_cgroup_is_frozen(host: Host, line: bytes, path: str, content: str) -> None:
    host.files[10, "cgroup"] = b"3:memory:/x\n" + line
    host.cgroup(path, content)
    state = process.process_state(WEB)
    file = host.folder / path
    knob = file.with_name("cgroup.freeze") if file.name == "cgroup.events" else file
    assert (state.state, state.reason) == ("paused", f"its cgroup is frozen ({knob})")


def test_one_whose_cgroup_is_not_frozen(host: Host) -> None:
    host.cgroup("docker/1/cgroup.events", "populated 1\nfrozen 0\n")
    assert process.process_state(WEB).state == "running"


def test_one_that_a_signal_stopped_or_whose_server_is(host: Host) -> None:
    host.files[10, "stat"] = STAT % b"T"
    state = process.process_state(WEB)
    assert state.state == "stopped"
    assert state.reason.startswith("process 10 (a b) c)) is stopped (SIGSTOP")
    host.files[10, "stat"], host.files[11, "stat"] = STAT % b"S", STAT % b"T"
    state = process.process_state(WEB)
    assert (state.state, state.pid, state.halted) == ("stopped", 10, 11)
    assert state.reason.startswith("process 11 ")
    host.sockets = []
    assert process.process_state(WEB).state == "running"


STATUS = b"SigQ:\t%d/9\nvoluntary_ctxt_switches:\t%d\nnonvoluntary_ctxt_switches:\t3\n"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch, host: Host) -> list[Callable[[], None]]:
    """What happens while it is waited whether a traced process stands still; nothing by default."""
    meanwhile: list[Callable[[], None]] = []
    monkeypatch.setattr("time.sleep", lambda dummy: [each() for each in meanwhile])
    host.files[10, "status"] = host.files[11, "status"] = STATUS % (0, 1)
    return meanwhile


def test_one_that_a_debugger_stopped_or_whose_server_is(host: Host, pauses: list[Callable[[], None]]) -> None:
    host.files[10, "stat"] = STAT % b"t"
    # Signals that wait for any process of its user.
    pauses.append(lambda: host.files.update({(10, "status"): STATUS % (5, 1)}))
    state = process.process_state(WEB)
    assert (state.state, state.halted) == ("traced", 10)
    assert state.reason == "process 10 (a b) c)) is stopped (by a debugger, TracerPid in /proc/10/status)"
    host.files[10, "stat"], host.files[11, "stat"] = STAT % b"S", STAT % b"t"
    state = process.process_state(WEB)
    assert (state.state, state.pid, state.halted) == ("traced", 10, 11)


@pytest.mark.parametrize(
    ("stat", "status"), [(STAT % b"t", STATUS % (0, 2)), (STAT % b"S", STATUS % (0, 1)), (b"", b"")]
)
def test_one_that_a_tracer_stops_for_moments_runs(
    host: Host, pauses: list[Callable[[], None]], stat: bytes, status: bytes
) -> None:
    host.files[10, "stat"] = STAT % b"t"
    pauses.append(lambda: host.files.update({(10, "stat"): stat, (10, "status"): status}))
    assert process.process_state(WEB).state == "running"


def test_a_queue_is_full_with_one_more_than_it_has_room_for(host: Host) -> None:
    host.sockets = [
        HTTP._replace(waiting=10),
        InodeListener(8, Listener("tcp", "0.0.0.0", 81), 11, 10),  # noqa: S104
        InodeListener(9, Listener("udp", "192.0.2.1", 53), 4096, 0),
        InodeListener(10, Listener("udp", "127.0.0.11", 40000)),
    ]
    state = process.process_state(WEB)
    assert state.queue_full == [ListeningSocket("tcp", "0.0.0.0", 81)]  # noqa: S104
    assert state.listening == ["tcp [::]:80", "tcp 0.0.0.0:81", "udp 192.0.2.1:53"]
