"""dockerd reloaded and restarted with a new daemon.json, and undone on failure; what systemd is asked for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import daemon_restart
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    RELOAD,
    RESTART,
    DaemonPlan,
    DaemonStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_restart import (
    BareDaemon,
    DaemonTransaction,
    DockerService,
    ServiceState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import read_process
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

from tests.unit.patience import SECONDS
from tests.unit.plugins.module_utils._change.hosts import HOST, WEB, with_engine

SHOWN = {
    "docker.service": "KillMode=process\nRequiredBy=shop.service idle.service\nBoundBy=\nConsistsOf=docker.socket\n"
    "ActiveState=active\nMainPID=42\nJob=7\n",
    "shop.service": "ActiveState=active\n",
    "idle.service": "ActiveState=inactive\n",
}
# In Python, since a shell cannot trap a signal that is ignored when it starts, as under nohup.
DOCKERD = """#!{python}
import signal, sys
signal.signal(signal.SIGHUP, lambda *dummy: sys.exit("reloaded"))
signal.alarm(30)
print("ready", flush=True)
signal.pause()
"""
NEW, OLD, SAFE = "new\n", "old\n", "safe\n"
PREPARED = [DaemonStep(NEW, RELOAD, expected={"live-restore": True}), DaemonStep(NEW, RESTART)]


class Programs:
    """Answers like systemctl and journalctl, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.status = 0
        self.journal = ""

    def __call__(self, argv: list[str]) -> tuple[int, str, str]:
        self.asked.append(argv)
        if argv[:2] == ["systemctl", "show"]:
            return self.status, SHOWN.get(argv[2], ""), "no answer"
        return self.status, self.journal, "no answer"


def test_traits_name_active_services_only() -> None:
    traits = DockerService(Programs(), "docker.service").traits()
    assert (traits.kill_mode, traits.dependents) == ("process", ["shop.service"])


def test_state_is_of_one_moment() -> None:
    programs = Programs()
    assert DockerService(programs, "docker.service").state() == ServiceState("active", 42, has_job=True)
    assert len(programs.asked) == 1


def test_restart_does_not_trip_over_the_limit_of_starts_and_does_not_block() -> None:
    programs = Programs()
    DockerService(programs, "docker.service").restart()
    assert programs.asked == [
        ["systemctl", "reset-failed", "docker.service"],
        ["systemctl", "restart", "--no-block", "docker.service"],
    ]


def test_what_systemctl_refuses_is_said() -> None:
    programs = Programs()
    programs.status = 1
    with pytest.raises(ChangeFailed, match=r"reload docker\.service failed: no answer"):
        DockerService(programs, "docker.service").reload()


def test_the_journal_from_a_cursor_on() -> None:
    programs = Programs()
    service = DockerService(programs, "docker.service")
    programs.journal = "-- cursor: s=1;i=2\n"
    assert service.cursor() == "s=1;i=2"
    programs.journal = "one\n\ntwo\n"
    assert service.journal_since("s=1;i=2") == ["one", "two"]
    assert "--after-cursor=s=1;i=2" in programs.asked[-1]


def begun(pid: int) -> int:
    process = read_process(pid)
    assert process is not None
    return process.start_ticks


def test_a_process_that_is_no_dockerd_gets_no_signal() -> None:
    """The test itself would end of it."""
    daemon = BareDaemon(os.getpid(), begun(os.getpid()))
    with pytest.raises(ChangeFailed, match="no longer the dockerd"):
        daemon.reload()
    with pytest.raises(ChangeFailed, match="not restarted"):
        daemon.restart()
    assert daemon.state() == ServiceState("active", os.getpid(), has_job=False)
    assert daemon.journal_since(daemon.cursor()) == []


def test_a_dockerd_is_sent_the_signal(tmp_path: Path) -> None:
    program = tmp_path / "dockerd"
    program.write_text(DOCKERD.format(python=sys.executable))
    program.chmod(0o755)
    with subprocess.Popen([program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # Of one that got the number of a dockerd that had ended.
        with pytest.raises(ChangeFailed, match="no longer the dockerd"):
            BareDaemon(process.pid, begun(process.pid) - 5).reload()
        BareDaemon(process.pid, begun(process.pid)).reload()
        assert process.communicate()[1] == "reloaded\n"


class Machine:
    """A dockerd that starts only with files it likes, and its service."""

    def __init__(self, path: Path, likes: set[str], host: HostSnapshot = HOST) -> None:
        self.path = path
        self.likes = likes
        self.host = host
        self.pid = 1
        self.active = "active"
        self.done: list[str] = []
        self.reload_works = True
        self.reported: list[dict[str, str]] = []

    def read(self) -> HostSnapshot:
        return self.host

    def restart(self) -> None:
        self.done.append("restart")
        starts = self.path.exists() and self.path.read_text() in self.likes
        self.active = "active" if starts else "failed"
        self.pid += starts

    def reload(self) -> None:
        self.done.append("reload")
        if self.reload_works:
            live = self.path.read_text() != SAFE
            self.host = with_engine(self.host, live_restore=live)
            self.reported = [{"live-restore": str(live).lower()}]

    def reloads(self, dummy: float) -> list[dict[str, str]]:
        return self.reported

    def state(self) -> ServiceState:
        return ServiceState(self.active, self.pid, has_job=False)

    def cursor(self) -> str:
        return "here"

    def journal_since(self, cursor: str) -> list[str]:
        assert cursor == "here"
        return ["no such file"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for limit in ("NOTICE_SECONDS", "RELOAD_SECONDS", "START_SECONDS"):
        monkeypatch.setattr(daemon_restart, limit, 0.0)
    file = tmp_path / "daemon.json"
    file.write_text(OLD)
    return file


def run(machine: Machine, *steps: DaemonStep, accepted: str = "", **plan: Any) -> None:
    journal = Journal("test", machine.path.parent / "journal")
    journal.begin([])
    transaction = DaemonTransaction(machine, machine.read, machine.reloads, journal)
    config = read_file(str(machine.path))
    fallback = None if config.data is None else config.data.decode()
    defaults: dict[str, Any] = {"kept": [WEB], "fallback": fallback, "undo": [DaemonStep(fallback, RELOAD)]}
    made = list(steps) or [DaemonStep(NEW, RESTART)]
    transaction.run(DaemonPlan(Outline(), config, steps=made, **{**defaults, **plan}), lambda dummy: accepted)


def failure(machine: Machine, *steps: DaemonStep, **plan: Any) -> ChangeFailed:
    with pytest.raises(ChangeFailed) as caught:
        run(machine, *steps, **plan)
    return caught.value


def test_success(path: Path) -> None:
    machine = Machine(path, {NEW})
    run(machine, *PREPARED)
    assert machine.done == ["reload", "restart"]
    assert path.read_text() == NEW


def test_the_file_alone(path: Path) -> None:
    machine = Machine(path, {NEW})
    run(machine, DaemonStep(NEW))
    assert machine.done == []
    assert path.read_text() == NEW


def test_a_reload_that_does_nothing_stops_everything(path: Path) -> None:
    machine = Machine(path, {NEW})
    machine.reload_works = False
    error = failure(machine, *PREPARED)
    assert "not restarted" in str(error)
    assert error.log == ["no such file"]
    # What the first reload may have brought in is taken back by a second.
    assert machine.done == ["reload", "reload"]
    assert path.read_text() == OLD


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('level=error msg="unable to configure the Docker daemon with file x: nope"', "rejected the reload"),
        ('level=error msg="container 1: something else"', "did not confirm"),
        ('level=info msg="Got signal to reload configuration"', "did not confirm"),
    ],
)
def test_a_reload_that_dockerd_rejects_is_read_from_its_log(
    path: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    machine = Machine(path, {NEW})
    machine.reload_works = False
    monkeypatch.setattr(machine, "journal_since", lambda dummy: [line])
    error = failure(machine, DaemonStep(NEW, RELOAD))
    assert words in str(error)
    assert "no container was affected" in str(error)
    assert path.read_text() == OLD


def test_a_reload_that_brings_in_something_else_is_taken_back(path: Path) -> None:
    machine = Machine(path, {NEW})
    error = failure(machine, DaemonStep(NEW, RELOAD, {"live-restore": False}))
    assert "dockerd reports live-restore as true" in str(error)
    assert machine.done == ["reload", "reload"]
    assert path.read_text() == OLD


def test_a_restart_that_the_daemon_contradicts_is_undone(path: Path) -> None:
    machine = Machine(path, {NEW, OLD})
    error = failure(machine, DaemonStep(NEW, RESTART, {"live-restore": True}))
    assert "live-restore as false; undone" in str(error)
    assert path.read_text() == OLD


def dies_of_a_reload(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started again by systemd, it reads the new file."""

    def reload() -> None:
        machine.done.append("reload")
        machine.restart()
        live_restore = machine.path.read_text() == NEW and machine.active == "active"
        machine.host = with_engine(machine.host, live_restore=live_restore)
        raise ChangeFailed("systemctl reload failed")

    monkeypatch.setattr(machine, "reload", reload)


def test_a_dockerd_that_dies_of_the_reload_comes_up_with_the_new_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(path, {NEW})
    dies_of_a_reload(machine, monkeypatch)
    run(machine, *PREPARED)
    assert machine.done == ["reload", "restart", "restart"]
    assert path.read_text() == NEW


def test_a_dockerd_that_dies_of_the_reload_never_finds_the_file_that_kills_containers(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(path, {OLD, SAFE})
    dies_of_a_reload(machine, monkeypatch)
    monkeypatch.setattr(machine, "state", lambda: ServiceState(machine.active, len(machine.done), has_job=False))
    error = failure(machine, *PREPARED, fallback=SAFE, fallback_name="the safe file")
    assert "asked to reload" in str(error)
    assert "again with the safe file" in str(error)
    assert path.read_text() == SAFE


def test_a_dockerd_that_hangs_is_not_said_to_run(path: Path) -> None:
    machine = Machine(path, {NEW}, replace(HOST, sources={**HOST.sources, "engine": Source(read=False)}))
    machine.reload_works = False
    assert "does not answer" in str(failure(machine, *PREPARED))
    assert path.read_text() == OLD


def test_live_restore_that_stays_behind_the_restart_is_said(path: Path) -> None:
    machine = Machine(path, {NEW}, with_engine(live_restore=True))
    machine.reload_works = False
    error = failure(machine, DaemonStep(NEW, RESTART), DaemonStep(SAFE, RELOAD, {"live-restore": False}))
    assert "still with live-restore" in str(error)
    assert path.read_text() == SAFE


def test_a_start_that_fails_is_undone(path: Path) -> None:
    machine = Machine(path, {OLD})
    error = failure(machine)
    assert "with the previous file" in str(error)
    assert path.read_text() == OLD
    assert machine.active == "active"


def test_an_old_file_that_cannot_be_put_back_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(path, {NEW, OLD})
    began = machine.restart

    def restart() -> None:
        began()
        monkeypatch.setattr(daemon_restart, "replace_file", refuse)

    def refuse(*dummy: Any) -> None:
        raise ChangeFailed("disk full")

    monkeypatch.setattr(machine, "restart", restart)
    error = failure(machine, accepted="still on")
    assert f"runs again, with the new {path}: " in str(error)
    assert ": disk full" in str(error)
    assert path.read_text() == NEW


def test_the_fallback_is_taken_where_the_old_file_would_hurt(path: Path) -> None:
    error = failure(Machine(path, {OLD, SAFE}), fallback=SAFE, fallback_name="the safe file")
    assert "again with the safe file" in str(error)
    assert path.read_text() == SAFE


def test_a_file_that_was_not_there_goes_again(path: Path) -> None:
    path.unlink()
    error = failure(Machine(path, set()))
    assert not path.exists()
    assert "DOWN" in str(error)
    assert "1 containers keep running" in str(error)


def test_a_mode_that_is_not_in_force_is_undone(path: Path) -> None:
    error = failure(Machine(path, {NEW, OLD}), accepted="still on")
    assert "still on; undone" in str(error)
    assert path.read_text() == OLD


def test_a_daemon_that_hangs_is_undone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(path, {NEW, OLD})
    monkeypatch.setattr(machine, "state", lambda: ServiceState("activating", 2, has_job=True))
    assert "did not start within" in str(failure(machine))
    assert path.read_text() == OLD


def test_a_daemon_whose_socket_does_not_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(path, {NEW, OLD})
    monkeypatch.setattr(machine, "state", lambda: ServiceState("inactive", 0, has_job=False))
    assert "did not start; and it" in str(failure(machine))


def test_a_dockerd_that_is_not_ready_yet_is_not_looked_at(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the host shows until then is what the dockerd before it left."""
    machine = Machine(path, {NEW})
    looked = []
    answers = iter([False, False, True])

    def reloads(dummy: float) -> list[dict[str, str]]:
        if not next(answers):
            raise UnreadableError("error", "not yet")
        return []

    def read() -> HostSnapshot:
        looked.append(next(answers, "ready"))
        return machine.host

    monkeypatch.setattr(daemon_restart, "RELOAD_SECONDS", SECONDS)
    monkeypatch.setattr(machine, "reloads", reloads)
    monkeypatch.setattr(machine, "read", read)
    run(machine)
    assert looked == ["ready"]


def test_a_dockerd_that_never_answers_is_undone_and_says_why(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(path, {NEW, OLD})

    def reloads(dummy: float) -> list[dict[str, str]]:
        raise UnreadableError("error", "nothing listens")

    monkeypatch.setattr(machine, "reloads", reloads)
    assert "does not answer: nothing listens" in str(failure(machine))
    assert path.read_text() == OLD


@pytest.mark.parametrize(
    "now",
    [[], [replace(WEB, pid=None)], [replace(WEB, started_at="2026-02-02T00:00:00Z")]],
    ids=["gone", "dead", "new"],
)
def test_a_lost_container_is_named_and_nothing_undone(path: Path, now: list[Any]) -> None:
    machine = Machine(path, {NEW}, replace(HOST, containers=now))
    error = failure(machine)
    assert "web stopped, which" in str(error)
    assert machine.done == ["restart"]
    assert path.read_text() == NEW


def test_going_back_is_recorded(path: Path) -> None:
    failure(Machine(path, {OLD}))
    lines = (path.parent / "journal" / "journal.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["event"] == "undone"
