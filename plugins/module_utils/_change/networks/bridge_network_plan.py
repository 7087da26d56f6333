# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Bridge networks as a list wants them: what to make, to make anew, to remove and to leave. Pure.

The whole list is judged before anything is done. Networks that go are removed first, so that what they hold is free for
those that come; these follow in the order of the list.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_body import (
    Difference,
    NetworkOutcome,
    bridge_of,
    create_body,
    describe,
    replacement_body,
    subnets_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_existing import (
    NetworkFacts,
    attached,
    demand_consent,
    drift,
    known,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_input import contains
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_limits import (
    check_engine,
    check_list,
    check_new,
    for_engine,
    ipv6_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_space import (
    first_free,
    overlapping,
    without_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_wish import (
    NetworkWish,
    SubnetWish,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import body_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recreation_plan import (
    Recreation,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Diff,
    Disruption,
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, Taken, taken_on_host
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESERVERS,
    ROUTES,
    RULESET,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed

CREATED = "created"
RECREATED = "recreated"
REMOVED = "removed"
KEPT = "unchanged"
ABSENT = "absent"

_NAMED = 5
"""How many of those who have a pool's addresses a message names."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one network."""

    wish: NetworkWish
    outcome: str
    old: dict[str, Any] | None = None
    """GET /networks/ID, or an item of GET /networks."""
    body: dict[str, Any] | None = None
    """Of POST /networks/create, where it is made."""
    differences: list[Difference] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Surroundings:
    """What a new network is held against when it is there."""

    host: HostSnapshot
    """As it was read for the plan."""
    outside: list[Taken] = field(default_factory=list)
    """All that is taken, but for Docker's own networks: the engine itself sees to these."""


@dataclass(frozen=True)
class NetworkPlan:
    """The decisions in the order in which they are carried out, and the outline of them all."""

    outline: Outline
    decisions: list[Decision]
    surroundings: Surroundings
    recreations: dict[str, Recreation] = field(default_factory=dict)
    """By name of the network."""


def decide(wishes: list[NetworkWish], consent: str, facts: NetworkFacts) -> list[Decision]:
    """Decide on every network. consent to making networks anew: ``refuse``, ``unused`` (without containers), ``allow``.

    Raises Refusal when one of them cannot be had, or would take consent.
    """
    demand(facts.snapshot, ENGINE, LINKS, ROUTES, NAMESERVERS, SYSCTL, RULESET)
    engine = facts.snapshot.engine
    if engine is None:
        raise Refusal("nothing was changed: the engine did not say which version it is")
    check_list(wishes)
    for wish in wishes:
        check_engine(wish, engine)
    wishes = [for_engine(wish, engine) for wish in wishes]
    removed = [_removal(wish, facts) for wish in wishes if not wish.present]
    snapshot = facts.snapshot
    for item in removed:
        if item.old is not None:
            snapshot = without_network(snapshot, item.old["Id"], bridge_of(item.old))
    present = [wish for wish in wishes if wish.present]
    found = {wish.name: known(wish, facts) for wish in present}
    drifted = {wish.name: drift(wish, found[wish.name], facts) for wish in present}
    demand_consent([wish for wish in present if drifted[wish.name]], drifted, found, consent, facts)
    return [*removed, *_Placement(facts, engine, snapshot, present, found, drifted).decide_all()]


def outline(decisions: Sequence[Decision], recreations: Mapping[str, Recreation]) -> Outline:
    """Put all decisions into words."""
    actions: list[str] = []
    diffs: list[Diff] = []
    disruptions: list[Disruption] = []
    warnings: list[str] = []
    for item in decisions:
        warnings += item.warnings
        before = describe(body_of(item.old)) if item.old else ""
        after = describe(item.body) if item.body else ""
        if item.outcome in (CREATED, RECREATED, REMOVED):
            diffs.append(Diff(f"network {item.wish.name}", before, after))
        if item.outcome == CREATED:
            actions.append(f"create network {item.wish.name}{_where(item)}")
        elif item.outcome == REMOVED:
            actions.append(f"remove network {item.wish.name}")
        elif item.outcome == RECREATED:
            recreation = recreations[item.wish.name]
            actions += recreation.actions
            disruptions += recreation.disruptions
            warnings += recreation.warnings
    return Outline(actions, diffs, disruptions, warnings, {"networks": [_result(item) for item in decisions]})


def _removal(wish: NetworkWish, facts: NetworkFacts) -> Decision:
    network = known(wish, facts)
    if network is None:
        return Decision(wish, ABSENT)
    users = attached(network, facts.snapshot)
    if users:
        raise Refusal(
            f"nothing was changed: {wish.place}: network {wish.name} has containers, running or stopped: "
            f"{', '.join(users)}. Disconnect or remove them first (docker network disconnect {wish.name} NAME)",
            [Disruption(name, f"would lose network {wish.name}") for name in users],
        )
    return Decision(wish, REMOVED, network)


class _Placement:
    """Gives each network its subnets, one after the other, so that none is given twice."""

    def __init__(
        self,
        facts: NetworkFacts,
        engine: Engine,
        snapshot: HostSnapshot,
        wishes: list[NetworkWish],
        found: dict[str, dict[str, Any] | None],
        drifted: dict[str, list[Difference]],
    ) -> None:
        self._facts = facts
        self._engine = engine
        self._wishes = wishes
        self._found = found
        self._drifted = drifted
        self._snapshot = snapshot
        self._claimed: list[Taken] = []
        # Subnets that others of the list ask for by name are not given out of a pool, wherever they stand in it.
        self._asked = [
            (wish.name, Taken(item.subnet, f"{item.subnet} of {wish.place} ({wish.name})"))
            for wish in wishes
            for item in wish.subnets
        ]

    def decide_all(self) -> list[Decision]:
        """Decide on all networks that are wanted, in order."""
        return [self._decide(wish) for wish in self._wishes]

    def _decide(self, wish: NetworkWish) -> Decision:
        old = self._found[wish.name]
        if old is not None and not self._drifted[wish.name]:
            return Decision(wish, KEPT, old, warnings=self._overlap_warnings(old))
        if old is not None:
            # It leaves its place first; until its turn comes, nobody else is given that.
            self._snapshot = without_network(self._snapshot, old["Id"], bridge_of(old))
        subnets = self._subnets(wish, old)
        body = replacement_body(old, wish, subnets) if old else create_body(wish, subnets)
        check_new(wish, body, self._snapshot, self._engine, bridge_netfilter=self._facts.bridge_netfilter)
        warnings = ipv6_warnings(wish.name, body, self._snapshot)
        if old is None:
            return Decision(wish, CREATED, None, body, warnings=warnings)
        return Decision(wish, RECREATED, old, body, self._drifted[wish.name], warnings)

    def _subnets(self, wish: NetworkWish, old: dict[str, Any] | None) -> list[SubnetWish]:
        """The subnets to ask the engine for; those of the old network stay where nothing speaks against them."""
        found = []
        for version in (4, 6):
            named = wish.subnet(version)
            if named is None and wish.pools_of(version):
                kept = [item for item in subnets_of(old, version) if _in_pools(wish, item.subnet)] if old else []
                named = kept[0] if kept else SubnetWish(self._from_pools(wish, version))
            if named is None and old is not None and (version == 4 or wish.ipv6 is not False):
                # What stays must be as free as what is new: the old network gives it up in between.
                for item in subnets_of(old, version):
                    self._claim(wish, item.subnet)
            if named is not None:
                self._claim(wish, named.subnet)
                found.append(named)
        return found

    def _from_pools(self, wish: NetworkWish, version: int) -> CIDR:
        pools = wish.pools_of(version)
        taken = [*self._taken(), *(item for name, item in self._asked if name != wish.name)]
        subnet = first_free(pools, taken)
        if subnet is None:
            words = ", ".join(f"a /{pool.size} of {pool.base}" for pool in pools)
            inside = [item for item in taken if any(pool.base.overlaps(item.cidr) for pool in pools)]
            owners = listed([item.owner for item in inside], _NAMED, "; ")
            raise Refusal(f"nothing was changed: {wish.place}.pools: {words}: none is free, for {owners}")
        return subnet

    def _taken(self) -> list[Taken]:
        return [*taken_on_host(self._snapshot, self._facts.avoid), *self._claimed]

    def _claim(self, wish: NetworkWish, subnet: CIDR) -> None:
        offender = overlapping(subnet, self._taken())
        if offender is not None:
            at = next((f".subnets[{at}].subnet" for at, item in enumerate(wish.subnets) if item.subnet == subnet), "")
            raise Refusal(
                f"nothing was changed: {wish.place}{at} ({wish.name}): {subnet} overlaps with {offender.owner}"
            )
        self._claimed.append(Taken(subnet, f"{subnet} of {wish.place} ({wish.name})"))

    def _overlap_warnings(self, network: dict[str, Any]) -> list[str]:
        """What a network that is there overlaps with: that is told, and the network left as it is."""
        rest = without_network(self._snapshot, network["Id"], bridge_of(network))
        taken = taken_on_host(rest, self._facts.avoid)
        found = [(item.subnet, overlapping(item.subnet, taken)) for v in (4, 6) for item in subnets_of(network, v)]
        return [
            f"network {network['Name']} has {subnet}, which overlaps with {item.owner}"
            for subnet, item in found
            if item is not None
        ]


def _in_pools(wish: NetworkWish, subnet: CIDR) -> bool:
    return any(contains(pool.base, subnet) for pool in wish.pools_of(subnet.version))


def _where(item: Decision) -> str:
    configs = ((item.body or {}).get("IPAM") or {}).get("Config") or []
    return f" with {' and '.join(config['Subnet'] for config in configs)}" if configs else ""


def _result(item: Decision) -> NetworkOutcome:
    shown = item.body or (body_of(item.old) if item.old and item.outcome == KEPT else None)
    configs = ((shown or {}).get("IPAM") or {}).get("Config") or []
    return NetworkOutcome(item.wish.name, item.outcome, [config["Subnet"] for config in configs], item.differences)
