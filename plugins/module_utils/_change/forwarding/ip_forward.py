# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Forwarding and the policy of FORWARD, done as planned: read, set, proved, and set back on failure.

FORWARD is closed before forwarding goes on, so that the host is at no time a router for anyone. Its policy is set with
the host's own iptables, the alternative that dockerd uses as well: nothing but the policy is touched; rules stay, and
so do the chains of the other backend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file, replace_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import (
    prove_unit,
    put_unit,
    read_unit_to_plan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import (
    ENABLED,
    UnitChange,
    UnitState,
    unit_path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import (
    closes_at_boot,
    open_router_warnings,
    unstarted_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    UNIT,
    PolicyPlan,
    PolicyRequest,
    plan_policy,
    plan_reopening,
    recorded_policies,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.ip_forward_plan import (
    ALWAYS,
    AUTO,
    ForwardingPlan,
    ForwardingRequest,
    plan_forwarding,
    turned_on_at_boot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    CHAIN,
    ChangeFailed,
    FileState,
    Outline,
    Refusal,
    encoded,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.running_values import (
    _read_policies,
    read_sysctl,
    reset_policies,
    reset_sysctls,
    set_policies,
    set_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl_plan import (
    FOLDER,
    OWN_NAMES,
    verify_boot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.declared_forwarding import (
    read_declared_forwarders,
    read_procps_tail,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.firewall import read_firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import current_policy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import sysctl_key
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError

ROUTES6 = Path("/proc/net/ipv6_route")
# include/uapi/linux/ipv6_route.h: a default route that router discovery made.
_RTF_DEFAULT = 0x00010000
_RTF_ADDRCONF = 0x00040000


@dataclass(frozen=True)
class WholePlan:
    """Both halves; their outline is one."""

    outline: Outline
    forwarding: ForwardingPlan
    policy: PolicyPlan


class ForwardingChange:
    """Forwarding as requested, FORWARD as policy wants it; read() gives a fresh snapshot of the host."""

    def __init__(
        self,
        request: ForwardingRequest,
        policy: PolicyRequest,
        run: Run,
        read: Callable[[], HostSnapshot],
        journal: Journal,
    ) -> None:
        self._request = request
        self._policy = policy
        self._run = run
        self._read = read
        self._journal = journal

    def plan(self) -> WholePlan:
        """Read the host and plan."""
        routes = advertised_interfaces(ROUTES6.read_bytes() if ROUTES6.exists() else b"")
        accept_ra = {name: read_sysctl(sysctl_key(6, name, "accept_ra")) or "0" for name in routes}
        snapshot = self._read()
        try:
            tail = read_procps_tail()
        except UnreadableError as error:
            raise Refusal(f"nothing was changed: {error.reason}") from error
        forwarding = plan_forwarding(snapshot, self._request, accept_ra, tail)
        policy, warnings = self._plan_policy(snapshot, forwarding)
        first, second = policy.outline, forwarding.outline
        outline = Outline(
            first.actions + second.actions,
            first.diffs + second.diffs,
            first.disruptions,
            first.warnings + second.warnings + warnings,
        )
        return WholePlan(outline, forwarding, policy)

    def _plan_policy(self, snapshot: HostSnapshot, forwarding: ForwardingPlan) -> tuple[PolicyPlan, list[str]]:
        firewall = read_firewall(self._run)
        unit = read_unit_to_plan(self._run, UNIT)
        families = self._policy.families
        if not self._request.present:
            unstarted = unstarted_warnings(snapshot, forwarding.closed_at_boot)
            return plan_reopening(snapshot, firewall, unit, families), unstarted
        if self._policy.closed:
            request = replace(self._policy, at_boot=self._closed_at_boot(snapshot, forwarding))
            return plan_policy(snapshot, firewall, unit, request, read_declared_forwarders()), []
        now = {family: current_policy(snapshot, firewall, family) for family in families}
        warnings = open_router_warnings(snapshot, now, forwarding.opened_now, forwarding.opened_at_boot)
        return PolicyPlan(), warnings

    def _closed_at_boot(self, snapshot: HostSnapshot, forwarding: ForwardingPlan) -> set[str]:
        """Families that dockerd does not close when the host boots, as the files then are."""
        families = set(self._policy.families)
        if self._request.persistent != AUTO:
            return families if self._request.persistent == ALWAYS else set()
        turned_on = turned_on_at_boot(snapshot, forwarding.files, forwarding.opened_at_boot)
        return {family for family in families if not closes_at_boot(snapshot, family, turned_on)}

    def apply(self, plan: WholePlan) -> None:
        """Do it and verify it against the kernel and the files that boot will read; undo everything on failure."""
        forwarding, policy = plan.forwarding, plan.policy
        paths = [f"{FOLDER}/{name}" for name in OWN_NAMES] + [unit_path(UNIT)]
        before = {path: read_file(path) for path in paths}
        writes = {file.path: [encoded(file.text)] for file in forwarding.files}
        if policy.unit:
            writes[unit_path(UNIT)] = [encoded(policy.unit.after.text)]
        self._journal.begin(
            [before[path] for path in writes],
            writes,
            actions=plan.outline.actions,
            sysctls=to_plain(forwarding.sysctls + forwarding.implied),
            policies=to_plain(policy.policies),
            units=[policy.unit.record()] if policy.unit else [],
        )
        try:
            self._apply_policy(policy, before[unit_path(UNIT)])
            set_sysctls(forwarding.sysctls)
            for file in forwarding.files:
                replace_file(before[file.path], encoded(file.text))
            verify_boot(read_boot(), forwarding.promised)
        except (ChangeFailed, OSError, UnreadableError) as error:
            raise self._undone(plan, list(before.values()), error) from error
        self._journal.end("done")

    def _apply_policy(self, policy: PolicyPlan, unit_file: FileState) -> None:
        if policy.unit:
            # Before the policy: from now on the file says what was there before, whenever this run is killed.
            put_unit(self._run, unit_file, policy.unit.after)
            if policy.unit.after.state == ENABLED:
                # It does the first half of the work: whether the kernel has it then shows that boot will have it.
                self._prove(policy.unit.after)
        set_policies(policy.policies, self._run)

    def _prove(self, unit: UnitState) -> None:
        prove_unit(self._run, UNIT)
        families = sorted(recorded_policies(unit))
        left = [family for family, policy in _read_policies(families, self._run).items() if policy != "DROP"]
        if left:
            raise ChangeFailed(f"{UNIT} ran, but {CHAIN} is not closed for {', '.join(left)}")

    def _undone(self, plan: WholePlan, files: list[FileState], error: Exception) -> ChangeFailed:
        stuck = reset_sysctls([*plan.forwarding.implied, *plan.forwarding.sysctls])
        stuck += reset_policies(plan.policy.policies, self._run)
        for state in files:
            if state.path == unit_path(UNIT):
                stuck += self._reset_unit(plan.policy.unit)
                continue
            now = read_file(state.path)
            if now.data != state.data:
                replace_file(now, state.data)
        stuck += reset_policies(plan.policy.policies, self._run)
        self._journal.end("undone", error=str(error), stuck=stuck)
        log = error.log if isinstance(error, ChangeFailed) else []
        if stuck:
            return ChangeFailed(f"{error}; undone except {', '.join(stuck)}, which could not be restored", log)
        return ChangeFailed(f"{error}; everything was restored", log)

    def _reset_unit(self, change: UnitChange | None) -> list[str]:
        if change is None:
            return []
        try:
            put_unit(self._run, read_file(unit_path(UNIT)), change.before)
        except (ChangeFailed, OSError):
            return [UNIT]
        return []


def advertised_interfaces(table: bytes) -> list[str]:
    """Interfaces that hold a default route from router advertisements, from the content of /proc/net/ipv6_route.

    Their names can be any bytes but blanks, slashes and colons.
    """
    found: set[str] = set()
    for line in table.split(b"\n"):
        fields = line.split()
        if len(fields) == 10 and int(fields[8], 16) & _RTF_DEFAULT and int(fields[8], 16) & _RTF_ADDRCONF:
            found.add(fields[9].decode("utf-8", "replace"))
    return sorted(found)
