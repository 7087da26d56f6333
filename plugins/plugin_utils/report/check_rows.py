# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Findings on one screen: a row a check, worst first, and one remediation a check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    WAIVED,
    Line,
    group_of,
    is_open,
    rank,
    reason_of,
    resource_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import GAP, blocks, cells, wrap

LABELS: Mapping[str, str] = MappingProxyType(
    {
        HIGH: "HIGH",
        MEDIUM: "MEDIUM",
        LOW: "LOW",
        INFO: "INFORMATIONAL",
        UNKNOWN: "UNKNOWN",
        WAIVED: "WAIVED",
    }
)
"""What stands before a row, in the order of the rows."""
_LIMITS = (14, 46)
"""Cells of the columns for group and check at most."""
_NAME = 40
"""Cells of one name in a list at most."""
_LEAST = 24
"""Cells that a list of names has at least."""
_CUT = "..."
TWO_LINES: Mapping[str, int] = MappingProxyType({HIGH: 2, MEDIUM: 2})
"""Lines that a row of a group may take where there is room; one for others."""
ONE_LINE: Mapping[str, int] = {}


@dataclass(frozen=True)
class Row:
    """What one check has to say in one group."""

    group: str
    check: str
    """With what is said about it in brackets."""
    text: str
    """What is so, where that is one thing; or how much, before names."""
    names: Sequence[str] = ()
    """As many of them are shown as there is room for."""


def rows_of(findings: Iterable[Finding]) -> list[Row]:
    """Return a row for each check in each of the groups of LABELS, in their order."""
    members: dict[tuple[str, str], list[Finding]] = {}
    unjudged: dict[str, dict[str, None]] = {}
    for finding in sorted(findings, key=rank):
        if finding.outcome == UNKNOWN:
            unjudged.setdefault(reason_of(finding), {})[finding.check] = None
        elif finding.outcome == FAIL:
            members.setdefault((group_of(finding), finding.check), []).append(finding)
    rows = [_row(group, found) for (group, dummy), found in members.items()]
    rows += [_unjudged(list(checks), reason) for reason, checks in unjudged.items()]
    order = list(LABELS)
    return sorted(rows, key=lambda row: order.index(row.group))


def _row(group: str, findings: Sequence[Finding]) -> Row:
    first = findings[0]
    accepted = f"until {first.waiver.expires} by {first.waiver.owner}: {first.waiver.reason}" if first.waiver else ""
    if len(findings) == 1:
        return Row(group, _subject(first), f"{accepted}. {first.summary}" if accepted else first.summary)
    kinds = {finding.resource.kind for finding in findings}
    names = [finding.resource.name if len(kinds) == 1 else resource_text(finding) for finding in findings]
    text = f"{amount(findings)}{f', {accepted}' if accepted else ''}"
    return Row(group, _subject(first), text, names)


def _unjudged(checks: Sequence[str], reason: str) -> Row:
    if len(checks) == 1:
        return Row(UNKNOWN, checks[0], f"not evaluated: {reason}")
    return Row(UNKNOWN, f"{len(checks)} checks", f"not evaluated: {reason}", checks)


def amount(findings: Sequence[Finding]) -> str:
    """Return how many resources the findings are about: ``40 ports in 20 containers``."""
    kinds = {finding.resource.kind for finding in findings}
    kind = kinds.pop() if len(kinds) == 1 else "resource"
    containers = {finding.resource.container for finding in findings if finding.resource.container}
    within = f" in {counted(len(containers), 'container')}" if containers and kind != "container" else ""
    return f"{counted(len(findings), kind)}{within}"


def counted(number: int, noun: str) -> str:
    """Return the number with the noun, which takes an s for more than one."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _subject(finding: Finding) -> str:
    """The check, with the CIS benchmark's item that it judges, and its default severity where that differs."""
    about = [
        *([f"CIS {finding.cis}"] if finding.cis else []),
        *([f"default {finding.default_severity}"] if finding.default_severity else []),
    ]
    return f"{finding.check} ({', '.join(about)})" if about else finding.check


def row_lines(
    rows: Sequence[Row], width: int, labels: Mapping[str, str] = LABELS, lines_of: Mapping[str, int] = TWO_LINES
) -> list[Line]:
    """Lay the rows in columns of width cells. A row takes one line, and more where lines_of has its group."""
    heads = [(labels[row.group], row.check) for row in rows]
    columns = [min(limit, max(cells(head[at]) for head in heads)) for at, limit in enumerate(_LIMITS)] if rows else []
    room = max(_NAME, width - sum(columns) - len(GAP) * 3)
    texts = [_fitted(row, room, lines_of.get(row.group, 1)) for row in rows]
    # Laid out with the widest text that there may be: what one row takes does not move the columns of another.
    laid = blocks([(*head, text) for head, text in zip(heads, texts)], _LIMITS, width - len(GAP))
    return [Line(f"{GAP}{text}", row.group) for row, lines in zip(rows, laid) for text in lines]


def _fitted(row: Row, room: int, lines: int) -> str:
    if not row.names:
        return shortened(row.text, room, lines)
    if not row.text:
        return enumerated(row.names, room)
    text = shortened(row.text, room - _LEAST, 1)
    return f"{text}: {enumerated(row.names, room - cells(text) - 2)}"


def enumerated(names: Sequence[str], room: int) -> str:
    """Return the first names, made safe, in so many cells, and how many more there are; one name at least."""
    text = ""
    for number, name in enumerate(names, start=1):
        entry = shortened(name, min(_NAME, max(_LEAST // 2, room - len(", ... +999"))), 1)
        longer = f"{text}, {entry}" if text else entry
        rest = f", ... +{len(names) - number}" if number < len(names) else ""
        if text and cells(longer) + cells(rest) > room:
            return f"{text}, ... +{len(names) - number + 1}"
        text = longer
    return text


def shortened(text: str, room: int, lines: int) -> str:
    """Return text, made safe, cut to so many lines of room cells; what is cut ends in three dots."""
    pieces = wrap(" ".join(safe(text).split()), room)
    if len(pieces) <= lines:
        return " ".join(pieces)
    last = " ".join(pieces[lines - 1 :])[:room]
    while cells(last) > room - len(_CUT):
        last = last[:-1]
    return " ".join([*pieces[: lines - 1], f"{last.rstrip()}{_CUT}"])


def remediations(findings: Iterable[Finding]) -> list[str]:
    """Return one remediation for each check that failed and is more than information, worst first.

    Checks that share it are named together; where resources of a check have others, their number is added. What keeps
    checks from being evaluated has each of its remediations.
    """
    texts: dict[tuple[str, str], dict[str, None]] = {}
    for finding in sorted(findings, key=rank):
        if finding.remediation and is_open(finding):
            text = finding.remediation.text
            texts.setdefault((finding.check, text if finding.outcome == UNKNOWN else ""), {})[text] = None
    shared: dict[tuple[str, int], list[str]] = {}
    for (check, dummy), of_check in texts.items():
        first, *others = of_check
        shared.setdefault((first, len(others)), []).append(check)
    return [
        f"{', '.join(checks)}: {text}{f' (+{others} for other resources)' if others else ''}"
        for (text, others), checks in shared.items()
    ]
