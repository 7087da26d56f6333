# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether the host is a router for anyone between its outer interfaces.

Judged by packets: a neighbour on one interface sends to a neighbour on another. What a rule lets through, or
translates, somebody wanted, so only what passes by no more than the policy of chains counts. A host with one outer
interface gives nobody more than they have on its link already.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    POLICY_RULES,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.forwarding.outer_ways import (
    Way,
    neighbours,
    ways,
)

_SHOWN = 6


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    resource = resources.host(snapshot)
    known = [found for version in (4, 6) for found in [neighbours(examined, version)] if len(found) > 1]
    if not known:
        names = sorted({link.name for version in (4, 6) for link in outer_links(snapshot, version)})
        reason = f"The host leads to others by one outer interface at most ({', '.join(names) or 'none'})"
        return [not_applicable(resource, reason)]
    examined.require_whole_view()
    asked = [way for found in known for way in ways(examined, found)]
    found = [way for way in asked if way.is_open]
    if found:
        return [_open(snapshot, found)]
    doubted = [way for way in asked if way.path.verdict == UNKNOWN]
    if doubted:
        doubts = {str(way): way.path.doubts for way in doubted[:_SHOWN]}
        return [unknown(resource, f"{doubted[0].path.reason}, {doubted[0]}", doubts)]
    evidence = {str(way): way.path.reason for way in asked[:_SHOWN]}
    return [passed(resource, "The host routes for nobody between its outer interfaces", evidence)]


def _open(snapshot: HostSnapshot, found: list[Way]) -> Verdict:
    names = ", ".join(map(str, found[:_SHOWN]))
    more = f" and {len(found) - _SHOWN} more ways" if len(found) > _SHOWN else ""
    summary = f"The host routes for anyone between its own interfaces: {names}{more}"
    rules = list(dict.fromkeys(rule for way in found for rule in way.rules))
    evidence: dict[str, Any] = {str(way): _told(way) for way in found[:_SHOWN]}
    impact = (
        "Whoever is on one of these networks and names this host as gateway reaches the other one, past whatever "
        "else separates the two. Forwarding that is on before dockerd starts is the usual cause: dockerd then leaves "
        "the policy of the chain FORWARD at ACCEPT."
    )
    return failed(resources.host(snapshot), summary, evidence, impact, _remedy(snapshot, found, rules))


def _told(way: Way) -> str:
    return f"{way.path.reason}; let through by {'; '.join(way.rules) or 'the policy of the chains'}"


def _remedy(snapshot: HostSnapshot, found: list[Way], rules: list[str]) -> Remedy:
    driver = (snapshot.engine.firewall_driver or "") if snapshot.engine else ""
    if rules:
        return Remedy(f"A human decides. Replace the rule that lets everything through: {'; '.join(rules)}")
    if driver.startswith("nftables") or "firewalld" in driver:
        return Remedy(
            "A human decides. Let a chain of the host's own firewall at the hook forward drop what comes in by one "
            f"outer interface and leaves by another ({driver} decides here, not the policy of FORWARD)"
        )
    args: dict[str, Any] = {"state": "present", "families": sorted({f"ipv{way.version}" for way in found})}
    text = (
        "Close the chain FORWARD, now and at boot; rules of dockerd accept what containers send and get. The module "
        "asks for consent (on_disruption: allow) where the host may be meant to route, and names whom it would cut off"
    )
    return Remedy(text, "ip_forward", args)


OPEN_ROUTER = Check(
    id="forwarding.open-router",
    severity=HIGH,
    title="The host routes for nobody but its containers and whom rules name",
    rationale=(
        "Containers need forwarding, and forwarding makes a router of the host, for everybody and between all of its "
        "interfaces, unless the rules at the hook forward close it again."
    ),
    needs=(ENGINE, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET),
    judge=_judge,
    mended_by=("ip_forward",),
)
