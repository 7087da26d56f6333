# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What an audit found, as lines that a person reads from top to bottom: worst first, a line a finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    NOT_APPLICABLE,
    OUTCOMES,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import counts_in_words, summary_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import ENGINE_CHECK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import blocks, indented

WAIVED = "waived"

_WORD = {FAIL: "FAIL", UNKNOWN: "unknown", PASS: "pass", NOT_APPLICABLE: "n/a"}
_GROUPS = {HIGH: "HIGH", MEDIUM: "MEDIUM", LOW: "LOW", INFO: "INFORMATIONAL", WAIVED: "WAIVED"}
"""Headings of what failed, in their order, by what each group is called inside."""
_MARGIN = "  "
_LIMITS = (34, 34)
"""Cells of the columns for check and resource at most."""
_PER_CHECK = 10
"""How many resources of one check are listed; the rest is counted."""


@dataclass(frozen=True)
class Line:
    """A line, and what kind of thing it tells, by which a terminal may colour it."""

    text: str
    tone: str = ""
    """A severity, ``waived`` or ``unknown``; empty for what stands apart from these."""


def outcome_word(finding: Finding) -> str:
    """Return the outcome as it is printed: what is only for information is no failure to a reader."""
    if is_waived(finding):
        return WAIVED
    if is_note(finding):
        return "note"
    return _WORD.get(finding.outcome, finding.outcome)


def is_note(finding: Finding) -> bool:
    """Return whether a finding that failed is worth knowing and no more."""
    return finding.outcome == FAIL and finding.severity == INFO


def is_waived(finding: Finding) -> bool:
    """Return whether somebody accepted what failed."""
    return finding.outcome == FAIL and finding.waiver is not None


def counted_as(finding: Finding) -> str:
    """Return what a finding is counted as: its outcome, and ``waived`` where it is waived; as summary_of() counts."""
    return WAIVED if is_waived(finding) else finding.outcome


def is_open(finding: Finding) -> bool:
    """Return whether something is to be done about a finding: it failed, or says what keeps it from being evaluated."""
    failed = finding.outcome == FAIL and not is_note(finding) and not is_waived(finding)
    return failed or (finding.outcome == UNKNOWN and finding.remediation is not None)


def rank(finding: Finding) -> tuple[int, int, str, str, str]:
    """Return what findings are sorted by: failed, unknown, informational, waived; by severity, check, resource."""
    order = (FAIL, UNKNOWN, "note", WAIVED, PASS, NOT_APPLICABLE)
    outcome = finding.outcome if finding.outcome in OUTCOMES else FAIL
    outcome = WAIVED if is_waived(finding) else "note" if is_note(finding) else outcome
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else 0
    return order.index(outcome), severity, finding.check, finding.resource.kind, finding.resource.name


def check_text(finding: Finding) -> str:
    """Return the check, with the item of the CIS benchmark that it judges."""
    return f"{finding.check} (CIS {finding.cis})" if finding.cis else finding.check


def resource_text(finding: Finding) -> str:
    """Return what a finding is about in words, such as ``container web``."""
    kind, name = finding.resource.kind, finding.resource.name
    return kind if name in ("", kind) or kind == "host" else f"{kind} {name}"


def findings_table(findings: Iterable[Finding], width: int) -> list[Line]:
    """Return the lines: all that failed under its severity, what is unknown, the remediation, and the counts."""
    ordered = sorted(findings, key=rank)
    lines = _grouped([finding for finding in ordered if finding.outcome == FAIL], width)
    unknown = sections((("UNKNOWN (not evaluated)", not_judged(ordered)),), width, _MARGIN)
    lines += [Line(text, UNKNOWN) for text in unknown]
    lines += [Line(text) for text in sections((("NOT APPLICABLE", without_engine(ordered)),), width, _MARGIN)]
    lines += [Line(text) for text in sections((("Remediation:", _remediations(ordered)),), width)]
    return [*lines, Line(f"{counts_in_words(summary_of(ordered))}.")]


def _grouped(failed: Sequence[Finding], width: int) -> list[Line]:
    """What failed, under headings; the columns are the same under all of them."""
    groups = {group: [item for item in failed if group_of(item) == group] for group in _GROUPS}
    rows = {group: _rows(members) for group, members in groups.items()}
    laid = iter(blocks([row for members in rows.values() for row in members], _LIMITS, width - len(_MARGIN)))
    lines: list[Line] = []
    for group, members in rows.items():
        if members:
            lines.append(Line(_GROUPS[group], group))
            lines += [Line(f"{_MARGIN}{text}", group) for dummy in members for text in next(laid)]
            lines.append(Line(""))
    return lines


def group_of(finding: Finding) -> str:
    """Return under which heading a finding that failed stands: its severity, or that it is waived."""
    if is_waived(finding):
        return WAIVED
    return finding.severity if finding.severity in SEVERITIES else HIGH


def _rows(findings: Sequence[Finding]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for dummy, group in groupby(findings, key=lambda finding: finding.check):
        members = list(group)
        rows.extend((check_text(item), resource_text(item), _what_is_so(item)) for item in members[:_PER_CHECK])
        if len(members) > _PER_CHECK:
            rows.append((check_text(members[0]), f"and {len(members) - _PER_CHECK} more", "fail the same check"))
    return rows


def _what_is_so(finding: Finding) -> str:
    waiver = finding.waiver
    if waiver is None:
        was = finding.default_severity
        return f"{finding.summary} (severity {was} in the catalogue)" if was else finding.summary
    return f"{finding.severity}, until {waiver.expires} by {waiver.owner}: {waiver.reason}. {finding.summary}"


def reason_of(finding: Finding) -> str:
    """Return why a check could not judge."""
    return finding.summary.removeprefix("Not evaluated: ")


def not_judged(findings: Iterable[Finding]) -> list[str]:
    """Return each reason for which checks could not judge, once, with the checks."""
    reasons: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.outcome == UNKNOWN:
            reasons.setdefault(reason_of(finding), {})[finding.check] = None
    return [f"{', '.join(checks)}: {reason}" for reason, checks in reasons.items()]


def without_engine(findings: Iterable[Finding]) -> list[str]:
    """Return why no check applies to a host; nothing where checks do."""
    return [item.summary for item in findings if item.check == ENGINE_CHECK and item.outcome == NOT_APPLICABLE]


def _remediations(findings: Iterable[Finding]) -> list[str]:
    """Each remediation, once, with the checks that it answers to."""
    remediations: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.remediation is not None and is_open(finding):
            remediations.setdefault(finding.remediation.text, {})[finding.check] = None
    return [f"{', '.join(checks)}: {text}" for text, checks in remediations.items()]


def sections(contents: Iterable[tuple[str, Sequence[str]]], width: int, lead: str = "* ") -> list[str]:
    """Return lines for headings with items below them, each section followed by an empty line; empty ones left out."""
    lines: list[str] = []
    for heading, items in contents:
        if items:
            lines.append(heading)
            lines.extend(line for item in items for line in indented(lead, item, width))
            lines.append("")
    return lines
