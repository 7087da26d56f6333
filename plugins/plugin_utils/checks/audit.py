# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A snapshot judged, as plain data; findings counted. Policy and waivers follow, see report/audit_document.py."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    OUTCOMES,
    PASS,
    SEVERITIES,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    SOURCES,
    HostSnapshot,
    Source,
    detail_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import DEFECT, ERROR, KINDS, Defect
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.facts import engine_of, facts_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import (
    WITHOUT_DOCKER,
    platform_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.reachability import reachability_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import NONE

T = TypeVar("T")


def by_error(defects: Iterable[Defect]) -> list[dict[str, Any]]:
    """Return the defects as plain data, what comes of one error in one place together with all the parts it hurt."""
    found: dict[tuple[str, str], list[str]] = {}
    for item in defects:
        found.setdefault((item.place, item.error), []).append(item.part)
    return [{"place": place, "error": error, "parts": parts} for (place, error), parts in found.items()]


def judged(context: AuditContext, detail: str) -> dict[str, Any]:
    """Return what the snapshot says: findings with the catalogue's severities, facts, reachability in that detail.

    All but the findings is plain data.
    What it says does not depend on when and where it is judged; its timings, in seconds, do. Raises UnknownCheckError.
    """
    snapshot = context.snapshot
    watch = _Watch()
    platform = platform_of(snapshot)
    is_docker = platform.state not in WITHOUT_DOCKER
    is_wanted = detail != NONE and is_docker
    findings = watch.take("checks", lambda: run_checks(context))
    facts = watch.take("facts", lambda: facts_of(context))
    reached = watch.take("reachability", lambda: _reachability(context, detail)) if is_wanted else None
    return {
        "msg": "" if is_docker else findings[0].summary,
        "host": _host(snapshot),
        "platform": to_plain(platform),
        "engine": engine_of(snapshot),
        "sources": sources_of(snapshot),
        "facts": facts,
        "findings": findings,
        "reachability": reached,
        "defects": by_error([*snapshot.defects, *context.defects]),
        "timings": {
            "phases": {"reading": snapshot.seconds, "reachability": None, **watch.seconds},
            "sources": {name: source.seconds for name, source in _known(snapshot).items()},
        },
    }


def sources_of(snapshot: HostSnapshot) -> dict[str, Any]:
    """Which sources were read, and why others were not; of those that were, what they lack."""
    return {name: _source(snapshot, name, source) for name, source in _known(snapshot).items()}


def _source(snapshot: HostSnapshot, name: str, source: Source) -> dict[str, Any]:
    # A saved snapshot may have any word for the kind, or none.
    kind = source.kind if source.kind in (*KINDS, DEFECT) else ERROR
    why = {} if source.read else {"kind": kind, "reason": source.reason}
    gaps = [{"kind": gap.kind, "name": gap.name, "reason": gap.reason} for gap in snapshot.gaps if gap.source == name]
    return {"read": source.read, **why, **({"gaps": gaps} if gaps else {})}


def _known(snapshot: HostSnapshot) -> dict[str, Source]:
    """The sources by name, without those of which only a saved snapshot has heard."""
    return {name: source for name, source in snapshot.sources.items() if name in SOURCES}


def _reachability(context: AuditContext, detail: str) -> dict[str, Any]:
    return context.attempt(
        "reachability",
        lambda: reachability_of(context.matrix, detail),
        lambda defect: reachability_of(Matrix(problems=[str(defect)]), detail),
    )


def _host(snapshot: HostSnapshot) -> dict[str, Any]:
    return {
        "hostname": snapshot.hostname,
        "kernel": snapshot.kernel,
        "docker_host": snapshot.docker_host,
        "taken_at": snapshot.taken_at,
        "labels": detail_of(snapshot),
    }


class _Watch:
    """Measures the phases of an audit."""

    def __init__(self) -> None:
        self.seconds: dict[str, float | None] = {}

    def take(self, phase: str, work: Callable[[], T]) -> T:
        """Return what work returns, and note how long it took."""
        began = time.monotonic()
        result = work()
        self.seconds[phase] = round(time.monotonic() - began, 6)
        return result


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


def counts_in_words(summary: Mapping[str, Any]) -> str:
    """Return what summary_of counted, as every report has it, so that no two of them differ."""
    severities = ", ".join(f"{number} {name}" for name, number in summary["by_severity"].items() if number)
    parts = [
        f"{summary[FAIL]} failed" + (f" ({severities})" if severities else ""),
        *([f"{summary['waived']} waived"] if summary["waived"] else []),
        f"{summary[UNKNOWN]} unknown",
        f"{summary[PASS]} passed",
        f"{summary[NOT_APPLICABLE]} not applicable",
    ]
    return ", ".join(parts)


def sentence_of(findings: list[Finding], checks: int, not_evaluated: int, unread: Iterable[str]) -> str:
    """Return the counts in words, and for what could not be read the reasons in unread.

    checks: how many were chosen; not_evaluated: those for which one finding stands, see run_checks().
    """
    left = f", {not_evaluated} not evaluated" if not_evaluated else ""
    text = f"{checks} checks{left}: {counts_in_words(summary_of(findings))}"
    reasons = sorted(set(unread))
    return f"{text}. Not read: {'; '.join(reasons)}" if reasons else text
