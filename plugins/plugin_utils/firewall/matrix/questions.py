# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The questions that a matrix asks, one packet for all that the host treats alike, and their answers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    ITSELF,
    OTHER_NETWORK,
    PUBLISHED,
    SAME_NETWORK,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BEYOND_ADDRESSES,
    BEYOND_PORT,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    default_device,
    outer_links,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    SOURCE,
    BadPacketError,
    end_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    family_of,
    is_loopback_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.alike import Classes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    HostAddress,
    Namespace,
    TargetPort,
    host_addresses,
    is_reached_at,
    listening_ports,
    places_of,
    published_ports,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.rule_catalogue import (
    Catalogue,
    Nets,
    Relations,
)


@dataclass
class OriginClass:
    """Origins that are treated alike."""

    kind: str
    uplink: str = ""
    namespaces: dict[Nets, list[Namespace]] = field(default_factory=dict)
    """For containers, by their networks."""
    on_host: list[Container] = field(default_factory=list)
    """For the host: containers in its own namespace."""

    @property
    def containers(self) -> list[Container]:
        """All that are in these places."""
        inside = [
            item for namespaces in self.namespaces.values() for namespace in namespaces for item in namespace.containers
        ]
        return [*self.on_host, *inside]


@dataclass
class TargetClass:
    """Ports that are treated alike; no ports at all for the outside."""

    kind: str
    protocol: str
    host_ip: str = ""
    family: int = 4
    ports: dict[Nets, list[TargetPort]] = field(default_factory=dict)

    @property
    def first(self) -> TargetPort:
        """One of the ports."""
        return next(iter(self.ports.values()))[0]


FROM_OUTSIDE, FROM_HOST = "from machines outside", "from the host"
WAYS_OUT, BETWEEN = "from containers to machines outside", "from containers to ports"
PARTS = (FROM_OUTSIDE, FROM_HOST, WAYS_OUT, BETWEEN)
"""The questions about a host by who asks for what, in the order in which they are answered."""


class QuestionKey(NamedTuple):
    """All packets with the same key fare the same."""

    source: int
    targets: int
    at: tuple[str, Hashable]
    relation: Hashable


class Inquiry(NamedTuple):
    """A packet that stands for all with its key."""

    key: QuestionKey
    packet: Packet
    target: TargetPort | None
    """The port that it asks for; None for the outside."""


class Unsent(NamedTuple):
    """A packet for which no machine outside could be thought of that sends it."""

    key: QuestionKey
    reason: str


OWN_GATEWAY = "the gateway of its network"
ASKING_GATEWAY = "the gateway of the asking network"
OTHER_GATEWAY = "gateways of other networks"


class Plan:
    """Sources, destinations and questions of one host."""

    def __init__(self, view: HostView) -> None:
        """Sort all origins and ports of the host into classes."""
        snapshot = view.snapshot
        self.places = places_of(snapshot)
        published = list(published_ports(self.places))
        listening = list(listening_ports(self.places))
        ports = {target.port for target in (*published, *listening)} | {target.host_port for target in published}
        catalogue = Catalogue(view.book, self.places, frozenset(ports))
        self._classes = Classes(snapshot, self.places, catalogue)
        self._relations = Relations(self.places, catalogue)
        self.addresses = host_addresses(snapshot, self.places)
        self._addresses_for: dict[tuple[str, bool], list[HostAddress | None]] = {}
        self.origins: list[OriginClass] = [OriginClass(OUTSIDE, link.name) for link in outer_links(snapshot, 4, 6)]
        self._outside = {(link.name, family) for family in (4, 6) for link in outer_links(snapshot, family)}
        self.origins.append(OriginClass(HOST, on_host=self.places.on_host))
        self._source_of: dict[int, int] = {}
        self._sort_namespaces()
        self.targets: list[TargetClass] = [
            TargetClass(BEYOND, "tcp", family=family) for family in (4, 6) if default_device(snapshot, family)
        ]
        self._targets_of: dict[TargetPort, int] = {}
        self._sort_ports([*published, *listening])

    def questions(self) -> Iterator[Inquiry]:
        """One packet for every key that there is, in the order of PARTS."""
        numbered = list(enumerate(self.origins))
        containers = [(source, origins) for source, origins in numbered if origins.kind == CONTAINER]
        for source, origins in numbered[: len(numbered) - len(containers)]:
            if origins.kind == HOST:
                yield from self._ways_out(source, origins)
            for targets in self.targets:
                if targets.kind != BEYOND:
                    yield from self._from_one(source, origins, targets)
        for source, origins in containers:
            yield from self._ways_out(source, origins)
        for source, origins in containers:
            for targets in self.targets:
                if targets.kind != BEYOND:
                    yield from self._from_namespaces(source, origins, targets)

    def part_of(self, key: QuestionKey) -> str:
        """Which of PARTS a question belongs to."""
        kind = self.origins[key.source].kind
        if kind == CONTAINER:
            return WAYS_OUT if self.targets[key.targets].kind == BEYOND else BETWEEN
        return FROM_OUTSIDE if kind == OUTSIDE else FROM_HOST

    def key(
        self, namespace: Namespace | None, source: int, target: TargetPort, address: HostAddress | None
    ) -> QuestionKey:
        """The key of a packet; namespace: the container that asks, address: None for one asked at the container."""
        nets = () if namespace is None else namespace.nets
        relation: Hashable = None
        if namespace is not None:
            relation = self.relation(nets, target.namespace.nets)
            if namespace.number == target.namespace.number:
                relation = ITSELF
        return QuestionKey(source, self._targets_of[target], self._at(nets, target, address), relation)

    def relation(self, nets: Nets, other_nets: Nets) -> Hashable:
        """How a container on these networks stands to another one on those, as keys have it."""
        return self._relations.between(nets, other_nets)

    def targets_of(self, target: TargetPort) -> int:
        """Index of the destination that a port belongs to."""
        return self._targets_of[target]

    def source_of(self, namespace: Namespace) -> int:
        """Index of the source that a namespace belongs to."""
        return self._source_of[namespace.number]

    def addresses_for(self, target: TargetPort, source: OriginClass) -> list[HostAddress | None]:
        """Where a port is asked: a published one at addresses of the host, others at the container."""
        if not target.host_port:
            return [None]
        key = (target.host_ip, source.kind == CONTAINER)
        known = self._addresses_for.get(key)
        if known is None:
            known = self._addresses_for[key] = [
                address
                for address in self.addresses
                if is_reached_at(target.host_ip, address)
                and not (source.kind == CONTAINER and is_loopback_text(address.text))
            ]
        return known

    def can_ask(self, origins: OriginClass, family: int) -> bool:
        """Whether machines beyond an uplink have a family of addresses in common with it."""
        return origins.kind != OUTSIDE or (origins.uplink, family) in self._outside

    def pairs(self, key: QuestionKey) -> Iterator[tuple[list[Namespace], list[TargetPort]]]:
        """Namespaces that ask and ports that they ask for, all pairs of which have this key; none for the outside."""
        for nets, namespaces in self.origins[key.source].namespaces.items():
            for other_nets, ports in self.targets[key.targets].ports.items():
                if key.relation == ITSELF:
                    for target in ports:
                        if self.source_of(target.namespace) == key.source and target.namespace.nets == nets:
                            yield [target.namespace], [target]
                elif self._relations.between(nets, other_nets) == key.relation:
                    yield namespaces, ports

    @property
    def target(self) -> Iterable[TargetPort]:
        """All ports that are asked, those of the outside left out."""
        return self._targets_of

    @staticmethod
    def relation_label(key: QuestionKey) -> str:
        """The relation for people."""
        if key.relation is None or isinstance(key.relation, str):
            return key.relation or ""
        shared = getattr(key.relation, "shared", ())
        return SAME_NETWORK if any(place >= 0 for place in shared) else OTHER_NETWORK

    # ---- classes

    def _sort_namespaces(self) -> None:
        found: dict[int, int] = {}
        for namespace in self.places.namespaces:
            number = self._classes.source(namespace)
            if number not in found:
                found[number] = len(self.origins)
                self.origins.append(OriginClass(CONTAINER))
            self._source_of[namespace.number] = found[number]
            self.origins[found[number]].namespaces.setdefault(namespace.nets, []).append(namespace)

    def _sort_ports(self, ports: list[TargetPort]) -> None:
        found: dict[Hashable, int] = {}
        for target in ports:
            label: Hashable
            if target.host_port:
                kind, family = PUBLISHED, family_of(target.host_ip)
                label = (
                    target.host_ip,
                    self._classes.published(target.namespace, target.protocol, target.port, target.host_port),
                )
            else:
                kind, family = INNER_PORT, family_of(target.address)
                own = target.namespace.texts.get(target.address, target.address)
                label = (own, self._classes.inner_port(target.namespace, target.protocol, target.port))
            if label not in found:
                found[label] = len(self.targets)
                self.targets.append(TargetClass(kind, target.protocol, target.host_ip, family))
            self._targets_of[target] = found[label]
            self.targets[found[label]].ports.setdefault(target.namespace.nets, []).append(target)

    def _at(self, nets: Nets, target: TargetPort, address: HostAddress | None) -> tuple[str, Hashable]:
        if address is None:
            return ("", None)
        if address.net is None or target.host_ip == address.text:
            return (address.text, None)
        number = address.net.number
        place = address.net.texts.get(address.text)
        if number in target.namespace.nets:
            return (OWN_GATEWAY, (target.namespace.nets.index(number), place))
        if number in nets:
            return (ASKING_GATEWAY, (nets.index(number), place))
        return (OTHER_GATEWAY, (self._classes.gateways[number], place))

    # ---- questions

    def _ways_out(self, source: int, origins: OriginClass) -> Iterator[Inquiry]:
        origin = self._origin(origins, next(iter(origins.namespaces.values()), [None])[0])
        for number, targets in enumerate(self.targets):
            if targets.kind == BEYOND:
                packet = Packet(origin, BEYOND_ADDRESSES[targets.family], targets.protocol, BEYOND_PORT)
                yield Inquiry(QuestionKey(source, number, ("", None), None), packet, None)

    def _from_one(self, source: int, origins: OriginClass, targets: TargetClass) -> Iterator[Inquiry]:
        if not self.can_ask(origins, targets.family):
            return
        first, *dummy = targets.ports.values()
        yield from self._at_addresses(source, origins, None, first[0])

    def _from_namespaces(self, source: int, origins: OriginClass, targets: TargetClass) -> Iterator[Inquiry]:
        """A pair for every relation that there is between one of the class and one of the other."""
        pairs: dict[Hashable, tuple[Namespace, TargetPort]] = {}
        for nets, namespaces in origins.namespaces.items():
            for other_nets, ports in targets.ports.items():
                relation = self._relations.between(nets, other_nets)
                if relation not in pairs:
                    pair = _different(namespaces, ports)
                    if pair is not None:
                        pairs[relation] = pair
        own = self._own_port(source, targets)
        if own is not None:
            pairs[ITSELF] = own
        for namespace, target in pairs.values():
            yield from self._at_addresses(source, origins, namespace, target)

    def _own_port(self, source: int, targets: TargetClass) -> tuple[Namespace, TargetPort] | None:
        for ports in targets.ports.values():
            for target in ports:
                if self.source_of(target.namespace) == source:
                    return target.namespace, target
        return None

    def _at_addresses(
        self, source: int, origins: OriginClass, namespace: Namespace | None, target: TargetPort
    ) -> Iterator[Inquiry]:
        done: set[QuestionKey] = set()
        for address in self.addresses_for(target, origins):
            key = self.key(namespace, source, target, address)
            if key not in done:
                done.add(key)
                yield Inquiry(key, self.packet(origins, namespace, target, address), target)

    def packet(
        self, origins: OriginClass, namespace: Namespace | None, target: TargetPort, address: HostAddress | None
    ) -> Packet:
        """The packet itself."""
        destination, port = (target.address, target.port) if address is None else (address.text, target.host_port)
        return Packet(self._origin(origins, namespace), destination, target.protocol, port)

    @staticmethod
    def _origin(origins: OriginClass, namespace: Namespace | None) -> Origin:
        return Origin(origins.kind, namespace.name if namespace is not None else origins.uplink)


def _different(namespaces: list[Namespace], ports: list[TargetPort]) -> tuple[Namespace, TargetPort] | None:
    """One that asks and another one's port, None if there is but one container in both."""
    for target in ports[:2]:
        for namespace in namespaces[:2]:
            if namespace.number != target.namespace.number:
                return namespace, target
    first = ports[0].namespace.number
    other = next((target for target in ports if target.namespace.number != first), None)
    if other is not None:
        return namespaces[0], other
    return next(((namespace, ports[0]) for namespace in namespaces if namespace.number != first), None)


MOST_QUESTIONS = 20_000
"""Packets that are followed at most; some seconds' worth."""
MOST_TRIED = 2_000_000
"""Rules that packets are held against at most, of those that no index leaves out; some seconds' worth, too."""


@dataclass(frozen=True)
class Answer:
    """What became of one packet, and so of all that fare like it."""

    plan: Plan
    key: QuestionKey
    packet: Packet
    target: TargetPort | None
    """The port that the packet asks for; None for the outside."""
    path: Path
    """Without its hops: predict() tells them for the packet."""

    @property
    def source(self) -> OriginClass:
        """Who asks."""
        return self.plan.origins[self.key.source]

    @property
    def targets(self) -> TargetClass:
        """What is asked for."""
        return self.plan.targets[self.key.targets]

    @property
    def at(self) -> str:
        """The address that is asked, or which one it is, see Destination.at; empty for a port's own and the outside."""
        return self.key.at[0]

    @property
    def relation(self) -> str:
        """How a container that asks stands to the one that is asked; empty where no container asks."""
        return self.plan.relation_label(self.key)

    @property
    def instead(self) -> str:
        """Who answers in place of the one that was asked; empty where that one does, or nothing."""
        containers = [] if self.target is None else self.target.namespace.containers
        meant = [(CONTAINER, container.name) for container in containers] or [(OUTSIDE, "")]
        who = self.path.responder
        return "" if who is None or (who.kind, who.name) in meant else str(who)

    @property
    def ports(self) -> Iterator[TargetPort]:
        """All ports that are asked for; none for the outside. Of those asked by containers, see pairs()."""
        return (target for ports in self.targets.ports.values() for target in ports)

    @property
    def namespaces(self) -> Iterator[Namespace]:
        """All namespaces that ask; none for the host and the outside. For ports of containers, see pairs()."""
        return (namespace for namespaces in self.source.namespaces.values() for namespace in namespaces)

    def pairs(self) -> Iterator[tuple[list[Namespace], list[TargetPort]]]:
        """Namespaces that ask, and ports that they ask for: any of the one and any of the other fare like this."""
        return self.plan.pairs(self.key)


@dataclass(frozen=True)
class Answers:
    """All answers of a host."""

    answers: tuple[Answer, ...] = ()
    sources: tuple[OriginClass, ...] = ()
    """All that there are, also those whose packets nobody can send."""
    left_out: tuple[str, ...] = ()
    """Those of PARTS of whose questions not all were followed, since it would have taken too long."""
    problems: tuple[str, ...] = ()
    """What was not read that any packet may depend on; then there are no answers."""
    unsent: tuple[Unsent, ...] = ()
    """Packets of machines outside to which no address could be given, as beyond an uplink without a subnet."""
    plan: Plan | None = None
    """The questions; None where there are no answers."""

    def missing(self, *parts: str) -> str:
        """Which of these parts were not all followed, and why; empty where they were."""
        missing = [part for part in parts if part in self.left_out]
        if not missing:
            return ""
        why = "the host treats its containers in too many ways, or has too many rules"
        return f"not all packets {' and '.join(missing)} were traced: {why}"


def answers_of(view: HostView) -> Answers:
    """Who reaches what on a host. A packet that nobody can send has no answer."""
    if view.problems:
        return Answers(problems=tuple(view.problems))
    plan = Plan(view)
    answers: list[Answer] = []
    unsent: list[Unsent] = []
    left_out: tuple[str, ...] = ()
    for followed, inquiry in enumerate(plan.questions()):
        if followed >= MOST_QUESTIONS or view.traverser.tried > MOST_TRIED:
            # How many more there are is not counted: where all differ that takes longer than to follow those above.
            left_out = PARTS[PARTS.index(plan.part_of(inquiry.key)) :]
            break
        try:
            answers.append(Answer(plan, *inquiry, end_of(view, inquiry.packet)))
        except BadPacketError as error:
            if error.part == SOURCE:
                unsent.append(Unsent(inquiry.key, str(error)))
    return Answers(tuple(answers), tuple(plan.origins), left_out, unsent=tuple(unsent), plan=plan)
