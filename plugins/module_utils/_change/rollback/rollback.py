# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The host as it was before the first change that was not taken back yet: read, done, proved, and undone on failure.

And the journal forgotten, with consent: what it no longer tells cannot be taken back.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import put_unit, read_unit
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState, unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config import DaemonConfigChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_config_plan import (
    Consent,
    DaemonPlan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import text_goal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.set_hairpin import set_ports
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Forgotten,
    Journal,
    checksum,
    forget,
    older,
    read_record,
    stale_copies,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_entries import (
    Content,
    History,
    RecordedChange,
    UnitRecord,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecordedNetworks,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    ChangeFailed,
    FileState,
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import (
    DaemonGoal,
    FileBack,
    FilePast,
    Kept,
    Present,
    ValuesPlan,
    daemon_goal,
    file_pasts,
    plan_values,
    policy_pasts,
    port_pasts,
    refuse_conflicts,
    sysctl_pasts,
    unit_pasts,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import lacking
from ansible_collections.dockernet.baseline.plugins.module_utils._change.running_values import (
    read_sysctl,
    reset_policies,
    reset_sysctls,
    set_policies,
    set_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import read_firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import current_policy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    LINKS,
    RULESET,
    SYSCTL,
    HostSnapshot,
)

MODULE = "baseline_rollback"
Undo = Callable[[], list[str]]


@dataclass(frozen=True)
class RollbackRequest:
    """What the caller consents to."""

    consent: Consent
    keep_conflicts: bool = False
    """What somebody else has changed since stays as it is, and the rest is taken back."""


@dataclass(frozen=True)
class RollbackPlan:
    """dockerd's half, which comes first, and the rest."""

    outline: Outline
    history: History[RecordedChange] = field(default_factory=History)
    change: DaemonConfigChange | None = None
    daemon: DaemonPlan | None = None
    """None where daemon.json was never changed."""


class RollbackChange:
    """All changes taken back; read() gives a fresh snapshot of the host, run runs a program."""

    def __init__(
        self, request: RollbackRequest, run: Run, read: Callable[[], HostSnapshot], root: Path = JOURNAL_ROOT
    ) -> None:
        self._request = request
        self._run = run
        self._read = read
        self._root = root

    def plan(self) -> RollbackPlan:
        """Read the journal and the host, and plan."""
        history = self._history()
        if not history.changes:
            return RollbackPlan(Outline(warnings=history.notes))
        snapshot = self._read()
        _demand(snapshot, history.changes)
        change, daemon, goal = self._daemon(snapshot, history)
        values = self._values(snapshot, history, daemon)
        conflicts = goal.conflicts + values.conflicts
        if not self._request.keep_conflicts:
            refuse_conflicts(conflicts)
        first = daemon.outline if daemon else Outline()
        left = [f"left unchanged, because it was changed outside this collection: {conflict}" for conflict in conflicts]
        outline = Outline(
            first.actions + values.outline.actions or _unrecorded(history.changes),
            first.diffs + values.outline.diffs,
            first.disruptions,
            goal.notes + first.warnings + values.outline.warnings + left,
            lacking={**first.lacking, **lacking(values.ports)},
        )
        return RollbackPlan(outline, history, change, daemon)

    def apply(self, plan: RollbackPlan) -> None:
        """Take dockerd's half back first, since a start of dockerd turns forwarding on; then the rest, and say so."""
        if plan.change is not None and plan.daemon is not None and plan.daemon.outline.actions:
            plan.change.apply(plan.daemon)
        try:
            # What a restart has made anew is not what was planned for.
            values = self._values(self._read(), plan.history, None)
            for reason in lacking(values.ports).values():
                raise ChangeFailed(reason)
            _apply_values(values, self._run, Journal(MODULE, self._root))
        except ChangeFailed as error:
            text = (
                "daemon.json was restored and is effective; the rest is unchanged" if plan.daemon else "nothing is lost"
            )
            raise ChangeFailed(f"{error}; {text}. Run it again once that is fixed", error.log) from error
        Journal(MODULE, self._root).reverted()

    def _history(self) -> History[RecordedChange]:
        """Return what there is to take back. Raises Refusal, also for a record of a network that cannot be read.

        Networks are not taken back from here, but bridge_network passes over all that is recorded as taken back.
        """
        path = self._root / RECORD
        try:
            return parse_record(read_record(self._root), str(path), RecordedNetworks)
        except OSError as error:
            raise Refusal(f"nothing was changed: {path} could not be read: {error}") from error

    def _daemon(
        self, snapshot: HostSnapshot, history: History[RecordedChange]
    ) -> tuple[DaemonConfigChange | None, DaemonPlan | None, DaemonGoal]:
        pasts = file_pasts(history.changes)
        past = pasts.get(_config_path(snapshot))
        if past is None:
            return None, None, DaemonGoal(None)
        kept = self._kept([past])
        goal = daemon_goal(past, kept.states[past.path], kept.digests[past.path], kept.copies)
        # The plan is made from what was read already; doing it reads anew.
        reads = itertools.chain([snapshot], iter(self._read, None))
        change = DaemonConfigChange(
            text_goal(goal.text), self._request.consent, self._run, lambda: next(reads), Journal(MODULE, self._root)
        )
        return change, change.plan(), goal

    def _values(
        self, snapshot: HostSnapshot, history: History[RecordedChange], daemon: DaemonPlan | None
    ) -> ValuesPlan:
        """Plan the rest for the host as it is, or will be once dockerd's half is done."""
        pasts = file_pasts(history.changes)
        pasts.pop(_config_path(snapshot), None)
        if daemon is not None and daemon.guard.unit is not None:
            pasts.pop(unit_path(daemon.guard.unit.after.name), None)
        files = list(pasts.values())
        return plan_values(history, files, self._kept(files), self._present(snapshot, history.changes, daemon))

    def _present(self, snapshot: HostSnapshot, changes: list[RecordedChange], daemon: DaemonPlan | None) -> Present:
        sysctls = dict(snapshot.sysctls)
        for key in sysctl_pasts(changes):
            value = read_sysctl(key)
            if value is not None:
                sysctls[key] = value
        modes = {(link.index, link.name): link.hairpin for link in snapshot.links if link.hairpin is not None}
        if daemon is not None:
            sysctls.update({change.key: change.after for change in daemon.sysctls})
            modes.update({(port.index, port.port): port.after for port in daemon.ports})
        units = self._units(changes)
        if daemon is not None and daemon.guard.unit is not None:
            units[daemon.guard.unit.after.name] = daemon.guard.unit.after.state
        return Present(sysctls, modes, self._policies(snapshot, changes), units)

    def _policies(self, snapshot: HostSnapshot, changes: list[RecordedChange]) -> Mapping[str, str]:
        families = policy_pasts(changes)
        if not families:
            return {}
        firewall = read_firewall(self._run)
        there = [family for family in families if family in firewall.programs]
        return {family: current_policy(snapshot, firewall, family) for family in there}

    def _units(self, changes: list[RecordedChange]) -> dict[str, str]:
        try:
            return {name: read_unit(self._run, name).state for name in unit_pasts(changes)}
        except OSError as error:
            raise Refusal(f"nothing was changed: a unit could not be read: {error}") from error

    def _kept(self, pasts: list[FilePast]) -> Kept:
        states = {past.path: _read(past.path) for past in pasts}
        digests = {path: checksum(state.data) for path, state in states.items()}
        contents = [content for past in pasts for link in past.links for content in [link.before, *link.after]]
        return Kept(states, digests, {item.copy: _copy(item) for item in contents if item is not None})


def _unrecorded(changes: list[RecordedChange]) -> list[str]:
    """What is left to do where all is as it was: a rollback that was killed had only to say so."""
    begun = any(change.module == MODULE for change in changes)
    return ["record that everything is reverted"] if begun else []


def _demand(snapshot: HostSnapshot, changes: list[RecordedChange]) -> None:
    """Refuse where something could not be read that a change was about."""
    if file_pasts(changes):
        demand(snapshot, DAEMON_CONFIG)
    if sysctl_pasts(changes):
        demand(snapshot, SYSCTL)
    if port_pasts(changes):
        demand(snapshot, LINKS)
    if policy_pasts(changes):
        demand(snapshot, RULESET)


def _config_path(snapshot: HostSnapshot) -> str:
    return snapshot.daemon_config.path if snapshot.daemon_config else ""


def _read(path: str) -> FileState:
    try:
        return read_file(path)
    except OSError as error:
        raise Refusal(f"nothing was changed: {path} could not be read: {error}") from error


def _copy(content: Content) -> bytes:
    """The copy that the journal names, if it is what the journal says."""
    try:
        data = read_regular(content.copy).data
    except OSError as error:
        raise Refusal(
            f"nothing was changed: the copy of the previous state cannot be read: {error}. Without it, the change "
            "cannot be reverted"
        ) from error
    if checksum(data) != content.sha256:
        raise Refusal(f"nothing was changed: {content.copy} differs from the copy that the journal recorded")
    return data


def _apply_values(plan: ValuesPlan, run: Run, journal: Journal) -> None:
    """Do it in the order of the plan, each step read back; on failure undo the steps before. Raises ChangeFailed."""
    if not plan.outline.actions:
        return
    journal.begin(
        [item.state for item in plan.files],
        {item.state.path: [item.data] for item in plan.files},
        actions=plan.outline.actions,
        sysctls=to_plain(plan.sysctls),
        ports=to_plain(plan.ports),
        policies=to_plain(plan.policies),
        units=to_plain(plan.units),
    )
    undo: list[Undo] = []
    try:
        _apply(plan, run, undo)
    except (ChangeFailed, OSError) as error:
        stuck = [name for step in reversed(undo) for name in step()]
        journal.end("undone", error=str(error), stuck=stuck)
        but = f" except {', '.join(stuck)}, which could not be restored" if stuck else ""
        log = error.log if isinstance(error, ChangeFailed) else []
        raise ChangeFailed(f"{error}; undone{but}", log) from error
    journal.end("done")


def _apply(plan: ValuesPlan, run: Run, undo: list[Undo]) -> None:
    # Values that set all interfaces come first, there as well: reset_sysctls begins at the end.
    undo.append(lambda: reset_sysctls(plan.sysctls[::-1]))
    set_sysctls(plan.sysctls)
    set_ports(plan.ports)
    undo.append(lambda: _ports_again(plan))
    units = _with_files(plan)
    for unit, content in units:
        undo.append(_unit_again(run, unit))
        put_unit(run, read_file(unit_path(unit.name)), _wanted(unit, content))
    of_units = {unit_path(unit.name) for unit, dummy in units}
    for file in plan.files:
        if file.state.path not in of_units:
            undo.append(_file_again(file))
            replace_file(file.state, file.data)
    undo.append(lambda: reset_policies(plan.policies, run))
    set_policies(plan.policies, run)


def _with_files(plan: ValuesPlan) -> list[tuple[UnitRecord, FileBack | None]]:
    """Units with what becomes of their files."""
    files = {item.state.path: item for item in plan.files}
    return [(unit, files.get(unit_path(unit.name))) for unit in plan.units]


def _wanted(unit: UnitRecord, content: FileBack | None) -> UnitState:
    data = content.data if content else read_file(unit_path(unit.name)).data
    return UnitState(unit.name, None if data is None else data.decode("utf-8", "replace"), unit.after)


# ---- back ------------------------------------------------------------------------------------------------------------


def _ports_again(plan: ValuesPlan) -> list[str]:
    try:
        set_ports([replace(port, before=port.after, after=port.before) for port in plan.ports])
    except ChangeFailed:
        return ["the ports of the bridges"]
    return []


def _unit_again(run: Run, unit: UnitRecord) -> Undo:
    before = read_unit(run, unit.name)

    def again() -> list[str]:
        try:
            put_unit(run, read_file(unit_path(unit.name)), before)
        except (ChangeFailed, OSError):
            return [unit.name]
        return []

    return again


def _file_again(file: FileBack) -> Undo:
    def again() -> list[str]:
        try:
            now = read_file(file.state.path)
            if now.data != file.state.data:
                replace_file(
                    replace(now, mode=file.state.mode, uid=file.state.uid, gid=file.state.gid), file.state.data
                )
        except (ChangeFailed, OSError):
            return [file.state.path]
        return []

    return again


@dataclass(frozen=True)
class PurgePlan:
    """What goes."""

    outline: Outline
    record: bytes = b""
    forgotten: Forgotten = field(default_factory=lambda: Forgotten(b""))


class PurgeChange:
    """What is older than a number of days, forgotten."""

    def __init__(self, days: int, root: Path = JOURNAL_ROOT) -> None:
        self._days = days
        self._root = root

    def plan(self) -> PurgePlan:
        """Read the journal, and say what goes. Raises Refusal."""
        try:
            record = read_record(self._root)
            forgotten = older(record, self._days)
            copies = stale_copies(self._root, forgotten.kept, self._days)
        except OSError as error:
            raise Refusal(f"nothing was changed: {self._root} could not be read: {error}") from error
        actions = []
        if forgotten.lines:
            actions.append(
                f"forget {forgotten.lines} entries of {self._root / RECORD}, and with them {forgotten.changes} changes "
                "that could have been reverted"
            )
        if copies:
            actions.append(f"remove {len(copies)} copies of files from {self._root}")
        return PurgePlan(Outline(actions), record, forgotten)

    def apply(self, plan: PurgePlan) -> None:
        """Do it. Raises ChangeFailed."""
        try:
            forget(self._root, RECORD, plan.record, plan.forgotten, self._days)
        except OSError as error:
            raise ChangeFailed(f"not all could be forgotten: {error}; run it again once that is fixed") from error
