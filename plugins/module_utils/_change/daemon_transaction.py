# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A new daemon.json brought into force: written, reloaded or restarted, verified, and undone when dockerd balks.

This knows nothing of what the keys mean: the plan says what text, and what to fall back on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import (
    read_file,
    replace_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_config_plan import (
    RELOAD,
    RESTART,
    DaemonPlan,
    DaemonStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._change.service import DockerService
from ansible_collections.dockernet.baseline.plugins.module_utils._change.waiting import wait_for
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot

RELOAD_SECONDS = 30.0
NOTICE_SECONDS = 2.0
"""In which systemd sees that dockerd has ended."""
START_SECONDS = 150.0
"""A restart first waits for the old dockerd to end, which kills containers after 10 s where nothing keeps them."""


class DaemonTransaction:
    """Carries out the steps of one plan; read() gives a fresh snapshot of the host.

    accepted() says why a host that was restarted is not as wanted; empty when it is.
    """

    def __init__(
        self,
        service: DockerService,
        read: Callable[[], HostSnapshot],
        journal: Journal,
        accepted: Callable[[HostSnapshot], str] = lambda dummy: "",
    ) -> None:
        self._service = service
        self._read = read
        self._journal = journal
        self._accepted = accepted
        self._cursor = ""

    def run(self, plan: DaemonPlan, after_restart: Callable[[HostSnapshot], None] = lambda dummy: None) -> None:
        """Bring plan into force; after_restart() does what dockerd leaves undone on the containers that it kept.

        Raises ChangeFailed when that did not succeed; its message says what dockerd runs with now.
        """
        self._cursor = self._service.cursor()
        restarted = False
        text = plan.config.data
        for step in plan.steps:
            text = self._write(plan, text, step)
            if step.action == RELOAD:
                self._reload(plan, step, restarted=restarted)
            elif step.action == RESTART:
                snapshot = self._restart(plan)
                after_restart(snapshot)
                self._demand_kept(plan, snapshot)
                restarted = True

    # ---- forward -----------------------------------------------------------------------------------------------------

    def _write(self, plan: DaemonPlan, before: bytes | None, step: DaemonStep) -> bytes | None:
        """Make the file what step wants; return its content then."""
        data = None if step.text is None else step.text.encode()
        if data != before:
            replace_file(replace(plan.config, data=before), data)
        return data

    def _reload(self, plan: DaemonPlan, step: DaemonStep, *, restarted: bool) -> None:
        before = self._service.main_pid()
        problem = ""
        try:
            self._service.reload()
        except ChangeFailed as error:
            problem = str(error)
        # A dockerd that died of it is started again by systemd, with the new file.
        told = not problem or wait_for(lambda: self._service.main_pid() != before, NOTICE_SECONDS)
        if told and (step.live_restore is None or wait_for(lambda: self._live_restore_is(step), RELOAD_SECONDS)):
            return
        reason = f" ({problem})" if problem else ""
        log = self._service.journal_since(self._cursor)
        if restarted:
            raise ChangeFailed(
                f"dockerd was restarted and runs with the new settings, but still with live-restore{reason}: the "
                f"reload did not turn it off. {plan.config.path} is as that reload found it",
                log,
            )
        if self._service.main_pid() != before:
            # Its next start must not find a file without live-restore: it would stop the containers.
            raise self._undone(plan, f"dockerd ended when it was told to reload{reason}", log)
        stuck = self._put_back(plan.config.path, plan.config.data)
        alive = "it runs as before" if self._read().was_read(ENGINE) else "its process is there, but does not answer"
        raise ChangeFailed(
            f"live-restore did not come into force{reason}, so dockerd was not restarted: {alive}, no "
            f"container was touched, and {stuck or f'{plan.config.path} is as it was'}",
            log,
        )

    def _live_restore_is(self, step: DaemonStep) -> bool:
        engine = self._read().engine
        return engine is not None and engine.live_restore == step.live_restore

    def _restart(self, plan: DaemonPlan) -> HostSnapshot:
        snapshot, problem = self._started_anew()
        if snapshot is not None:
            problem = self._accepted(snapshot)
        if snapshot is None or problem:
            raise self._undone(plan, problem, self._service.journal_since(self._cursor))
        return snapshot

    def _demand_kept(self, plan: DaemonPlan, snapshot: HostSnapshot) -> None:
        lost = lost_containers(plan.kept, snapshot)
        if lost:
            raise ChangeFailed(
                f"dockerd runs with the new setting, but did not keep {', '.join(lost)}, which live-restore should "
                "have carried over the restart. Nothing was undone, since another restart would not bring them back",
                self._service.journal_since(self._cursor),
            )

    def _started_anew(self) -> tuple[HostSnapshot | None, str]:
        """Restart and wait; return the host as it is then, or what went wrong."""
        before = self._service.main_pid()
        try:
            self._service.restart()
        except ChangeFailed as error:
            return None, str(error)
        state = ""

        def settled() -> bool:
            nonlocal state
            state = self._service.active_state()
            if state == "active":
                return self._service.main_pid() not in (0, before)
            # It is inactive between stop and start, and stays so when what it depends on does not start.
            return state == "failed" or (state == "inactive" and not self._service.has_job())

        if not wait_for(settled, START_SECONDS):
            return None, f"dockerd did not start within {START_SECONDS:.0f} seconds (the service is {state})"
        if state != "active":
            return None, "dockerd did not start"
        latest = self._read()

        def answers() -> bool:
            nonlocal latest
            latest = self._read()
            return latest.was_read(ENGINE)

        if not latest.was_read(ENGINE) and not wait_for(answers, RELOAD_SECONDS):
            return None, f"dockerd was started and does not answer: {latest.sources[ENGINE].reason}"
        return latest, ""

    # ---- back --------------------------------------------------------------------------------------------------------

    def _undone(self, plan: DaemonPlan, problem: str, log: list[str]) -> ChangeFailed:
        """Put the old file back, start dockerd with it, and say how that went."""
        data = None if plan.fallback is None else plan.fallback.encode()
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
        return ChangeFailed(f"{problem}; undone: dockerd runs again with {stuck or plan.fallback_name}{stopped}", log)

    def _put_back(self, path: str, data: bytes | None) -> str:
        """Make data the content of the file again; return why it could not be, empty when it is."""
        try:
            state = read_file(path)
            if state.data != data:
                replace_file(state, data)
        except (ChangeFailed, OSError) as error:
            return f"the previous file could not be put back: {error}"
        return ""


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
