# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What an audit found, as lines that a person reads from top to bottom: worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    INFO,
    NOT_APPLICABLE,
    OUTCOMES,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils._terminal import indented, table

_WORD = {FAIL: "FAIL", UNKNOWN: "unknown", PASS: "pass", NOT_APPLICABLE: "n/a"}
_HEADINGS = ("outcome", "severity", "check", "resource", "what is so")
_LIMITS = (8, 8, 24, 34)
_PER_CHECK = 10
"""How many resources of one check are listed; the rest is counted."""


def outcome_word(finding: Finding) -> str:
    """Return the outcome as it is printed: what is only for information is no failure to a reader."""
    if is_note(finding):
        return "note"
    return _WORD.get(finding.outcome, finding.outcome)


def is_note(finding: Finding) -> bool:
    """Return whether a finding that failed is worth knowing and no more."""
    return finding.outcome == FAIL and finding.severity == INFO


def rank(finding: Finding) -> tuple[int, int, str, str, str]:
    """Return what findings are sorted by: failed, unknown, to note; each by severity, check and resource."""
    order = (FAIL, UNKNOWN, "note", PASS, NOT_APPLICABLE)
    outcome = order.index("note" if is_note(finding) else finding.outcome) if finding.outcome in OUTCOMES else 0
    severity = SEVERITIES.index(finding.severity) if finding.severity in SEVERITIES else 0
    return outcome, severity, finding.check, finding.resource.kind, finding.resource.name


def resource_text(finding: Finding) -> str:
    """Return what a finding is about in words, such as ``container web``."""
    kind, name = finding.resource.kind, finding.resource.name
    return kind if name in ("", kind) or kind == "host" else f"{kind} {name}"


def findings_table(findings: Iterable[Finding], width: int) -> list[str]:
    """Return the lines of a table of all that failed or is unknown, and a last line that counts all outcomes."""
    ordered = sorted(findings, key=rank)
    notable = [finding for finding in ordered if finding.outcome in (FAIL, UNKNOWN)]
    lines: list[str] = []
    if notable:
        lines = [*table(_HEADINGS, _rows(notable), _LIMITS, width), ""]
    lines += sections((("What mends it:", _mended(notable)), ("Could not be judged:", unjudged(notable))), width)
    return [*lines, _counts(ordered)]


def _rows(findings: Sequence[Finding]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for (dummy, severity, check), group in groupby(findings, key=_check_of):
        members = list(group)
        rows.extend(
            (outcome_word(item), severity, check, resource_text(item), _what_is_so(item))
            for item in members[:_PER_CHECK]
        )
        if len(members) > _PER_CHECK:
            rows.append(
                (outcome_word(members[0]), severity, check, f"and {len(members) - _PER_CHECK} more", "likewise")
            )
    return rows


def _what_is_so(finding: Finding) -> str:
    return "not judged, see below" if finding.outcome == UNKNOWN else finding.summary


def _check_of(finding: Finding) -> tuple[str, str, str]:
    return finding.outcome, finding.severity, finding.check


def unjudged(findings: Iterable[Finding]) -> list[str]:
    """Return each reason for which checks could not judge, once, with the checks."""
    reasons: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.outcome == UNKNOWN:
            reasons.setdefault(finding.summary.removeprefix("Not judged: "), {})[finding.check] = None
    return [f"{', '.join(checks)}: {reason}" for reason, checks in reasons.items()]


def _mended(findings: Iterable[Finding]) -> list[str]:
    """Each remedy, once, with the checks that it answers to."""
    remedies: dict[str, dict[str, None]] = {}
    for finding in findings:
        if finding.outcome == FAIL and not is_note(finding) and finding.remedy is not None:
            remedies.setdefault(finding.remedy.text, {})[finding.check] = None
    return [f"{', '.join(checks)}: {text}" for text, checks in remedies.items()]


def sections(contents: Iterable[tuple[str, Sequence[str]]], width: int) -> list[str]:
    """Return lines for headings with items below them, each section followed by an empty line; empty ones left out."""
    lines: list[str] = []
    for heading, items in contents:
        if items:
            lines.append(heading)
            lines.extend(line for item in items for line in indented("* ", item, width))
            lines.append("")
    return lines


def _counts(findings: Sequence[Finding]) -> str:
    count = Counter(finding.outcome for finding in findings)
    notes = sum(is_note(finding) for finding in findings)
    parts = [
        f"{count[FAIL] - notes} failed",
        f"{count[UNKNOWN]} unknown",
        f"{notes} to note",
        f"{count[PASS]} passed",
        f"{count[NOT_APPLICABLE]} not applicable",
    ]
    return f"{', '.join(parts)}."
