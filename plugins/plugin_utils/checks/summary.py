# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Findings counted, for programs and in one sentence for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    OUTCOMES,
    SEVERITIES,
    Finding,
)


def summary_of(findings: list[Finding]) -> dict[str, Any]:
    """Return how many findings there are of each outcome, and how many of each severity failed.

    What failed and is waived is counted as waived only, so the counts of outcomes and of waived findings add up.
    """
    open_ones = [item for item in findings if item.waiver is None]
    counts: dict[str, Any] = {outcome: sum(item.outcome == outcome for item in open_ones) for outcome in OUTCOMES}
    fails = [item for item in open_ones if item.outcome == FAIL]
    counts["waived"] = len(findings) - len(open_ones)
    counts["by_severity"] = {severity: sum(item.severity == severity for item in fails) for severity in SEVERITIES}
    return counts


def sentence_of(findings: list[Finding], unread: Iterable[str]) -> str:
    """Return the counts in words, and for what could not be read the reasons in unread."""
    counts = summary_of(findings)
    checks = len({item.check for item in findings})
    severities = ", ".join(f"{number} {name}" for name, number in counts["by_severity"].items() if number)
    failed = f"{counts['fail']} failed ({severities})" if severities else "0 failed"
    waived = f", {counts['waived']} waived" if counts["waived"] else ""
    text = f"{checks} checks: {failed}{waived}, {counts['unknown']} could not be judged, {counts['pass']} passed"
    reasons = sorted(set(unread))
    return f"{text}. Not read: {'; '.join(reasons)}" if reasons else text
