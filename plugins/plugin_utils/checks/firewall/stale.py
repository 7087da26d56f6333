# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules that dockerd left behind."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy, Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    LINKS,
    RULESET,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    FAMILIES,
    NATIVE_TABLE,
    USER_CHAIN,
    chains_of_docker,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.map_facts import Maps
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.partition import PORT
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import devices_in, facts_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import DNAT, Chain, Nat, Rule

# As moby names bridges of networks that were given no other name.
_BRIDGE = re.compile(r"docker0|br-[0-9a-f]{12}")
_SHOWN = 5


class _Found(NamedTuple):
    chain: Chain
    rule: Rule

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.chain.table_name} {self.chain.name} rule {self.rule.number}: {self.rule.text}"


def _judge(examined: Examined) -> list[Verdict]:
    snapshot, view = examined.snapshot, examined.view
    host = resources.host(snapshot)
    chains = [chain for family in (4, 6) for chain in chains_of_docker(view.book, family)]
    found = [
        *_for_gone_interfaces(snapshot, list(view.book.chains.values()), chains),
        *_to_gone_containers(snapshot, chains),
    ]
    if view.rule_problems:
        found.append(unknown(host, "; ".join(view.rule_problems)))
    if found:
        return found
    if not chains:
        return [not_applicable(host, "There are no rules of dockerd")]
    evidence = {"rules of dockerd": sum(len(chain.rules) for chain in chains)}
    return [passed(host, "Every rule of dockerd is for a container and an interface that are there", evidence)]


def _for_gone_interfaces(snapshot: HostSnapshot, every: list[Chain], own: list[Chain]) -> Iterator[Verdict]:
    """Rules for interfaces that do not exist: any in dockerd's chains, and bridges by dockerd's names elsewhere."""
    there = {link.name for link in snapshot.links} | {network.bridge for network in snapshot.networks}
    keys = {chain.key for chain in own if chain.name != USER_CHAIN}
    gone: dict[str, list[_Found]] = {}
    maps = Maps()
    for chain in every:
        if chain.family not in FAMILIES:
            continue
        for rule in chain.rules:
            for name in devices_in(facts_of(rule)).union(*(facts.devices for facts in maps.of(rule))):
                if name not in there and name != "lo" and (chain.key in keys or _BRIDGE.fullmatch(name)):
                    gone.setdefault(name, []).append(_Found(chain, rule))
    for name, rules in gone.items():
        summary = f"There are {len(rules)} rules for {name}, an interface that does not exist"
        yield failed(resources.interface(name), summary, _evidence(rules), _IMPACT, _remedy(rules))


def _to_gone_containers(snapshot: HostSnapshot, chains: list[Chain]) -> Iterator[Verdict]:
    addresses = _addresses(snapshot)
    gone: dict[str, tuple[str, list[_Found]]] = {}
    for chain in chains:
        family = FAMILIES[chain.family]
        for rule in chain.rules:
            for statement in rule.statements:
                if not isinstance(statement, Nat) or statement.kind != DNAT or statement.addresses is None:
                    continue
                text = address_text(family, statement.addresses[0])
                if text not in addresses:
                    ports = [str(value) for kind, value in facts_of(rule).conditions if kind == PORT]
                    name = f"{'/'.join(ports) or 'any port'} to {text}"
                    gone.setdefault(name, (text, []))[1].append(_Found(chain, rule))
    for name, (text, rules) in gone.items():
        summary = f"Port {name}: published for {text}, which no running container has"
        yield failed(Resource("port", name), summary, _evidence(rules), _IMPACT, _remedy(rules))


def _addresses(snapshot: HostSnapshot) -> set[str]:
    """Of running containers: those that the daemon gave, and those inside, which in a swarm are more."""
    given = (
        text
        for item in running(snapshot)
        for endpoint in item.endpoints
        for text in (endpoint.address, endpoint.address6)
        if text
    )
    inside = (text.partition("/")[0] for space in snapshot.inner for link in space.links for text in link.addresses)
    return {*given, *inside}


_IMPACT = (
    "The rules take packets that are no longer meant for anybody. When the address or the name is given out again, "
    "they hold for whoever gets it: a port of another container is then open, or closed, without a reason that is "
    "to be seen."
)


def _evidence(rules: list[_Found]) -> dict[str, object]:
    return {"number of rules": len(rules), "rules": [found.text for found in rules[:_SHOWN]]}


def _remedy(rules: list[_Found]) -> Remedy:
    if any(found.chain.name.startswith("DOCKER") or found.chain.table == NATIVE_TABLE for found in rules):
        return Remedy(
            "A restart of dockerd empties its own chains and fills them anew. What stands in other chains (FORWARD, "
            "POSTROUTING) has to be deleted rule by rule (iptables -D)"
        )
    return Remedy("Delete the rules one by one (iptables -D, nft delete rule): dockerd no longer knows them")


STALE = Check(
    id="firewall.stale",
    severity=LOW,
    title="No rules of dockerd are left of what is gone",
    rationale=(
        "dockerd takes rules away when it removes a container or a network itself. After a kill, a lost state or a "
        "downgrade they stay."
    ),
    needs=(ENGINE, LINKS, INNER, RULESET),
    judge=_judge,
    leftovers=True,
)
