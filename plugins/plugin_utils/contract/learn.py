# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Writes the contract of a host as it is: all that is reached there, in few intents, and nothing else.

An intent is taken only where the host fulfils it, so that an audit by what was learned finds no violation.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BEYOND_PORT,
    CONTAINER,
    HOST,
    OUTSIDE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import KEEP_LABELS, detail_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.address_ranges import TooManyKindsError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import FORBID, Contract, Port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    KEPT,
    OPEN,
    Asker,
    Judge,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.reader import read_contract
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.selection import PROJECT, SERVICE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.uncovered import uncovered_on
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import TargetPort

UNCOVERED = {OUTSIDE: FORBID, HOST: FORBID, CONTAINER: FORBID}
WHY = "learned; say why, or remove it"
MOST_NETWORKS = 16
"""Networks outside that an intent names; where it takes more, it is about all machines if the host fulfils that."""
_MOST_TOGETHER = 4
"""Networks or services that are named together in place of containers."""
_ROUNDS = 50
"""Times that what is left is looked for, at most; each time one place of each port is found."""
_ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_ON_HOST = -1
"""Stands for containers in the host's namespace."""
_FOREIGN_LABELS = ("com.docker.", "org.opencontainers.", "io.podman.", "maintainer")

Written = dict[str, Any]
_Set = frozenset[int]
"""Numbers of namespaces."""
_Service = tuple[int, Port]
"""A port of a namespace, by its number."""


def learn(judge: Judge) -> list[Written]:
    """Return intents as they are written; the judge is of a contract without any."""
    return _Learner(judge).run()


class _Learner:
    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._plan = judge.plan
        self._found: list[Written] = []
        self._spaces = {item.number: item for item in self._plan.places.namespaces}
        self._short: dict[_Set, Written] = {}
        for choice in self._choices():
            self._short.setdefault(self._members(choice), choice)
        self._known: dict[tuple[_Set, _Set], Written] = {}
        self._groups: dict[Hashable, list[TargetPort]] = {}
        for target in self._plan.target:
            key = (self._plan.targets_of(target), target.namespace.nets)
            self._groups.setdefault(key, []).append(target)

    def run(self) -> list[Written]:
        self._from_outside()
        reached = self._reached()
        self._within_networks(reached)
        self._from_inside(reached)
        self._ways_out()
        for dummy in range(_ROUNDS):
            if not self._what_is_left():
                break
        return self._found

    def _try(self, intent: Written) -> bool:
        """Take an intent if the host fulfils it."""
        whole = {**intent, "expect": "reached", "why": WHY}
        (read,) = read_contract({"intents": [whole]}).intents
        contract = self._judge.contract
        judgement = self._judge.judge(read)
        if judgement.state != KEPT or not judgement.count or any(read.name == item.name for item in contract.intents):
            return False
        self._judge.contract = Contract((*contract.intents, read), contract.uncovered)
        self._found.append(whole)
        return True

    # ---- what containers are called

    def _choices(self) -> Iterator[Written]:
        """Words that select containers, the plainest first."""
        yield {"container": "*"}
        snapshot = self._judge.view.snapshot
        running = [item for item in snapshot.containers if item.running]
        if detail_of(snapshot) == KEEP_LABELS:
            projects = dict.fromkeys(item.labels[PROJECT] for item in running if PROJECT in item.labels)
            yield from ({"service": f"{literal(name)}/*"} for name in projects)
        for name in dict.fromkeys(end.network for item in running for end in item.endpoints):
            yield {"network": literal(name)}
        if detail_of(snapshot) == KEEP_LABELS:
            for item in running:
                if PROJECT in item.labels and SERVICE in item.labels:
                    yield {"service": f"{literal(item.labels[PROJECT])}/{literal(item.labels[SERVICE])}"}
        yield from ({"container": literal(item.name)} for item in running)
        yield from ({"image": literal(name)} for name in dict.fromkeys(item.image for item in running) if name)
        if detail_of(snapshot) == KEEP_LABELS:
            labels = dict.fromkeys(pair for item in running for pair in item.labels.items())
            for name, value in labels:
                if name and not name.startswith(_FOREIGN_LABELS):
                    yield {"label": {name: literal(value)}}

    def _members(self, choice: Written) -> _Set:
        (origin,) = read_contract(
            {"intents": [{"from": choice, "to": OUTSIDE, "expect": "reached", "why": WHY}]}
        ).intents[0].origins  # fmt: skip
        chosen = self._judge.selection.chosen([origin])  # type: ignore[list-item]
        numbers = {self._judge.selection.namespaces[item.id].number for item in chosen if self._has_own(item.id)}
        return frozenset(
            numbers | ({_ON_HOST} if any(item.id in self._judge.selection.on_host for item in chosen) else set())
        )

    def _has_own(self, container: str) -> bool:
        return container in self._judge.selection.namespaces

    def _named(self, numbers: Iterable[int]) -> Written:
        names = sorted(literal(self._spaces[number].name) for number in numbers)
        return {"container": names[0] if len(names) == 1 else names}

    def _called(self, needed: _Set, allowed: _Set) -> Written:
        """Words that select all that is needed, and nothing beyond what is allowed."""
        key = (needed, allowed)
        if key not in self._known:
            self._known[key] = next(self._words_for(needed, allowed))
        return self._known[key]

    def _words_for(self, needed: _Set, allowed: _Set) -> Iterator[Written]:
        fitting = [(members, choice) for members, choice in self._short.items() if members and members <= allowed]
        yield from (choice for members, choice in fitting if needed <= members)
        for kind in ("network", "service"):
            left = needed
            picked: list[Any] = []
            some = [(members, choice[kind]) for members, choice in fitting if kind in choice]
            while left and some and len(picked) < _MOST_TOGETHER:
                best = max(some, key=lambda item: len(item[0] & left))
                left, picked = left - best[0], [*picked, best[1]]
            if not left and len(picked) < len(needed):
                yield {kind: picked}
        yield self._named(needed - {_ON_HOST})

    # ---- from outside

    def _from_outside(self) -> None:
        """Ports by the machines that get there, then containers by the ports that are open to the same machines."""
        by_origin: dict[Hashable, tuple[Any, dict[_Service, None]]] = {}
        askers = [Asker(number, (), ()) for number, origins in enumerate(self._plan.origins) if origins.kind == OUTSIDE]
        services: dict[_Service, list[TargetPort]] = {}
        for target in self._plan.target:
            services.setdefault(_service(target), []).append(target)
        for service, places in services.items():
            for origin in self._outside_origins(askers, places):
                by_origin.setdefault(repr(origin), (origin, {}))[1][service] = None
        for origin, found in by_origin.values():
            self._add(origin, found)

    def _outside_origins(self, askers: Sequence[Asker], places: Sequence[TargetPort]) -> list[Any]:
        """Words for the machines outside that get to a port, at one of its places at least."""
        words: list[Any] = []
        whole = 0
        for asker in askers:
            opened: dict[int, set[str]] = {4: set(), 6: set()}
            asked: dict[int, set[str]] = {4: set(), 6: set()}
            for place in places:
                for seen in self._judge.seen(asker, place):
                    if seen.packet is not None:
                        family = 6 if ":" in seen.packet.destination else 4
                        asked[family].add(seen.packet.source)
                        opened[family].update([seen.packet.source] if seen.state == OPEN else [])
            uplink = self._plan.origins[asker.source].uplink
            reaching = [family for family in (4, 6) if opened[family]]
            if not reaching:
                continue
            if all(opened[family] == asked[family] for family in reaching):
                whole += 1
                words.append({"uplink": literal(uplink)})
                continue
            networks = [text for family in reaching for text in self._networks_of(uplink, family, opened[family])]
            few = {"outside": networks} if 0 < len(networks) <= MOST_NETWORKS else {}
            words.append({**few, "uplink": literal(uplink)})
        return [OUTSIDE] if whole == len(askers) and whole else words

    def _networks_of(self, uplink: str, family: int, sources: set[str]) -> list[str]:
        kinds = set()
        for source in sources:
            number = self._judge.usual(uplink, family) if not source else self._judge.ranges.kind_of_text(source)
            kinds.update([] if number is None else [number])
        return [str(network) for network in self._judge.ranges.networks(family, kinds)]

    def _add(self, origin: Any, services: Iterable[_Service]) -> set[_Service]:
        """Take intents from an origin to these ports, and return those that were taken."""
        ports: dict[int, list[Port]] = {}
        for number, port in services:
            ports.setdefault(number, []).append(port)
        alike: dict[tuple[Port, ...], list[int]] = {}
        for number, some in ports.items():
            alike.setdefault(tuple(sorted(some, key=str)), []).append(number)
        taken: set[_Service] = set()
        for some_ports, numbers in alike.items():
            written = [port.number if port.protocol == "tcp" else str(port) for port in some_ports]
            said: Any = written[0] if len(written) == 1 else written
            together = frozenset(numbers)
            choices = [self._called(together, together), self._named(together)]
            for words in sorted(choices, key=lambda item: not self._is_whole(item, numbers)):
                if self._try({"from": origin, "to": {**words, "port": said}}):
                    taken.update((number, one) for number in numbers for one in some_ports)
                    break
            else:
                for number in numbers if len(numbers) > 1 else ():
                    if self._try({"from": origin, "to": {**self._named([number]), "port": said}}):
                        taken.update((number, one) for one in some_ports)
        return taken

    def _is_whole(self, words: Written, numbers: Iterable[int]) -> bool:
        """Whether these words select all addresses of the containers: a network selects those on it alone."""
        return "network" not in words or all(len(self._spaces[number].nets) == 1 for number in numbers)

    # ---- from containers and the host

    def _reached(self) -> dict[_Service, set[int]]:
        """Who gets to a port, at one of its places at least: numbers of namespaces, _ON_HOST for the host."""
        found: dict[_Service, set[int]] = {}
        for number, origins in enumerate(self._plan.origins):
            askers = [Asker(number, nets, tuple(some)) for nets, some in origins.namespaces.items()]
            for asker in (
                askers if origins.kind == CONTAINER else [Asker(number, (), ())] if origins.kind == HOST else []
            ):
                members = {item.number for item in asker.namespaces} or {_ON_HOST}
                for targets in self._groups.values():
                    if any(seen.state == OPEN for seen in self._judge.seen(asker, targets[0])):
                        for target in targets:
                            found.setdefault(_service(target), set()).update(members - {target.namespace.number})
        return found

    def _within_networks(self, reached: dict[_Service, set[int]]) -> None:
        """Networks whose containers get to all open ports of each other."""
        for net in self._plan.places.nets:
            choice = {"network": literal(net.network.name)}
            if self._try({"from": choice, "to": {**choice, "port": "any"}}):
                members = self._members(choice)
                goals = self._judge.goals(self._judge.contract.intents[-1].to)
                for service in {_service(target) for target in goals.ports}:
                    reached.get(service, set()).difference_update(members)

    def _from_inside(self, reached: Mapping[_Service, set[int]]) -> None:
        everything = self._reached()
        by_origin: dict[str, tuple[Any, list[_Service]]] = {}
        for service, left in reached.items():
            if _ON_HOST in left:
                by_origin.setdefault(HOST, (HOST, []))[1].append(service)
            inside = left - {_ON_HOST}
            if inside:
                words = self._askers_words(inside, everything[service], service[0])
                by_origin.setdefault(repr(words), (words, []))[1].append(service)
        for origin, services in by_origin.values():
            if origin == HOST and self._try({"from": HOST, "to": {"container": "*", "port": "any"}}):
                continue
            self._add(origin, services)

    def _askers_words(self, left: set[int], everybody: set[int], own: int) -> Written:
        """Words for those who get to a port and are not covered; those that are, and its own container, do no harm."""
        return self._called(frozenset(left), frozenset(everybody | {own}))

    def _ways_out(self) -> None:
        """Who gets to machines outside."""
        by_words: dict[str, tuple[list[Any], set[int]]] = {}
        families = sorted({item.family for item in self._plan.targets if item.kind == BEYOND})
        for number, origins in enumerate(self._plan.origins):
            askers = [Asker(number, nets, tuple(some)) for nets, some in origins.namespaces.items()]
            for asker in (
                askers if origins.kind == CONTAINER else [Asker(number, (), ())] if origins.kind == HOST else []
            ):
                words = self._outside_of(asker, families)
                if words:
                    members = {item.number for item in asker.namespaces} or {_ON_HOST}
                    by_words.setdefault(repr(words), (words, set()))[1].update(members)
        for words, members in by_words.values():
            inside = frozenset(members - {_ON_HOST})
            if _ON_HOST in members:
                self._try_any({"from": HOST, "to": one} for one in words)
            if inside:
                choices = (self._called(inside, frozenset(members)), self._named(inside))
                self._try_any({"from": choice, "to": one} for one in words for choice in choices)

    def _try_any(self, intents: Iterable[Written]) -> bool:
        return any(self._try(intent) for intent in intents)

    def _outside_of(self, asker: Asker, families: Sequence[int]) -> list[Any]:
        """Words for the machines outside that an origin gets to, the best first; none where it gets to none."""
        open_networks: list[str] = []
        is_whole: dict[int, bool] = {}
        for family in families:
            try:
                kinds = self._judge.ranges.outside(family, ())
            except TooManyKindsError:
                continue
            opened = [
                kind
                for kind, address in kinds.items()
                if any(seen.state == OPEN for seen in self._judge.asked_at(asker, address, Port(BEYOND_PORT, "tcp")))
            ]
            is_whole[family] = len(opened) == len(kinds)
            networks = [str(item) for item in self._judge.ranges.networks(family, opened)]
            open_networks += [_ANYWHERE[family]] if is_whole[family] else networks
        if not open_networks:
            return []
        named = {"outside": open_networks if len(open_networks) > 1 else open_networks[0]}
        if all(is_whole.values()):
            return [OUTSIDE]
        return [OUTSIDE, named] if len(open_networks) > MOST_NETWORKS else [named]

    # ---- what is left

    def _what_is_left(self) -> int:
        """Take intents by addresses, for ports that are open where few would look for them; returns how many."""
        taken = 0
        for item in uncovered_on(self._judge).found:
            packet = item.packet
            if packet is None:
                continue
            if item.place is None:
                origin: Any = HOST if item.asking is None else self._named([item.asking.number])
                taken += self._try({"from": origin, "to": OUTSIDE})
                continue
            origin = HOST if item.kind == HOST else OUTSIDE
            if item.kind == CONTAINER:
                origin = {"container": sorted(literal(name.removeprefix("container ")) for name in item.origins)}
            port = packet.port if packet.protocol == "tcp" else f"{packet.port}/{packet.protocol}"
            taken += self._try({"from": origin, "to": {"address": packet.destination, "port": port}})
        return taken


def _service(target: TargetPort) -> _Service:
    return target.namespace.number, Port(target.port, target.protocol)


def literal(text: str) -> str:
    """Return a pattern that matches a name alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text)
