# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as CSV: a row for each finding."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.csv_text import csv_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import counted_as
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import ERROR, Gate

COLUMNS = (
    "host",
    "taken_at",
    "check",
    "severity",
    "outcome",
    "gate",
    "resource_kind",
    "resource",
    "container",
    "summary",
    "impact",
    "remediation",
    "cis",
    "waiver_expires",
    "waiver_owner",
    "waiver_reason",
    "baseline",
)


def audit_csv(audit: Audit, gate: Gate) -> str:
    """Return the table; a host without an audit has one row, with its error."""
    if audit.error_kind:
        reason = {"host": audit.host, "check": "audit", "outcome": audit.error_kind, "gate": ERROR}
        return csv_of([COLUMNS, _row({**reason, "summary": audit.error})])
    return csv_of([COLUMNS, *(_row(_cells(audit, finding, gate)) for finding in audit.findings)])


def _row(cells: dict[str, str]) -> Sequence[str]:
    return [cells.get(name, "") for name in COLUMNS]


def _cells(audit: Audit, finding: Finding, gate: Gate) -> dict[str, str]:
    waiver = finding.waiver
    accepted = {"expires": waiver.expires, "owner": waiver.owner, "reason": waiver.reason} if waiver else {}
    return {
        "host": audit.host,
        "taken_at": str(audit.document["host"]["taken_at"]),
        "check": finding.check,
        "severity": finding.severity,
        "outcome": counted_as(finding),
        "gate": gate.standing(finding).kind,
        "resource_kind": finding.resource.kind,
        "resource": finding.resource.name,
        "container": finding.resource.container,
        "summary": finding.summary,
        "impact": finding.impact,
        "remediation": finding.remediation.text if finding.remediation else "",
        "cis": finding.cis,
        **{f"waiver_{name}": value for name, value in accepted.items()},
        "baseline": gate.baseline.state_of(finding),
    }
