# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The guard of the host's loopback, set by its unit, or by iptables itself where there is no systemd."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import prove_unit, put_unit
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    RULE,
    UNIT,
    GuardPlan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run

_IPTABLES = ["iptables", "-w", "10", "-t", "raw"]
# More of our rule than this are nobody's doing but a fault.
_MOST = 20


def set_guard(plan: GuardPlan, run: Run) -> None:
    """Bring unit and rule to what is planned, and look at the rule. Raises ChangeFailed."""
    if plan.unit:
        put_unit(run, read_file(unit_path(UNIT)), plan.unit.after)
        if plan.rule:
            prove_unit(run, UNIT)
            if not _is_there(run):
                raise ChangeFailed(f"{UNIT} ran, and its rule is not in the tables that iptables shows")
    if plan.rule is not None:
        _set_rule(run, wanted=plan.rule)


def reset_guard(plan: GuardPlan, run: Run) -> list[str]:
    """Bring unit and rule back to what they were; return what is not."""
    if plan.rule is None:
        return []
    try:
        if plan.unit:
            put_unit(run, read_file(unit_path(UNIT)), plan.unit.before)
        _set_rule(run, wanted=plan.before)
    except (ChangeFailed, OSError):
        return ["the guard of 127.0.0.0/8"]
    return []


def _set_rule(run: Run, *, wanted: bool) -> None:
    if wanted and not _is_there(run):
        _iptables(run, "-I")
    for dummy in range(_MOST):
        if wanted or not _is_there(run):
            break
        _iptables(run, "-D")
    if _is_there(run) != wanted:
        raise ChangeFailed(f"the rule {' '.join(RULE)} in raw PREROUTING is {'missing' if wanted else 'still there'}")


def _is_there(run: Run) -> bool:
    return run([*_IPTABLES, "-C", "PREROUTING", *RULE])[0] == 0


def _iptables(run: Run, what: str) -> None:
    code, dummy, err = run([*_IPTABLES, what, "PREROUTING", *RULE])
    if code != 0:
        raise ChangeFailed(f"iptables -t raw {what} PREROUTING failed: {err.strip() or code}")
