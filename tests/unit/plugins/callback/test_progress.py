# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback progress, driven as Ansible drives it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.dockernet.baseline.plugins.callback import progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Run:
    """A play over hosts, and what the callback has written."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool = False, columns: int = 200, terminal: str = "xterm"
    ) -> None:
        self.text = ""
        self.clock = Clock()
        self.shown: list[str] = []
        self.display = SimpleNamespace(display=lambda text, **options: self.shown.append(text), verbosity=0)
        monkeypatch.setattr(progress, "time", self.clock)
        monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=self))
        monkeypatch.setenv("TERM", terminal)
        monkeypatch.setattr("shutil.get_terminal_size", lambda **options: SimpleNamespace(columns=columns))
        self._is_terminal = is_terminal
        self.callback = progress.CallbackModule(display=self.display)
        options = yaml.safe_load(progress.DOCUMENTATION)["options"]
        defaults = {name: option["default"] for name, option in options.items()}
        monkeypatch.setattr(self.callback, "get_option", defaults.__getitem__)

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def play(self, hosts: int, batch: range | None = None, name: str = "Audit the network of Docker hosts") -> None:
        names = [f"h{number}" for number in range(hosts)]
        variables = {"ansible_play_hosts_all": names, "ansible_play_batch": [f"h{n}" for n in batch or range(hosts)]}
        manager = SimpleNamespace(get_vars=lambda **options: variables)
        play = SimpleNamespace(get_variable_manager=lambda: manager, get_name=lambda: name)
        self.callback.v2_playbook_on_play_start(play)

    def task(self, name: str = "Audit", *, run_once: bool = False, ignore_unreachable: bool = False) -> Any:
        task = SimpleNamespace(
            _uuid=object(), get_name=lambda: name, run_once=run_once, ignore_unreachable=ignore_unreachable
        )
        self.callback.v2_playbook_on_task_start(task, is_conditional=False)
        return task

    def result(self, task: Any, host: int, outcome: str = "ok", seconds: float = 1.0, **result: Any) -> None:
        self.clock.now += seconds
        done = SimpleNamespace(task=task, host=SimpleNamespace(get_name=lambda: f"h{host}"), result=result)
        ignored = {"ignore_errors": False} if outcome == "failed" else {}
        getattr(self.callback, f"v2_runner_on_{outcome}")(done, **ignored)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch, is_terminal=True)


def test_a_line_for_every_tenth_of_the_hosts(run: Run) -> None:
    run.play(100)
    task = run.task()
    for host in range(100):
        run.result(task, host)
    assert len(run.lines) == 10
    assert run.lines[0] == "progress: Audit: 10 of 100 hosts (10 %), about 2 min left"
    assert run.lines[-1] == "progress: Audit: 100 of 100 hosts (100 %)"


def test_what_failed_is_counted(run: Run) -> None:
    run.play(10)
    task = run.task(ignore_unreachable=True)
    for host in range(10):
        outcome = {1: "failed", 2: "unreachable", 3: "unreachable", 4: "skipped"}.get(host, "ok")
        run.result(task, host, outcome, 20.0, **({"gate": "closed"} if host == 5 else {"gate": "open"}))
    assert run.lines[5] == (
        "progress: Audit: 6 of 10 hosts (60 %), 1 failed, 2 unreachable, 1 gate closed, about 2 min left"
    )


def test_slow_hosts_have_a_line_in_each_interval(run: Run) -> None:
    run.play(1000)
    task = run.task()
    for host in range(100):
        run.result(task, host, seconds=2.0)
    # 200 seconds, in which a tenth was done once.
    assert 6 <= len(run.lines) <= 8
    assert run.lines[0] == "progress: Audit: 15 of 1000 hosts (2 %), about 33 min left"


def test_a_task_that_is_soon_done_has_none(run: Run) -> None:
    run.play(1000)
    task = run.task()
    for host in range(1000):
        run.result(task, host, seconds=0.004)
    assert run.text == ""


def test_few_hosts_have_none(run: Run) -> None:
    run.play(9)
    task = run.task()
    for host in range(9):
        run.result(task, host, seconds=100.0)
    assert run.text == ""


def test_a_task_of_one_host_has_none(run: Run) -> None:
    run.play(100)
    task = run.task("Summarize the run", run_once=True)
    run.result(task, 0, seconds=100.0)
    assert run.text == ""


def test_hosts_that_are_lost_are_not_waited_for(run: Run) -> None:
    run.play(20)
    first = run.task("Connect")
    for host in range(20):
        run.result(first, host, "ok" if host < 15 else "unreachable", 0.1)
    second = run.task("Audit")
    for host in range(15):
        run.result(second, host, seconds=2.0)
    assert run.lines[-1] == "progress: Audit: 15 of 15 hosts (100 %)"


def test_hosts_that_a_block_rescued_are_counted(run: Run) -> None:
    run.play(10)
    first = run.task("Try")
    for host in range(10):
        run.result(first, host, "failed", 0.1)
    run.play(10)
    first = run.task("Try")
    run.result(first, 0, "failed", 0.1)
    second = run.task("Rescue")
    assert run.callback._task is None
    for host in range(10):
        run.result(second, host, seconds=10.0)
    assert run.text == ""


def test_results_of_other_tasks_are_not_counted(run: Run) -> None:
    """With the strategy free hosts are in different tasks."""
    run.play(20)
    first, second = run.task("First"), run.task("Second")
    for host in range(10):
        run.result(first, host, seconds=10.0)
    run.result(second, 0, seconds=10.0)
    assert run.lines == ["progress: Second: 1 of 20 hosts (5 %), about 35 min left"]


def test_batches_say_how_many_are_done_before(run: Run) -> None:
    run.play(101, range(1))
    run.clock.now += 60
    run.play(101, range(1, 21))
    run.clock.now += 100
    run.play(101, range(21, 41))
    assert run.lines == [
        "progress: 1 of 101 hosts done, 20 begin, about 5 min left",
        "progress: 21 of 101 hosts done, 20 begin, about 7 min left",
    ]


def test_another_play_begins_at_nothing(run: Run) -> None:
    run.play(20)
    run.play(20)
    run.play(20, range(10), name="Another")
    assert run.text == ""


def test_the_line_on_a_terminal_is_written_again(terminal: Run) -> None:
    terminal.play(100)
    task = terminal.task("Audit\x1b[2J")
    for host in range(100):
        terminal.result(task, host)
    terminal.callback.v2_playbook_on_stats(None)
    assert "\n" not in terminal.text
    states = terminal.text.split("\r\x1b[K")
    assert states[1] == "Audit?[2J: 5 of 100 hosts (5 %), about 2 min left"
    assert states[-1] == ""


def test_the_line_on_a_terminal_is_not_drawn_too_often(terminal: Run) -> None:
    terminal.play(10_000)
    task = terminal.task()
    for host in range(10_000):
        terminal.result(task, host, seconds=0.001)
    # The first five of the ten seconds have none.
    assert 20 <= terminal.text.count("\r") <= 27


def test_the_line_makes_way_for_what_others_show(terminal: Run) -> None:
    terminal.play(100)
    task = terminal.task()
    for host in range(6):
        terminal.result(task, host)
    assert terminal.text.endswith("left")
    terminal.display.display("ok: [h7]")
    assert terminal.text.endswith("left\r\x1b[K")
    assert terminal.shown == ["ok: [h7]"]
    terminal.display.display("ok: [h8]")
    assert terminal.text.endswith("left\r\x1b[K")


def test_the_line_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Run(monkeypatch, is_terminal=True, columns=30)
    narrow.play(100)
    task = narrow.task("A task with a name that is long")
    for host in range(10):
        narrow.result(task, host)
    assert max(len(state) for state in narrow.text.split("\r\x1b[K")) == 29


def test_a_dumb_terminal_is_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, is_terminal=True, terminal="dumb")
    run.play(10)
    task = run.task()
    run.result(task, 0, seconds=30.0)
    assert run.text.startswith("progress: ")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "5 s"), (31, "35 s"), (59.9, "60 s"), (61, "2 min"), (3600, "60 min"), (7200, "2.0 h"), (100_000, "27.8 h")],
)
def test_durations(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words
