# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The callback progress."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
author: dockernet.baseline contributors (@dockernet)
version_added: 1.0.0
short_description: How far a task is over many hosts
requirements:
  - enable in configuration (C(callbacks_enabled = dockernet.baseline.progress))
description:
  - Shows while a task runs on how many hosts it is done, on how many it failed or could not reach them, on how many
    an audit closed the gate, and about how long it will take for the others. With C(serial) also how many hosts are
    done before the batch, and about how long the batches behind it will take.
  - It writes to standard error, so that what other callbacks write is as without it.
  - On a terminal it is one line, which is written again. Elsewhere, as in the log of a CI, it is a line for every
    O(step) percent of the hosts, five seconds apart at least, and after O(interval) seconds in any case.
  - Tasks of few hosts (O(min_hosts)), and those that take less than five seconds, have none. A line comes with the
    result of a host, so there is none while no host answers.
options:
  min_hosts:
    description: With fewer hosts than this in a task nothing is shown.
    type: int
    default: 10
    env:
      - name: DOCKERNET_PROGRESS_MIN_HOSTS
    ini:
      - section: callback_progress
        key: min_hosts
  interval:
    description: Seconds after which there is a line, even if there was less than O(step) percent of progress.
    type: float
    default: 30
    env:
      - name: DOCKERNET_PROGRESS_INTERVAL
    ini:
      - section: callback_progress
        key: interval
  step:
    description: Percent of the hosts after which there is a line.
    type: float
    default: 10
    env:
      - name: DOCKERNET_PROGRESS_STEP
    ini:
      - section: callback_progress
        key: step
"""

import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any

from ansible.plugins.callback import CallbackBase

SHORT = 5.0
"""Seconds that a task takes at least to be worth a line, and between two lines of a log."""
REDRAWN = 0.2
"""Seconds between two states of the line on a terminal."""
FIELDS = (("failed", "failed"), ("unreachable", "unreachable"), ("closed", "gate closed"))


def printable(text: str) -> str:
    """Return the name of a play or a task without what a terminal would act on."""
    return "".join(character if character.isprintable() else "?" for character in text)


def duration(seconds: float) -> str:
    """Return about how long that is, in words."""
    if seconds < 60:
        return f"{max(5, math.ceil(seconds / 5) * 5)} s"
    if seconds < 90 * 60:
        return f"{math.ceil(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


class TaskProgress:
    """One task over the hosts of a batch."""

    def __init__(self, name: str, hosts: int, now: float) -> None:
        self.name, self.hosts, self.started = name, hosts, now
        self.counts = {"done": 0, "failed": 0, "unreachable": 0, "closed": 0}

    @property
    def share(self) -> float:
        """Percent of the hosts that are done."""
        return 100 * self.counts["done"] / self.hosts

    def words(self, now: float) -> str:
        """The state of it, on one line."""
        done = self.counts["done"]
        parts = [f"{self.name}: {done} of {self.hosts} hosts ({self.share:.0f} %)"]
        parts += [f"{self.counts[key]} {word}" for key, word in FIELDS if self.counts[key]]
        left = (self.hosts - done) * (now - self.started) / done if done else 0.0
        return ", ".join([*parts, f"about {duration(left)} left"] if left else parts)


class Batches:
    """The batches of a play with ``serial``."""

    def __init__(self) -> None:
        self._hosts = 0
        self._done = 0
        self._batch = 0
        self._play = ""
        self._started = 0.0

    def begin(self, play: str, hosts: int, batch: int, now: float) -> str:
        """Return the words for a batch of a play that begins, nothing for a play without several."""
        is_next = play == self._play and hosts == self._hosts and self._done + self._batch < hosts
        self._done = self._done + self._batch if is_next else 0
        took, self._started = now - self._started, now
        self._play, self._hosts, self._batch = play, hosts, batch
        if not is_next:
            return ""
        left = took * math.ceil((hosts - self._done) / max(batch, 1))
        return f"{self._done} of {hosts} hosts done, {batch} begin, about {duration(left)} left"


class CallbackModule(CallbackBase):
    """What Ansible asks a callback plugin's file for."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "dockernet.baseline.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Any = None, options: Any = None) -> None:
        super().__init__(display=display, options=options)
        self._process = os.getpid()
        self._is_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._batches = Batches()
        self._batch: set[str] = set()
        self._lost: set[str] = set()
        self._task_id = ""
        self._task: TaskProgress | None = None
        self._shown_at = 0.0
        self._shown_share = 0.0
        self._is_drawn = False
        if self._is_terminal:
            self._clear_ahead_of_others()

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins, or a batch of it."""
        self._end_task()
        variables = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
        self._batch, self._lost = set(variables["ansible_play_batch"]), set()
        hosts = len(variables["ansible_play_hosts_all"])
        words = self._batches.begin(str(play.get_name()), hosts, len(self._batch), time.monotonic())
        if words and hosts >= self._option("min_hosts"):
            self._write(f"progress: {words}\n")

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001
        """A task begins on the hosts that are left."""
        self._begin(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """As a task."""
        self._begin(task)

    def v2_runner_on_ok(self, result: Any) -> None:
        """A host is done."""
        self._count(result, "closed" if result.result.get("gate") == "closed" else "")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A host had nothing to do."""
        self._count(result, "")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001
        """A host is done, and takes part in no further task unless it is ignored."""
        if not ignore_errors:
            self._lost.add(result.host.get_name())
        self._count(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host could not be reached."""
        if not result.task.ignore_unreachable:
            self._lost.add(result.host.get_name())
        self._count(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The run ends."""
        self._end_task()

    def _option(self, name: str) -> float:
        value: Callable[[str], Any] = self.get_option
        return float(value(name))

    def _begin(self, task: Any) -> None:
        self._end_task()
        hosts = len(self._batch - self._lost)
        if hosts < self._option("min_hosts") or task.run_once:
            return
        now = time.monotonic()
        self._task_id, self._task = task._uuid, TaskProgress(printable(task.get_name()), hosts, now)  # noqa: SLF001
        self._shown_at, self._shown_share = now, 0.0

    def _end_task(self) -> None:
        self._clear()
        self._task_id, self._task = "", None

    def _count(self, result: Any, what: str) -> None:
        """Count a result of the task that began last; with the strategy free others are running, too."""
        task = self._task
        if task is None or result.task._uuid != self._task_id:  # noqa: SLF001
            return
        # A block that rescues goes on with hosts that had failed.
        task.counts["done"] += 1
        task.hosts = max(task.hosts, task.counts["done"])
        if what:
            task.counts[what] += 1
        now = time.monotonic()
        if now - task.started < SHORT:
            return
        if self._is_terminal:
            self._draw(task, now)
        else:
            self._log(task, now)

    def _log(self, task: TaskProgress, now: float) -> None:
        waited, gained = now - self._shown_at, task.share - self._shown_share
        is_step = gained >= self._option("step") and waited >= SHORT
        if is_step or waited >= self._option("interval"):
            self._shown_at, self._shown_share = now, task.share
            self._write(f"progress: {task.words(now)}\n")

    def _draw(self, task: TaskProgress, now: float) -> None:
        if now - self._shown_at < REDRAWN and self._is_drawn:
            return
        self._shown_at = now
        words = task.words(now)[: max(20, shutil.get_terminal_size().columns - 1)]
        self._write(f"\r\x1b[K{words}")
        self._is_drawn = True

    def _clear(self) -> None:
        if self._is_drawn:
            self._is_drawn = False
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()

    def _clear_ahead_of_others(self) -> None:
        """Have the line removed before anything else is shown on the terminal: no callback is asked before that."""
        shown: Callable[..., None] = self._display.display

        def display(*args: Any, **options: Any) -> None:
            # Processes of hosts have their parent show what they have to say.
            if os.getpid() == self._process:
                self._clear()
            shown(*args, **options)

        # An attribute of the one object that all of Ansible shows things by.
        vars(self._display)["display"] = display
