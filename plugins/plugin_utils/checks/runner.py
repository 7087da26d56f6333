# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Runs checks over a snapshot."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import recognition
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    NotJudgedError,
    Verdict,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.gaps import with_gaps
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import select
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import host
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.restless import unless_restless


def run_checks(examined: Examined) -> list[Finding]:
    """Judge a snapshot by the checks that its settings choose, one finding of each at least.

    An error in a check makes that check unknown, and stands in examined.defects. Raises UnknownCheckError for a pattern
    that matches no check.
    """
    return [
        _finding(check, verdict)
        for check in select(examined.settings.checks, examined.settings.exclude)
        for verdict in _verdicts(check, examined)
    ]


def _verdicts(check: Check, examined: Examined) -> list[Verdict]:
    return examined.attempt(
        f"check {check.id}",
        lambda: _blind(check, examined.snapshot) or _judged(check, examined),
        lambda defect: [unknown(host(examined.snapshot), str(defect))],
    )


def no_engine(snapshot: HostSnapshot) -> str:
    """The reason why there is nothing to judge on this host; empty where there is a Docker Engine."""
    source = snapshot.sources.get(ENGINE)
    return source.reason if source is not None and not source.read and source.kind == "absent" else ""


def _blind(check: Check, snapshot: HostSnapshot) -> list[Verdict]:
    """The verdict of a check that cannot see what it needs; empty where it can."""
    reason = no_engine(snapshot)
    if reason:
        return [unknown(host(snapshot), reason)]
    foreign = recognition.not_of_docker(check, snapshot)
    if foreign is not None:
        return [foreign]
    unread = [source for source in check.needs if not snapshot.was_read(source)]
    if unread:
        reasons = dict.fromkeys(_reason(snapshot, source) for source in unread)
        return [unknown(host(snapshot), "; ".join(reasons), {"unread sources": unread})]
    elsewhere = recognition.in_another_namespace(check, snapshot)
    return [] if elsewhere is None else [elsewhere]


def _judged(check: Check, examined: Examined) -> list[Verdict]:
    try:
        return with_gaps(check, examined.snapshot, unless_restless(check, examined.snapshot, check.judge(examined)))
    except NotJudgedError as error:
        return [unknown(host(examined.snapshot), str(error))]


def _reason(snapshot: HostSnapshot, source: str) -> str:
    found = snapshot.sources.get(source)
    if found is None:
        return f"the snapshot does not hold the source {source}"
    return found.reason or f"the source {source} could not be read"


def _finding(check: Check, verdict: Verdict) -> Finding:
    return Finding(
        check.id,
        verdict.outcome,
        verdict.severity or check.severity,
        verdict.resource,
        verdict.summary,
        verdict.evidence,
        verdict.impact,
        verdict.remedy,
    )
