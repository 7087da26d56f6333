# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of daemon.json: reading what the plan needs, doing it, proving it, and going back.

Most settings of dockerd cannot be asked for. That a file already says what is wanted proves nothing when the run that
wrote it was killed and never came to the restart: only the journal knows that, and is read for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import read_unit_to_plan
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_netfilter import has_bridge_netfilter
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    RESTART,
    Consent,
    DaemonFacts,
    DaemonPlan,
    DaemonStep,
    Unfinished,
    follow_up,
    plan_daemon_config,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import Goal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_restart import (
    BareDaemon,
    Daemon,
    DaemonTransaction,
    DockerService,
    reloads_since,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.rehearsal import (
    is_rehearsed,
    obstacle_to_rehearsal,
    rehearse,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import UNIT
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.set_hairpin import (
    reset_guard,
    set_guard,
    set_ports,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Journal,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    FileRecord,
    RecordedChange,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    ChangeFailed,
    FileState,
    Refusal,
    demand,
    encoded,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import lacking
from ansible_collections.dockernet.baseline.plugins.module_utils._change.running_values import (
    reset_sysctls,
    set_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import read_firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import age, read_process
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import config_path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import DaemonProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    SERVICE,
    HostSnapshot,
)


class DaemonConfigChange:
    """daemon.json as goal wants it; read() gives a fresh snapshot of the host, run runs a program."""

    def __init__(
        self,
        goal: Goal,
        consent: Consent,
        run: Run,
        read: Callable[[], HostSnapshot],
        journal: Journal,
    ) -> None:
        self._goal = goal
        self._consent = consent
        self._run = run
        self._read = read
        self._journal = journal

    def plan(self) -> DaemonPlan:
        """Read the host and plan; dockerd itself has its say about the new file, where it can."""
        snapshot = self._read()
        demand(snapshot, ENGINE, SERVICE, DAEMON_CONFIG)
        _refuse_other_file(snapshot)
        plan = plan_daemon_config(snapshot, self._goal, self._consent, self._facts(snapshot))
        plan = replace(plan, outline=replace(plan.outline, lacking=lacking(plan.ports)))
        if snapshot.service is None or snapshot.engine is None:
            return plan
        return _rehearsed(plan, snapshot.service.argv, snapshot.engine.release)

    def apply(self, plan: DaemonPlan) -> None:
        """Do it, prove it against the daemon and the kernel, and undo it on failure."""
        texts = [step.text for step in plan.steps] + [step.text for step in plan.undo] + [plan.fallback]
        files = [plan.config]
        writes = {plan.config.path: [encoded(text) for text in texts]}
        unit = plan.guard.unit
        if unit:
            files.append(read_file(unit_path(UNIT)))
            writes[unit_path(UNIT)] = [encoded(unit.after.text)]
        self._journal.begin(
            files,
            writes,
            actions=plan.outline.actions,
            ports=to_plain(plan.ports),
            sysctls=to_plain(plan.sysctls),
            units=[unit.record()] if unit else [],
        )
        transaction = DaemonTransaction(
            self._daemon(plan), self._read, lambda since: reloads_since(plan.docker_host, since), self._journal
        )
        restarts = any(step.action == RESTART for step in plan.steps)
        try:
            transaction.run(
                plan, lambda snapshot: _mode_problem(plan, snapshot), lambda snapshot: self._follow_up(plan, snapshot)
            )
            if not restarts:
                self._follow_up(plan, self._read())
        except ChangeFailed as error:
            self._journal.end("failed", error=str(error))
            raise
        self._journal.end("done")

    def _daemon(self, plan: DaemonPlan) -> Daemon:
        return DockerService(self._run, plan.unit) if plan.unit else BareDaemon(plan.pid, plan.start_ticks)

    def _follow_up(self, plan: DaemonPlan, snapshot: HostSnapshot) -> None:
        """Bring ports and bridges of what was kept, and the guard, into line with the mode, as they are now."""
        if not plan.has_follow_up or plan.proxy is None:
            return
        ports, sysctls = follow_up(snapshot, plan.kept, enabled=plan.proxy)
        try:
            set_guard(plan.guard, self._run)
            set_ports(ports)
            set_sysctls(sysctls)
        except (ChangeFailed, OSError) as error:
            reset_sysctls(sysctls)
            stuck = reset_guard(plan.guard, self._run)
            but = f" {', '.join(stuck)} could not be restored." if stuck else ""
            raise ChangeFailed(
                f"docker-proxy is {'on' if plan.proxy else 'off'}, and this is effective; a step that had to follow "
                f"failed: {error}.{but} Run the module bridge_hairpin with state: auto",
                getattr(error, "log", []),
            ) from error

    def _facts(self, snapshot: HostSnapshot) -> DaemonFacts:
        config = snapshot.daemon_config
        service = snapshot.service
        found = has_bridge_netfilter(self._run, snapshot.daemon.pid if snapshot.daemon else None)
        file = read_file(config.path if config else "")
        facts = DaemonFacts(
            file,
            bridge_netfilter=found,
            unfinished=read_unfinished(file, snapshot.daemon),
            firewall=read_firewall(self._run),
            guard=read_unit_to_plan(self._run, UNIT),
        )
        if service is None or service.manager != "systemd":
            return facts
        return replace(facts, traits=DockerService(self._run, service.name).traits())


def _rehearsed(plan: DaemonPlan, unit: list[str], release: tuple[int, int]) -> DaemonPlan:
    """Have dockerd judge what it is to read, or warn that it was not asked and why. Raises Refusal."""
    texts = {step.text for step in plan.steps if step.text is not None and _is_tried(plan, step)}
    tried = [text for text in texts if is_rehearsed(text, release)]
    obstacle = obstacle_to_rehearsal(unit) if tried else ""
    if obstacle:
        warning = (
            f"dockerd could not validate the new configuration beforehand: {obstacle}. If dockerd rejects it when it "
            "reads the file, the change is undone"
        )
        return replace(plan, outline=replace(plan.outline, warnings=[*plan.outline.warnings, warning]))
    for text in tried:
        rehearse(unit, text)
    return plan


def _is_tried(plan: DaemonPlan, step: DaemonStep) -> bool:
    """Whether the step has dockerd read something that it may not have started with."""
    return step.action == RESTART or encoded(step.text) != plan.config.data


def _mode_problem(plan: DaemonPlan, snapshot: HostSnapshot) -> str:
    state = proxy_in_force(snapshot)
    if plan.proxy is None or state.value == plan.proxy:
        return ""
    return f"dockerd was restarted, but docker-proxy is not as configured: {state.evidence}"


def _refuse_other_file(snapshot: HostSnapshot) -> None:
    """Refuse a file that dockerd does not read: what is written there would do nothing."""
    named = snapshot.daemon_config.path if snapshot.daemon_config else ""
    process = read_process(snapshot.daemon.pid) if snapshot.daemon else None
    own = config_path(process, snapshot.service.argv if snapshot.service else [])
    if os.path.realpath(named) != os.path.realpath(own):
        raise Refusal(f"nothing was changed: this dockerd reads {own}, not {named}")


def read_unfinished(file: FileState, daemon: DaemonProcess | None, root: Path = JOURNAL_ROOT) -> Unfinished:
    """Return what is left to be done about file; nothing where the journal cannot be read, which is no obstacle."""
    try:
        killed = _killed_changes(parse_record(read_record(root), str(root / RECORD), RecordedChange).changes, file.path)
        ported = frozenset(port.container for change, dummy in killed for port in change.ports)
        # A dockerd that was started after a run began was started by it, or by somebody else, with what it had written.
        started = _started(daemon)
        unread = [record.before for change, record in killed if started is not None and _began(change) > started]
        if not unread:
            return Unfinished(ported=ported)
        text = read_regular(unread[0].copy).data.decode() if unread[0] else None
    except (OSError, ValueError, Refusal):
        return Unfinished()
    return Unfinished(unread=True, text=text, ported=ported)


def _killed_changes(changes: list[RecordedChange], path: str) -> list[tuple[RecordedChange, FileRecord]]:
    """Return the changes of the file at path that were killed since one of them came to its end, oldest first."""
    killed: list[tuple[RecordedChange, FileRecord]] = []
    for change in changes:
        for file in change.files:
            if file.path == path:
                killed = [] if change.ended else [*killed, (change, file)]
    return killed


def _began(change: RecordedChange) -> float:
    """Seconds since the epoch, from the entry's name, which has more of them than its time."""
    return int(change.id.partition("-")[0]) / 1e9


def _started(daemon: DaemonProcess | None) -> float | None:
    """When dockerd was started, in seconds since the epoch, exact to a clock tick."""
    process = read_process(daemon.pid) if daemon else None
    return None if process is None else time.time() - age(process)
