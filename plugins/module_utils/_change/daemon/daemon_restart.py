# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""dockerd reloaded or restarted with a new daemon.json: written, brought into force, verified, and undone on failure.

This knows nothing of what the keys mean: the plan says what text, and what to fall back on. Jobs of systemd are queued
with --no-block and watched: docker.service has TimeoutStartSec=0, so systemctl would wait for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    RELOAD,
    RESTART,
    DaemonPlan,
    DaemonStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    ServiceTraits,
    reload_problem,
    report_problem,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import mode_for
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, encoded
from ansible_collections.dockernet.baseline.plugins.module_utils._host import engine_api
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import read_process
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

JOURNAL_LINES = 15
PAUSE_SECONDS = 0.2
RELOAD_SECONDS = 30.0
NOTICE_SECONDS = 2.0
"""In which systemd sees that dockerd has ended."""
START_SECONDS = 150.0
"""A restart first waits for the old dockerd to end, which kills containers after 10 s where nothing keeps them."""


@dataclass(frozen=True)
class ServiceState:
    """What systemd says of a unit at one moment."""

    active: str
    """ActiveState: ``active``, ``activating``, ``failed``..."""
    main_pid: int
    """Process id of dockerd, 0 when it does not run."""
    has_job: bool
    """Whether systemd still has something to do about it: a start or stop that is queued or under way."""


class Daemon(Protocol):
    """How dockerd is controlled, and what it says: a service of systemd, or a process alone."""

    def cursor(self) -> str:
        """Where its journal ends now; empty where there is none to be read."""

    def journal_since(self, cursor: str) -> list[str]:
        """What it logged behind the cursor, its last lines."""

    def reload(self) -> None:
        """Have it read its file again. Raises ChangeFailed."""

    def restart(self) -> None:
        """Begin to start it anew. Raises ChangeFailed."""

    def state(self) -> ServiceState:
        """What systemd says of it at one moment."""


class DockerService:
    """A systemd unit by its name."""

    def __init__(self, run: Run, unit: str) -> None:
        self._run = run
        self._unit = unit

    def traits(self) -> ServiceTraits:
        """Read what a restart would take along."""
        shown = self._show(self._unit, "KillMode", "RequiredBy", "BoundBy", "ConsistsOf")
        names = {name for key in ("RequiredBy", "BoundBy", "ConsistsOf") for name in shown.get(key, "").split()}
        # A socket unit only listens; targets have no processes.
        services = sorted(name for name in names if name.endswith((".service", ".scope")))
        active = [name for name in services if self._show(name, "ActiveState").get("ActiveState") == "active"]
        return ServiceTraits(shown.get("KillMode", ""), active)

    def state(self) -> ServiceState:
        """Return what systemd says now, in one answer: asked one by one they would be of different moments."""
        shown = self._show(self._unit, "ActiveState", "MainPID", "Job")
        return ServiceState(
            shown.get("ActiveState", ""), int(shown.get("MainPID") or 0), shown.get("Job", "") not in ("", "0")
        )

    def restart(self) -> None:
        """Queue a restart, with the counter of failed starts set to zero before."""
        self._do("reset-failed", self._unit)
        self._do("restart", "--no-block", self._unit)

    def reload(self) -> None:
        """Have dockerd read its file again (SIGHUP). Success says nothing: dockerd only logs what it rejects."""
        self._do("reload", self._unit)

    def cursor(self) -> str:
        """Where the service's journal ends now; empty where there is none to be read."""
        dummy, out, dummy2 = self._run(["journalctl", "-u", self._unit, "-n", "0", "--show-cursor", "--no-pager", "-q"])
        return next((line.partition("-- cursor: ")[2] for line in out.splitlines() if "-- cursor: " in line), "")

    def journal_since(self, cursor: str) -> list[str]:
        """Return what the service logged behind the cursor, its last lines."""
        command = ["journalctl", "-u", self._unit, "-o", "cat", "--no-pager", "-q", "-n", str(JOURNAL_LINES)]
        dummy, out, dummy2 = self._run(command + ([f"--after-cursor={cursor}"] if cursor else []))
        return [line for line in out.splitlines() if line.strip()]

    def _show(self, unit: str, *properties: str) -> dict[str, str]:
        code, out, err = self._run(["systemctl", "show", unit, f"--property={','.join(properties)}"])
        if code != 0:
            raise ChangeFailed(f"systemctl show {unit} failed: {err.strip() or code}")
        return dict(line.partition("=")[::2] for line in out.splitlines() if "=" in line)

    def _do(self, *words: str) -> None:
        code, dummy, err = self._run(["systemctl", *words])
        if code != 0:
            raise ChangeFailed(f"systemctl {' '.join(words)} failed: {err.strip() or code}")


class BareDaemon:
    """A dockerd that no unit of systemd runs: it can be made to read its file again, and no more."""

    def __init__(self, pid: int, start_ticks: int) -> None:
        """Take its process, and when that was started, in clock ticks since boot."""
        self._pid = pid
        self._start_ticks = start_ticks

    def cursor(self) -> str:
        """Empty: where its log goes is not known."""
        return ""

    def journal_since(self, dummy: str) -> list[str]:
        """Return nothing, see cursor()."""
        return []

    def reload(self) -> None:
        """Send SIGHUP to the process, if it is dockerd still."""
        try:
            # With a descriptor, the signal cannot reach another process that has got the same number meanwhile.
            descriptor = os.pidfd_open(self._pid)
            try:
                process = read_process(self._pid)
                # Names can be taken, and numbers be given again.
                if process is None or process.name != "dockerd" or process.start_ticks != self._start_ticks:
                    raise ChangeFailed(f"process {self._pid} is no longer the dockerd that was found")
                signal.pidfd_send_signal(descriptor, signal.SIGHUP)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ChangeFailed(f"process {self._pid} could not be sent SIGHUP: {error}") from error

    def restart(self) -> None:
        """Refuse: only who started it knows how."""
        raise ChangeFailed("dockerd is not run by systemd, and was not restarted")

    def state(self) -> ServiceState:
        """Whether it runs, in systemd's words; it has no jobs."""
        active = "active" if read_process(self._pid) is not None else "inactive"
        return ServiceState(active, self._pid, has_job=False)


def _wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until condition holds or the time is over; return whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


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
        if problem and not _wait_for(lambda: self._daemon.state().main_pid != before, NOTICE_SECONDS):
            return problem
        reported: list[dict[str, str]] = []
        rejected: list[str] = []

        def answered() -> bool:
            nonlocal reported, rejected
            with contextlib.suppress(UnreadableError):
                reported = self._reloads(since)
            rejected = _rejections(self._daemon.journal_since(cursor)) if cursor and not reported else []
            return bool(reported or rejected) or self._daemon.state().main_pid != before

        if not _wait_for(answered, RELOAD_SECONDS):
            return f"dockerd did not confirm the reload within {RELOAD_SECONDS:.0f} seconds"
        if self._daemon.state().main_pid != before:
            return self._death_problem(step, problem)
        if rejected:
            return f"dockerd rejected the reload: {rejected[-1]}"
        return reload_problem(step.expected, reported[-1]) or report_problem(self._read(), step.expected)

    def _death_problem(self, step: DaemonStep, problem: str) -> str:
        """A dockerd that died of the reload is started again by systemd, with the new file: see how that went."""
        if _wait_for(lambda: not report_problem(self._read(), step.expected), RELOAD_SECONDS):
            return ""
        return f"dockerd ended when it was asked to reload{f' ({problem})' if problem else ''}"

    def _not_reloaded(self, plan: DaemonPlan, problem: str, *, restarted: bool, before: int) -> ChangeFailed:
        log = self._daemon.journal_since(self._cursor)
        if restarted:
            return ChangeFailed(
                f"{problem}; dockerd was restarted and runs with the new settings, but still with live-restore, which "
                f"that reload should have turned off. {plan.config.path} is as it was before the reload",
                log,
            )
        restart = any(step.action == RESTART for step in plan.steps)
        died = self._daemon.state().main_pid != before
        if restart and died:
            # Its next start must not find a file without live-restore: it would stop the containers.
            return self._undone(plan, problem, log)
        back = self._taken_back(plan)
        self._journal.end("undone", problem=problem)
        not_restarted = ", live-restore did not become effective and dockerd was not restarted" if restart else ""
        silent = "" if self._read().was_read(ENGINE) else ", dockerd does not answer"
        fate = "its service has started it again" if died else "no container was affected"
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
                    f"{plan.config.path} was restored. Whether dockerd read it again is unknown ({problem}): the "
                    "settings of the first reload may be effective until its next restart"
                )
        return f"{plan.config.path} was restored, and dockerd has read it again"

    def _restart(self, plan: DaemonPlan, step: DaemonStep, accepted: Callable[[HostSnapshot], str]) -> HostSnapshot:
        snapshot, problem = self._started_anew()
        if snapshot is not None:
            problem = report_problem(snapshot, step.expected) or accepted(snapshot)
        if snapshot is None or problem:
            raise self._undone(plan, problem, self._daemon.journal_since(self._cursor))
        return snapshot

    def _demand_kept(self, plan: DaemonPlan, snapshot: HostSnapshot) -> None:
        lost = _lost_containers(plan.kept, snapshot)
        if lost:
            raise ChangeFailed(
                f"dockerd runs with the new setting, but {', '.join(lost)} stopped, which live-restore should have "
                "kept running. Nothing was undone, because another restart would not start them again",
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

        if not _wait_for(settled, START_SECONDS):
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

        if _wait_for(answers, RELOAD_SECONDS):
            snapshot = self._read()
            if snapshot.was_read(ENGINE):
                return snapshot, ""
            reason = snapshot.sources[ENGINE].reason
        return None, f"dockerd was started but does not answer: {reason}"

    def _undone(self, plan: DaemonPlan, problem: str, log: list[str]) -> ChangeFailed:
        """Put the old file back, start dockerd with it, and say how that went."""
        data = encoded(plan.fallback)
        stuck = self._put_back(plan.config.path, data)
        snapshot, second = self._started_anew()
        self._journal.end("undone", problem=problem, second=second)
        if snapshot is None:
            alive = f" {len(plan.kept)} containers keep running without it." if plan.kept else ""
            return ChangeFailed(
                f"{problem}; and it does not start with {plan.fallback_name} either ({second}). dockerd is DOWN now."
                f"{alive} "
                f"{stuck or f'{plan.config.path} is {plan.fallback_name}'}; see the log for what is wrong, then run "
                "systemctl reset-failed and start the service",
                log,
            )
        lost = _lost_containers(plan.kept, snapshot)
        stopped = f". These containers did not keep running: {', '.join(lost)}" if lost else ""
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
            return f"the previous file could not be restored: {error}"
        return ""


def _rejections(log: list[str]) -> list[str]:
    """Return what dockerd's log says of a configuration that it did not take, moby cmd/dockerd reloadConfig."""
    return [line for line in log if "level=error" in line and "onfigur" in line]


def _lost_containers(kept: list[Container], snapshot: HostSnapshot) -> list[str]:
    """Names of those of kept that do not run any more, or were started again."""
    now = {container.id: container for container in snapshot.containers}
    return [
        container.name
        for container in kept
        if container.id not in now
        or not now[container.id].running
        or now[container.id].started_at != container.started_at
    ]


def reloads_since(docker_host: str, since: float) -> list[dict[str, str]]:
    """Return what dockerd said of each reload of its configuration that it finished since that time, in seconds.

    It keeps its last 256 events. Only a reload that succeeded is one, with the values in force as attributes, by keys
    of daemon.json (moby daemon/reload.go). Raises UnreadableError.
    """
    wanted = quote(json.dumps({"type": ["daemon"], "event": ["reload"]}))
    with engine_api.asking(docker_host, engine_api.TIME_LIMIT) as engine:
        api = engine_api.api_of(engine.get("/version"))
        found = engine.get_lines(f"{api}/events?since={since:.9f}&until={time.time():.9f}&filters={wanted}")
        return [dict((event.get("Actor") or {}).get("Attributes") or {}) for event in found]
