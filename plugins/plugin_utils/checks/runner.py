# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Runs checks over a snapshot, and says what a verdict is worth where not all of it was read.

The engine can be none of Docker's own, or not to be asked (platform.py); single containers and networks can be unread
beside others that were read; containers can come and go while the host is read. What runs in a container decides what
is in its namespace, so that one which cannot be read costs that container its verdict, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    CONNTRACK,
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
    LISTENERS,
    NAMESPACES,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SERVICE,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import CONTAINER, Gap
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import (
    ANSWERS,
    WITHOUT_DOCKER,
    engine_finding,
    platform_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import select
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import host
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    NotJudgedError,
    Verdict,
    unknown,
)


def run_checks(context: AuditContext) -> list[Finding]:
    """Judge a snapshot by the checks that its settings choose, one finding of each at least.

    Where the engine was not asked, or keeps a namespace of its own, one finding stands for all checks that could not be
    judged, see platform.py; without Docker it is the only one. An error in a check makes that check unknown, and stands
    in context.defects. Raises UnknownCheckError for a pattern that matches no check.
    """
    checks = select(
        context.settings.checks,
        context.settings.exclude,
        context.settings.within,
        has_contract=context.settings.contract is not None,
    )
    platform = platform_of(context.snapshot)
    if platform.state in WITHOUT_DOCKER:
        return [engine_finding(context.snapshot, platform, len(checks))]
    by_check = {check.id: [_finding(check, verdict) for verdict in _verdicts(check, context)] for check in checks}
    # What was read without the engine, or beside it, is judged: the daemon.json that keeps dockerd from starting, say.
    if platform.state != ANSWERS:
        lost = [name for name, found in by_check.items() if {finding.outcome for finding in found} == {UNKNOWN}]
    else:
        lost = [check.id for check in checks if platform.rootless and _blind(check, context.snapshot)]
    first = [engine_finding(context.snapshot, platform, len(lost))] if lost else []
    return [*first, *(finding for name, found in by_check.items() if name not in lost for finding in found)]


def _verdicts(check: Check, context: AuditContext) -> list[Verdict]:
    return context.attempt(
        f"check {check.id}",
        lambda: _blind(check, context.snapshot) or _judged(check, context),
        lambda defect: [unknown(host(context.snapshot), str(defect))],
    )


def _blind(check: Check, snapshot: HostSnapshot) -> list[Verdict]:
    """The verdict of a check that cannot see what it needs; empty where it can."""
    unread = [source for source in check.needs if not snapshot.was_read(source)]
    if unread:
        reasons = dict.fromkeys(_reason(snapshot, source) for source in unread)
        return [unknown(host(snapshot), "; ".join(reasons), {"unread sources": unread})]
    elsewhere = _in_another_namespace(check, snapshot)
    return [] if elsewhere is None else [elsewhere]


def _judged(check: Check, context: AuditContext) -> list[Verdict]:
    try:
        return _with_gaps(check, context.snapshot, _unless_churning(check, context.snapshot, check.judge(context)))
    except NotJudgedError as error:
        return [unknown(host(context.snapshot), str(error))]


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
        verdict.remediation,
    )


# Read in the host's own network namespace, or from there.
_OF_THE_HOST = frozenset(
    {LINKS, ROUTES, POLICY_RULES, LISTENERS, CONTAINER_NAMESPACES, SYSCTL, BOOT, RULESET, CONNTRACK}
)


def _in_another_namespace(check: Check, snapshot: HostSnapshot) -> Verdict | None:
    """The verdict of a check that needs what a rootless engine has in a namespace of its own; None for others."""
    engine = snapshot.engine
    if engine is None or not engine.rootless:
        return None
    if _OF_THE_HOST.intersection(check.needs):
        reason = "the engine runs rootless, in a network namespace of its own, which was not read"
        return unknown(resources.host(snapshot), reason, {"rootless": True})
    if NAMESPACES in check.needs and snapshot.was_read(LINKS):
        # RootlessKit with --detach-netns: dockerd's namespace is then not what "host" means for its containers.
        reason = (
            "the engine runs rootless, and dockerd is not in the network namespace that it keeps for its containers"
        )
        return unknown(resources.host(snapshot), reason, {"rootless": True})
    return None


def _with_gaps(check: Check, snapshot: HostSnapshot, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts, with an unknown for each container or network that the check could not look at.

    That all is well, or that nothing is concerned, is said of the whole host and holds no longer.
    """
    gaps = [] if check.daemon_only else [gap for gap in snapshot.gaps if gap.source in check.needs]
    if not gaps:
        return verdicts
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for gap in gaps:
        reasons.setdefault((gap.kind, gap.name), {})[gap.reason] = None
    named = {item.name: item for item in reversed(snapshot.containers)}
    kept = [_doubted(check, gaps, reasons, item) for item in verdicts if item.outcome in (FAIL, UNKNOWN)]
    known = {key for item in kept for key in _keys(item)}
    more = [unknown(_resource(named, *key), "; ".join(texts)) for key, texts in reasons.items() if key not in known]
    return [*kept, *more]


def _keys(verdict: Verdict) -> tuple[tuple[str, str], tuple[str, str]]:
    """What a verdict is about, and the container that this belongs to."""
    return (verdict.resource.kind, verdict.resource.name), (CONTAINER, verdict.resource.container)


def _doubted(
    check: Check, gaps: list[Gap], reasons: Mapping[tuple[str, str], Iterable[str]], verdict: Verdict
) -> Verdict:
    """What fails for being there without a container can belong to one that was not read; what is unknown says why."""
    if verdict.outcome == UNKNOWN:
        texts = next((reasons[key] for key in _keys(verdict) if key in reasons), None)
        return unknown(verdict.resource, "; ".join(texts), verdict.evidence) if texts else verdict
    if not check.finds_orphans:
        return verdict
    reason = f"it may belong to {gaps[0].kind} {gaps[0].name}, which was not read: {verdict.summary}"
    return unknown(verdict.resource, reason, verdict.evidence)


def _resource(containers: Mapping[str, Container], kind: str, name: str) -> Resource:
    if kind == CONTAINER and name in containers:
        return resources.container(containers[name])
    return Resource(kind, name, name if kind == CONTAINER else "")


# A check that needs no more judges one answer of the daemon.
_OF_ONE_MOMENT = frozenset({ENGINE, SERVICE, DAEMON_CONFIG, BOOT})


def _unless_churning(check: Check, snapshot: HostSnapshot, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts, with unknown instead of the failures that containers in motion can have caused."""
    if not snapshot.container_churn or _OF_ONE_MOMENT.issuperset(check.needs):
        return verdicts
    moving = {container.name for container in running(snapshot) if container.netns is None}

    def doubtful(verdict: Verdict) -> bool:
        return verdict.outcome == FAIL and (check.finds_orphans or verdict.resource.container in moving)

    return [
        unknown(
            verdict.resource, f"{snapshot.container_churn}, when this was seen: {verdict.summary}", verdict.evidence
        )
        if doubtful(verdict)
        else verdict
        for verdict in verdicts
    ]
