# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Running values and files put back as planned, or left as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import put_unit, read_unit
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState, unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy import (
    reset_policies,
    set_policies,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_port import set_ports
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import UnitRecord
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_files import FileBack
from ansible_collections.dockernet.baseline.plugins.module_utils._change.rollback.rollback_plan import ValuesPlan
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl import reset_sysctls, set_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain

Undo = Callable[[], list[str]]


def apply_values(plan: ValuesPlan, run: Run, journal: Journal) -> None:
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
        but = f" but for {', '.join(stuck)}, which did not go back" if stuck else ""
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
