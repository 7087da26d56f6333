# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal forgotten, by somebody's word: what it no longer tells cannot be taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Forgotten,
    forget,
    older,
    read_record,
    stale_copies,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal


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
                "that could have been taken back"
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
