# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a run over all hosts came to, on one page.

Hosts by state, failing checks, remediations, what changed since the last run, files, the gate.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, INFO, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import ENGINE_CHECK
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import (
    FAILED,
    MARGIN,
    NO_DOCKER,
    STATES,
    UNREACHABLE,
    WELL,
    Audit,
    remediation_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import (
    LABELS,
    ONE_LINE,
    Row,
    counted,
    enumerated,
    row_lines,
    rows_of,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line, is_open
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import OPEN, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import LastRun, run_change_lines
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells, indented, wrap

_CHECKS = 15
"""Rows of failing checks at most."""
_REMEDIATIONS = 16
"""Lines of remediations at most."""
_NAMES = 200
"""Cells of names of hosts in a message."""
_REASONS = 10
"""Hosts of which it is said why the gate failed, at most."""
_KINDS: Mapping[str, str] = {
    ".html": "HTML",
    ".json": "JSON",
    ".xml": "JUnit XML",
    ".csv": "CSV",
    ".sarif": "SARIF",
    ".prom": "Prometheus text",
    ".md": "Markdown",
}
"""What files are, by how their names end."""


@dataclass(frozen=True)
class HostRun:
    """What a run came to on one host, without its document: there can be thousands of them."""

    host: str
    """As the inventory calls it."""
    error_kind: str
    """See Audit."""
    rows: Sequence[Row]
    failed: Sequence[Finding]
    closed: str
    """Why the gate failed there; empty where it passed."""
    passed: str = ""
    """What the gate says where it passed."""
    files: Sequence[str] = ()
    last_run: LastRun | None = None
    """What changed since the last run, where that left a document."""
    label: str = ""
    """The engine in a few words, see Audit."""
    is_without_docker: bool = False
    note: str = ""
    """What is to be known of its platform."""
    state: str = WELL
    """See Audit."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """How its failed findings compare with the baseline, as audit_report returned it; empty where there is none."""

    @classmethod
    def of(cls, audit: Audit, closed: str, passed: str = "", files: Sequence[str] = ()) -> HostRun:
        """Keep of an audit what the summary shows."""
        failed = [finding for finding in audit.findings if finding.outcome == FAIL or is_open(finding)]
        return cls(
            audit.host,
            audit.error_kind,
            rows_of(audit.findings),
            failed,
            closed,
            passed,
            files,
            audit.last_run,
            audit.label,
            audit.is_without_docker,
            "" if audit.error_kind or audit.is_without_docker else str(audit.document["platform"]["note"]),
            audit.state,
        )

    @classmethod
    def from_results(cls, host: str, result: Mapping[str, Any], report: Mapping[str, Any]) -> HostRun:
        """Read what docker_netcheck and audit_report registered. Raises OSError, ValueError."""
        audit = Audit.from_result(host, result or {"failed": True, "msg": "a task before the audit failed"})
        # Where the report's task alone has a directory, it is that which compares.
        last = report.get("since_last_run")
        audit = replace(audit, last_run=from_plain(LastRun, last)) if last is not None else audit
        said = str(report.get("msg") or "")
        is_closed = report.get("gate", OPEN) != OPEN or bool(report.get("failed") or report.get("unreachable"))
        # Of a host that was not audited, what the task adds for those who read Ansible's own lines is not repeated.
        closed = audit.complaint(Gate()) or (said if is_closed else "")
        files = [str(path) for path in (report.get("files") or {}).values()]
        return replace(cls.of(audit, closed, "" if closed else said, files), baseline=report.get("baseline") or {})


_STATES = {
    UNREACHABLE: "UNREACHABLE",
    FAILED: "NOT AUDITED",
    **LABELS,
    WELL: "NOTHING FAILED",
    NO_DOCKER: "NOT APPLICABLE",
}


def run_summary(runs: Sequence[HostRun], hosts: int, width: int) -> list[Line]:
    """Return the lines for a run over that many hosts; of one host, whose report has the rest, its files and gate."""
    many = hosts > 1
    title = f"RUN SUMMARY: {counted(len(runs), 'host')}" + (f" of {hosts}" if len(runs) < hosts else "")
    parts = (_states, _checks, _remediations, _changes, _baselines)
    return [
        Line(""),
        *([Line(title), *(line for part in parts for line in part(runs, width))] if many else []),
        *_files(runs, width),
        *_gate(runs, hosts, width),
    ]


def _states(runs: Sequence[HostRun], width: int) -> list[Line]:
    hosts: dict[tuple[str, str], list[str]] = {}
    for run in runs:
        hosts.setdefault((run.state, run.label if run.is_without_docker else ""), []).append(run.host)
    ordered = sorted(hosts.items(), key=lambda item: STATES.index(item[0][0]))
    rows = [Row(state, counted(len(names), "host"), label, names) for (state, label), names in ordered]
    return [*row_lines(rows, width, _STATES), *_platforms(runs, width)]


def _platforms(runs: Sequence[HostRun], width: int) -> list[Line]:
    """The engines of hosts of which an audit does not see all, or that are not of the common kind."""
    hosts: dict[str, list[str]] = {}
    for run in runs:
        if run.note:
            hosts.setdefault(run.label, []).append(run.host)
    return [
        Line(f"{MARGIN}{line}")
        for label, names in hosts.items()
        for line in wrap(f"{label}: {enumerated(names, width - cells(label) - len(MARGIN) - 2)}", width - len(MARGIN))
    ]


def _checks(runs: Sequence[HostRun], width: int) -> list[Line]:
    """The failing checks: worst severity first, and of one severity that of most hosts."""
    found: dict[tuple[str, str, str], list[tuple[str, Row]]] = {}
    for run in runs:
        for row in run.rows:
            # Engines that were not asked for different reasons are different matters.
            reason = run.label.removeprefix("Docker Engine").lstrip(": ") if row.check == ENGINE_CHECK else ""
            found.setdefault((row.group, row.check, reason), []).append((run.host, row))
    order = list(LABELS)
    ordered = sorted(found.items(), key=lambda item: (order.index(item[0][0]), -len({host for host, dummy in item[1]})))
    rows = [_row(group, check, reason, of_hosts) for (group, check, reason), of_hosts in ordered if group != INFO]
    rows += _informational([(check, of_hosts) for (group, check, dummy), of_hosts in ordered if group == INFO])
    more = len(rows) - _CHECKS
    left_out = [Line(f"{MARGIN}... and {counted(more, 'check')} more, in the files")] if more > 0 else []
    heading = [Line("Failing checks:")] if rows else []
    return [*heading, *row_lines(rows[:_CHECKS], width, lines_of=ONE_LINE), *left_out]


def _row(group: str, check: str, reason: str, of_hosts: Sequence[tuple[str, Row]]) -> Row:
    names = list(dict.fromkeys(host for host, dummy in of_hosts))
    if len(of_hosts) > 1 or reason:
        return Row(group, check, f"{counted(len(names), 'host')}{f', {reason}' if reason else ''}", names)
    return Row(group, check, f"1 host: {names[0]}: {of_hosts[0][1].text}")


def _informational(found: Sequence[tuple[str, Sequence[tuple[str, Row]]]]) -> list[Row]:
    """One row: what is only to know takes no more."""
    names = [f"{check}: {counted(len({host for host, dummy in of_hosts}), 'host')}" for check, of_hosts in found]
    return [Row(INFO, counted(len(found), "check"), "", names)] if found else []


def _remediations(runs: Sequence[HostRun], width: int) -> list[Line]:
    findings: list[Finding] = [finding for run in runs for finding in run.failed]
    return remediation_lines(findings, width, _REMEDIATIONS)


def changes_of(runs: Sequence[HostRun]) -> dict[str, LastRun]:
    """Return what changed since the last run, by host, for hosts of which that left a document."""
    return {run.host: run.last_run for run in runs if run.last_run is not None}


def _changes(runs: Sequence[HostRun], width: int) -> list[Line]:
    return run_change_lines(changes_of(runs), len(runs), width)


def _baselines(runs: Sequence[HostRun], width: int) -> list[Line]:
    """How many findings the baseline knows, and the hosts of which it knows nothing."""
    compared = [run for run in runs if run.baseline]
    without = [f"{run.host}: {run.baseline['problem']}" for run in compared if run.baseline["problem"]]
    known, new = (sum(int(run.baseline[key]) for run in compared) for key in ("known", "new"))
    first = f"Baseline: {counted(known, 'failed finding')} in it, {new or 'none'} new or worse"
    named = without[0] if len(without) == 1 else enumerated(without, width)
    more = f"No baseline for {counted(len(without), 'host')}: {named}" if without else ""
    return [Line(text) for said in ((first, more) if compared else ()) if said for text in wrap(safe(said), width)]


def _files(runs: Sequence[HostRun], width: int) -> list[Line]:
    folders: dict[str, set[str]] = {}
    kinds: dict[str, set[str]] = {}
    for run in runs:
        for path in map(Path, run.files):
            folders.setdefault(str(path.parent), set()).add(run.host)
            kinds.setdefault(str(path.parent), set()).add(path.suffix)
    return [
        Line(line)
        for folder, hosts in folders.items()
        for line in indented("Files: ", f"{folder}: {_kinds(kinds[folder])} of {counted(len(hosts), 'host')}", width)
    ]


def kinds_in_words(files: Iterable[Path]) -> str:
    """Return of which formats files are: ``JSON and CSV``."""
    return _kinds({path.suffix for path in files})


def _kinds(endings: Container[str]) -> str:
    *others, last = [name for ending, name in _KINDS.items() if ending in endings]
    return f"{', '.join(others)} and {last}" if others else last


def no_docker_anywhere(runs: Sequence[HostRun], hosts: int) -> str:
    """Return why a run over that many hosts fails, once all had their turn, since none has Docker; empty otherwise."""
    if not runs or len(runs) < hosts or not all(run.is_without_docker for run in runs):
        return ""
    return (
        f"no host of this run has a Docker Engine, so that nothing was evaluated: "
        f"{enumerated([run.host for run in runs], _NAMES)}. Check the inventory, dockernet_hosts and --limit"
    )


def _gate(runs: Sequence[HostRun], hosts: int, width: int) -> list[Line]:
    closed = [run for run in runs if run.closed]
    nowhere = no_docker_anywhere(runs, hosts)
    if nowhere:
        return [Line(text, "high") for text in wrap(f"Gate failed: {nowhere}", width)]
    if not closed:
        said = enumerated(list(dict.fromkeys(run.passed for run in runs)), width)
        return [Line(line) for line in wrap(said[:1].upper() + said[1:], width)]
    named = [
        line
        for run in closed[:_REASONS]
        for line in indented(MARGIN, shortened(f"{run.host}: {run.closed}", width - len(MARGIN), 1), width)
    ]
    more = [f"{MARGIN}... and {counted(len(closed) - _REASONS, 'host')} more"] if len(closed) > _REASONS else []
    title = f"Gate failed on {len(closed)} of {counted(len(runs), 'host')}:" if hosts > 1 else "Gate failed:"
    return [Line(text, "high") for text in (title, *named, *more)]
