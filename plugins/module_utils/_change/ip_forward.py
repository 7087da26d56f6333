# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Forwarding: reading what the plan needs, doing it, proving it, and going back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import (
    FileState,
    read_file,
    replace_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.ip_forward_plan import (
    FOLDER,
    OWN_NAMES,
    ForwardingPlan,
    ForwardingWish,
    OwnFile,
    plan_forwarding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl import (
    read_sysctl,
    reset_sysctls,
    set_sysctls,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.boot_sysctl import boot_value
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

ROUTES6 = Path("/proc/net/ipv6_route")
# include/uapi/linux/ipv6_route.h: a default route that router discovery made.
_RTF_DEFAULT = 0x00010000
_RTF_ADDRCONF = 0x00040000


class ForwardingChange:
    """Forwarding as wish wants it; read() gives a fresh snapshot of the host."""

    def __init__(self, wish: ForwardingWish, read: Callable[[], HostSnapshot]) -> None:
        self._wish = wish
        self._read = read
        self._journal = Journal("ip_forward")

    def plan(self) -> ForwardingPlan:
        """Read the host and plan."""
        routes = advertised_interfaces(ROUTES6.read_text(encoding="ascii") if ROUTES6.exists() else "")
        accept_ra = {name: read_sysctl(f"net.ipv6.conf.{name.replace('.', '/')}.accept_ra") or "0" for name in routes}
        return plan_forwarding(self._read(), self._wish, accept_ra)

    def apply(self, plan: ForwardingPlan) -> None:
        """Do it and verify it against the kernel and the files that boot will read; undo everything on failure."""
        files = [read_file(f"{FOLDER}/{name}") for name in OWN_NAMES]
        before = {state.path: state for state in files}
        touched = [before[file.path] for file in plan.files]
        self._journal.begin(
            touched,
            {file.path: [_data(file)] for file in plan.files},
            actions=plan.outline.actions,
            sysctls=to_plain(plan.sysctls + plan.implied),
        )
        try:
            set_sysctls(plan.sysctls)
            for file in plan.files:
                replace_file(before[file.path], _data(file))
            _verify_boot(plan)
        except (ChangeFailed, OSError, UnreadableError) as error:
            raise self._undone(plan, list(before.values()), error) from error
        self._journal.end("done")

    def _undone(self, plan: ForwardingPlan, files: list[FileState], error: Exception) -> ChangeFailed:
        stuck = reset_sysctls([*plan.sysctls, *plan.implied])
        for state in files:
            now = read_file(state.path)
            if now.data != state.data:
                replace_file(now, state.data)
        self._journal.end("undone", error=str(error), stuck=stuck)
        if stuck:
            return ChangeFailed(f"{error}; undone but for {', '.join(stuck)}, which did not go back to what it was")
        return ChangeFailed(f"{error}; everything is as it was before")


def advertised_interfaces(table: str) -> list[str]:
    """Interfaces that hold a default route from router advertisements, from the text of /proc/net/ipv6_route."""
    found: set[str] = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) == 10 and int(fields[8], 16) & _RTF_DEFAULT and int(fields[8], 16) & _RTF_ADDRCONF:
            found.add(fields[9])
    return sorted(found)


def _data(file: OwnFile) -> bytes | None:
    return None if file.text is None else file.text.encode()


def _verify_boot(plan: ForwardingPlan) -> None:
    boot = read_boot()
    for key, value in plan.promised.items():
        found = boot_value(boot, key)
        if found.value != value:
            raise ChangeFailed(
                f"boot would still set {key} to {found.value} ({found.path or 'no file'} line {found.line}), "
                f"not to {value}"
            )
