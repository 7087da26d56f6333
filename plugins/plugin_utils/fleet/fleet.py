# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a run came to on all hosts, and what earlier runs left of them: what every report of a fleet is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import is_waived, resource_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

NEW = "new"
"""It failed in no earlier run, or the host was not audited before. What was unknown then counts as new, too."""
REGRESSED = "regressed"
"""It failed in an earlier run, then it did not, and now it fails again."""
UNCHANGED = "unchanged"
"""It failed in the run before, too, or there is none to compare with."""

FindingKey = tuple[str, str]
"""A check, and its resource in words."""


@dataclass(frozen=True)
class FindingAge:
    """Since when a finding fails."""

    status: str
    """``new``, ``regressed`` or ``unchanged``."""
    since: str
    """When the first of the runs in a row that found it read the host, ISO 8601 in UTC."""


@dataclass(frozen=True)
class FixedFinding:
    """A finding that failed in the run before, was not waived, and does not fail any more."""

    check: str
    resource: str
    severity: str


@dataclass(frozen=True)
class FleetHost:
    """One host of the run."""

    audit: Audit
    """With its document, or why there is none."""
    closed: str = ""
    """Why its gate is closed; empty where it is open."""
    ages: Mapping[FindingKey, FindingAge] = field(default_factory=dict)
    """Of its findings that failed and are not waived, where there is a history."""
    fixed: Sequence[FixedFinding] = ()
    reachability_changes: Sequence[str] = ()
    """What became reachable since the run before, and what no longer is, in words."""
    gate: Gate = field(default_factory=Gate)
    """Its gate, with what its baseline knows of it."""

    def age(self, finding: Finding) -> FindingAge | None:
        """Return the age of one of its findings; None for what did not fail or is waived, and without a history."""
        is_open = finding.outcome == FAIL and not is_waived(finding)
        return self.ages.get((finding.check, resource_text(finding))) if is_open else None


@dataclass(frozen=True)
class VanishedHost:
    """A host of an earlier run that is not part of this one."""

    host: str
    last_seen: str
    """When it was last read, ISO 8601 in UTC."""
    state: str
    """What it was then: its highest severity, ``well``, ``unreachable`` or ``failed``."""


@dataclass(frozen=True)
class RunTotals:
    """A run in numbers: a point of a trend."""

    run: str
    """Its id."""
    started_at: str
    """ISO 8601 in UTC."""
    hosts: int
    states: Mapping[str, int]
    """Hosts by highest open severity, ``unknown``, ``well``, ``unreachable``, ``failed`` or ``without docker``."""
    findings: Mapping[str, int]
    """Open findings by severity, and ``unknown``, ``waived``."""
    gate_closed: int = 0
    """Hosts."""
    new: int = 0
    fixed: int = 0
    regressed: int = 0


@dataclass(frozen=True)
class Fleet:
    """A run over all hosts, and what is kept of earlier ones."""

    hosts: Iterable[FleetHost]
    """In the order of names. Each walk reads the documents anew, so that one is in memory at a time."""
    totals: RunTotals
    trend: Sequence[RunTotals] = ()
    """Earlier runs and this one, oldest first."""
    vanished: Sequence[VanishedHost] = ()
    problems: Sequence[str] = ()
    """Documents that could not be read, and why."""
    title: str = "Docker host networks"
    gate_failed: Sequence[str] = ()
    """The hosts whose gate is closed."""
    not_reached: Sequence[str] = ()
    """Those of them that are of batches (``serial``) which the run has not begun."""
