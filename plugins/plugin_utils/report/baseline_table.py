# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Before and after a hardening run: what was wrong, what became of it, and what needs manual action."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, PASS, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    is_note,
    is_waived,
    not_judged,
    outcome_word,
    rank,
    resource_text,
    sections,
    without_engine,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import (
    BRIDGE_HAIRPIN,
    RUN_BY,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import table

CHANGED = "changed"
UNCHANGED = "unchanged"
REFUSED = "refused"
FAILED = "failed"
NOT_RUN = "not run"


@dataclass(frozen=True)
class Repair:
    """What came of running one module of the collection."""

    module: str
    outcome: str
    message: str = ""
    actions: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    """What it brings into line besides, that is another module's otherwise."""
    consents: Sequence[Mapping[str, str]] = ()
    """After a refusal: values that would allow it, by the names of the module's options; one item is enough."""

    @classmethod
    def from_result(cls, module: str, result: Mapping[str, Any]) -> Repair:
        """Read a result as a task registers it; a task that was skipped has not run."""
        if result.get("skipped"):
            return cls(module, NOT_RUN)
        outcome = CHANGED if result.get("changed") else UNCHANGED
        if result.get("failed"):
            outcome = FAILED
        if result.get("refused"):
            outcome = REFUSED
        return cls(
            module,
            outcome,
            str(result.get("msg") or ""),
            [str(action) for action in result.get("actions") or []],
            [str(warning) for warning in result.get("warnings") or []],
            [str(thing) for thing in result.get("follows") or []],
            [{str(option): str(value) for option, value in item.items()} for item in result.get("consents") or []],
        )


@dataclass(frozen=True)
class Run:
    """A hardening run."""

    before: Sequence[Finding]
    after: Sequence[Finding] | None
    """None when there was no second audit: nothing was changed, or only would have been."""
    repairs: Mapping[str, Repair]
    """By the short name of the module."""
    check_mode: bool = False
    waiting: Mapping[str, str] = field(default_factory=dict)
    """Checks whose repair no one asked for, with the variable that does."""

    @property
    def last(self) -> Sequence[Finding]:
        """The findings of the last audit that was made."""
        return self.before if self.after is None else self.after


# What became of a row.
REPAIRED = "repaired"
NOT_DONE = "not done"
BY_HAND = "manual action required"
NOTE = "informational"
NOT_JUDGED = "unknown"

_WELL = "pass"


@dataclass(frozen=True)
class Row:
    """One resource under one check, as it went through the run."""

    finding: Finding
    before: str
    after: str
    verdict: str
    done: str


def rows_of(run: Run) -> list[Row]:
    """The rows, the gravest first."""
    return sorted((_row(run, *pair) for pair in _pairs(run)), key=lambda row: rank(row.finding))


def _pairs(run: Run) -> Iterable[tuple[Finding | None, Finding | None]]:
    """Findings of the two audits about the same thing, of which at least one is not good.

    A check names the resources that it complains about, or else gives one finding for all of them. So what is named in
    one audit only was well in the other, unless the check could not judge there.
    """
    then, now = ({_key(finding): finding for finding in findings} for findings in (run.before, run.last))
    for finding in run.before:
        other = now.get(_key(finding))
        if other is None:
            if _blind(finding) and _complaints(finding.check, run.last):
                continue
            other = _blindness(finding.check, run.last)
        if _notable(finding) or (other is not None and _notable(other)):
            yield finding, other
    for finding in run.last:
        said = _blind(finding) and _complaints(finding.check, run.before)
        if _notable(finding) and _key(finding) not in then and not said:
            yield _blindness(finding.check, run.before), finding


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding.check, finding.resource.kind, finding.resource.name


def _notable(finding: Finding) -> bool:
    return finding.outcome in (FAIL, UNKNOWN) and not is_waived(finding)


def _blind(finding: Finding) -> bool:
    """Whether the finding says that its check could not judge at all."""
    return finding.outcome == UNKNOWN and finding.resource.kind in ("host", "daemon")


def _blindness(check: str, findings: Iterable[Finding]) -> Finding | None:
    return next((finding for finding in findings if finding.check == check and _blind(finding)), None)


def _complaints(check: str, findings: Iterable[Finding]) -> bool:
    return any(finding.check == check and _notable(finding) for finding in findings)


def _row(run: Run, before: Finding | None, after: Finding | None) -> Row:
    if before is None or (_blind(before) and after is not None and _notable(after)):
        if after is None:
            raise ValueError("a row needs a finding from before or after")
        then = outcome_word(before) if before else _unnamed(after.check, run.before, "new")
        verdict, why = _why_still(run, after)
        # What a change uncovered must not look like something that was left undone.
        is_uncovered = then == _WELL and verdict == BY_HAND
        return Row(after, then, outcome_word(after), verdict, f"new: {why}" if is_uncovered else why)
    now = outcome_word(after) if after else _unnamed(before.check, run.last, "gone")
    # What still stands may stand for another reason than before.
    latest = after if after is not None and after.outcome == FAIL else before
    return Row(latest, outcome_word(before), *_development(run, before, after, now))


def _unnamed(check: str, findings: Iterable[Finding], without: str) -> str:
    """The word for a resource that an audit does not name: it was well, if the check judged."""
    return _WELL if any(finding.check == check for finding in findings) else without


def _development(run: Run, before: Finding, after: Finding | None, now: str) -> tuple[str, str, str]:
    """Return how it is now, what became of it, and what was done."""
    repair = _repair_of(run, before)
    if run.check_mode and before.outcome == FAIL and repair is not None and repair.outcome == CHANGED:
        return "would pass", REPAIRED, f"would be repaired by {repair.module}"
    along = _repaired_along(run, repair)
    if run.check_mode and before.outcome == FAIL and along:
        return "would pass", REPAIRED, f"would be resolved indirectly by {along}"
    if after is not None and _notable(after):
        return now, *_why_still(run, before if after.outcome == FAIL else after)
    if repair is not None and repair.outcome == CHANGED:
        return now, REPAIRED, f"repaired by {repair.module}"
    changed = any(repair.outcome == CHANGED for repair in run.repairs.values())
    return now, REPAIRED, "resolved indirectly" if changed else "resolved since the first audit"


def _repaired_along(run: Run, repair: Repair | None) -> str:
    """The module that does the work of another one, which finds nothing to do or is not run for it; "" for none."""
    if repair is None or repair.module != BRIDGE_HAIRPIN or repair.outcome not in (UNCHANGED, NOT_RUN):
        return ""
    return next((other.module for other in run.repairs.values() if other.outcome == CHANGED and other.follows), "")


def _repair_of(run: Run, finding: Finding) -> Repair | None:
    if finding.remediation is None or finding.remediation.module is None or finding.check in run.waiting:
        return None
    return run.repairs.get(RUN_BY.get(finding.remediation.module, finding.remediation.module))


def _why_still(run: Run, finding: Finding) -> tuple[str, str]:
    """Return what becomes of a finding that is still not good, and why it is so."""
    repair = _repair_of(run, finding)
    if finding.outcome == UNKNOWN:
        return NOT_JUDGED, "not evaluated, see below"
    if is_note(finding):
        return NOTE, finding.summary
    if finding.check in run.waiting:
        return BY_HAND, f"waits for {run.waiting[finding.check]}"
    if repair is None or repair.outcome == NOT_RUN:
        return BY_HAND, "manual action required, see below"
    reasons = {
        CHANGED: f"{repair.module} made changes that did not repair it",
        UNCHANGED: f"not done: {repair.module} found nothing to change",
        REFUSED: f"not done: {repair.module} refused, see below",
        FAILED: f"not done: {repair.module} failed, see below",
    }
    return NOT_DONE, reasons[repair.outcome]


_HEADINGS = ("check", "severity", "resource", "before", "after")
_LIMITS = (24, 8, 30, 7, 10)
_NAMED = 3
"""How many resources that share a row are named; the rest is counted."""
_CONSENTS = {
    ("on_disruption", "allow"): "harden_on_disruption: allow",
    ("live_restore", "enabled"): "harden_live_restore: enabled",
    ("accept_ra", "allow"): "harden_accept_ra: allow",
    ("forward_policy", "keep"): "harden_forward_policy: keep",
    ("persistent", "keep"): "harden_ip_forward_persistent: keep",
    ("on_conflict", "allow"): "harden_on_conflict: allow",
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
    lines += sections(_actions(run, rows), width)
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


def _actions(run: Run, rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """What stands below the table, by heading."""
    done = [f"{repair.module}: {action}" for repair in _with(run, CHANGED) for action in repair.actions]
    refused = [f"{repair.module} refused: {_with_consent(repair)}" for repair in _with(run, REFUSED)]
    failed = [f"{repair.module} failed: {repair.message}" for repair in _with(run, FAILED)]
    warned = [f"{repair.module}: {warning}" for repair in run.repairs.values() for warning in repair.warnings]
    return [
        ("Planned changes:" if run.check_mode else "Changes applied:", done),
        ("Changes that would be refused:" if run.check_mode else "Changes not applied:", [*refused, *failed]),
        ("Unknown (not evaluated):", not_judged(sorted(run.last, key=rank))),
        ("Not applicable:", without_engine(run.last)),
        (_unplanned(run), _by_hand(rows)),
        ("Waived:", _waived(run.last)),
        ("Warnings:", warned),
    ]


def _unplanned(run: Run) -> str:
    """The heading for what no module repairs. What a planned change resolves indirectly, check mode cannot show."""
    if run.check_mode and _with(run, CHANGED):
        return "Manual action required, unless the planned changes resolve it indirectly:"
    return "Manual action required:"


def _by_hand(rows: Iterable[Row]) -> list[str]:
    """What no module repairs: what is so, and what to do; said once where that is the same for several resources."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.verdict == BY_HAND:
            advice = row.finding.remediation.text if row.finding.remediation else ""
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
    ways = [
        " and ".join(consents[pair] for pair in item.items())
        for item in repair.consents
        if item and all(pair in consents for pair in item.items())
    ]
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
        f"{count[BY_HAND]} manual action required",
        f"{count[NOT_JUDGED]} unknown",
        f"{count[NOTE]} informational",
        *([f"{waived} waived"] if waived else []),
        f"{sum(finding.outcome == PASS for finding in run.last)} pass",
    ]
    return f"{', '.join(parts)}."
