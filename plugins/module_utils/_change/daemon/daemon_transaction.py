# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A new daemon.json brought into force: written, reloaded or restarted, verified, and undone when dockerd balks.

This knows nothing of what the keys mean: the plan says what text, and what to fall back on.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    reload_problem,
    report_problem,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import mode_for
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_plan import (
    RELOAD,
    RESTART,
    DaemonPlan,
    DaemonStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.service import Daemon, ServiceState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, encoded
from ansible_collections.dockernet.baseline.plugins.module_utils._change.waiting import wait_for
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot

RELOAD_SECONDS = 30.0
NOTICE_SECONDS = 2.0
"""In which systemd sees that dockerd has ended."""
START_SECONDS = 150.0
"""A restart first waits for the old dockerd to end, which kills containers after 10 s where nothing keeps them."""


class DaemonTransaction:
    """Carries out the steps of one plan; read() gives a fresh snapshot of the host.

    reloads() returns what the daemon says of each reload that it finished since a time (seconds). accepted() says why a
    host that was restarted is not as wanted; empty when it is.
    """

    def __init__(
        self,
        daemon: Daemon,
        read: Callable[[], HostSnapshot],
        reloads: Callable[[float], list[dict[str, str]]],
        journal: Journal,
    ) -> None:
        self._daemon = daemon
        self._read = read
        self._reloads = reloads
        self._journal = journal
        self._cursor = ""

    def run(
        self,
        plan: DaemonPlan,
        accepted: Callable[[HostSnapshot], str] = lambda dummy: "",
        after_restart: Callable[[HostSnapshot], None] = lambda dummy: None,
    ) -> None:
        """Bring plan into force.

        accepted() says why a host that was restarted is not as wanted, empty when it is. after_restart() does what
        dockerd leaves undone on the containers that it kept. Raises ChangeFailed when that did not succeed; its message
        says what dockerd runs with now.
        """
        self._cursor = self._daemon.cursor()
        restarted = False
        written = plan.config.data
        for step in plan.steps:
            written = self._write(plan, written, step)
            if step.action == RELOAD:
                before = self._daemon.state().main_pid
                problem = self._reload_problem(step)
                if problem:
                    raise self._not_reloaded(plan, problem, restarted=restarted, before=before)
            elif step.action == RESTART:
                snapshot = self._restart(plan, step, accepted)
                after_restart(snapshot)
                self._demand_kept(plan, snapshot)
                restarted = True

    # ---- forward -----------------------------------------------------------------------------------------------------

    def _write(self, plan: DaemonPlan, before: bytes | None, step: DaemonStep) -> bytes | None:
        """Make the file what step wants; return its content then."""
        data = encoded(step.text)
        if data != before:
            replace_file(replace(plan.config, data=before, mode=mode_for(plan.config, step.text)), data)
        return data

    def _reload_problem(self, step: DaemonStep) -> str:
        """Reload, wait for what the daemon says of it, and return what is wrong; empty for nothing."""
        before, cursor, since = self._daemon.state().main_pid, self._daemon.cursor(), time.time()
        problem = ""
        try:
            self._daemon.reload()
        except ChangeFailed as error:
            problem = str(error)
        if problem and not wait_for(lambda: self._daemon.state().main_pid != before, NOTICE_SECONDS):
            return problem
        reported: list[dict[str, str]] = []
        rejected: list[str] = []

        def answered() -> bool:
            nonlocal reported, rejected
            with contextlib.suppress(UnreadableError):
                reported = self._reloads(since)
            rejected = rejections(self._daemon.journal_since(cursor)) if cursor and not reported else []
            return bool(reported or rejected) or self._daemon.state().main_pid != before

        if not wait_for(answered, RELOAD_SECONDS):
            return f"dockerd did not confirm the reload within {RELOAD_SECONDS:.0f} seconds"
        if self._daemon.state().main_pid != before:
            return self._death_problem(step, problem)
        if rejected:
            return f"dockerd rejected the reload: {rejected[-1]}"
        return reload_problem(step.expected, reported[-1]) or report_problem(self._read(), step.expected)

    def _death_problem(self, step: DaemonStep, problem: str) -> str:
        """A dockerd that died of the reload is started again by systemd, with the new file: see how that went."""
        if wait_for(lambda: not report_problem(self._read(), step.expected), RELOAD_SECONDS):
            return ""
        return f"dockerd ended when it was told to reload{f' ({problem})' if problem else ''}"

    def _not_reloaded(self, plan: DaemonPlan, problem: str, *, restarted: bool, before: int) -> ChangeFailed:
        log = self._daemon.journal_since(self._cursor)
        if restarted:
            return ChangeFailed(
                f"{problem}; dockerd was restarted and runs with the new settings, but still with live-restore, which "
                f"that reload should have turned off. {plan.config.path} is as the reload found it",
                log,
            )
        restart = any(step.action == RESTART for step in plan.steps)
        died = self._daemon.state().main_pid != before
        if restart and died:
            # Its next start must not find a file without live-restore: it would stop the containers.
            return self._undone(plan, problem, log)
        back = self._taken_back(plan)
        self._journal.end("undone", problem=problem)
        not_restarted = ", live-restore did not come into force and dockerd was not restarted" if restart else ""
        silent = "" if self._read().was_read(ENGINE) else ", dockerd does not answer"
        fate = "its service has started it anew" if died else "no container was touched"
        return ChangeFailed(f"{problem}{not_restarted}{silent}; {fate}, and {back}", log)

    def _taken_back(self, plan: DaemonPlan) -> str:
        """Put the old file back, have the daemon read it, and say how that went."""
        for step in plan.undo:
            stuck = self._put_back(plan.config.path, encoded(step.text))
            if stuck:
                return stuck
            problem = self._reload_problem(step) if step.action == RELOAD else ""
            if problem:
                self._put_back(plan.config.path, plan.config.data)
                return (
                    f"{plan.config.path} is as it was. That dockerd read it again could not be seen ({problem}): what "
                    "the first reload brought may be in force until its next restart"
                )
        return f"{plan.config.path} is as it was, and dockerd has read it again"

    def _restart(self, plan: DaemonPlan, step: DaemonStep, accepted: Callable[[HostSnapshot], str]) -> HostSnapshot:
        snapshot, problem = self._started_anew()
        if snapshot is not None:
            problem = report_problem(snapshot, step.expected) or accepted(snapshot)
        if snapshot is None or problem:
            raise self._undone(plan, problem, self._daemon.journal_since(self._cursor))
        return snapshot

    def _demand_kept(self, plan: DaemonPlan, snapshot: HostSnapshot) -> None:
        lost = lost_containers(plan.kept, snapshot)
        if lost:
            raise ChangeFailed(
                f"dockerd runs with the new setting, but did not keep {', '.join(lost)}, which live-restore should "
                "have carried over the restart. Nothing was undone, since another restart would not bring them back",
                self._daemon.journal_since(self._cursor),
            )

    def _started_anew(self) -> tuple[HostSnapshot | None, str]:
        """Restart and wait; return the host as it is then, or what went wrong."""
        before = self._daemon.state().main_pid
        try:
            self._daemon.restart()
        except ChangeFailed as error:
            return None, str(error)
        state = ServiceState("", 0, has_job=False)

        def settled() -> bool:
            nonlocal state
            state = self._daemon.state()
            if state.active == "active":
                return state.main_pid not in (0, before)
            # It is inactive between stop and start, and stays so when what it depends on does not start.
            return state.active == "failed" or (state.active == "inactive" and not state.has_job)

        if not wait_for(settled, START_SECONDS):
            return None, f"dockerd did not start within {START_SECONDS:.0f} seconds (the service is {state.active})"
        if state.active != "active":
            return None, "dockerd did not start"
        return self._read_started()

    def _read_started(self) -> tuple[HostSnapshot | None, str]:
        """Read the host once dockerd answers, or return why it does not.

        Not every unit tells systemd when dockerd is ready (Type=notify): until it answers, the rules can be those that
        the one before it made.
        """
        reason = ""

        def answers() -> bool:
            nonlocal reason
            try:
                self._reloads(time.time())
            except UnreadableError as error:
                reason = error.reason
                return False
            return True

        if wait_for(answers, RELOAD_SECONDS):
            snapshot = self._read()
            if snapshot.was_read(ENGINE):
                return snapshot, ""
            reason = snapshot.sources[ENGINE].reason
        return None, f"dockerd was started and does not answer: {reason}"

    # ---- back --------------------------------------------------------------------------------------------------------

    def _undone(self, plan: DaemonPlan, problem: str, log: list[str]) -> ChangeFailed:
        """Put the old file back, start dockerd with it, and say how that went."""
        data = encoded(plan.fallback)
        stuck = self._put_back(plan.config.path, data)
        snapshot, second = self._started_anew()
        self._journal.end("undone", problem=problem, second=second)
        if snapshot is None:
            alive = f" {len(plan.kept)} containers run on without it." if plan.kept else ""
            return ChangeFailed(
                f"{problem}; and it does not start with {plan.fallback_name} either ({second}). dockerd is DOWN now."
                f"{alive} "
                f"{stuck or f'{plan.config.path} is {plan.fallback_name}'}; see the log for what is wrong, then run "
                "systemctl reset-failed and start the service",
                log,
            )
        lost = lost_containers(plan.kept, snapshot)
        stopped = f". These containers did not run on: {', '.join(lost)}" if lost else ""
        runs = f"undone: dockerd runs again with {plan.fallback_name} ({plan.config.path})"
        if stuck:
            runs = f"dockerd runs again, with the new {plan.config.path}: {stuck}"
        return ChangeFailed(f"{problem}; {runs}{stopped}", log)

    def _put_back(self, path: str, data: bytes | None) -> str:
        """Make data the content of the file again; return why it could not be, empty when it is."""
        try:
            state = read_file(path)
            if state.data != data:
                replace_file(state, data)
        except (ChangeFailed, OSError) as error:
            return f"the previous file could not be put back: {error}"
        return ""


def rejections(log: list[str]) -> list[str]:
    """Return what dockerd's log says of a configuration that it did not take, moby cmd/dockerd reloadConfig."""
    return [line for line in log if "level=error" in line and "onfigur" in line]


def lost_containers(kept: list[Container], snapshot: HostSnapshot) -> list[str]:
    """Names of those of kept that do not run any more, or were started again."""
    now = {container.id: container for container in snapshot.containers}
    return [
        container.name
        for container in kept
        if container.id not in now
        or not now[container.id].running
        or now[container.id].started_at != container.started_at
    ]
