# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What changes that are applied on paper would do: to who reaches what, and to what an audit finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.change_words import GONE, NEW, NOT_COMPARED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.compare import compare
from ansible_collections.dockernet.baseline.plugins.plugin_utils.reach.flows import Flows
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import resource_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import BadChangeError, Change
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_host import with_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import UndeterminedError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.planned import with_repairs

MOST_LINES = 100
"""Lines of each kind in a result."""


def predicted(snapshot: HostSnapshot, changes: Sequence[Change]) -> dict[str, Any]:
    """Return what the changes would do to a host, as the result of a task; a failed one for what no engine would do."""
    try:
        after = with_changes(snapshot, changes)
    except BadChangeError as error:
        return {"failed": True, "msg": safe(f"changes: {error}")}
    except UndeterminedError as error:
        return _result([], [], [safe(str(error))], [], [])
    return _compared(snapshot, after, [])


def planned(snapshot: HostSnapshot, modules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the same for what the role harden plans: by module, the options that it is to run with."""
    after, unknown = with_repairs(snapshot, modules)
    return _compared(snapshot, after, [safe(line) for line in unknown])


def _compared(snapshot: HostSnapshot, after: HostSnapshot, unknown: list[str]) -> dict[str, Any]:
    before, then = (AuditContext(item, Settings()) for item in (snapshot, after))
    flows = compare(Flows(before.matrix), Flows(then.matrix))
    by_kind = {kind: [item.words for item in flows if item.kind == kind] for kind in (NEW, GONE, NOT_COMPARED)}
    findings, later = run_checks(before), run_checks(then)
    return _result(
        by_kind[NEW],
        by_kind[GONE],
        [*unknown, *by_kind[NOT_COMPARED]],
        _only_in(later, findings),
        _only_in(findings, later),
    )


def _result(
    new: list[str], gone: list[str], undetermined: list[str], found: list[str], fixed: list[str]
) -> dict[str, Any]:
    lists = {
        "new": new,
        "no_longer": gone,
        "undetermined": undetermined,
        "findings_new": found,
        "findings_fixed": fixed,
    }
    parts = [
        f"reachable: {len(new)} new, {len(gone)} no longer" if new or gone else "",
        f"undetermined: {len(undetermined)}" if undetermined else "",
        f"findings: {len(found)} new, {len(fixed)} fixed" if found or fixed else "",
    ]
    said = "; ".join(filter(None, parts))
    return {
        "msg": said or "nothing changes in who reaches what, nor in what an audit finds",
        **{name: _bounded(lines) for name, lines in lists.items()},
    }


def _bounded(lines: list[str]) -> list[str]:
    left = len(lines) - MOST_LINES
    return lines if left <= 0 else [*lines[:MOST_LINES], f"... and {left} more"]


def _only_in(these: Sequence[Finding], others: Sequence[Finding]) -> list[str]:
    """What failed of these findings and surely does not of the others, in words."""
    failed = {_key(item) for item in others if item.outcome == FAIL}
    open_ones = {item.check for item in others if item.outcome == UNKNOWN}
    found = [
        item for item in these if item.outcome == FAIL and _key(item) not in failed and item.check not in open_ones
    ]
    lines = (f"{item.check} ({item.severity}): {resource_text(item)}: {item.summary}" for item in found)
    return list(dict.fromkeys(safe(line) for line in lines))


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.resource.kind, finding.resource.name


def lines_of(result: dict[str, Any]) -> list[str]:
    """Return a result for people: a heading and lines for each part that has some."""
    lines = [str(result["msg"])]
    for name, heading in _HEADINGS.items():
        if result.get(name):
            lines += [heading, *(f"  {line.partition(': ')[2] if name in _PLAIN else line}" for line in result[name])]
    return lines


_HEADINGS = {
    "new": "Would become reachable:",
    "no_longer": "Would no longer be reachable:",
    "undetermined": "Undetermined:",
    "findings_new": "An audit would find:",
    "findings_fixed": "An audit would no longer find:",
}
_PLAIN = ("new", "no_longer")
_OF_PLAN = 4
"""Lines of each part below a plan."""


def plan_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what a plan would do to who reaches what in a few lines, for below it; none where that is nothing."""
    lines = []
    for name in ("new", "no_longer", "undetermined"):
        found = result[name]
        shown = found if len(found) <= _OF_PLAN else found[: _OF_PLAN - 1]
        lines += [f"  {line if name in _PLAIN else f'undetermined: {line}'}" for line in shown]
        lines += [f"  ... and {len(found) - len(shown)} more"] if len(found) > len(shown) else []
    return ["Reachability after the planned changes:", *lines] if lines else []
