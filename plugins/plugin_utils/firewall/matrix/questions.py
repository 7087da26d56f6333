# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The questions that a matrix asks, one packet for all that the host treats alike, and their answers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    ITSELF,
    OTHER_NETWORK,
    PUBLISHED,
    SAME_NETWORK,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    BEYOND_ADDRESSES,
    BEYOND_PORT,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    default_device,
    outer_links,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import BadPacketError, end_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.alike import Classes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Address,
    Asked,
    Station,
    family_of,
    host_addresses,
    is_asked_at,
    is_loopback,
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
class Asking:
    """Origins that are treated alike."""

    kind: str
    uplink: str = ""
    stations: dict[Nets, list[Station]] = field(default_factory=dict)
    """For containers, by their networks."""
    on_host: list[Container] = field(default_factory=list)
    """For the host: containers in its own namespace."""

    @property
    def containers(self) -> list[Container]:
        """All that are in these places."""
        inside = [item for stations in self.stations.values() for station in stations for item in station.containers]
        return [*self.on_host, *inside]


@dataclass
class Wanted:
    """Ports that are treated alike; no ports at all for the outside."""

    kind: str
    protocol: str
    host_ip: str = ""
    family: int = 4
    ports: dict[Nets, list[Asked]] = field(default_factory=dict)

    @property
    def first(self) -> Asked:
        """One of the ports."""
        return next(iter(self.ports.values()))[0]


FROM_OUTSIDE, FROM_HOST = "from machines outside", "from the host"
WAYS_OUT, BETWEEN = "from containers to machines outside", "from containers to ports"
PARTS = (FROM_OUTSIDE, FROM_HOST, WAYS_OUT, BETWEEN)
"""The questions about a host by who asks for what, in the order in which they are answered."""


class Key(NamedTuple):
    """All packets with the same key fare the same."""

    source: int
    wanted: int
    at: tuple[str, Hashable]
    relation: Hashable


class Inquiry(NamedTuple):
    """A packet that stands for all with its key."""

    key: Key
    packet: Packet
    asked: Optional[Asked]
    """The port that it asks for; None for the outside."""


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
        ports = {asked.port for asked in (*published, *listening)} | {asked.host_port for asked in published}
        catalogue = Catalogue(view.book, self.places, frozenset(ports))
        self._classes = Classes(snapshot, self.places, catalogue)
        self._relations = Relations(self.places, catalogue)
        self.addresses = host_addresses(snapshot, self.places)
        self._addresses_for: dict[tuple[str, bool], list[Optional[Address]]] = {}
        self.asking: list[Asking] = [Asking(OUTSIDE, link.name) for link in outer_links(snapshot, 4, 6)]
        self._outside = {(link.name, family) for family in (4, 6) for link in outer_links(snapshot, family)}
        self.asking.append(Asking(HOST, on_host=self.places.on_host))
        self._source_of: dict[int, int] = {}
        self._sort_stations()
        self.wanted: list[Wanted] = [
            Wanted(BEYOND, "tcp", family=family) for family in (4, 6) if default_device(snapshot, family)
        ]
        self._wanted_of: dict[Asked, int] = {}
        self._sort_ports([*published, *listening])

    def questions(self) -> Iterator[Inquiry]:
        """One packet for every key that there is, in the order of PARTS."""
        askers = list(enumerate(self.asking))
        containers = [(source, asking) for source, asking in askers if asking.kind == CONTAINER]
        for source, asking in askers[: len(askers) - len(containers)]:
            if asking.kind == HOST:
                yield from self._ways_out(source, asking)
            for wanted in self.wanted:
                if wanted.kind != BEYOND:
                    yield from self._from_one(source, asking, wanted)
        for source, asking in containers:
            yield from self._ways_out(source, asking)
        for source, asking in containers:
            for wanted in self.wanted:
                if wanted.kind != BEYOND:
                    yield from self._from_stations(source, asking, wanted)

    def part_of(self, key: Key) -> str:
        """Which of PARTS a question belongs to."""
        kind = self.asking[key.source].kind
        if kind == CONTAINER:
            return WAYS_OUT if self.wanted[key.wanted].kind == BEYOND else BETWEEN
        return FROM_OUTSIDE if kind == OUTSIDE else FROM_HOST

    def key(self, station: Optional[Station], source: int, asked: Asked, address: Optional[Address]) -> Key:
        """The key of a packet; station: the container that asks, address: None for one asked at the container."""
        nets = () if station is None else station.nets
        relation: Hashable = None
        if station is not None:
            relation = self._relations.between(nets, asked.station.nets)
            if station.number == asked.station.number:
                relation = ITSELF
        return Key(source, self._wanted_of[asked], self._at(nets, asked, address), relation)

    def source_of(self, station: Station) -> int:
        """Index of the source that a namespace belongs to."""
        return self._source_of[station.number]

    def addresses_for(self, asked: Asked, source: Asking) -> list[Optional[Address]]:
        """Where a port is asked: a published one at addresses of the host, others at the container."""
        if not asked.host_port:
            return [None]
        key = (asked.host_ip, source.kind == CONTAINER)
        known = self._addresses_for.get(key)
        if known is None:
            known = self._addresses_for[key] = [
                address
                for address in self.addresses
                if is_asked_at(asked.host_ip, address) and not (source.kind == CONTAINER and is_loopback(address.text))
            ]
        return known

    def can_ask(self, asking: Asking, family: int) -> bool:
        """Whether machines beyond an uplink have a family of addresses in common with it."""
        return asking.kind != OUTSIDE or (asking.uplink, family) in self._outside

    def pairs(self, key: Key) -> Iterator[tuple[list[Station], list[Asked]]]:
        """Namespaces that ask and ports that they ask for, all pairs of which have this key; none for the outside."""
        for nets, stations in self.asking[key.source].stations.items():
            for other_nets, ports in self.wanted[key.wanted].ports.items():
                if key.relation == ITSELF:
                    for asked in ports:
                        if self.source_of(asked.station) == key.source and asked.station.nets == nets:
                            yield [asked.station], [asked]
                elif self._relations.between(nets, other_nets) == key.relation:
                    yield stations, ports

    @property
    def asked(self) -> Iterable[Asked]:
        """All ports that are asked, those of the outside left out."""
        return self._wanted_of

    @staticmethod
    def relation_label(key: Key) -> str:
        """The relation for people."""
        if key.relation is None or isinstance(key.relation, str):
            return key.relation or ""
        shared = getattr(key.relation, "shared", ())
        return SAME_NETWORK if any(place >= 0 for place in shared) else OTHER_NETWORK

    # ---- classes

    def _sort_stations(self) -> None:
        found: dict[int, int] = {}
        for station in self.places.stations:
            number = self._classes.source(station)
            if number not in found:
                found[number] = len(self.asking)
                self.asking.append(Asking(CONTAINER))
            self._source_of[station.number] = found[number]
            self.asking[found[number]].stations.setdefault(station.nets, []).append(station)

    def _sort_ports(self, ports: list[Asked]) -> None:
        found: dict[Hashable, int] = {}
        for asked in ports:
            label: Hashable
            if asked.host_port:
                kind, family = PUBLISHED, family_of(asked.host_ip)
                label = (
                    asked.host_ip,
                    self._classes.published(asked.station, asked.protocol, asked.port, asked.host_port),
                )
            else:
                kind, family = INNER_PORT, family_of(asked.address)
                own = asked.station.texts.get(asked.address, asked.address)
                label = (own, self._classes.inner_port(asked.station, asked.protocol, asked.port))
            if label not in found:
                found[label] = len(self.wanted)
                self.wanted.append(Wanted(kind, asked.protocol, asked.host_ip, family))
            self._wanted_of[asked] = found[label]
            self.wanted[found[label]].ports.setdefault(asked.station.nets, []).append(asked)

    def _at(self, nets: Nets, asked: Asked, address: Optional[Address]) -> tuple[str, Hashable]:
        if address is None:
            return ("", None)
        if address.net is None or asked.host_ip == address.text:
            return (address.text, None)
        number = address.net.number
        place = address.net.texts.get(address.text)
        if number in asked.station.nets:
            return (OWN_GATEWAY, (asked.station.nets.index(number), place))
        if number in nets:
            return (ASKING_GATEWAY, (nets.index(number), place))
        return (OTHER_GATEWAY, (self._classes.nets[number], place))

    # ---- questions

    def _ways_out(self, source: int, asking: Asking) -> Iterator[Inquiry]:
        origin = self._origin(asking, next(iter(asking.stations.values()), [None])[0])
        for number, wanted in enumerate(self.wanted):
            if wanted.kind == BEYOND:
                packet = Packet(origin, BEYOND_ADDRESSES[wanted.family], wanted.protocol, BEYOND_PORT)
                yield Inquiry(Key(source, number, ("", None), None), packet, None)

    def _from_one(self, source: int, asking: Asking, wanted: Wanted) -> Iterator[Inquiry]:
        if not self.can_ask(asking, wanted.family):
            return
        first, *dummy = wanted.ports.values()
        yield from self._at_addresses(source, asking, None, first[0])

    def _from_stations(self, source: int, asking: Asking, wanted: Wanted) -> Iterator[Inquiry]:
        """A pair for every relation that there is between one of the class and one of the other."""
        pairs: dict[Hashable, tuple[Station, Asked]] = {}
        for nets, stations in asking.stations.items():
            for other_nets, ports in wanted.ports.items():
                relation = self._relations.between(nets, other_nets)
                if relation not in pairs:
                    pair = _different(stations, ports)
                    if pair is not None:
                        pairs[relation] = pair
        own = self._own_port(source, wanted)
        if own is not None:
            pairs[ITSELF] = own
        for station, asked in pairs.values():
            yield from self._at_addresses(source, asking, station, asked)

    def _own_port(self, source: int, wanted: Wanted) -> Optional[tuple[Station, Asked]]:
        for ports in wanted.ports.values():
            for asked in ports:
                if self.source_of(asked.station) == source:
                    return asked.station, asked
        return None

    def _at_addresses(self, source: int, asking: Asking, station: Optional[Station], asked: Asked) -> Iterator[Inquiry]:
        done: set[Key] = set()
        for address in self.addresses_for(asked, asking):
            key = self.key(station, source, asked, address)
            if key not in done:
                done.add(key)
                yield Inquiry(key, self.packet(asking, station, asked, address), asked)

    def packet(self, asking: Asking, station: Optional[Station], asked: Asked, address: Optional[Address]) -> Packet:
        """The packet itself."""
        destination, port = (asked.address, asked.port) if address is None else (address.text, asked.host_port)
        return Packet(self._origin(asking, station), destination, asked.protocol, port)

    @staticmethod
    def _origin(asking: Asking, station: Optional[Station]) -> Origin:
        return Origin(asking.kind, station.name if station is not None else asking.uplink)


def _different(stations: list[Station], ports: list[Asked]) -> Optional[tuple[Station, Asked]]:
    """One that asks and another one's port, None if there is but one container in both."""
    for asked in ports[:2]:
        for station in stations[:2]:
            if station.number != asked.station.number:
                return station, asked
    first = ports[0].station.number
    other = next((asked for asked in ports if asked.station.number != first), None)
    if other is not None:
        return stations[0], other
    return next(((station, ports[0]) for station in stations if station.number != first), None)


MOST_QUESTIONS = 20_000
"""Packets that are followed at most; some seconds' worth."""
MOST_TRIED = 2_000_000
"""Rules that packets are held against at most, of those that no index leaves out; some seconds' worth, too."""


@dataclass(frozen=True)
class Answer:
    """What became of one packet, and so of all that fare like it."""

    plan: Plan
    key: Key
    packet: Packet
    asked: Optional[Asked]
    """The port that the packet asks for; None for the outside."""
    path: Path
    """Without its hops: predict() tells them for the packet."""

    @property
    def source(self) -> Asking:
        """Who asks."""
        return self.plan.asking[self.key.source]

    @property
    def wanted(self) -> Wanted:
        """What is asked for."""
        return self.plan.wanted[self.key.wanted]

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
        """Who answers in place of the one that was asked; empty where that one does, or nobody."""
        asked = [] if self.asked is None else self.asked.station.containers
        meant = [f"{CONTAINER} {container.name}" for container in asked] or [OUTSIDE]
        who = self.path.answered_by
        return "" if who.partition(" (")[0] in ("", *meant) else who

    @property
    def ports(self) -> Iterator[Asked]:
        """All ports that are asked for; none for the outside. Of those asked by containers, see pairs()."""
        return (asked for ports in self.wanted.ports.values() for asked in ports)

    @property
    def stations(self) -> Iterator[Station]:
        """All namespaces that ask; none for the host and the outside. For ports of containers, see pairs()."""
        return (station for stations in self.source.stations.values() for station in stations)

    def pairs(self) -> Iterator[tuple[list[Station], list[Asked]]]:
        """Namespaces that ask, and ports that they ask for: any of the one and any of the other fare like this."""
        return self.plan.pairs(self.key)


@dataclass(frozen=True)
class Answers:
    """All answers of a host."""

    answers: tuple[Answer, ...] = ()
    sources: tuple[Asking, ...] = ()
    """All that there are, also those whose packets nobody can send."""
    left_out: tuple[str, ...] = ()
    """Those of PARTS of whose questions not all were followed, since it would have taken too long."""
    problems: tuple[str, ...] = ()
    """What was not read that any packet may depend on; then there are no answers."""

    def missing(self, *parts: str) -> str:
        """Which of these parts were not all followed, and why; empty where they were."""
        missing = [part for part in parts if part in self.left_out]
        if not missing:
            return ""
        why = "the host treats its containers in too many ways, or has too many rules"
        return f"not all packets {' and '.join(missing)} were followed: {why}"


def answers_of(view: HostView) -> Answers:
    """Who reaches what on a host. A packet that nobody can send has no answer."""
    if view.problems:
        return Answers(problems=tuple(view.problems))
    plan = Plan(view)
    answers: list[Answer] = []
    left_out: tuple[str, ...] = ()
    for followed, inquiry in enumerate(plan.questions()):
        if followed >= MOST_QUESTIONS or view.traverser.tried > MOST_TRIED:
            # How many more there are is not counted: where all differ that takes longer than to follow those above.
            left_out = PARTS[PARTS.index(plan.part_of(inquiry.key)) :]
            break
        answers += (Answer(plan, *inquiry, path) for path in _answer(view, inquiry.packet))
    return Answers(tuple(answers), tuple(plan.asking), left_out)


def _answer(view: HostView, packet: Packet) -> list[Path]:
    try:
        return [end_of(view, packet)]
    except BadPacketError:
        return []
