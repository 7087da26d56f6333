# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Single containers and networks that were not read, beside others that were.

Whoever runs in a container decides what is in its namespace, so that one which cannot be read must cost that container
its verdict, and nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, Gap
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check, Verdict, unknown


def with_gaps(check: Check, snapshot: HostSnapshot, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts, with an unknown for each container or network that the check could not look at.

    That all is well, or that nothing is concerned, is said of the whole host and holds no longer.
    """
    gaps = [] if check.of_daemon else [gap for gap in snapshot.gaps if gap.source in check.needs]
    if not gaps:
        return verdicts
    reasons: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        reasons.setdefault((gap.kind, gap.name), []).append(gap.reason)
    told = [_doubted(check, gaps, reasons, item) for item in verdicts if item.outcome in (FAIL, UNKNOWN)]
    known = {key for item in told for key in _keys(item)}
    more = [unknown(_resource(snapshot, *key), "; ".join(texts)) for key, texts in reasons.items() if key not in known]
    return [*told, *more]


def _keys(verdict: Verdict) -> tuple[tuple[str, str], tuple[str, str]]:
    """What a verdict is about, and the container that this belongs to."""
    return (verdict.resource.kind, verdict.resource.name), (CONTAINER, verdict.resource.container)


def _doubted(check: Check, gaps: list[Gap], reasons: Mapping[tuple[str, str], list[str]], verdict: Verdict) -> Verdict:
    """What fails for being there without a container can belong to one that was not read; what is unknown says why."""
    if verdict.outcome == UNKNOWN:
        texts = next((reasons[key] for key in _keys(verdict) if key in reasons), None)
        return unknown(verdict.resource, "; ".join(texts), verdict.evidence) if texts else verdict
    if not check.leftovers:
        return verdict
    reason = f"it can belong to {gaps[0].kind} {gaps[0].name}, which was not read: {verdict.summary}"
    return unknown(verdict.resource, reason, verdict.evidence)


def _resource(snapshot: HostSnapshot, kind: str, name: str) -> Resource:
    container = next((item for item in snapshot.containers if item.name == name), None)
    if kind == CONTAINER and container is not None:
        return resources.container(container)
    return Resource(kind, name, name if kind == CONTAINER else "")
