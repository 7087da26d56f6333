# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dockerd serves which address, and who only says so."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._host import daemon_process, procfs, service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
    Dockerds,
    addresses_served,
    describe_daemon,
    find_dockerds,
    leads_to,
    named_dockerd,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import (
    EngineAddress,
    parse_engine_address,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

SOCKET = "unix:///var/run/docker.sock"
REAL, FAKE = 500, 900


@dataclass
class Shown:
    """A process as the kernel shows it."""

    uid: int = 0
    argv: list[str] = field(default_factory=lambda: ["/usr/bin/dockerd", "-H", "fd://"])
    start: int = 5
    holds: Optional[bool] = False
    program: Optional[str] = "/usr/bin/dockerd"
    nested: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    unit: str = ""


class Kernel:
    """What it shows of processes and of the socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.shown: dict[int, Shown] = {}
        self.owner: Optional[int] = 0
        self.main_pids: dict[str, int] = {}
        self.opened: list[str] = []
        self.pid_file = folder / "docker.pid"
        kernel = self

        class Holders:
            def __init__(self, dummy: EngineAddress) -> None:
                self.owner = kernel.owner

            def holds(self, pid: int) -> Optional[bool]:
                return kernel.shown[pid].holds

            def may_serve(self, pid: int) -> bool:
                return kernel.shown[pid].uid in (0, kernel.owner)

        monkeypatch.setattr(daemon_process, "SocketHolders", Holders)
        monkeypatch.setattr(daemon_process, "PID_FILE", self.pid_file)
        monkeypatch.setattr(daemon_process, "unit_of", lambda pid: self.shown[pid].unit)
        monkeypatch.setattr(service, "SYSTEMD_RUNS", folder)
        for name in ("uid", "argv", "program", "environment"):
            monkeypatch.setattr(procfs, name, lambda pid, name=name: getattr(self.shown[pid], name))
        monkeypatch.setattr(procfs, "is_nested", lambda pid: self.shown[pid].nested)

        def watched(path: str) -> object:
            self.opened.append(str(path))
            return read_regular(path)

        monkeypatch.setattr(daemon_process, "read_regular", watched)

    def systemd(self, argv: list[str]) -> tuple[int, str, str]:
        assert argv[:2] == ["systemctl", "show"]
        return 0, f"MainPID={self.main_pids.get(argv[2], 0)}\n", ""

    def find(self, docker_host: str = SOCKET) -> Dockerds:
        listed = [procfs.Process(pid, "dockerd", 1, item.start) for pid, item in self.shown.items()]
        return find_dockerds(listed, docker_host, self.systemd)

    def serving(self, docker_host: str = SOCKET) -> Optional[int]:
        found = self.find(docker_host).serving
        return found.pid if found else None


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Kernel:
    return Kernel(monkeypatch, tmp_path)


FAKE_WORDS = ["dockerd", "-H", "unix:///var/run/docker.sock", "--config-file", "/tmp/fifo"]


@pytest.mark.parametrize("start", [1, 9])
@pytest.mark.parametrize("holds", [False, None])
def test_a_stranger_is_no_dockerd_whatever_it_says(kernel: Kernel, start: int, *, holds: Optional[bool]) -> None:
    kernel.shown = {REAL: Shown(holds=True), FAKE: Shown(65534, FAKE_WORDS, start, holds=holds)}
    assert kernel.serving() == REAL
    del kernel.shown[REAL]
    assert [process.pid for process in kernel.find().strangers] == [FAKE]
    assert kernel.serving() is None
    assert kernel.opened == []


def test_a_stranger_of_whom_the_pid_file_and_its_own_unit_tell_is_none(kernel: Kernel) -> None:
    kernel.pid_file.write_text(str(FAKE))
    kernel.main_pids = {"fake.service": FAKE}
    kernel.shown = {FAKE: Shown(65534, FAKE_WORDS, holds=None, unit="fake.service")}
    assert kernel.serving() is None
    assert kernel.opened == []


def test_a_process_of_root_that_does_not_hold_the_socket_is_none(kernel: Kernel) -> None:
    kernel.main_pids = {"docker.service": FAKE}
    kernel.shown = {FAKE: Shown(0, FAKE_WORDS, unit="docker.service")}
    found = kernel.find()
    assert (found.serving, [process.pid for process in found.elsewhere]) == (None, [FAKE])
    assert kernel.opened == []


def test_of_two_that_hold_it_the_older_one_serves(kernel: Kernel) -> None:
    """As when dockerd has just forked, and its child is seen with another parent."""
    kernel.shown = {7: Shown(start=9, holds=True), 8: Shown(start=3, holds=True)}
    assert kernel.serving() == 8


def test_where_the_kernel_does_not_show_sockets_systemd_and_then_the_pid_file_count(kernel: Kernel) -> None:
    kernel.shown = {REAL: Shown(holds=None, unit="docker.service"), FAKE: Shown(0, start=1, holds=None)}
    found = kernel.find()
    assert (found.serving, [process.pid for process in found.unclear]) == (None, [FAKE, REAL])
    kernel.main_pids = {"docker.service": REAL}
    assert kernel.serving() == REAL
    kernel.main_pids = {}
    kernel.pid_file.write_text(f"{REAL}\n")
    if os.getuid() == 0:
        assert kernel.serving() == REAL
        os.chown(kernel.pid_file, 65534, 0)
    assert kernel.serving() is None


@pytest.mark.parametrize("text", ["", "x", "-5", "5 6", "\u0665", "9" * 5000])
def test_a_pid_file_that_names_no_process(kernel: Kernel, text: str) -> None:
    kernel.pid_file.write_text(text, encoding="utf-8")
    kernel.shown = {REAL: Shown(holds=None)}
    assert kernel.serving() is None


def test_a_dockerd_that_is_vouched_for_serves_what_it_was_told(kernel: Kernel, tmp_path: Path) -> None:
    config = tmp_path / "daemon.json"
    config.write_text('{"hosts": ["unix:///run/other.sock"]}')
    words = ["dockerd", f"--config-file={config}"]
    kernel.shown = {REAL: Shown(0, words, holds=None, unit="docker.service")}
    kernel.main_pids = {"docker.service": REAL}
    assert kernel.serving() is None
    assert kernel.serving("unix:///run/other.sock") == REAL
    config.unlink()
    assert kernel.serving() == REAL


def test_a_users_own_dockerd_serves_that_users_socket_alone(kernel: Kernel) -> None:
    kernel.owner = 1000
    runtime = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    kernel.shown = {REAL: Shown(1000, ["dockerd"], environment=runtime, holds=None)}
    assert kernel.serving("unix:///run/user/1000/docker.sock") == REAL
    kernel.shown = {REAL: Shown(1000, ["dockerd"], environment=runtime, holds=True)}
    assert kernel.serving("unix:///run/user/1000/docker.sock") == REAL
    kernel.shown = {FAKE: Shown(1001, FAKE_WORDS, environment=runtime, holds=True)}
    assert kernel.serving("unix:///run/user/1000/docker.sock") is None


def test_at_a_tcp_port_that_dockerd_holds_for_a_container_no_dockerd_serves(kernel: Kernel) -> None:
    kernel.shown = {REAL: Shown(0, ["dockerd", "-H", "tcp://0.0.0.0:2376"], holds=True)}
    assert kernel.serving("tcp://127.0.0.1:2376") == REAL
    assert kernel.serving("tcp://127.0.0.1:2375") is None


def test_an_address_that_is_none_is_served_by_nobody(kernel: Kernel) -> None:
    kernel.shown = {REAL: Shown(holds=True)}
    assert kernel.find("tcp://127.evil.example") == Dockerds()


@pytest.mark.parametrize(
    "shown",
    [
        Shown(argv=[]),
        Shown(argv=["docker-untar", "/"]),
        Shown(program="/usr/bin/perl"),
        Shown(nested=True),
    ],
)
def test_what_does_not_even_go_by_the_name(kernel: Kernel, shown: Shown) -> None:
    kernel.shown = {FAKE: shown}
    assert named_dockerd([procfs.Process(FAKE, "dockerd", 1, 5)]) == []


def test_a_child_that_looks_like_its_parent_is_left_out(kernel: Kernel) -> None:
    kernel.shown = {REAL: Shown(), 501: Shown()}
    listed = [procfs.Process(REAL, "dockerd", 1, 5), procfs.Process(501, "dockerd", REAL, 6)]
    assert named_dockerd(listed) == listed[:1]


def test_where_others_serve_is_told_as_far_as_the_kernel_shows_it(kernel: Kernel) -> None:
    kernel.owner = 1000
    kernel.shown = {
        1: Shown(1000, ["dockerd"], environment={"XDG_RUNTIME_DIR": "/run/user/1000"}, holds=True),
        2: Shown(1000, ["dockerd", "-H", "unix:///run/lure.sock"], holds=False),
        3: Shown(1000, ["dockerd", "-H", "unix:///run/\x1b[2J.sock"], holds=True),
        4: Shown(0, ["dockerd", "-H", "fd://", "-H", "tcp://evil.example:1"], holds=True),
        5: Shown(0, ["dockerd", "-H", "unix:///run/b.sock"], holds=True),
    }
    listed = [procfs.Process(pid, "dockerd", 1, 5) for pid in kernel.shown]
    assert addresses_served(listed) == ["unix:///run/user/1000/docker.sock for user 1000", "unix:///run/b.sock"]


@pytest.mark.parametrize(
    ("host", "wanted", "yes"),
    [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock", True),
        ("fd://", "unix:///var/run/docker.sock", True),
        ("unix:///run/other.sock", "unix:///var/run/docker.sock", False),
        ("tcp://0.0.0.0:2375", "tcp://127.0.0.1:2375", True),
        ("127.0.0.1", "tcp://127.0.0.1", True),
        (":2376", "tcp://127.0.0.1:2376", True),
        ("tcp://0.0.0.0:2375", "tcp://127.0.0.1:2376", False),
        ("tcp://0.0.0.0:x", "tcp://127.0.0.1:2375", False),
        ("unix:///run/docker.sock", "tcp://127.0.0.1:2375", False),
        ("tcp://0.0.0.0:2375", "unix:///a", False),
        ("unix:///a", "http+unix:///a", True),
        ("tcp://[::1", "tcp://[::1]", False),
    ],
)
def test_addresses(host: str, wanted: str, yes: bool) -> None:
    assert leads_to(host, parse_engine_address(wanted)) is yes


def test_links_in_a_path_are_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var-run").symlink_to("run")
    assert leads_to(f"unix://{tmp_path}/var-run/d.sock", EngineAddress(f"{tmp_path}/run/d.sock"))


def test_sockets_that_the_service_manager_handed_over_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    for words, count in (({"LISTEN_FDS": "2", "SECRET": "x"}, 2), ({"LISTEN_FDS": "many"}, 0), ({}, 0)):
        monkeypatch.setattr(procfs, "environment", lambda pid, words=words: words)
        daemon = describe_daemon(own)
        assert (daemon.sockets_handed, daemon.uid, daemon.pid) == (count, os.getuid(), os.getpid())


def test_a_step_of_the_clock_does_not_move_the_ticks_of_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    own = procfs.read_process(os.getpid())
    assert own is not None
    before = describe_daemon(own)
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)
    after = describe_daemon(own)
    assert after.started_at < before.started_at - 3600
    assert after.start_ticks == before.start_ticks == own.start_ticks
