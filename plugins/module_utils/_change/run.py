# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The frame of every module that changes something: read, plan, then, outside of check mode, do it under the lock."""

from __future__ import annotations

import os
from typing import Any, Protocol, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._change.lock import exclusive
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._host.host_module import HostModule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain


class Plan(Protocol):
    """Whatever a change plans, it has an outline."""

    @property
    def outline(self) -> Outline:
        """What people and programs see of it."""


P = TypeVar("P", bound=Plan)


class Change(Protocol[P]):
    """One thing to change."""

    def plan(self) -> P:
        """Read the host and plan, opening nothing for writing. Raises Refusal."""

    def apply(self, plan: P) -> None:
        """Do it, prove it, and undo it on failure. Raises ChangeFailed."""


def run_change(module: HostModule, change: Change[P]) -> None:
    """Run change in the module's mode and leave with its result."""
    if os.geteuid() != 0:
        module.fail_json(msg="this takes root: run with become: true", refused=True)
    try:
        outline = change.plan().outline
        if outline.actions and not module.check_mode:
            _refuse_without_libraries(outline)
            outline = _apply(change)
    except Refusal as refusal:
        module.fail_json(
            msg=str(refusal),
            refused=True,
            actions=[],
            diff=[],
            disruptions=to_plain(refusal.disruptions),
            libraries=refusal.libraries,
        )
    except ChangeFailed as failure:
        module.fail_json(msg=str(failure), refused=False, log=failure.log)
    for warning in [*outline.warnings, *outline.lacking.values()]:
        module.warn(warning)
    module.exit_json(changed=bool(outline.actions), **_result(outline))


def _apply(change: Change[P]) -> Outline:
    with exclusive():
        # Somebody else may have changed the host while this run waited for the lock.
        plan = change.plan()
        _refuse_without_libraries(plan.outline)
        if plan.outline.actions:
            change.apply(plan)
        return plan.outline


def _refuse_without_libraries(outline: Outline) -> None:
    if outline.lacking:
        raise Refusal(f"nothing was changed: {'; '.join(outline.lacking.values())}", libraries=outline.lacking)


def _result(outline: Outline) -> dict[str, Any]:
    return {
        "actions": outline.actions,
        "diff": [diff.to_plain() for diff in outline.diffs],
        "disruptions": to_plain(outline.disruptions),
        "libraries": sorted(outline.lacking),
        **{key: to_plain(items) for key, items in outline.results.items()},
    }
