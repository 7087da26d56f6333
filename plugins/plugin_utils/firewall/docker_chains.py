# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Docker's own chains among the rules of a host, and whether a rule that ended a packet was made to that end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import NFTABLES, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    PROXY_REQUEST,
    REQUEST,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import Maps, RuleFacts, facts_of
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
"""Family and table as PathStep.table shows them, and the chain."""


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


_ASKING = (REQUEST, PROXY_REQUEST)


class Purposes:
    """Tells rules of people from those of dockerd, on one host."""

    def __init__(self, book: RuleBook, engine: Engine | None) -> None:
        """Find the chains that people fill."""
        self._native = layout_of(engine) == NFTABLES
        self._places: set[Place] = places_of_people(book)

    def kept_off(self, path: Path) -> str:
        """The rule or policy by which somebody keeps such packets off on purpose; empty where it was no such one.

        dockerd leaves DOCKER-USER to people, and all of INPUT, which guards what docker-proxy serves; with the backend
        of nftables, they have tables of their own. Nobody lets a request pass and ends its answer on purpose: a rule
        such as ``-i eth0 -j DROP`` ends what comes back to containers, too.
        """
        step = _ended_by(path)
        return path.reason if step is not None and step.leg in _ASKING and self._is_of_people(step) else ""

    def let_down(self, path: Path) -> bool:
        """Whether a policy or a rule of dockerd's own ended a packet: nothing of dockerd's had accepted it."""
        step = _ended_by(path)
        if step is None or self._is_of_people(step):
            return False
        return not step.rule or step.chain.startswith("DOCKER") or step.table.endswith(f" {NATIVE_TABLE}")

    def _is_of_people(self, step: PathStep) -> bool:
        if step.place == "input":
            return True
        own = self._native and not step.table.endswith(f" {NATIVE_TABLE}")
        return bool(step.rule) and (own or (step.table, step.chain) in self._places)


def _ended_by(path: Path) -> PathStep | None:
    """The rule or policy that ended a packet, as a step; None where it was none."""
    step = None if path.decided_at is None else path.steps[path.decided_at]
    return step if step is not None and step.chain and step.action in ("drop", "reject") else None
