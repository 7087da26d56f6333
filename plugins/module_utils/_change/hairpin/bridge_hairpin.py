# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hairpin mode of bridge ports with what goes with it: sysctls, and the guard of the loopback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import read_unit_to_plan
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    HairpinPlan,
    HairpinRequest,
    plan_hairpin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import UNIT
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.set_hairpin import (
    reset_guard,
    set_guard,
    set_ports,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, FileState, encoded
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import lacking
from ansible_collections.dockernet.baseline.plugins.module_utils._change.running_values import (
    reset_sysctls,
    set_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import verify_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import read_firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError


class HairpinChange:
    """Hairpin as requested; read() gives a fresh snapshot of the host."""

    def __init__(self, request: HairpinRequest, run: Run, read: Callable[[], HostSnapshot], journal: Journal) -> None:
        self._request = request
        self._run = run
        self._read = read
        self._journal = journal

    def plan(self) -> HairpinPlan:
        """Read the host and plan."""
        unit = read_unit_to_plan(self._run, UNIT)
        plan = plan_hairpin(self._read(), self._request, read_firewall(self._run), unit)
        return replace(plan, outline=replace(plan.outline, lacking=lacking(plan.ports)))

    def apply(self, plan: HairpinPlan) -> None:
        """Set it all, ports last, and read it back; a failure leaves it as it was."""
        files = [read_file(file.path) for file in plan.netfilter.files]
        self._begin(plan, files)
        try:
            set_sysctls(plan.netfilter.sysctls + plan.loopback)
            for state, file in zip(files, plan.netfilter.files):
                replace_file(state, encoded(file.text))
            verify_boot(read_boot(), plan.netfilter.promised)
            set_guard(plan.guard, self._run)
            set_ports(plan.ports)
        except (ChangeFailed, OSError, UnreadableError) as error:
            stuck = reset_guard(plan.guard, self._run) + self._undo(plan, files)
            self._journal.end("undone", error=str(error), stuck=stuck)
            but = f" except {', '.join(stuck)}, which could not be restored" if stuck else ""
            raise ChangeFailed(f"{error}; undone{but}", getattr(error, "log", [])) from error
        self._journal.end("done")

    def _begin(self, plan: HairpinPlan, files: list[FileState]) -> None:
        writes = {file.path: [encoded(file.text)] for file in plan.netfilter.files}
        touched = list(files)
        unit = plan.guard.unit
        if unit:
            writes[unit_path(UNIT)] = [encoded(unit.after.text)]
            touched.append(read_file(unit_path(UNIT)))
        self._journal.begin(
            touched,
            writes,
            actions=plan.outline.actions,
            sysctls=to_plain(plan.netfilter.sysctls + plan.loopback),
            ports=to_plain(plan.ports),
            units=[unit.record()] if unit else [],
        )

    def _undo(self, plan: HairpinPlan, files: list[FileState]) -> list[str]:
        stuck = reset_sysctls(plan.netfilter.sysctls + plan.loopback)
        for state in files:
            try:
                now = read_file(state.path)
                if now.data != state.data:
                    replace_file(now, state.data)
            except (ChangeFailed, OSError):
                stuck.append(state.path)
        return stuck
