# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Before and after a hardening run: what was wrong, what became of it, and what is left to a human."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import PASS, Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline_rows import (
    HUMAN,
    NOT_DONE,
    NOTE,
    REPAIRED,
    UNJUDGED,
    Row,
    rows_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    is_waived,
    rank,
    resource_text,
    sections,
    unjudged,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.hardening_run import (
    CHANGED,
    FAILED,
    REFUSED,
    Repair,
    Run,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import table

_HEADINGS = ("check", "severity", "resource", "before", "after")
_LIMITS = (24, 8, 30, 7, 10)
_NAMED = 3
"""How many resources that share a row are named; the rest is counted."""
_CONSENTS = {
    ("on_disruption", "allow"): "harden_on_disruption: allow",
    ("live_restore", "enable"): "harden_live_restore: enable",
    ("router_advertisements", "keep"): "harden_router_advertisements: keep",
    ("forward_policy", "keep"): "harden_forward_policy: keep",
    ("persistent", "false"): "harden_ip_forward_persistent: false",
    ("on_conflict", "keep"): "harden_on_conflict: keep",
    ("recreate", "allow"): "harden_on_disruption: allow",
}
"""An option of a module with the value that consents, and the variable of the role harden that says it."""
_OWN_CONSENTS = {"ip_forward": {("on_disruption", "allow"): "harden_on_other_forwarders: allow"}}
"""Where that is another variable for one module: who agrees to lose a container has not agreed to cut off others."""


def baseline_table(run: Run, width: int) -> list[str]:
    """Return the lines: a table of what is or was wrong, the deeds, the refusals, and one line that sums up.

    Without findings there are but the deeds and refusals.
    """
    rows = rows_of(run)
    lines: list[str] = []
    if rows:
        heading = "what would be done" if run.check_mode else "what was done"
        lines = [*table((*_HEADINGS, heading), _merged(rows), _LIMITS, width), ""]
    lines += sections(_deeds(run, rows), width)
    return [*lines, _summary(run, rows)] if run.before or run.after else lines


def _merged(rows: Iterable[Row]) -> list[Sequence[str]]:
    """Rows that differ in nothing but the resource become one."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        key = (row.finding.check, row.finding.severity, row.before, row.after, row.done)
        groups.setdefault(key, []).append(resource_text(row.finding))
    return [
        (check, severity, _listed(names), before, after, done)
        for (check, severity, before, after, done), names in groups.items()
    ]


def _listed(names: Sequence[str], between: str = ", ") -> str:
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return between.join([*names[:_NAMED], *more])


def _deeds(run: Run, rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """What stands below the table, by heading."""
    done = [f"{repair.module}: {action}" for repair in _with(run, CHANGED) for action in repair.actions]
    refused = [f"{repair.module} refused: {_with_consent(repair)}" for repair in _with(run, REFUSED)]
    failed = [f"{repair.module} failed: {repair.message}" for repair in _with(run, FAILED)]
    warned = [f"{repair.module}: {warning}" for repair in run.repairs.values() for warning in repair.warnings]
    return [
        ("Would be done:" if run.check_mode else "Done:", done),
        ("Would not be done:" if run.check_mode else "Not done:", [*refused, *failed]),
        ("Could not be judged:", unjudged(sorted(run.last, key=rank))),
        ("For a human:", _for_humans(rows)),
        ("Waived, and left as it is:", _waived(run.last)),
        ("To know:", warned),
    ]


def _for_humans(rows: Iterable[Row]) -> list[str]:
    """What no module repairs: what is so, and what to do; said once where that is the same for several resources."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.verdict == HUMAN:
            advice = row.finding.remedy.text if row.finding.remedy else ""
            groups.setdefault((row.finding.check, advice), []).append(row.finding.summary)
    return [f"{check}: {_listed(summaries, '; ')}. {advice}".strip() for (check, advice), summaries in groups.items()]


def _waived(findings: Iterable[Finding]) -> list[str]:
    """What somebody accepted, by waiver."""
    groups: dict[str, list[str]] = {}
    for finding in findings:
        if finding.waiver is not None and is_waived(finding):
            waiver = finding.waiver
            text = f"until {waiver.expires} by {waiver.owner}: {waiver.reason}"
            groups.setdefault(f"{finding.check}, {text}", []).append(resource_text(finding))
    return [f"{text} ({_listed(names)})" for text, names in groups.items()]


def _with_consent(repair: Repair) -> str:
    """Add how the consent is given through the role, whose user never sees the module's own options."""
    consents = {**_CONSENTS, **_OWN_CONSENTS.get(repair.module, {})}
    ways = [variable for consent, variable in consents.items() if consent in repair.consents.items()]
    return f"{repair.message}\nIn the role harden that is {', or '.join(ways)}." if ways else repair.message


def _with(run: Run, outcome: str) -> list[Repair]:
    return [repair for repair in run.repairs.values() if repair.outcome == outcome]


def _summary(run: Run, rows: Sequence[Row]) -> str:
    count = Counter(row.verdict for row in rows)
    waived = sum(is_waived(finding) for finding in run.last)
    would = "would be " if run.check_mode else ""
    parts = [
        f"{count[REPAIRED]} {would}repaired",
        f"{count[NOT_DONE]} not done",
        f"{count[HUMAN]} for a human",
        f"{count[UNJUDGED]} unknown",
        f"{count[NOTE]} to note",
        *([f"{waived} waived"] if waived else []),
        f"{sum(finding.outcome == PASS for finding in run.last)} pass",
    ]
    return f"{', '.join(parts)}."
