# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What changed since the last run, by the document that it left of a host: findings, and what is reached; as lines.

That document is only compared, and nothing depends on it. It may have been changed, cut off, or written by another
release: whatever is wrong with it is a problem that is named, and no failure.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import run_in_child
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import mask_data
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import MEMORY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.change_words import (
    NOT_COMPARED,
    FlowChange,
    kind_in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import flows_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import (
    ONE_LINE,
    Row,
    counted,
    enumerated,
    row_lines,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.earlier_audit import (
    EarlierDocument,
    key_of,
    loaded,
    minute_of,
    read_earlier,
    second_of,
    time_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    Line,
    is_waived,
    rank,
    resource_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import GAP

_SECONDS = 20.0
"""For reading and comparing one. It takes milliseconds."""
_RESOURCES = 10
"""Resources of a check that are named."""
_CHECKS = 100
"""Checks that are listed. There are fewer, but a document can name as many as it likes."""
_LONGEST = 200
"""Characters of a name or reason."""

_NEW, _FIXED, _UNCOMPARED = "new", "fixed", "not compared"
_LABELS = {_NEW: "NEW", _FIXED: "FIXED", _UNCOMPARED: "NOT COMPARED"}
_REACHED = 20
"""Changes of reachability that are kept."""
_REACHED_OF_RUN = 200
"""Those of a run for programs, each with its hosts."""
_REACHED_OF_HOST = 4
"""Of them lines for one host."""
_OF_HOST = 3
"""Rows of each kind for one host."""
_OF_RUN = 6
"""Rows of each kind for a run."""


@dataclass(frozen=True)
class CheckChange:
    """Findings of one check that began to fail, or no longer fail."""

    check: str
    severity: str
    """The highest of them."""
    findings: int
    resources: list[str] = field(default_factory=list)
    """The first of them, in words."""


@dataclass(frozen=True)
class LastRun:
    """One host's audit against the one before."""

    taken_at: str = ""
    """When the earlier one read the host, ISO 8601 in UTC; empty where nothing was compared."""
    new: list[CheckChange] = field(default_factory=list)
    """What fails, is not waived, and did not fail. Highest severity first."""
    fixed: list[CheckChange] = field(default_factory=list)
    """What failed and does not, or is no longer there."""
    not_compared: list[str] = field(default_factory=list)
    """Checks with a failure in one run that the other did not evaluate."""
    reachability: list[FlowChange] = field(default_factory=list)
    """What became reachable and what no longer is; what other machines reach first, what was not compared last."""
    more_reachability: int = 0
    """How many more such changes there are."""
    problem: str = ""
    """Why nothing was compared."""


def compare_with_last_run(path: Path, document: str) -> LastRun | None:
    """Compare the text of a document with the one that is in the file, before it is replaced; None where none is.

    In a process of its own, with limits of time and memory. Never raises.
    """
    if not os.path.lexists(path):
        return None

    def work(tell: Callable[[Any], None]) -> None:
        try:
            compared = _compared(read_earlier(path), loaded(document))
        except OSError as error:
            compared = LastRun(problem=f"{path.name} could not be read: {error.strerror}")
        except (ValueError, RecursionError) as error:
            compared = LastRun(problem=f"{path.name}: {str(error)[:_LONGEST]}")
        tell(encodable(mask_data(to_plain(compared))))

    try:
        told = run_in_child(work, _SECONDS, MEMORY)
    except OSError as error:
        return LastRun(problem=f"{path.name} could not be read: {error.strerror}")
    if not told.items:
        return LastRun(problem=f"{path.name} could not be read: {told.problem}")
    return from_plain(LastRun, told.items[0])


def _compared(earlier: EarlierDocument, later: EarlierDocument) -> LastRun:
    """Raises ValueError for documents that cannot be compared."""
    before, now = earlier.audit, later.audit
    if before.host.inventory_name != now.host.inventory_name:
        raise ValueError(f"it is of the host {before.host.inventory_name}")
    read_then, read_now = time_of(before.host.taken_at), time_of(now.host.taken_at)
    if read_then is None:
        raise ValueError("it does not say when the host was read")
    if read_now is not None and read_now < read_then:
        raise ValueError(f"it is of a later reading, of {before.host.taken_at}")
    new, unknown_then = _only_in(now.findings, before.findings)
    fixed, unknown_now = _only_in(before.findings, now.findings)
    reached = _reached(earlier.reachability, later.reachability)
    return LastRun(
        second_of(before.host.taken_at),
        _by_check(finding for finding in new if not is_waived(finding)),
        _by_check(fixed),
        sorted({*unknown_then, *unknown_now})[:_CHECKS],
        reached[:_REACHED],
        max(0, len(reached) - _REACHED),
    )


def _reached(before: Any, now: Any) -> list[FlowChange]:
    """Return the changes of reachability; none where the later document has none in detail to compare."""
    try:
        later = flows_of(now)
    except ValueError:
        return []
    try:
        return compare(flows_of(before), later)
    except ValueError as error:
        words = f"{kind_in_words(NOT_COMPARED)}: who reaches what, in the last run: {str(error)[:_LONGEST]}"
        return [FlowChange(NOT_COMPARED, words)]


def _only_in(these: Sequence[Finding], others: Sequence[Finding]) -> tuple[list[Finding], set[str]]:
    """Return what failed of these and not of the others, and checks of which the others do not know it.

    Of a check that could not judge everything, what is not listed may have failed.
    """
    # Of several findings about one resource, a failed one decides, and then one that is unknown.
    ordered = sorted(others, key=lambda finding: (finding.outcome == FAIL, finding.outcome == UNKNOWN))
    outcomes = {key_of(finding): finding.outcome for finding in ordered}
    evaluated = {finding.check for finding in others}
    partly = {finding.check for finding in others if finding.outcome == UNKNOWN}
    found, not_compared = [], set()
    for finding in these:
        if finding.outcome != FAIL or outcomes.get(key_of(finding)) == FAIL:
            continue
        missing = UNKNOWN if finding.check in partly or finding.check not in evaluated else ""
        if outcomes.get(key_of(finding), missing) == UNKNOWN:
            not_compared.add(finding.check[:_LONGEST])
        else:
            found.append(finding)
    return found, not_compared


def _by_check(findings: Iterable[Finding]) -> list[CheckChange]:
    groups: dict[str, list[Finding]] = {}
    for finding in sorted(findings, key=lambda item: (SEVERITIES.index(item.severity), rank(item))):
        groups.setdefault(finding.check, []).append(finding)
    return [
        CheckChange(check, group[0].severity, len(group), [_named(item) for item in group[:_RESOURCES]])
        for check, group in groups.items()
    ]


def _named(finding: Finding) -> str:
    return resource_text(finding)[:_LONGEST]


# ---- as lines --------------------------------------------------------------------------------------------------------


def host_change_lines(last: LastRun | None, width: int) -> list[Line]:
    """Return what changed on one host, a row a check; nothing where no earlier run left a document."""
    if last is None:
        return []
    rows = [
        *_capped(_NEW, [_row(_NEW, change) for change in last.new], _OF_HOST),
        *_capped(_FIXED, [_row(_FIXED, change) for change in last.fixed], _OF_HOST),
        *([_uncompared(last.not_compared)] if last.not_compared else []),
    ]
    return [
        host_change_line(last, width),
        *row_lines(rows, width, _LABELS, ONE_LINE),
        *_reachability_lines(words_of(last), last.more_reachability, _REACHED_OF_HOST, width),
    ]


def words_of(last: LastRun | None) -> list[str]:
    """The changes of reachability, a line each."""
    return [] if last is None else [change.words for change in last.reachability]


def _reachability_lines(changes: Sequence[str], more: int, most: int, width: int) -> list[Line]:
    """A line a change, as many as that, and how many there are besides."""
    shown = changes[:most] if len(changes) + more > most else changes
    left = len(changes) - len(shown) + more
    last = [Line(f"{GAP}... and {counted(left, 'more change')} of reachability")] if left else []
    return [*(Line(f"{GAP}{shortened(words, width - len(GAP), 1)}") for words in shown), *last]


def host_change_line(last: LastRun, width: int) -> Line:
    """Return in one line how much changed on one host, or why that is not known."""
    if last.problem:
        return Line(shortened(f"Not compared with the last run: {last.problem}", width, 1))
    amounts = _amounts(_findings(last.new), _findings(last.fixed), _reachability_changes(last))
    return Line(f"Since the last run, {minute_of(last.taken_at)}: {amounts}")


def run_change_lines(runs: Mapping[str, LastRun], hosts: int, width: int) -> list[Line]:
    """Return what changed on hosts, by their names, of so many that were looked at: a row a check with its hosts."""
    compared = {host: last for host, last in runs.items() if not last.problem}
    problems = [f"{host}: {last.problem}" for host, last in runs.items() if last.problem]
    if not runs:
        return []
    new = _across_hosts({host: last.new for host, last in compared.items()})
    fixed = _across_hosts({host: last.fixed for host, last in compared.items()})
    rows = [
        *_capped(_NEW, [_hosts_row(_NEW, check, found) for check, found in new.items()], _OF_RUN),
        *_capped(_FIXED, [_hosts_row(_FIXED, check, found) for check, found in fixed.items()], _OF_RUN),
        *_not_compared(problems),
    ]
    amounts = _amounts(
        sum(_findings(last.new) for last in compared.values()),
        sum(_findings(last.fixed) for last in compared.values()),
        sum(_reachability_changes(last) for last in compared.values()),
    )
    times = sorted({minute_of(last.taken_at) for last in compared.values()})
    since = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}" if times else ""
    of_hosts = "" if len(compared) == hosts else f" ({len(compared)} of {counted(hosts, 'host')} compared)"
    title = f"Since the last run, {since}: {amounts}{of_hosts}" if times else "Not compared with the last run:"
    reached = [
        f"{change.words} ({counted(len(names), 'host')}: {enumerated(names, width // 4)})"
        for change, names in _reached_across_hosts(compared).items()
    ]
    more = sum(last.more_reachability for last in compared.values())
    return [
        Line(title),
        *row_lines(rows, width, _LABELS, ONE_LINE),
        *_reachability_lines(reached, more, _OF_RUN, width),
    ]


def _reached_across_hosts(compared: Mapping[str, LastRun]) -> dict[FlowChange, list[str]]:
    """The changes of reachability with their hosts, those of most hosts first; what was not compared last."""
    found: dict[FlowChange, list[str]] = {}
    for host, last in compared.items():
        for change in last.reachability:
            found.setdefault(change, []).append(host)
    return dict(sorted(found.items(), key=lambda item: (item[0].kind == NOT_COMPARED, -len(item[1]))))


def _not_compared(problems: Sequence[str]) -> list[Row]:
    """One problem has the whole line, and of several the first are named."""
    text = problems[0] if len(problems) == 1 else ""
    return [Row(_UNCOMPARED, counted(len(problems), "host"), text, () if text else problems)] if problems else []


def plain_changes(runs: Mapping[str, LastRun]) -> dict[str, Any]:
    """Return the same as plain data for programs."""
    compared = {host: last for host, last in runs.items() if not last.problem}
    return {
        "compared": list(compared),
        "new": _plain(_across_hosts({host: last.new for host, last in compared.items()})),
        "fixed": _plain(_across_hosts({host: last.fixed for host, last in compared.items()})),
        "reachability": [
            {"change": change.words, "hosts": hosts}
            for change, hosts in [*_reached_across_hosts(compared).items()][:_REACHED_OF_RUN]
        ],
        "problems": [{"host": host, "problem": last.problem} for host, last in runs.items() if last.problem],
    }


_OfHosts = Sequence[tuple[str, CheckChange]]


def _across_hosts(changes: Mapping[str, Sequence[CheckChange]]) -> dict[str, _OfHosts]:
    """The changes by check, highest severity first, and of one severity those of most hosts."""
    found: dict[str, list[tuple[str, CheckChange]]] = {}
    for host, of_host in changes.items():
        for change in of_host:
            found.setdefault(change.check, []).append((host, change))
    ordered = sorted(found.items(), key=lambda item: (SEVERITIES.index(_severity(item[1])), -len(item[1]), item[0]))
    return dict(ordered)


def _severity(found: _OfHosts) -> str:
    return min((change.severity for dummy, change in found), key=SEVERITIES.index)


def _plain(changes: Mapping[str, _OfHosts]) -> list[dict[str, Any]]:
    return [
        {
            "check": check,
            "severity": _severity(found),
            "hosts": [{"host": host, "findings": change.findings} for host, change in found],
        }
        for check, found in changes.items()
    ]


def _hosts_row(group: str, check: str, found: _OfHosts) -> Row:
    subject = f"{check} ({_severity(found)})"
    if len(found) == 1:
        host, change = found[0]
        return Row(group, subject, f"1 host: {host}: {_resources(change)}")
    return Row(group, subject, counted(len(found), "host"), [host for host, dummy in found])


def _row(group: str, change: CheckChange) -> Row:
    return Row(group, f"{change.check} ({change.severity})", _resources(change))


def _resources(change: CheckChange) -> str:
    names = ", ".join(change.resources)
    if change.findings == 1:
        return names
    return f"{change.findings} findings: {names}{', ...' if change.findings > len(change.resources) else ''}"


def _uncompared(checks: Sequence[str]) -> Row:
    return Row(_UNCOMPARED, counted(len(checks), "check"), "evaluated in one of the runs only", checks)


def _capped(group: str, rows: Sequence[Row], most: int) -> list[Row]:
    if len(rows) <= most:
        return list(rows)
    left_out = [row.check for row in rows[most - 1 :]]
    return [*rows[: most - 1], Row(group, counted(len(left_out), "more check"), "", left_out)]


def _findings(changes: Sequence[CheckChange]) -> int:
    return sum(change.findings for change in changes)


def _reachability_changes(last: LastRun) -> int:
    return sum(change.kind != NOT_COMPARED for change in last.reachability) + last.more_reachability


def _amounts(new: int, fixed: int, reached: int) -> str:
    changes = f"; {counted(reached, 'change')} of reachability" if reached else ""
    return f"{counted(new, 'new finding') if new else 'nothing new'}, {fixed or 'nothing'} fixed{changes}"
