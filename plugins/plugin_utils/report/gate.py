# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The gate: which findings fail a host, and why the others do not.

The exit status and the reports are all made of these answers, so that they cannot tell different stories.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline import NO_BASELINE, Baseline
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import minute_of

NEVER = "none"
"""No severity: findings close nothing."""
LEVELS = (*SEVERITIES, NEVER)
VARIABLE = "audit_fail_on"

OPEN = "open"
CLOSED = "closed"
"""By what was found."""
NOT_AUDITED = "not_audited"
"""Something kept the host from being audited or reported, so that nothing is known of it."""
EXIT_STATUSES: Mapping[str, int] = MappingProxyType({OPEN: 0, CLOSED: 2, NOT_AUDITED: 4})
"""Those of ansible-playbook, by the state of a host's gate; of several hosts the highest one counts."""
_ENDS: Mapping[str, Mapping[str, bool]] = MappingProxyType(
    {OPEN: {}, CLOSED: {"failed": True}, NOT_AUDITED: {"unreachable": True}}
)

PASSED = "passed"
FAILED = "failed"
"""It closes the gate: something is wrong."""
ERROR = "error"
"""It closes the gate: it is unknown, since it was not evaluated."""
SKIPPED = "skipped"
"""It does not concern the gate; the reason says why."""


def closing(state: str, message: str, host: str) -> dict[str, Any]:
    """Return the part of a task's result by which Ansible ends with the status of that state of a gate.

    Ansible knows two ways to lose a host. ``failed`` stands for what was found; so errors take the other one.
    """
    if state == NOT_AUDITED:
        message += f". This is an error and no finding: Ansible counts {host} as unreachable (exit status 4)"
    return {"msg": message, **_ENDS[state]}


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
    baseline: Baseline = NO_BASELINE
    """What an earlier run found on the host: what it knows does not close the gate."""

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
        if self.baseline.knows(finding):
            return Standing(SKIPPED, f"failed, with severity {finding.severity}, {self.baseline.words}")
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

    @property
    def passed(self) -> str:
        """What is said where it stays open."""
        return f"gate passed ({self.variable}: {self.fail_on})"

    def complaint(self, findings: Iterable[Finding]) -> str:
        """Return in one sentence what closes the gate; empty where it stays open."""
        closing = [(finding, self.standing(finding).kind) for finding in findings]
        failed = Counter(finding.severity for finding, kind in closing if kind == FAILED)
        unjudged = sum(kind == ERROR for dummy, kind in closing)
        parts = [f"{failed[severity]} failed with severity {severity}" for severity in SEVERITIES if failed[severity]]
        parts += [f"{unjudged} unknown (not evaluated)"] if unjudged else []
        new = f", new since the baseline of {minute_of(self.baseline.taken_at)}" if self.baseline.taken_at else ""
        unread = f"; no baseline: {self.baseline.problem}" if self.baseline.problem else ""
        return f"{', '.join(parts)} ({self.variable}: {self.fail_on}{new or unread})" if parts else ""
