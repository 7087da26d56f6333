# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is new and what is fixed since the last run, as lines: of one host, and of all hosts of a run."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import SEVERITIES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import (
    ONE_LINE,
    Row,
    counted,
    row_lines,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import CheckChange, LastRun

_MARGIN = "  "
_NEW, _FIXED, _UNCOMPARED = "new", "fixed", "not compared"
_LABELS = {_NEW: "NEW", _FIXED: "FIXED", _UNCOMPARED: "NOT COMPARED"}
_OF_HOST = 3
"""Rows of each kind for one host."""
_OF_RUN = 6
"""Rows of each kind for a run."""


def host_change_lines(last: LastRun | None, width: int) -> list[Line]:
    """Return what changed on one host, a row a check; nothing where no earlier run left a document."""
    if last is None:
        return []
    rows = [
        *_capped(_NEW, [_row(_NEW, change) for change in last.new], _OF_HOST),
        *_capped(_FIXED, [_row(_FIXED, change) for change in last.fixed], _OF_HOST),
        *([_uncompared(last.not_compared)] if last.not_compared else []),
    ]
    return [host_change_line(last, width), *row_lines(rows, width, _LABELS, ONE_LINE)]


def host_change_line(last: LastRun, width: int) -> Line:
    """Return in one line how much changed on one host, or why that is not known."""
    if last.problem:
        return Line(shortened(f"Not compared with the last run: {last.problem}", width, 1))
    amounts = _amounts(_findings(last.new), _findings(last.fixed))
    return Line(f"Since the last run, {_minute(last.taken_at)}: {amounts}")


def run_change_lines(runs: Mapping[str, LastRun], hosts: int, width: int) -> list[Line]:
    """Return what changed on hosts, by their names, of so many that were looked at: a row a check with its hosts."""
    compared = {host: last for host, last in runs.items() if not last.problem}
    problems = [f"{host}: {last.problem}" for host, last in runs.items() if last.problem]
    if not runs:
        return []
    new = _by_check({host: last.new for host, last in compared.items()})
    fixed = _by_check({host: last.fixed for host, last in compared.items()})
    rows = [
        *_capped(_NEW, [_hosts_row(_NEW, check, found) for check, found in new.items()], _OF_RUN),
        *_capped(_FIXED, [_hosts_row(_FIXED, check, found) for check, found in fixed.items()], _OF_RUN),
        *([Row(_UNCOMPARED, counted(len(problems), "host"), "", problems)] if problems else []),
    ]
    amounts = _amounts(
        sum(_findings(last.new) for last in compared.values()), sum(_findings(last.fixed) for last in compared.values())
    )
    times = sorted({_minute(last.taken_at) for last in compared.values()})
    since = times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}" if times else ""
    of_hosts = "" if len(compared) == hosts else f" ({len(compared)} of {counted(hosts, 'host')} compared)"
    title = f"Since the last run, {since}: {amounts}{of_hosts}" if times else "Not compared with the last run:"
    return [Line(title), *row_lines(rows, width, _LABELS, ONE_LINE)]


def plain_changes(runs: Mapping[str, LastRun]) -> dict[str, Any]:
    """Return the same as plain data for programs."""
    compared = {host: last for host, last in runs.items() if not last.problem}
    return {
        "compared": list(compared),
        "new": _plain(_by_check({host: last.new for host, last in compared.items()})),
        "fixed": _plain(_by_check({host: last.fixed for host, last in compared.items()})),
        "problems": [{"host": host, "problem": last.problem} for host, last in runs.items() if last.problem],
    }


_OfHosts = Sequence[tuple[str, CheckChange]]


def _by_check(changes: Mapping[str, Sequence[CheckChange]]) -> dict[str, _OfHosts]:
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


def _amounts(new: int, fixed: int) -> str:
    return f"{counted(new, 'new finding') if new else 'nothing new'}, {fixed or 'nothing'} fixed"


def _minute(taken_at: str) -> str:
    """The time as people read it: to the minute, in UTC."""
    time = datetime.datetime.fromisoformat(taken_at).astimezone(datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%MZ")
