# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A new daemon.json brought into force: written, reloaded or restarted, verified, and undone when dockerd balks.

This knows nothing of what the keys mean: whoever plans says what text, what to fall back on, and how to tell success.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import (
    FileState,
    read_file,
    replace_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._change.service import DockerService
from ansible_collections.dockernet.baseline.plugins.module_utils._change.waiting import wait_for
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot

RELOAD_SECONDS = 30.0
START_SECONDS = 150.0
"""A restart first waits for the old dockerd to end, which kills containers after 10 s where nothing keeps them."""


@dataclass(frozen=True)
class DaemonStep:
    """What to bring into force, and how."""

    config: FileState
    text: str | None = None
    """New text of daemon.json; None leaves the file alone."""
    fallback: str | None = None
    """What to write when dockerd does not start with text; None: what was there."""
    fallback_name: str = "the previous file"
    """What that is, in words."""
    reload: bool = False
    """Reload first, until the daemon reports live-restore."""
    restart: bool = False
    kept: list[Container] = field(default_factory=list)
    """Containers that must run on through the restart."""
    accepted: Callable[[HostSnapshot], str] = lambda dummy: ""
    """Empty when a snapshot after the restart shows what is wanted, else what it shows instead."""


class DaemonTransaction:
    """Carries out one DaemonStep; read() gives a fresh snapshot of the host."""

    def __init__(self, service: DockerService, read: Callable[[], HostSnapshot], journal: Journal) -> None:
        self._service = service
        self._read = read
        self._journal = journal
        self._cursor = ""

    def run(self, step: DaemonStep) -> HostSnapshot:
        """Bring step into force and return the host as it is then.

        Raises ChangeFailed when that did not succeed; its message says what dockerd runs with now.
        """
        self._cursor = self._service.cursor()
        if step.text is not None:
            replace_file(step.config, step.text.encode())
        if step.reload:
            self._reload(step)
        if not step.restart:
            return self._read()
        return self._restart(step)

    def demand_kept(self, step: DaemonStep, snapshot: HostSnapshot) -> None:
        """Raise ChangeFailed when a container that should have run on did not."""
        lost = lost_containers(step.kept, snapshot)
        if lost:
            raise ChangeFailed(
                f"dockerd runs with the new setting, but did not keep {', '.join(lost)}, which live-restore should "
                "have carried over the restart. Nothing was undone, since another restart would not bring them back",
                self._service.journal_since(self._cursor),
            )

    # ---- forward -----------------------------------------------------------------------------------------------------

    def _reload(self, step: DaemonStep) -> None:
        problem = ""
        try:
            self._service.reload()
        except ChangeFailed as error:
            problem = str(error)
        if not problem and wait_for(self._live_restore_in_force, RELOAD_SECONDS):
            return
        stuck = self._put_back(step.config.path, step.config.data)
        raise ChangeFailed(
            f"live-restore did not come into force{f' ({problem})' if problem else ''}, so dockerd was not restarted: "
            f"it runs as before, no container was touched, and {stuck or f'{step.config.path} is as it was'}",
            self._service.journal_since(self._cursor),
        )

    def _live_restore_in_force(self) -> bool:
        engine = self._read().engine
        return engine is not None and engine.live_restore

    def _restart(self, step: DaemonStep) -> HostSnapshot:
        snapshot, problem = self._started_anew()
        if snapshot is not None:
            problem = step.accepted(snapshot)
        if snapshot is None or problem:
            raise self._undone(step, problem, self._service.journal_since(self._cursor))
        return snapshot

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

    def _undone(self, step: DaemonStep, problem: str, log: list[str]) -> ChangeFailed:
        """Put the old file back, start dockerd with it, and say how that went."""
        data = step.config.data if step.fallback is None else step.fallback.encode()
        stuck = self._put_back(step.config.path, data)
        snapshot, second = self._started_anew()
        self._journal.end("undone", problem=problem, second=second)
        if snapshot is None:
            alive = f" {len(step.kept)} containers run on without it." if step.kept else ""
            return ChangeFailed(
                f"{problem}; and it does not start with {step.fallback_name} either ({second}). dockerd is DOWN now."
                f"{alive} "
                f"{stuck or f'{step.config.path} is {step.fallback_name}'}; see the log for what is wrong, then run "
                "systemctl reset-failed and start the service",
                log,
            )
        lost = lost_containers(step.kept, snapshot)
        stopped = f". These containers did not run on: {', '.join(lost)}" if lost else ""
        return ChangeFailed(f"{problem}; undone: dockerd runs again with {stuck or step.fallback_name}{stopped}", log)

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
