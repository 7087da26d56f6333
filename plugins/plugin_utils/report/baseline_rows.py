# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What became of each resource under each check in a hardening run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    is_note,
    is_waived,
    outcome_word,
    rank,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.hardening_run import (
    CHANGED,
    FAILED,
    NOT_RUN,
    REFUSED,
    UNCHANGED,
    Repair,
    Run,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.repair_plan import (
    BRIDGE_HAIRPIN,
    RUN_BY,
)

# What became of a row.
REPAIRED = "repaired"
NOT_DONE = "not done"
HUMAN = "for a human"
NOTE = "to note"
UNJUDGED = "unknown"

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


def _pairs(run: Run) -> Iterable[tuple[Optional[Finding], Optional[Finding]]]:
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


def _blindness(check: str, findings: Iterable[Finding]) -> Optional[Finding]:
    return next((finding for finding in findings if finding.check == check and _blind(finding)), None)


def _complaints(check: str, findings: Iterable[Finding]) -> bool:
    return any(finding.check == check and _notable(finding) for finding in findings)


def _row(run: Run, before: Optional[Finding], after: Optional[Finding]) -> Row:
    if before is None or (_blind(before) and after is not None and _notable(after)):
        if after is None:
            raise ValueError("a row needs a finding from before or after")
        then = outcome_word(before) if before else _unnamed(after.check, run.before, "new")
        return Row(after, then, outcome_word(after), *_why_still(run, after))
    now = outcome_word(after) if after else _unnamed(before.check, run.last, "gone")
    # What still stands may stand for another reason than before.
    latest = after if after is not None and after.outcome == FAIL else before
    return Row(latest, outcome_word(before), *_development(run, before, after, now))


def _unnamed(check: str, findings: Iterable[Finding], without: str) -> str:
    """The word for a resource that an audit does not name: it was well, if the check judged."""
    return _WELL if any(finding.check == check for finding in findings) else without


def _development(run: Run, before: Finding, after: Optional[Finding], now: str) -> tuple[str, str, str]:
    """Return how it is now, what became of it, and what was done."""
    repair = _repair_of(run, before)
    if run.check_mode and before.outcome == FAIL and repair is not None and repair.outcome == CHANGED:
        return "would pass", REPAIRED, f"would be repaired by {repair.module}"
    along = _mended_along(run, repair)
    if run.check_mode and before.outcome == FAIL and along:
        return "would pass", REPAIRED, f"would be mended along by {along}"
    if after is not None and _notable(after):
        return now, *_why_still(run, before if after.outcome == FAIL else after)
    if repair is not None and repair.outcome == CHANGED:
        return now, REPAIRED, f"repaired by {repair.module}"
    changed = any(repair.outcome == CHANGED for repair in run.repairs.values())
    return now, REPAIRED, "mended with the rest" if changed else "better since the first audit"


def _mended_along(run: Run, repair: Optional[Repair]) -> str:
    """The module that does the work of another one, which finds nothing to do or is not run for it; "" for none."""
    if repair is None or repair.module != BRIDGE_HAIRPIN or repair.outcome not in (UNCHANGED, NOT_RUN):
        return ""
    return next((other.module for other in run.repairs.values() if other.outcome == CHANGED and other.follows), "")


def _repair_of(run: Run, finding: Finding) -> Optional[Repair]:
    if finding.remedy is None or finding.remedy.module is None or finding.check in run.waiting:
        return None
    return run.repairs.get(RUN_BY.get(finding.remedy.module, finding.remedy.module))


def _why_still(run: Run, finding: Finding) -> tuple[str, str]:
    """Return what becomes of a finding that is still not good, and why it is so."""
    repair = _repair_of(run, finding)
    if finding.outcome == UNKNOWN:
        return UNJUDGED, "not judged, see below"
    if is_note(finding):
        return NOTE, finding.summary
    if finding.check in run.waiting:
        return HUMAN, f"waits for {run.waiting[finding.check]}"
    if repair is None or repair.outcome == NOT_RUN:
        return HUMAN, "for a human, see below"
    reasons = {
        CHANGED: f"{repair.module} made changes that did not mend it",
        UNCHANGED: f"not done: {repair.module} found nothing to change",
        REFUSED: f"not done: {repair.module} refused, see below",
        FAILED: f"not done: {repair.module} failed, see below",
    }
    return NOT_DONE, reasons[repair.outcome]
