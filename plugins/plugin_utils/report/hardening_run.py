# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a hardening run came to: the audits before and after, and what each module did between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding

CHANGED = "changed"
UNCHANGED = "unchanged"
REFUSED = "refused"
FAILED = "failed"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Repair:
    """What came of running one module of the collection."""

    module: str
    outcome: str
    message: str = ""
    actions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    """What it brings into line besides, that is another module's otherwise."""
    consents: Mapping[str, str] = field(default_factory=dict)
    """After a refusal: values that would allow it, by the names of the module's options."""

    @classmethod
    def from_result(cls, module: str, result: Mapping[str, Any]) -> Repair:
        """Read a result as a task registers it; a task that was skipped has not run."""
        if result.get("skipped"):
            return cls(module, NOT_RUN)
        outcome = CHANGED if result.get("changed") else UNCHANGED
        if result.get("failed"):
            outcome = FAILED
        if result.get("refused"):
            outcome = REFUSED
        return cls(
            module,
            outcome,
            str(result.get("msg") or ""),
            [str(action) for action in result.get("actions") or []],
            [str(warning) for warning in result.get("warnings") or []],
            [str(thing) for thing in result.get("follows") or []],
            {str(option): str(value) for option, value in (result.get("consents") or {}).items()},
        )


@dataclass(frozen=True)
class Run:
    """A hardening run."""

    before: Sequence[Finding]
    after: Optional[Sequence[Finding]]
    """None when there was no second audit: nothing was changed, or only would have been."""
    repairs: Mapping[str, Repair]
    """By the short name of the module."""
    check_mode: bool = False
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Checks whose repair nobody asked for, with the variable that does."""

    @property
    def last(self) -> Sequence[Finding]:
        """The findings of the last audit that was made."""
        return self.before if self.after is None else self.after
