# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of the contract: whether what it needs is reached, what it blocks is not, and what it says nothing of."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, INFO, Remediation, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    OUTSIDE,
    PROXY_REQUEST,
    REQUEST,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BREAKS,
    OPEN,
    TO_KNOW,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import PACKETS, AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.dispositions import remediation_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    ALLOW,
    BLOCKED,
    FORBID,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    KEPT,
    UNJUDGED,
    UNMATCHED,
    VIOLATED,
    WAY_OUT,
    Example,
    Judgement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.uncovered import Open, uncovered_on
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import (
    ending_of,
    place_of,
)

_NAMED = 5
_MOST_TRACED = 20
"""Findings of one check whose packet is followed step by step, which takes some milliseconds each."""


def _judge_violated(context: AuditContext) -> list[Verdict]:
    judgements = context.judgements
    host = resources.host(context.snapshot)
    if not judgements:
        return [not_applicable(host, "The contract has no intents for this host")]
    violated = [item for item in judgements if item.state == VIOLATED]
    found = [_violated(context, item, traced=place < _MOST_TRACED) for place, item in enumerate(violated)]
    found += [
        unknown(resources.intent(safe(item.intent.name)), item.reason, _terms(item))
        for item in judgements
        if item.state == UNJUDGED
    ]
    if found:
        return found
    kept = sum(item.state == KEPT for item in judgements)
    return [passed(host, "Every intent of the contract is fulfilled", {"intents": kept})]


def _terms(item: Judgement) -> dict[str, Any]:
    """What an intent says."""
    intent = item.intent
    return {
        "from": safe(" or ".join(map(str, intent.origins))),
        "to": safe(str(intent.to)) + (f" at {WAY_OUT}" if intent.to.machines and not intent.to.ports else ""),
        "expected": intent.expect,
        "why": safe(intent.why),
    }


def _violated(context: AuditContext, item: Judgement, *, traced: bool) -> Verdict:
    intent, first = item.intent, item.examples[0]
    path = _path(context, first) if traced else None
    blocked = intent.expect == BLOCKED
    did = "reaches" if blocked else "does not reach"
    summary = f"{intent.name}: {first.origin} {did} {first.destination}{_at(first)}"
    if not blocked:
        summary += f": {path.reason if path is not None else first.reason}"
    evidence = {
        **_terms(item),
        "violated by": [f"{one.origin} to {one.destination}{_at(one)}" for one in item.examples],
        **_way(context, first, path),
    }
    impact = (
        f"What the contract blocks is open. It says why it must not be: {intent.why}."
        if blocked
        else f"What the contract needs does not work. It says what for: {intent.why}."
    )
    return failed(
        resources.intent(safe(intent.name)), safe(summary), evidence, safe(impact), _remedy(context, item, path)
    )


def _remedy(context: AuditContext, item: Judgement, path: Path | None) -> Remediation:
    if item.intent.expect == BLOCKED:
        return Remediation(
            "Close it, or change the contract. To close it, publish the port on another address or not at all, keep "
            "containers apart in networks of their own, or drop the packets in DOCKER-USER (with nftables, in a chain "
            "at the hook forward of a table of your own)"
        )
    if path is None:
        return Remediation("Publish the port, or start what is to answer there; or change the contract")
    found = remediation_of(path, context.snapshot.containers)
    return Remediation(f"{found.text}. If it is meant to be so, change the contract")


def _path(context: AuditContext, example: Example) -> Path | None:
    if example.packet is None:
        return None
    try:
        return context.path(example.packet)
    except BadPacketError:
        return None


def _at(example: Example) -> str:
    packet = example.packet
    return "" if packet is None else f" at {resources.socket_name(packet.destination, packet.port)}"


def _way(context: AuditContext, example: Example, path: Path | None) -> dict[str, Any]:
    """The connection that is shown: its packet, its way, and the rule that decided."""
    packet = {} if example.packet is None else {"packet": safe(str(example.packet))}
    if example.packet is None or path is None:
        return {**packet, "ends": safe(example.reason)}
    legs = context.hop_writer.hops_of(example.packet, path)
    decided = _deciding(path)
    words = f"{place_of(decided)}: {decided.rule or decided.action}" if decided is not None else ""
    return {
        **packet,
        "path": {leg["leg"]: leg["hops"] for leg in legs},
        "ends": safe(ending_of(path)),
        **({"rule": safe(words)[:_LONGEST]} if words else {}),
    }


def _deciding(path: Path) -> PathStep | None:
    """The rule that ended a packet, or the last one that let it through or translated it; None where no rule did."""
    if path.responder is None:
        step = None if path.decided_at is None else path.steps[path.decided_at]
        return step if step is not None and step.chain else None
    passed_by = [step for step in path.steps if step.rule and step.action in _LETTING and step.leg in _REQUESTS]
    return passed_by[-1] if passed_by else None


def _judge_unmatched(context: AuditContext) -> list[Verdict]:
    judgements = context.judgements
    host = resources.host(context.snapshot)
    if not judgements:
        return [not_applicable(host, "The contract has no intents for this host")]
    found = [
        failed(
            resources.intent(safe(item.intent.name)),
            safe(f"{item.intent.name}: {item.reason}"),
            _terms(item),
            "Nothing is held to this intent. It may be misspelled, or what it is about may be gone.",
            Remediation(
                "Correct the intent or remove it. Where it is about other hosts, name those with hosts; where what it "
                "is about need not be there, say optional: true"
            ),
        )
        for item in judgements
        if item.state == UNMATCHED
    ]
    return found or [passed(host, "Every intent of the contract selects something", {"intents": len(judgements)})]


def _judge_uncovered(context: AuditContext) -> list[Verdict]:
    judge = context.contract_judge
    handling = judge.contract.uncovered
    host = resources.host(context.snapshot)
    judged = [kind for kind, said in handling.items() if said != ALLOW]
    if not judged:
        return [not_applicable(host, "The contract allows all that it has no intent for")]
    uncovered = uncovered_on(judge)
    by_resource: dict[Resource, list[Open]] = {}
    for item in uncovered.found:
        by_resource.setdefault(_opened(context, item), []).append(item)
    found = [
        _uncovered(context, resource, items, traced=place < _MOST_TRACED)
        for place, (resource, items) in enumerate(by_resource.items())
    ]
    found += [
        unknown(
            host,
            f"whether something is reached from {_KINDS[kind]} without an intent is not known: "
            f"{safe(listed(list(doubts), _NAMED, '; '))}",
        )
        for kind, doubts in uncovered.doubts.items()
        if handling.get(kind) == FORBID
    ]
    return found or [passed(host, "Nothing is reached without an intent", {"from": [_KINDS[kind] for kind in judged]})]


_KINDS = {OUTSIDE: "outside", "host": "the host", CONTAINER: "containers"}


def _opened(context: AuditContext, item: Open) -> Resource:
    """What is reached; for ways out, the container or the host that goes them."""
    if item.place is not None:
        return resources.port(item.place.namespace.containers[0], item.place.port, item.place.protocol)
    if item.asking is not None:
        return resources.container(item.asking.containers[0])
    return resources.host(context.snapshot)


def _uncovered(context: AuditContext, resource: Resource, items: list[Open], *, traced: bool) -> Verdict:
    handling = context.contract_judge.contract.uncovered
    forbidden = [item for item in items if handling[item.kind] == FORBID]
    first = (forbidden or items)[0]
    origins = list(dict.fromkeys(name for item in items for name in item.origins))
    what = "machines outside" if first.place is None else first.place.label
    example = Example(next(iter(first.origins)), what, first.packet, first.reason)
    summary = f"{example.origin} reaches {what}{_at(example)}, and no intent covers it"
    return failed(
        resource,
        safe(summary),
        {
            "reached by": safe(listed(origins, _NAMED)),
            **_way(context, example, _path(context, example) if traced else None),
        },
        "The contract says nothing of this connection, so it was not decided that it may be.",
        Remediation("Add an intent that expects it, with the reason, or close it"),
        severity=HIGH if forbidden else INFO,
    )


_LETTING = frozenset({"accept", "dnat"})
_REQUESTS = (REQUEST, PROXY_REQUEST)
_LONGEST = 240

VIOLATED_CHECK = Check(
    id="contract.violated",
    grades=(Grade(OPEN, "what the contract blocks is reached, or what it needs is not"),),
    title="The contract is fulfilled",
    rationale=(
        "A contract says who may reach what, and why. Rules, routes, published ports and docker-proxy together decide "
        "whether it is so, and change with each container. So a packet is traced for each connection that an intent is "
        "about. What is undetermined fulfils no intent."
    ),
    needs=PACKETS,
    judge=_judge_violated,
    of_contract=True,
)
UNMATCHED_CHECK = Check(
    id="contract.unmatched",
    grades=(Grade(BREAKS, "an intent that selects nothing guards nothing"),),
    title="Every intent selects something",
    rationale=(
        "A misspelled name selects nothing, and an intent about nothing would be fulfilled by every host. Names of "
        "containers change, too."
    ),
    needs=PACKETS,
    judge=_judge_unmatched,
    of_contract=True,
)
UNCOVERED_CHECK = Check(
    id="contract.uncovered",
    grades=(
        Grade(OPEN, "the contract forbids what it has no intent for"),
        Grade(TO_KNOW, "the contract lists it"),
    ),
    title="Nothing is reached without an intent",
    rationale=(
        "A list of what is blocked is never complete. With uncovered: forbid, a contract is a list of all that may be "
        "reached, and whatever else becomes reachable is reported."
    ),
    needs=PACKETS,
    judge=_judge_uncovered,
    of_contract=True,
)

CHECKS = (VIOLATED_CHECK, UNMATCHED_CHECK, UNCOVERED_CHECK)
