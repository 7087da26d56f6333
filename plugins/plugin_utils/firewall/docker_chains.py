# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Docker's own chains among the rules of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.map_facts import Maps
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_form import RuleFacts, facts_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    RETURN,
    Chain,
    Rule,
    RuleBook,
    Verdict,
)

FAMILIES = {"ip": 4, "ip6": 6}
NATIVE_TABLE = "docker-bridges"
"""Of the nftables backend (moby daemon/libnetwork/drivers/bridge/internal/nftabler)."""
USER_CHAIN = "DOCKER-USER"
"""Made by dockerd, filled by people."""
INGRESS_CHAIN = "DOCKER-INGRESS"
"""Made by swarm, and leads into a namespace that is no container's."""

Place = tuple[str, str]
"""Family and table as Hop.table shows them, and the chain."""


def chains_of_docker(book: RuleBook, family: int) -> list[Chain]:
    """The chains for IPv4 (4) or IPv6 (6) that dockerd makes, swarm's left out."""
    return [
        chain
        for chain in book.chains.values()
        if FAMILIES.get(chain.family) == family
        and (chain.table == NATIVE_TABLE or (chain.name.startswith("DOCKER") and chain.name != INGRESS_CHAIN))
    ]


def facts_in(rules: Sequence[Rule]) -> Iterator[RuleFacts]:
    """What rules say, and what the entries of their maps say, those of a map that several ask once."""
    yield from (facts_of(rule) for rule in rules)
    yield from (entry for facts in Maps().of_all(rules) for entry in facts)


def places_of_people(book: RuleBook) -> set[Place]:
    """Chains that are documented as the place for rules of one's own: DOCKER-USER, and what people jump to from it."""
    found: set[Place] = set()
    waiting = [chain for chain in book.chains.values() if chain.name == USER_CHAIN]
    while waiting:
        chain = waiting.pop()
        place = (chain.table_name, chain.name)
        if place in found:
            continue
        found.add(place)
        waiting += _targets(book, chain)
    return found


def unused_chains(book: RuleBook) -> list[Chain]:
    """Chains DOCKER-USER in which people have put rules, and which nothing in FORWARD leads to."""
    return [
        chain
        for chain in book.chains.values()
        if chain.name == USER_CHAIN and _filters(chain) and not _is_led_to(book, chain)
    ]


def _filters(chain: Chain) -> bool:
    """Whether a chain has more than the RETURN that dockerd puts into it."""
    kinds = [[item.kind for item in rule.statements if isinstance(item, Verdict)] for rule in chain.rules]
    return any(kind != [RETURN] for kind in kinds)


def _is_led_to(book: RuleBook, chain: Chain) -> bool:
    forward = book.chains.get((*chain.key[:3], "FORWARD"))
    rules = forward.rules if forward is not None else ()
    return any(chain.name in facts.jumps for facts in facts_in(rules))


def _targets(book: RuleBook, chain: Chain) -> Iterable[Chain]:
    for name in {name for facts in facts_in(chain.rules) for name in facts.jumps}:
        target = book.chains.get((*chain.key[:3], name))
        if target is not None and not name.startswith("DOCKER"):
            yield target
