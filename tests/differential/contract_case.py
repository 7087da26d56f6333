"""Intents drawn at random for one generated host, and whether what an audit says of them is what connections did.

What is true follows from the attempts that were made for the matrix, by the words of docs/contract.md, without asking
the collection. Machines of the lab are named by their addresses. An intent about any machine outside is held against
them as far as it goes: none of them may get where the audit says that none does.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.learned import learned_from
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    KEPT,
    UNJUDGED,
    UNMATCHED,
    VIOLATED,
    Judgement,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.learn import UNCOVERED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract

from tests.differential.answering import answer_of
from tests.differential.matrix_questions import HostAddress, Inhabitant, Question, is_loopback
from tests.differential.matrix_trying import Tried
from tests.differential.observing import Outcome
from tests.differential.reachability_probes import Outsider

INTENTS = 60
_MEANT_MODES = ("routed", "nat-unprotected")
_MODE = "com.docker.network.bridge.gateway_mode_ipv"


@dataclass
class Held:
    """What was made of the intents of one host."""

    intents: int = 0
    kept: int = 0
    violated: int = 0
    unknown: int = 0
    learned: list[dict[str, Any]] = field(default_factory=list)
    """Intents of the contract that is learned of the host."""
    wrong: list[str] = field(default_factory=list)

    @property
    def unmatched(self) -> int:
        """Intents that select nothing."""
        return self.intents - self.kept - self.violated - self.unknown

    def __str__(self) -> str:
        states = f"{self.kept} fulfilled, {self.violated} violated, {self.unknown} unknown"
        return f"{self.intents} intents, {states}, {len(self.learned)} learned, {len(self.wrong)} wrong"


@dataclass(frozen=True)
class Scene:
    """What is known of a host without the collection, and what was tried there."""

    everybody: Sequence[Inhabitant]
    addresses: Sequence[HostAddress]
    outsiders: Sequence[Outsider]
    tried: Sequence[Tried]
    apart: frozenset[str]
    """Ports of which not everything was tried from outside."""
    modes: frozenset[tuple[str, int]]
    """Networks and families that are made to be routed to."""
    on_host: Sequence[str]
    """Containers that use the host's network: they ask as the host does."""
    shared: Mapping[str, str]
    """Containers in the namespace of another one, with its name."""
    listening: frozenset[str]
    """Ports that programs in containers listen on, as ``CONTAINER:PORT/PROTOCOL``."""
    are_routed: bool
    """Whether the host's routes to the machines outside lead by the uplinks that they are beyond."""
    lost: frozenset[Question]
    """What was lost as it must be in the lab, where machines outside do not answer whatever they are asked."""


def hold(snapshot: HostSnapshot, scene: Scene, seed: str) -> Held:
    """Draw intents, judge them, and compare."""
    dice = random.Random(seed)  # noqa: S311
    drawn = [_draw(dice, scene, number) for number in range(INTENTS)]
    contract = read_contract({"intents": [item.written for item in drawn]})
    judgements = AuditContext(snapshot, Settings(contract=contract)).judgements
    held = Held(len(drawn))
    for item, judgement in zip(drawn, judgements):
        held.kept += judgement.state == KEPT
        held.violated += judgement.state == VIOLATED
        held.unknown += judgement.state == UNJUDGED
        if judgement.state != UNJUDGED:
            held.wrong += _differing(item, judgement, scene)
    held.wrong += _learned(snapshot, held)
    return held


def _learned(snapshot: HostSnapshot, held: Held) -> list[str]:
    """What an audit finds by the contract that was learned of the same host: nothing, or the contract is wrong."""
    learned = learned_from(snapshot)
    if learned["problem"]:
        return []
    held.learned = learned["intents"]
    contract = read_contract({"uncovered": UNCOVERED, "intents": learned["intents"]})
    findings = run_checks(AuditContext(snapshot, Settings(checks=("contract.*",), contract=contract)))
    return [f"learned: {item.check}: {item.summary}" for item in findings if item.outcome == FAIL]


@dataclass(frozen=True)
class Drawn:
    """An intent as it is written, and what it is about."""

    written: dict[str, Any]
    origins: tuple[Origin, ...]
    is_any: bool
    """Whether it is about machines outside that the lab does not have, too."""
    owners: tuple[str, ...]
    port: str
    """``PORT/PROTOCOL``; empty for all."""
    published: bool | None
    network: str
    """The one by which the containers are chosen; empty where they are by name."""


def _draw(dice: random.Random, scene: Scene, number: int) -> Drawn:
    written_from, origins, is_any = _origins(dice, scene)
    names = [somebody.name for somebody in scene.everybody]
    networks = sorted({network for somebody in scene.everybody for network in somebody.networks})
    network = dice.choice(networks) if networks and dice.random() < 0.3 else ""
    owners = [item.name for item in scene.everybody if network in item.networks] if network else [dice.choice(names)]
    if not network and dice.random() < 0.1:
        owners = names
    ports = sorted({member.partition(":")[2] for member in _members(scene.tried)})
    port = dice.choice(["", *ports])
    published = dice.choice((None, None, True, False))
    expect = dice.choice(("reached", "blocked"))
    chosen = {"network": network} if network else {"container": owners if len(owners) < len(names) else "*"}
    to = {**chosen, "port": port or "any", **({} if published is None else {"published": published})}
    written = {"name": f"intent {number}", "from": written_from, "to": to, "expect": expect, "why": "drawn"}
    return Drawn(written, origins, is_any, tuple(owners), port, published, network)


def _origins(dice: random.Random, scene: Scene) -> tuple[Any, tuple[Origin, ...], bool]:
    kind = dice.random()
    if kind < 0.08 and len(scene.outsiders) > 1 and scene.are_routed:
        addresses = [address for machine in scene.outsiders for address in machine.addresses]
        return {"outside": addresses}, tuple(Origin(OUTSIDE, machine.uplink) for machine in scene.outsiders), False
    if kind < 0.25:
        machine = dice.choice(scene.outsiders)
        return {"outside": list(machine.addresses), "uplink": machine.uplink}, (Origin(OUTSIDE, machine.uplink),), False
    if kind < 0.4:
        return "outside", tuple(Origin(OUTSIDE, machine.uplink) for machine in scene.outsiders), True
    if kind < 0.55:
        return "host", (Origin(HOST),), False
    if kind < 0.7:
        guests = (Origin(HOST),) if scene.on_host else ()
        return {"container": "*"}, (*guests, *(Origin(CONTAINER, item.name) for item in scene.everybody)), False
    name = dice.choice(scene.everybody).name
    return {"container": name}, (Origin(CONTAINER, name),), False


def _members(tried: Iterable[Tried]) -> set[str]:
    return {question.member for question, dummy in tried if question.member}


def _differing(item: Drawn, judgement: Judgement, scene: Scene) -> list[str]:
    asked = [one for one in scene.tried if _is_about(item, one[0], scene)]
    outside = any(origin.kind == OUTSIDE for origin in item.origins)
    members = {question.member for question, dummy in asked}
    if (
        outside
        and {member for member in _members(scene.tried) if member.partition(":")[0] in item.owners} & scene.apart
    ):
        return []
    if judgement.state == UNMATCHED:
        return (
            []
            if not members
            else [f"{item.written}: unmatched ({judgement.reason}), though there is {sorted(members)}"]
        )
    if item.written["expect"] == "blocked":
        open_ = [str(question) for question, outcome in asked if is_answered(question, outcome)]
        elsewhere = item.is_any and judgement.state == VIOLATED
        if (judgement.state == KEPT) == (not open_) or (elsewhere and not open_ and _is_of_others(judgement)):
            return []
        return [f"{item.written}: {judgement.state} {judgement.examples}, but open were {open_[:3]}"]
    missing = _not_reached(item, asked, scene)
    if (judgement.state == KEPT) == (not missing) or (item.is_any and judgement.state == KEPT):
        return []
    return [f"{item.written}: {judgement.state} {judgement.examples}, but not reached were {missing[:3]}"]


def _is_of_others(judgement: Judgement) -> bool:
    """Whether all that violates it comes from machines that the lab does not have."""
    return all(example.packet is not None and example.packet.source for example in judgement.examples)


def _is_about(item: Drawn, question: Question, scene: Scene) -> bool:
    if (
        question.origin not in item.origins
        or question.owner not in item.owners
        or question.owner == question.origin.name
    ):
        return False
    if item.port and question.member.partition(":")[2] != item.port:
        return False
    if question.published_on:
        return item.published is not False
    if item.published is True:
        return False
    owner = next(somebody for somebody in scene.everybody if somebody.name == question.owner)
    return not item.network or question.address in owner.networks[item.network]


def is_answered(question: Question, outcome: Outcome) -> bool:
    """Whether the container that was meant answered."""
    return outcome.seen == ANSWERED and answer_of(outcome.body)[0] == question.owner


def _not_reached(item: Drawn, asked: Sequence[Tried], scene: Scene) -> list[str]:
    """What the intent wants to be reached and was not, a sentence each."""
    members = {question.member for question, dummy in asked}
    if item.port:
        members |= {f"{name}:{item.port}" for name in item.owners}
    origins: list[tuple[Origin, ...]] = [(origin,) for origin in item.origins]
    if item.is_any:
        origins = [item.origins]
    found = []
    for some in origins:
        for member in sorted(members):
            if member.partition(":")[0] in {origin.name for origin in some if origin.kind == CONTAINER}:
                continue
            ways = [one for one in asked if one[0].origin in some and one[0].member == member and counts(one[0], scene)]
            families = {question.family for question, dummy in ways}
            good = {question.family for question, outcome in ways if is_answered(question, outcome)}
            # Of machines that are named by their addresses, all of these have to get there.
            named = some[0].kind == OUTSIDE and not item.is_any
            if not good or (named and families - good):
                found.append(f"{member} from {some[0]}")
    return found


def counts(question: Question, scene: Scene) -> bool:
    """Whether machines outside are meant to ask there."""
    if question.origin.kind != OUTSIDE:
        return True
    if question.published_on:
        gateways = {item.text for item in scene.addresses if item.is_gateway}
        if question.address in gateways:
            return question.address == question.published_on
        return not is_loopback(question.address)
    owner = next(somebody for somebody in scene.everybody if somebody.name == question.owner)
    if question.member.partition(":")[2] in owner.routed:
        return True
    network = next(name for name, addresses in owner.networks.items() if question.address in addresses)
    return (network, question.family) in scene.modes


def modes_of(networks: Iterable[tuple[str, dict[str, str]]]) -> frozenset[tuple[str, int]]:
    """Networks by name and their options, that are made to be routed to, by family."""
    return frozenset(
        (name, family)
        for name, options in networks
        for family in (4, 6)
        if options.get(f"{_MODE}{family}") in _MEANT_MODES
    )
