# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a contract that was learned of a host has to find there later, by the attempts that were made meanwhile.

The words of the contract are read here as docs/contract.md has them, without asking the collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import KEPT, UNMATCHED, VIOLATED

from tests.differential.answering import answer_of
from tests.differential.contract_case import Scene, counts, is_answered
from tests.differential.matrix_questions import BEYOND, BEYOND_PORT, Inhabitant, Question
from tests.differential.matrix_trying import Tried

Written = Mapping[str, Any]
Pair = tuple[Origin, str]
"""Who gets to what: a port of a container, or ``outside``."""


@dataclass(frozen=True)
class Due:
    """What has to become of an intent."""

    state: str
    """By what the lab's machines reach."""
    why: list[str] = field(default_factory=list)
    depends: bool = False
    """Whether it can be otherwise, by machines that the lab does not have or by what was not tried."""


@dataclass(frozen=True)
class _Askers:
    origins: tuple[Origin, ...]
    cidrs: tuple[CIDR, ...] = ()
    together: bool = False
    """Whether it is enough that one of them gets there."""

    def called(self, origin: Origin) -> str:
        """As a finding names one of them."""
        return " ".join((OUTSIDE, *map(str, self.cidrs))) if origin.kind == OUTSIDE else str(origin)


class Learned:
    """The intents of a host, all of which expect something to be reached."""

    def __init__(self, intents: Sequence[Written], scene: Scene) -> None:
        """Take what was learned, and the host as it is now with all that was tried there."""
        self._intents = intents
        self._scene = scene
        self._by_origin: dict[Origin, list[Tried]] = {}
        for question, outcome in scene.tried:
            self._by_origin.setdefault(question.origin, []).append((question, outcome))

    def due(self) -> list[Due]:
        """What becomes of each intent."""
        return [self._due(intent) for intent in self._intents]

    def uncovered(self) -> dict[str, set[Origin]]:
        """What is reached without an intent, by the name of its finding's resource, and by whom."""
        found: dict[str, set[Origin]] = {}
        for question, outcome in self._scene.tried:
            if _is_reached(question, outcome) and not any(self._covers(item, question) for item in self._intents):
                found.setdefault(question.member or question.origin.name, set()).add(question.origin)
        return found

    def _due(self, intent: Written) -> Due:
        askers, to = self._askers(intent["from"]), intent["to"]
        if not askers.origins:
            return Due(UNMATCHED, ["nothing asks"])
        if to == OUTSIDE or OUTSIDE in to:
            return self._ways_out(askers, to)
        if "address" in to:
            return self._at_address(askers, to)
        owners = self._selected(to)
        members = sorted(self._members(owners, to["port"]))
        if not members:
            return Due(UNMATCHED, ["nothing is asked for"])
        missing = [f"{askers.called(some[0])} to {member}" for some, member in self._missing(askers, members, to)]
        is_left_out = any(origin.kind == OUTSIDE for origin in askers.origins) and self._scene.apart & set(members)
        if is_left_out or (missing and askers.together) or (askers.cidrs and not missing):
            # Of machines outside others may get there, or may have to.
            return _due(missing, depends=True)
        return _due(missing)

    # ---- who asks

    def _askers(self, said: Any) -> _Askers:
        if said == HOST:
            return _Askers((Origin(HOST),))
        if said == OUTSIDE or OUTSIDE in said or "uplink" in said:
            words = {} if said == OUTSIDE else said
            cidrs = tuple(ip_network(text) for text in _list(words.get(OUTSIDE, ())))
            origins = tuple(
                Origin(OUTSIDE, machine.uplink)
                for machine in self._scene.outsiders
                if fnmatchcase(machine.uplink, words.get("uplink", "*"))
                and (not cidrs or any(_is_in(address, cidrs) for address in machine.addresses))
            )
            return _Askers(origins, cidrs, together=not cidrs)
        guests = [name for name in self._scene.on_host if _is_selected(said, name, ("host",))]
        inside = (Origin(CONTAINER, somebody.name) for somebody in self._selected(said))
        return _Askers((*([Origin(HOST)] if guests else []), *inside))

    def _selected(self, said: Written) -> list[Inhabitant]:
        found = []
        for somebody in self._scene.everybody:
            names = [somebody.name, *(one for one, other in self._scene.shared.items() if other == somebody.name)]
            if any(_is_selected(said, name, tuple(somebody.networks)) for name in names):
                found.append(somebody)
        return found

    # ---- what has to be reached

    def _members(self, owners: Sequence[Inhabitant], said: Any) -> set[str]:
        names = {somebody.name for somebody in owners}
        if said == "any":
            published = {question.member for question, dummy in self._scene.tried if question.published_on}
            return {item for item in published | self._scene.listening if item.partition(":")[0] in names}
        return {f"{name}:{_port(port)}" for name in names for port in _list(said)}

    def _missing(
        self, askers: _Askers, members: Sequence[str], to: Written
    ) -> Iterator[tuple[tuple[Origin, ...], str]]:
        """Who does not get to what, though the intent wants it."""
        for some in [askers.origins] if askers.together else [(origin,) for origin in askers.origins]:
            for member in members:
                if member.partition(":")[0] == some[0].name and some[0].kind == CONTAINER:
                    continue
                ways = [
                    (question, outcome)
                    for origin in some
                    for question, outcome in self._by_origin.get(origin, ())
                    if question.member == member
                    and self._is_place(question, to)
                    and counts(question, self._scene)
                    and self._sends(askers, question)
                ]
                if not any(is_answered(question, outcome) for question, outcome in ways):
                    yield some, member

    def _is_place(self, question: Question, to: Written) -> bool:
        if question.published_on or "network" not in to:
            return True
        owner = next(somebody for somebody in self._scene.everybody if somebody.name == question.owner)
        return any(
            question.address in addresses and _is_one_of(network, to["network"])
            for network, addresses in owner.networks.items()
        )

    def _sends(self, askers: _Askers, question: Question) -> bool:
        """Whether the lab's machine is one of those that are meant, when it asks so."""
        if not askers.cidrs:
            return True
        machine = next(item for item in self._scene.outsiders if item.uplink == question.origin.name)
        return _is_in(machine.address_like(question.address), askers.cidrs)

    def _ways_out(self, askers: _Askers, to: Any) -> Due:
        cidrs = () if to == OUTSIDE else tuple(ip_network(text) for text in _list(to[OUTSIDE]))
        wanted = [address for address in BEYOND.values() if not cidrs or _is_in(address, cidrs)]
        missing: list[str] = []
        is_known = bool(wanted)
        for origin in askers.origins:
            some = [one for one in self._by_origin.get(origin, ()) if one[0].address in wanted and not one[0].member]
            is_known = is_known and not self._scene.lost & {question for question, dummy in some}
            answered = {question.address for question, outcome in some if _is_reached(question, outcome)}
            if not answered or (cidrs and len(answered) < len(wanted)):
                missing.append(f"{origin} to outside:{BEYOND_PORT}/tcp")
        return _due(missing, depends=not is_known or bool(cidrs and not missing))

    def _at_address(self, askers: _Askers, to: Written) -> Due:
        """An address at which a port was found open, though few would ask there."""
        missing: list[str] = []
        for origin in askers.origins:
            some = [one for one in self._by_origin.get(origin, ()) if _is_at(one[0], to)]
            left_out = {question.member for question, dummy in some} or self._scene.apart
            if origin.kind == OUTSIDE and self._scene.apart & left_out:
                return _due(missing, depends=True)
            # Where nothing is asked for any more, nothing answers.
            if not any(outcome.seen == ANSWERED for dummy, outcome in some):
                missing.append(f"{askers.called(origin)} to {to['address']}:{_port(to['port'])}")
        return _due(missing, depends=askers.together and bool(missing))

    # ---- what is covered

    def _covers(self, intent: Written, question: Question) -> bool:
        askers, to = self._askers(intent["from"]), intent["to"]
        if question.origin not in askers.origins or not self._sends(askers, question):
            return False
        if to == OUTSIDE or OUTSIDE in to:
            cidrs = [] if to == OUTSIDE else [ip_network(text) for text in _list(to[OUTSIDE])]
            return not question.member and (not cidrs or _is_in(question.address, cidrs))
        if not question.member:
            return False
        if "address" in to:
            # The port is covered as it is published there, at all addresses of the host.
            return any(_is_at(other, to) and _place(other) == _place(question) for other, dummy in self._scene.tried)
        owners = {somebody.name for somebody in self._selected(to)}
        if question.owner not in owners or not self._is_place(question, to):
            return False
        port = question.member.partition(":")[2]
        return to["port"] == "any" or port in {_port(item) for item in _list(to["port"])}


def _due(missing: list[str], *, depends: bool = False) -> Due:
    return Due(VIOLATED if missing else KEPT, missing, depends)


def reached(scene: Scene) -> set[Pair]:
    """Who gets to what, at one address at least."""
    return {
        (question.origin, question.member or OUTSIDE)
        for question, outcome in scene.tried
        if _is_reached(question, outcome)
    }


_MACHINES = ("internet", "outside")
"""How those outside call themselves in their answers."""


def _is_reached(question: Question, outcome: Any) -> bool:
    if not question.member:
        # Not by the host, to which a rule may redirect what is for machines outside; of an echo it is not known.
        return bool(outcome.seen == ANSWERED) and (not outcome.body or answer_of(outcome.body)[0] in _MACHINES)
    return question.owner != question.origin.name and is_answered(question, outcome)


def _place(question: Question) -> tuple[str, str, int]:
    """Where a port is asked for: as it is published, or at one of the container's addresses."""
    return question.member, question.published_on or question.address, question.port


def _is_at(question: Question, to: Written) -> bool:
    return question.address == to["address"] and f"{question.port}/{question.protocol}" == _port(to["port"])


def _port(said: int | str) -> str:
    return said if isinstance(said, str) else f"{said}/tcp"


def _is_selected(said: Written, name: str, networks: Sequence[str]) -> bool:
    """By the words that are learned in the lab, where no container has labels of its own."""
    if "network" in said:
        return any(_is_one_of(network, said["network"]) for network in networks)
    return _is_one_of(name, said["container"])


def _is_one_of(text: str, patterns: Any) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in _list(patterns))


def _is_in(address: str, cidrs: Sequence[CIDR]) -> bool:
    return any(ip_address(address) in cidr for cidr in cidrs)


def _list(said: Any) -> list[Any]:
    return list(said) if isinstance(said, (list, tuple)) else [said]
