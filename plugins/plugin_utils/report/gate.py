# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The gate: which findings fail a host, and why the others do not.

The exit status and the JUnit file are both made of these answers, so that they cannot tell different stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)

NEVER = "none"
"""No severity: findings close nothing."""
LEVELS = (*SEVERITIES, NEVER)
VARIABLE = "audit_fail_on"

PASSED = "passed"
FAILED = "failed"
"""It closes the gate: something is wrong."""
ERROR = "error"
"""It closes the gate: it is unknown, since it was not evaluated."""
SKIPPED = "skipped"
"""It does not concern the gate; the reason says why."""


@dataclass(frozen=True)
class Standing:
    """How a finding stands to a gate."""

    kind: str
    reason: str = ""
    """Why it is passed over; empty for the others."""


@dataclass(frozen=True)
class Gate:
    """What closes it."""

    fail_on: str = NEVER
    """The least severity of a failed check that does; ``none`` for no severity."""
    fail_on_unknown: bool = True
    """Whether what is unknown does, too, unless fail_on is ``none``."""
    variable: str = VARIABLE
    """What users set fail_on by; fail_on_unknown has the same name with ``_unknown``."""

    def standing(self, finding: Finding) -> Standing:
        """Return how a finding stands to this gate."""
        if finding.outcome == PASS:
            return Standing(PASSED)
        if finding.outcome == NOT_APPLICABLE:
            return Standing(SKIPPED, f"not applicable: {finding.summary}")
        if finding.outcome == UNKNOWN:
            return self._of_unknown(finding)
        if finding.outcome == FAIL and finding.waiver is not None:
            waiver = finding.waiver
            return Standing(SKIPPED, f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}")
        if finding.outcome == FAIL and finding.severity not in self.severities:
            return Standing(SKIPPED, f"failed, with severity {finding.severity}; {self.variable} is {self.fail_on}")
        return Standing(FAILED)

    def _of_unknown(self, finding: Finding) -> Standing:
        if self.fail_on != NEVER and self.fail_on_unknown:
            return Standing(ERROR)
        because = f"{self.variable} is none" if self.fail_on == NEVER else f"{self.variable}_unknown is false"
        return Standing(SKIPPED, f"unknown (not evaluated); {because}. {finding.summary}")

    @property
    def severities(self) -> tuple[str, ...]:
        """The severities of failed checks that close it."""
        return () if self.fail_on == NEVER else SEVERITIES[: SEVERITIES.index(self.fail_on) + 1]

    def complaint(self, findings: Iterable[Finding]) -> str:
        """Return in one sentence what closes the gate; empty where it stays open."""
        closing = [(finding, self.standing(finding).kind) for finding in findings]
        failed = Counter(finding.severity for finding, kind in closing if kind == FAILED)
        unjudged = sum(kind == ERROR for dummy, kind in closing)
        parts = [f"{failed[severity]} failed with severity {severity}" for severity in SEVERITIES if failed[severity]]
        parts += [f"{unjudged} unknown (not evaluated)"] if unjudged else []
        return f"{', '.join(parts)} ({self.variable}: {self.fail_on})" if parts else ""
