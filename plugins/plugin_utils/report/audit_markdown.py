# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as Markdown, for a comment on a pull request: a line with the counts, and what failed.

GitHub takes 65,536 characters in a comment, so rows that would not fit are counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import counts_in_words, summary_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import UNREACHABLE, Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline import Baseline
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    check_text,
    counted_as,
    rank,
    resource_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.markdown import escaped

_ROWS = 50
"""Rows of the table at most."""
_ROOM = 60_000
"""Characters of the table at most: one that is escaped takes more than one."""
_NAME = 80
"""Characters of a name at most."""
_TEXT = 200
"""Characters of a sentence at most."""
_LINE = 500
"""Characters of a line that is not in the table at most."""
_HEADINGS = ("severity", "check", "resource", "what is so", "remediation")


def audit_markdown(audit: Audit, gate: Gate) -> str:
    """Return the text (CommonMark with tables, as GitHub and GitLab show it)."""
    host, complaint = cell(audit.host, _NAME), audit.complaint(gate)
    if audit.error_kind:
        reason = "the host could not be reached: " if audit.error_kind == UNREACHABLE else ""
        return f"## {host}: not audited\n\n{cell(f'{reason}{audit.error}', _LINE)}\n"
    said = f"gate failed: {complaint}" if complaint else gate.passed
    lines = [
        f"## {host}: {cell(audit.label, _NAME)}",
        "",
        f"**{cell(counts_in_words(summary_of(list(audit.findings))), _LINE)}**; {cell(said, _LINE)}",
    ]
    known = gate.baseline.lines(audit.findings, _LINE)
    lines += ["", *(cell(line.text, _LINE) for line in known)] if known else []
    shown = sorted((finding for finding in audit.findings if counted_as(finding) in (FAIL, UNKNOWN)), key=rank)
    if shown:
        lines += ["", table_row(_HEADINGS), table_row(["---"] * len(_HEADINGS))]
        rows = _fitting(shown, gate.baseline)
        lines += rows
        left = len(shown) - len(rows)
        lines += ["", f"... and {counted(left, 'more finding')}, in the result document"] if left else []
    return "\n".join(lines) + "\n"


def _fitting(findings: Sequence[Finding], baseline: Baseline) -> list[str]:
    rows: list[str] = []
    room = _ROOM
    for finding in findings[:_ROWS]:
        row = table_row(_cells(finding, baseline))
        room -= len(row) + 1
        if room < 0:
            break
        rows.append(row)
    return rows


def _cells(finding: Finding, baseline: Baseline) -> list[str]:
    state = "known" if baseline.knows(finding) else baseline.state_of(finding)
    grade = "unknown" if finding.outcome == UNKNOWN else finding.severity
    return [
        f"{grade}, {state}" if state and finding.outcome != UNKNOWN else grade,
        cell(check_text(finding), _NAME),
        cell(resource_text(finding), _NAME),
        cell(finding.summary, _TEXT),
        cell(finding.remediation.text, _TEXT) if finding.remediation else "",
    ]


def cell(text: str, most: int) -> str:
    """Return text of a stranger for one cell, of so many characters at most.

    Not by the cells of a terminal: marks without a width take room here, too.
    """
    whole = " ".join(safe(text).split())
    return escaped(whole if len(whole) <= most else f"{whole[: most - 3]}...")


def table_row(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"
