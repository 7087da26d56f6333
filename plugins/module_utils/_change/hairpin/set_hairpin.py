# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hairpin mode of bridge ports, set by rtnetlink(7), and the guard of the loopback, and both read back.

The guard is set by its unit, or by iptables itself where there is no systemd.
"""

from __future__ import annotations

import contextlib
import errno
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import read_file
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit import prove_unit, put_unit
from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import unit_path
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    RULE,
    UNIT,
    GuardPlan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run

# Interface gone, or no port of a bridge any more.
_GONE = (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP)
_IPTABLES = ["iptables", "-w", "10", "-t", "raw"]
# Copies of our rule that are removed at most.
_MOST = 20


def set_ports(changes: list[PortChange]) -> list[PortChange]:
    """Set all ports and read them back; return those that exist no longer, since their container stopped meanwhile.

    On failure the ports have their old mode again, and ChangeFailed says so. Needs pyroute2.
    """
    if not changes:
        return []
    done: list[PortChange] = []
    gone: list[PortChange] = []
    with _route() as route:
        try:
            for change in changes:
                (done if _set(route, change.index, int(change.after)) else gone).append(change)
            for change in done:
                _verify(route, change)
        except (OSError, _netlink_error(), ChangeFailed) as error:
            for change in reversed(done):
                with contextlib.suppress(OSError, _netlink_error()):
                    _set(route, change.index, int(change.before))
            raise ChangeFailed(f"the bridge ports were restored: {error}") from error
    return gone


def _set(route: Any, index: int, mode: int) -> bool:
    """Set the mode; return False when the port is gone."""
    try:
        route.brport("set", index=index, mode=mode)
    except _netlink_error() as error:
        if _code(error) in _GONE and _mode(route, index) is None:
            return False
        raise
    return True


def _verify(route: Any, change: PortChange) -> None:
    mode = _mode(route, change.index)
    if mode is not None and mode != change.after:
        raise ChangeFailed(f"hairpin mode of {change.port} was set, but the kernel did not apply it")


def _mode(route: Any, index: int) -> bool | None:
    """Hairpin mode of a port, None when the interface is gone or no bridge port any more."""
    try:
        answers = list(route.get_links(index))
    except _netlink_error() as error:
        if _code(error) == errno.ENODEV:
            return None
        raise
    for link in answers:
        info = link.get_attr("IFLA_LINKINFO")
        slave = info.get_attr("IFLA_INFO_SLAVE_DATA") if info else None
        mode = slave.get_attr("IFLA_BRPORT_MODE") if slave else None
        if mode is not None:
            return bool(mode)
    return None


def _code(error: Exception) -> int:
    """The errno of a NetlinkError."""
    return int(getattr(error, "code", 0))


def _route() -> Any:
    # Imported late: it takes 0.1 s, and most runs find nothing to set.
    from pyroute2 import IPRoute

    return contextlib.closing(IPRoute())


def _netlink_error() -> type[Exception]:
    from pyroute2.netlink.exceptions import NetlinkError

    return NetlinkError  # type: ignore[no-any-return]


def set_guard(plan: GuardPlan, run: Run) -> None:
    """Bring unit and rule to what is planned, and look at the rule. Raises ChangeFailed."""
    if plan.unit:
        put_unit(run, read_file(unit_path(UNIT)), plan.unit.after)
        if plan.rule:
            prove_unit(run, UNIT)
            if not _is_there(run):
                raise ChangeFailed(f"{UNIT} ran, but its rule is not in the tables that iptables shows")
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
        return ["the rule that protects 127.0.0.0/8"]
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
