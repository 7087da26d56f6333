# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as CSV, a row for each finding, and that of a fleet, a row for each that is not well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.csv_text import csv_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import counted_as
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import ERROR, PASSED, Gate

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


FLEET_COLUMNS = (*COLUMNS, "age", "since")


def audit_csv(audit: Audit, gate: Gate) -> str:
    """Return the table; a host without an audit has one row, with its error."""
    if audit.error_kind:
        return csv_of([COLUMNS, _row(_not_audited(audit), COLUMNS)])
    return csv_of([COLUMNS, *(_row(_cells(audit, finding, gate), COLUMNS) for finding in audit.findings)])


def fleet_rows(audit: Audit, gate: Gate, age_of: Callable[[Finding], Mapping[str, str]]) -> str:
    """Return rows of FLEET_COLUMNS: what failed or is unknown, with what age_of says; one row where nothing did."""
    rows = [
        {**_cells(audit, finding, gate), **age_of(finding)}
        for finding in audit.findings
        if finding.outcome in (FAIL, UNKNOWN)
    ]
    rows = [_not_audited(audit)] if audit.error_kind else rows or [_well(audit)]
    return csv_of(_row(cells, FLEET_COLUMNS) for cells in rows)


def _row(cells: Mapping[str, str], columns: Sequence[str]) -> Sequence[str]:
    return [cells.get(name, "") for name in columns]


def _not_audited(audit: Audit) -> dict[str, str]:
    cells = {"host": audit.host, "check": "audit", "outcome": audit.error_kind, "gate": ERROR}
    return {**cells, "summary": audit.error}


def _well(audit: Audit) -> dict[str, str]:
    outcome = NOT_APPLICABLE if audit.is_without_docker else PASS
    cells = {"host": audit.host, "check": "audit", "outcome": outcome, "gate": PASSED, "summary": audit.label}
    return {**cells, "taken_at": str(audit.document["host"]["taken_at"])}


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
