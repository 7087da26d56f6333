# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Holds intents against a host: who asks, what is asked for, and what becomes of the connections.

What the host treats alike is asked once: an intent is about classes of origins and of ports, and the answers of the
matrix are at hand for these. Packets that no matrix asks for (from a network outside, to a port on which
nothing listens, to an address) are followed here, each once.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    BEYOND_ADDRESSES,
    BEYOND_PORT,
    CONTAINER,
    DELIVERED,
    HOST,
    OUTSIDE,
    UNKNOWN,
    UNREACHABLE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import KEEP_LABELS, detail_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.address_ranges import (
    AddressRanges,
    TooManyKindsError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    BLOCKED,
    Containers,
    Contract,
    Destination,
    Intent,
    Machines,
    Port,
    TheHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import Origin as Who
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.selection import Selection
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    SOURCE,
    BadPacketError,
    departure,
    end_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    family_of,
    is_loopback_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Namespace,
    TargetPort,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import (
    ASKING_GATEWAY,
    OTHER_GATEWAY,
    OWN_GATEWAY,
    Answer,
    Answers,
    Plan,
    QuestionKey,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.rule_catalogue import Nets

WAY_OUT = Port(BEYOND_PORT, "tcp")
"""What machines outside are asked for where an intent names no port."""
MOST_FOLLOWED = 20_000
"""Packets that are followed here at most, besides those of the matrix."""
_NAMED = 5
_MEANT_MODES = ("routed", "nat-unprotected")
_GATEWAYS = (OWN_GATEWAY, ASKING_GATEWAY, OTHER_GATEWAY)

# What becomes of a connection.
OPEN, SHUT, UNDETERMINED = "answered", "not answered", "undetermined"

# What becomes of an intent.
KEPT, VIOLATED, UNMATCHED, UNJUDGED = "kept", "violated", "unmatched", "unjudged"


class Asker(NamedTuple):
    """Origins that the host treats alike."""

    source: int
    """Index of the plan's class."""
    nets: Nets
    namespaces: tuple[Namespace, ...]
    """Empty for the host and for machines outside."""
    cidrs: tuple[CIDR, ...] = ()
    """Of machines outside."""


_Question = tuple[int, int, Hashable, tuple[CIDR, ...]]
"""Index of the origins' class, index of the ports' class, their relation, and the networks of machines outside."""


class Seen(NamedTuple):
    """What became of one packet that stands for others."""

    state: str
    packet: Packet | None
    """None where none was followed."""
    reason: str
    at: str = ""
    """Where it was asked, see Answer.at."""
    host_ip: str = ""
    """What a published port that was asked is published on."""


class PortGroup(NamedTuple):
    """Ports that are treated alike, for all origins."""

    key: int
    """That all groups of such ports have, whichever of the ports are in them."""
    number: int
    """Index of the plan's class."""
    nets: Nets
    """Of their containers."""
    ports: list[TargetPort]


class Outcomes(NamedTuple):
    """What becomes of connections of one kind of origin to ports that are treated alike."""

    asked: int
    """Connections, one for each address that is asked."""
    not_shut: tuple[Seen, ...]
    """Those that are open or undetermined, the better examples first."""


@dataclass(frozen=True)
class Example:
    """One connection, to be shown."""

    origin: str
    destination: str
    packet: Packet | None
    reason: str


@dataclass
class Judgement:
    """What became of one intent on one host."""

    intent: Intent
    state: str
    reason: str = ""
    """Of what is unmatched or unjudged: a clause."""
    examples: list[Example] = field(default_factory=list)
    """Of what violates it: the first few."""
    count: int = 0
    """Connections that were looked at, those that are alike counted once."""


class _Goals(NamedTuple):
    """What a destination of containers selects."""

    ports: list[TargetPort]
    namespaces: list[Namespace]
    doubts: list[str]
    """Why not all is known of where it answers."""
    unknown: list[str]
    """Those for which it is not even known what there is to answer."""


class Judge:
    """One host, ready for all intents of a contract."""

    def __init__(self, view: HostView, answers: Answers, plan: Plan, contract: Contract) -> None:
        """Take the host with the answers of its matrix, and all that is held against it."""
        self.view = view
        self.plan = plan
        self.contract = contract
        self.selection = Selection(view.snapshot, plan)
        self._answers = answers
        self.ranges = AddressRanges(view)
        self.ranges.divide(cidr for intent in contract.intents for cidr in _networks_of(intent))
        self._index: dict[Hashable, list[Answer]] = {}
        for answer in answers.answers:
            self._index.setdefault((answer.key.source, answer.key.targets, answer.key.relation), []).append(answer)
        self._unsent: dict[Hashable, str] = {
            (item.key.source, item.key.targets, item.key.relation): item.reason for item in answers.unsent
        }
        self._sources = {(item.kind, item.uplink): number for number, item in enumerate(plan.origins)}
        self._ends: dict[Packet, Path | str] = {}
        self._askers: dict[tuple[Who, ...], tuple[list[Asker], list[str]]] = {}
        self._goals: dict[Destination, _Goals] = {}
        self._groups: dict[Destination, list[PortGroup]] = {}
        self._group_keys: dict[tuple[int, Nets], int] = {}
        self._seen: dict[Hashable, list[Seen]] = {}
        self._outcomes: dict[Hashable, dict[int, Outcomes]] = {}
        self._answered_outside: dict[Hashable, Seen] = {}
        self._kinds: dict[Hashable, list[str]] = {}
        self._usual_addresses: dict[tuple[str, int], int | None] = {}

    def judge(self, intent: Intent) -> Judgement:
        """Hold one intent against the host."""
        if self._needs_labels(intent) and detail_of(self.view.snapshot) != KEEP_LABELS:
            return Judgement(intent, UNJUDGED, "it chooses by labels, which the option labels withholds")
        askers, absent = self.askers(intent.origins)
        if not askers:
            return self._unmatched(intent, f"from selects nothing: {'; '.join(absent)}")
        if intent.to.address:
            return self._to_addresses(intent, askers, [intent.to.address], meant="")
        if intent.to.machines is not None:
            return self._to_machines(intent, askers, intent.to.machines)
        return self._to_containers(intent, askers)

    @staticmethod
    def _unmatched(intent: Intent, reason: str) -> Judgement:
        return Judgement(intent, KEPT if intent.optional else UNMATCHED, reason)

    @staticmethod
    def _needs_labels(intent: Intent) -> bool:
        chosen = (*intent.origins, *intent.to.containers)
        return any(isinstance(item, Containers) and item.reads_labels for item in chosen)

    # ---- who asks

    def askers(self, origins: tuple[Who, ...]) -> tuple[list[Asker], list[str]]:
        """Return those that an intent selects, alike ones together, and what selects nothing."""
        if origins not in self._askers:
            found: list[Asker] = []
            absent: list[str] = []
            for origin in origins:
                some = list(self._askers_of(origin))
                found += some
                absent += [] if some else [self._absent(origin)]
            self._askers[origins] = (list(dict.fromkeys(found)), absent)
        return self._askers[origins]

    def _askers_of(self, origin: Who) -> Iterator[Asker]:
        if isinstance(origin, TheHost):
            yield Asker(self._sources[HOST, ""], (), ())
        elif isinstance(origin, Machines):
            for number, origins in enumerate(self.plan.origins):
                if origins.kind == OUTSIDE and origin.is_beyond(origins.uplink):
                    asker = Asker(number, (), (), origin.cidrs)
                    if not origin.cidrs or any(self.addresses(asker, family) for family in (4, 6)):
                        yield asker
        else:
            chosen = self.selection.chosen([origin])
            if any(item.id in self.selection.on_host for item in chosen):
                yield Asker(self._sources[HOST, ""], (), ())
            groups: dict[tuple[int, Nets], dict[int, Namespace]] = {}
            for item in chosen:
                namespace = self.selection.namespaces.get(item.id)
                if namespace is not None:
                    key = (self.plan.source_of(namespace), namespace.nets)
                    groups.setdefault(key, {})[namespace.number] = namespace
            for (source, nets), namespaces in groups.items():
                yield Asker(source, nets, tuple(namespaces.values()))

    def _absent(self, origin: Who) -> str:
        if isinstance(origin, Machines):
            uplinks = [item.uplink for item in self.plan.origins if item.kind == OUTSIDE]
            return f"no uplink of this host ({', '.join(uplinks) or 'it has none'}) leads to {origin}"
        stopped = self.selection.chosen([origin]) if isinstance(origin, Containers) else []
        return _not_there(origin, stopped)

    def addresses(self, asker: Asker, family: int) -> list[str]:
        """Return addresses of machines outside that stand for all that are meant; empty text is what the plan takes.

        Raises TooManyKindsError.
        """
        uplink = self.plan.origins[asker.source].uplink
        key = (uplink, family, asker.cidrs)
        if key not in self._kinds:
            if not self.plan.can_ask(self.plan.origins[asker.source], family):
                self._kinds[key] = []
                return []
            kinds = self.ranges.beyond(uplink, family, asker.cidrs)
            own = None if asker.cidrs else self.usual(uplink, family)
            texts = [text for kind, text in kinds.items() if kind != own]
            self._kinds[key] = texts if own is None else ["", *texts]
        return self._kinds[key]

    def _senders(self, asker: Asker, family: int) -> list[str]:
        """The same, with those of named networks to which the host has no route: they get no answer."""
        found = self.addresses(asker, family)
        if not asker.cidrs or not self.plan.can_ask(self.plan.origins[asker.source], family):
            return found
        return [*found, *self.ranges.unrouted(family, asker.cidrs)]

    def usual(self, uplink: str, family: int) -> int | None:
        """The kind of the machine that the plan takes for those outside; None where there is none."""
        number = self.usual_address(uplink, family)
        return None if number is None else self.ranges.kind_of(family, number)

    def usual_address(self, uplink: str, family: int) -> int | None:
        """The address of that machine."""
        key = (uplink, family)
        if key not in self._usual_addresses:
            try:
                packet = Packet(Origin(OUTSIDE, uplink), BEYOND_ADDRESSES[family], "tcp", BEYOND_PORT)
                dummy_start, flight = departure(self.view, packet)
                self._usual_addresses[key] = flight.saddr
            except BadPacketError:
                self._usual_addresses[key] = None
        return self._usual_addresses[key]

    # ---- what is asked for

    def goals(self, to: Destination) -> _Goals:
        """Return what a destination of containers selects."""
        if to not in self._goals:
            chosen = self.selection.chosen(to.containers)
            namespaces = {
                space.number: space for item in chosen if (space := self.selection.namespaces.get(item.id)) is not None
            }
            ports = [port for space in namespaces.values() for port in self.selection.ports_of(space, to)]
            unknown = [doubt for item in chosen for doubt in self._hidden(item, to)]
            unplaced = [] if to.published is True else [doubt for item in chosen for doubt in self._unplaced(item)]
            self._goals[to] = _Goals(ports, list(namespaces.values()), [*unknown, *unplaced], unknown)
        return self._goals[to]

    def groups(self, ports: Iterable[TargetPort]) -> list[PortGroup]:
        """Return ports by what is treated alike, for all origins."""
        found: dict[tuple[int, Nets], PortGroup] = {}
        for target in ports:
            key = (self.plan.targets_of(target), target.namespace.nets)
            group = found.get(key)
            if group is None:
                group = found[key] = PortGroup(self._group_keys.setdefault(key, len(self._group_keys)), *key, [])
            group.ports.append(target)
        return list(found.values())

    def _groups_of(self, to: Destination) -> list[PortGroup]:
        if to not in self._groups:
            self._groups[to] = self.groups(self.goals(to).ports)
        return self._groups[to]

    def _hidden(self, item: Container, to: Destination) -> Iterator[str]:
        """Why it is not known what a container has to answer with."""
        if item.running and item.id in self.selection.on_host:
            yield f"{item.name} uses the host's network; ask for an address of the host and a port instead"
        elif item.running and to.published is not True:
            namespace = self.selection.namespaces.get(item.id)
            if namespace is None or namespace.space is None:
                yield f"what is inside container {item.name} was not read"

    def _unplaced(self, item: Container) -> Iterator[str]:
        """Why not all places are known at which a container answers."""
        namespace = self.selection.namespaces.get(item.id)
        attached = (
            {attachment.net.network.id for attachment in namespace.attachments} if namespace is not None else set()
        )
        for end in item.endpoints if namespace is not None and namespace.space is not None else ():
            if (end.address or end.address6) and end.network_id not in attached:
                yield f"{item.name} has an address on {end.network}, whose packets are not traced"

    def _to_containers(self, intent: Intent, askers: Sequence[Asker]) -> Judgement:
        goals = self.goals(intent.to)
        if not goals.namespaces and not goals.doubts:
            words = "; ".join(_not_there(item, self.selection.chosen([item])) for item in intent.to.containers)
            return self._unmatched(intent, f"to selects nothing: {words}")
        if intent.expect == BLOCKED:
            return self._blocked(intent, askers, goals)
        return self._reached(intent, askers, goals)

    def _blocked(self, intent: Intent, askers: Sequence[Asker], goals: _Goals) -> Judgement:
        if not goals.ports and not goals.doubts:
            return self._unmatched(intent, f"to selects nothing: {_no_port(intent.to, goals)}")
        judgement = Judgement(intent, KEPT)
        doubts = [*goals.doubts]
        groups = self._groups_of(intent.to)
        for asker in askers:
            for group, outcomes in self.outcomes(asker, groups):
                pair = _pair(asker, group.ports)
                if pair is None:
                    continue
                judgement.count += outcomes.asked
                for seen in outcomes.not_shut:
                    if seen.state == OPEN:
                        self._note(judgement, asker, *pair, seen)
                    else:
                        doubts.append(f"{self.words(asker, pair[0])} to {pair[1].label}: {seen.reason}")
        return _concluded(judgement, doubts)

    def _reached(self, intent: Intent, askers: Sequence[Asker], goals: _Goals) -> Judgement:
        judgement = Judgement(intent, KEPT)
        doubts = [*goals.unknown]
        units = list(self._units(intent.to, goals))
        for name, together in self._populations(askers):
            for unit in units:
                self._reach(judgement, doubts, name, together, unit)
        if not units and not doubts:
            return self._unmatched(intent, f"to selects nothing: {_no_port(intent.to, goals)}")
        return _concluded(judgement, doubts)

    def _populations(self, askers: Sequence[Asker]) -> Iterator[tuple[str, list[Asker]]]:
        """Askers of which one has to get there: machines outside that are not named; all others each for itself."""
        anywhere: list[Asker] = []
        for asker in askers:
            if self.plan.origins[asker.source].kind == OUTSIDE and not asker.cidrs:
                anywhere.append(asker)
            else:
                yield self.words(asker, next(iter(asker.namespaces), None)), [asker]
        if anywhere:
            yield OUTSIDE, anywhere

    def _units(self, to: Destination, goals: _Goals) -> Iterator[_Unit]:
        """Ports that have to answer, each with the places where it can; alike ones once."""
        found: dict[tuple[int, Port], list[TargetPort]] = {}
        for target in goals.ports:
            found.setdefault((target.namespace.number, Port(target.port, target.protocol)), []).append(target)
        for namespace in goals.namespaces:
            for port in to.ports:
                found.setdefault((namespace.number, port), [])
        spaces = {namespace.number: namespace for namespace in goals.namespaces}
        alike: dict[Hashable, _Unit] = {}
        for (number, port), places in found.items():
            nets = spaces[number].nets
            signature: Hashable = (nets, frozenset(self.plan.targets_of(place) for place in places))
            if not places:
                signature = (number, port)
            alike.setdefault(signature, _Unit(port, to, [])).members.append((spaces[number], places))
        yield from alike.values()

    def _reach(self, judgement: Judgement, doubts: list[str], name: str, askers: Sequence[Asker], unit: _Unit) -> None:
        """Whether one of these askers gets to a port at one of its places; of outside networks, all their machines."""
        failures: list[tuple[Asker, Seen]] = []
        unsure: list[str] = []
        member = None
        for asker in askers:
            pair = next((item for item in unit.members if not _is_itself(asker, item[0])), None)
            if pair is None:
                continue
            member = pair
            judgement.count += 1
            found = self._best(asker, *pair, unit)
            if found.state == OPEN:
                return
            if found.state == UNDETERMINED:
                unsure.append(f"{self._asking(asker, pair[0], name)} to {pair[0].name}:{unit.port}: {found.reason}")
            failures.append((asker, found))
        if member is None:
            return
        if unsure:
            doubts += unsure[:1]
            return
        asker, seen = failures[0]
        namespace = next((item for item in asker.namespaces if item.number != member[0].number), None)
        judgement.state = VIOLATED
        if len(judgement.examples) < _NAMED:
            packet = seen.packet
            if member[1] and seen.packet is not None:
                packet = self.packet(asker, namespace, member[1], seen)
            who = self._asking(asker, member[0], name)
            judgement.examples.append(Example(who, f"{member[0].name}:{unit.port}", packet, seen.reason))

    def _asking(self, asker: Asker, asked: Namespace, otherwise: str) -> str:
        """Words for one that asks another one, not itself."""
        namespace = next((item for item in asker.namespaces if item.number != asked.number), None)
        return otherwise if namespace is None else self.words(asker, namespace)

    def _best(self, asker: Asker, namespace: Namespace, places: list[TargetPort], unit: _Unit) -> Seen:
        """The best that becomes of a connection to a port; machines of named networks have to get there all."""
        seen = [item for place in places for item in self._for_service(asker, place)]
        if not places:
            seen = list(self._at_closed_port(asker, namespace, unit))
        if asker.cidrs:
            return self._worst_of_kinds(seen)
        for state in (OPEN, UNDETERMINED):
            best = next((item for item in seen if item.state == state), None)
            if best is not None:
                return best
        return next(iter(seen), Seen(SHUT, None, self._why_not_asked(asker, namespace, unit)))

    def _worst_of_kinds(self, seen: Sequence[Seen]) -> Seen:
        kinds: dict[str, Seen] = {}
        order = (OPEN, UNDETERMINED, SHUT)
        for item in seen:
            source = item.packet.source if item.packet is not None else ""
            known = kinds.get(source)
            if known is None or order.index(item.state) < order.index(known.state):
                kinds[source] = item
        worst = max(kinds.values(), key=lambda item: order.index(item.state), default=None)
        return worst or Seen(SHUT, None, "it is asked nowhere that machines outside can ask")

    def _for_service(self, asker: Asker, place: TargetPort) -> Iterator[Seen]:
        """What becomes of a port where clients would ask for it.

        Machines outside do at addresses of the host's own that are no gateways of networks, and at the container's
        where its network is made to be routed to.
        """
        if self.plan.origins[asker.source].kind == OUTSIDE and not place.host_port and not _is_routed(place):
            return
        for seen in self.seen(asker, place):
            if not (self.plan.origins[asker.source].kind == OUTSIDE and strangeness(seen)):
                yield seen

    def _why_not_asked(self, asker: Asker, namespace: Namespace, unit: _Unit) -> str:
        if self.plan.origins[asker.source].kind == OUTSIDE:
            return f"{namespace.name} does not publish {unit.port} where machines outside can ask for it"
        if unit.to.published is True:
            return f"{namespace.name} does not publish {unit.port}"
        return f"{namespace.name} has no address on the selected networks"

    def _at_closed_port(self, asker: Asker, namespace: Namespace, unit: _Unit) -> Iterator[Seen]:
        """Of a port that is neither listened on nor published: what a rule may make of it yet."""
        if unit.to.published is True or self.plan.origins[asker.source].kind == OUTSIDE:
            return
        if namespace.space is None:
            yield Seen(UNDETERMINED, None, f"what is inside container {namespace.name} was not read")
        origin = next((item for item in asker.namespaces if item.number != namespace.number), None)
        for address in namespace.addresses:
            target = TargetPort(namespace, unit.port.protocol, unit.port.number, 0, "", address)
            packet = self.plan.packet(self.plan.origins[asker.source], origin, target, None)
            seen = self._followed(packet, [(CONTAINER, item.name) for item in namespace.containers])
            closed = seen._replace(reason=f"nothing in {namespace.name} listens on {unit.port}: {seen.reason}")
            yield closed if seen.state == SHUT else seen

    # ---- addresses and machines outside

    def _to_machines(self, intent: Intent, askers: Sequence[Asker], machines: Machines) -> Judgement:
        if not machines.cidrs and not intent.to.ports and intent.expect != BLOCKED:
            return self._ways_out(intent, askers)
        try:
            found = {
                family: list(self.ranges.outside(family, machines.cidrs).values())
                for family in (4, 6)
                if machines.cidrs or any(item.kind == BEYOND and item.family == family for item in self.plan.targets)
            }
        except TooManyKindsError as error:
            return Judgement(intent, UNJUDGED, str(error))
        addresses = [text for texts in found.values() for text in texts]
        if not addresses:
            return self._unmatched(intent, f"to selects nothing: the host has no way to {machines}")
        return self._to_addresses(intent, askers, addresses, meant=OUTSIDE)

    def _ways_out(self, intent: Intent, askers: Sequence[Asker]) -> Judgement:
        judgement = Judgement(intent, KEPT)
        doubts: list[str] = []
        beyond = [number for number, item in enumerate(self.plan.targets) if item.kind == BEYOND]
        for asker in askers:
            seen = [item for number in beyond for item in self._known(asker, number, None)]
            seen += self._others((self.plan.targets[number].family for number in beyond), ())
            judgement.count += 1
            name = self.words(asker, next(iter(asker.namespaces), None))
            self._settle(judgement, doubts, name, f"outside:{WAY_OUT}", seen)
        return _concluded(judgement, doubts)

    def _to_addresses(
        self, intent: Intent, askers: Sequence[Asker], addresses: Sequence[str], *, meant: str
    ) -> Judgement:
        """meant: ``outside`` where nothing else may answer."""
        judgement = Judgement(intent, KEPT)
        doubts: list[str] = []
        ports = intent.to.ports or (WAY_OUT,)
        who = [(OUTSIDE, "")] if meant else None
        cidrs = intent.to.machines.cidrs if intent.to.machines is not None else ()
        for name, together in self._populations(askers):
            for port in ports:
                some = [list(self.asked_at(one, address, port, who)) for one in together for address in addresses]
                some += [[item] for item in self._others(map(family_of, addresses), cidrs) if meant]
                everything = [item for each in some for item in each]
                groups = some if cidrs or intent.expect == BLOCKED else [everything]
                if together[0].cidrs and everything:
                    # Of networks that are named, all machines have to get there.
                    groups = [[item] for item in everything]
                for seen in groups:
                    judgement.count += len(seen)
                    self._settle(judgement, doubts, name, f"{intent.to.address or 'outside'}:{port}", seen)
        return _concluded(judgement, doubts)

    def _settle(
        self, judgement: Judgement, doubts: list[str], origin: str, destination: str, seen: Sequence[Seen]
    ) -> None:
        """Note what violates an intent among connections of which any one is as good as another."""
        states = {item.state for item in seen}
        wrong: list[Seen] = []
        if judgement.intent.expect == BLOCKED:
            wrong = [item for item in seen if item.state == OPEN]
        elif OPEN not in states and UNDETERMINED not in states:
            wrong = list(seen[:1]) or [Seen(SHUT, None, "no packet of that kind can be sent")]
        elif OPEN in states:
            return
        for item in wrong[:1]:
            judgement.state = VIOLATED
            if len(judgement.examples) < _NAMED:
                judgement.examples.append(Example(origin, destination, item.packet, item.reason))
        if not wrong:
            doubts += [f"{origin} to {destination}: {item.reason}" for item in seen if item.state == UNDETERMINED][:1]

    def asked_at(
        self, asker: Asker, address: str, port: Port, meant: Sequence[tuple[str, str]] | None = ((OUTSIDE, ""),)
    ) -> Iterator[Seen]:
        """Yield what becomes of connections to an address, for each kind of machines where those ask.

        meant: who has to answer, by default a machine outside; None for anybody.
        """
        origins = self.plan.origins[asker.source]
        family = family_of(address)
        namespace = next(iter(asker.namespaces), None)
        sources = [""]
        if origins.kind == OUTSIDE:
            try:
                sources = self._senders(asker, family)
            except TooManyKindsError as error:
                yield Seen(UNDETERMINED, None, str(error))
                return
        for source in sources:
            origin = Origin(origins.kind, namespace.name if namespace is not None else origins.uplink)
            packet = Packet(origin, address, port.protocol, port.number, source)
            is_way_out = namespace is not None and meant is not None
            yield self._on_way_out(asker, packet, meant) if is_way_out else self._followed(packet, meant)
        if origins.kind == OUTSIDE:
            yield from self._others([family], asker.cidrs)

    # ---- connections

    def seen(self, asker: Asker, place: TargetPort) -> list[Seen]:
        """Return what becomes of connections to a port at one place, one for each address that it is asked at."""
        return self._seen_of(self._question(asker, self.plan.targets_of(place), place.namespace.nets), asker)

    def outcomes(self, asker: Asker, groups: Iterable[PortGroup]) -> Iterator[tuple[PortGroup, Outcomes]]:
        """Yield what becomes of connections to ports that are treated alike, with these."""
        known = self._outcomes.setdefault((asker.source, asker.nets, asker.cidrs), {})
        for group in groups:
            found = known.get(group.key)
            if found is None:
                seen = self._seen_of(self._question(asker, group.number, group.nets), asker)
                not_shut = sorted((item for item in seen if item.state != SHUT), key=strangeness)
                found = known[group.key] = Outcomes(len(seen), tuple(not_shut))
            yield group, found

    def _question(self, asker: Asker, number: int, nets: Nets) -> _Question:
        relation = self.plan.relation(asker.nets, nets) if asker.namespaces else None
        return asker.source, number, relation, asker.cidrs

    def _seen_of(self, question: _Question, asker: Asker) -> list[Seen]:
        if question not in self._seen:
            dummy_source, number, relation, dummy_cidrs = question
            try:
                self._seen[question] = list(self._known(asker, number, relation))
            except TooManyKindsError as error:
                self._seen[question] = [Seen(UNDETERMINED, None, str(error))]
        return self._seen[question]

    def _known(self, asker: Asker, number: int, relation: Hashable) -> Iterator[Seen]:
        key = (asker.source, number, relation)
        part = self.plan.part_of(QuestionKey(asker.source, number, ("", None), relation))
        missing = self._answers.missing(part)
        if missing:
            yield Seen(UNDETERMINED, None, missing)
        if key in self._unsent and not asker.cidrs:
            yield Seen(UNDETERMINED, None, self._unsent[key])
        answers = self._index.get(key, ())
        is_outside = self.plan.origins[asker.source].kind == OUTSIDE
        for answer in answers:
            sources = self._senders(asker, answer.targets.family) if is_outside else [""]
            for source in sources:
                packet = replace(answer.packet, source=source) if source else answer.packet
                end = self._end(packet) if source else answer.path
                if isinstance(end, Path):
                    like = replace(answer, packet=packet, path=end) if source else answer
                    seen = _seen(packet, end, like.instead)
                else:
                    seen = Seen(UNDETERMINED, packet, end)
                yield seen._replace(at=answer.at, host_ip=answer.targets.host_ip)
        if is_outside:
            yield from self._others((answer.targets.family for answer in answers), asker.cidrs)

    def _others(self, families: Iterable[int], cidrs: Sequence[CIDR]) -> Iterator[Seen]:
        """What is not known of machines outside for which no other stands, where there are such."""
        for doubt in dict.fromkeys(self.ranges.doubt(family, cidrs) for family in families):
            if doubt:
                yield Seen(UNDETERMINED, None, doubt)

    def _on_way_out(self, asker: Asker, packet: Packet, meant: Sequence[tuple[str, str]] | None) -> Seen:
        """Where a machine outside answers one container, it answers all that the host treats like that one.

        What is not answered is followed for each: the reason can have a rule or an address of the container's own.
        """
        key = (asker.source, asker.nets, packet.destination, packet.protocol, packet.port)
        known = self._answered_outside.get(key)
        if known is not None:
            return known._replace(packet=packet)
        seen = self._followed(packet, meant)
        if seen.state == OPEN:
            self._answered_outside[key] = seen
        return seen

    def _followed(self, packet: Packet, meant: Sequence[tuple[str, str]] | None) -> Seen:
        """meant: who is to answer; None for anybody."""
        end = self._end(packet)
        if not isinstance(end, Path):
            return Seen(UNDETERMINED, packet, end)
        who = end.responder
        # What machines outside send to each other through this host is no business of a contract.
        among_them = who is not None and who.kind == packet.origin.kind == OUTSIDE
        is_other = among_them or (who is not None and meant is not None and (who.kind, who.name) not in meant)
        return _seen(packet, end, str(who) if is_other else "")

    def _end(self, packet: Packet) -> Path | str:
        """The end of a packet, or why there is none."""
        if packet not in self._ends:
            if len(self._ends) >= MOST_FOLLOWED:
                return f"more than {MOST_FOLLOWED} packets would have to be traced for the contract"
            try:
                self._ends[packet] = end_of(self.view, packet)
            except BadPacketError as error:
                unsent = Path(UNREACHABLE, UNREACHABLE, f"it cannot be sent: {error}")
                self._ends[packet] = str(error) if error.part == SOURCE else unsent
        return self._ends[packet]

    # ---- words

    def _note(
        self, judgement: Judgement, asker: Asker, namespace: Namespace | None, place: TargetPort, seen: Seen
    ) -> None:
        judgement.state = VIOLATED
        if len(judgement.examples) >= _NAMED:
            return
        origin = self.words(asker, namespace)
        if any((item.origin, item.destination) == (origin, place.label) for item in judgement.examples):
            return
        packet = self.packet(asker, namespace, [place], seen)
        judgement.examples.append(Example(origin, place.label, packet, seen.reason))

    def packet(
        self, asker: Asker, namespace: Namespace | None, places: Iterable[TargetPort], seen: Seen
    ) -> Packet | None:
        """Return the packet of these two that fares as the one that was seen."""
        origins = self.plan.origins[asker.source]
        for place in places:
            for address in self.plan.addresses_for(place, origins):
                if self.plan.key(namespace, asker.source, place, address).at[0] == seen.at and (
                    place.host_ip == seen.host_ip
                ):
                    packet = self.plan.packet(origins, namespace, place, address)
                    return packet if seen.packet is None else replace(packet, source=seen.packet.source)
        return seen.packet

    def words(self, asker: Asker, namespace: Namespace | None) -> str:
        """Return who asks, for people; namespace: the container that stands for the others."""
        origins = self.plan.origins[asker.source]
        if origins.kind == OUTSIDE:
            return " ".join(["outside", *map(str, asker.cidrs), f"by {origins.uplink}"])
        if namespace is None:
            return HOST
        more = len(asker.namespaces) - 1
        return f"container {namespace.name}" + (f" and {more} alike" if more else "")


@dataclass
class _Unit:
    """A port that has to answer, of containers that are treated alike."""

    port: Port
    to: Destination
    members: list[tuple[Namespace, list[TargetPort]]]
    """Containers, and the places at which each can be asked for it; none where it does not listen."""


def _networks_of(intent: Intent) -> Iterator[CIDR]:
    """Networks outside that an intent names."""
    for item in (*intent.origins, intent.to.machines):
        if isinstance(item, Machines):
            yield from item.cidrs


def _seen(packet: Packet, path: Path, instead: str) -> Seen:
    """instead: who answers in place of the one that is meant."""
    if path.verdict == DELIVERED:
        return Seen(SHUT if instead else OPEN, packet, f"{instead} answers instead" if instead else path.reason)
    if path.verdict == UNKNOWN and path.observed in (UNKNOWN, ANSWERED):
        return Seen(UNDETERMINED, packet, path.because)
    return Seen(SHUT, packet, path.reason)


def strangeness(seen: Seen) -> bool:
    """Whether a published port was asked where few would ask for it: other places are the better examples."""
    return seen.at in _GATEWAYS or bool(seen.at and is_loopback_text(seen.at))


def _pair(asker: Asker, ports: Sequence[TargetPort]) -> tuple[Namespace | None, TargetPort] | None:
    """One that asks and a port of another one; None where a container could but ask for its own."""
    if not asker.namespaces:
        return None, ports[0]
    for target in ports[:2]:
        for namespace in asker.namespaces[:2]:
            if namespace.number != target.namespace.number:
                return namespace, target
    own = {ports[0].namespace.number, *(item.number for item in asker.namespaces[:2])}
    other = next((item for item in ports if item.namespace.number not in own), None)
    return None if other is None else (asker.namespaces[0], other)


def _is_itself(asker: Asker, namespace: Namespace) -> bool:
    """Whether the container itself alone asks."""
    return [item.number for item in asker.namespaces] == [namespace.number]


def _is_routed(place: TargetPort) -> bool:
    """Whether machines outside are meant to ask for a port at the container's own address."""
    net = place.net
    if net is not None and net.network.gateway_mode(family_of(place.address)) in _MEANT_MODES:
        return True
    return any(RoutedPort(place.protocol, place.port) in item.routed for item in place.namespace.containers)


def _concluded(judgement: Judgement, doubts: Sequence[str]) -> Judgement:
    """A judgement in which what was seen is noted; what is not known leaves open only what is not violated anyway."""
    if judgement.state == KEPT and doubts:
        judgement.state, judgement.reason = UNJUDGED, listed(list(dict.fromkeys(doubts)), _NAMED, "; ")
    return judgement


def _not_there(choice: object, chosen: Sequence[Container]) -> str:
    """Why a choice of containers selects nothing."""
    stopped = [item.name for item in chosen if not item.running]
    if stopped:
        return f"no container runs that {choice} selects ({listed(stopped, _NAMED)} do not run)"
    return f"there is no {'container ' if isinstance(choice, Containers) and choice.names else ''}{choice}"


def _no_port(to: Destination, goals: _Goals) -> str:
    names = listed([item.name for item in goals.namespaces], _NAMED)
    ports = ", ".join(map(str, to.ports)) or "any port"
    if to.published is True:
        return f"{names} publish{'es' if len(goals.namespaces) == 1 else ''} no {ports}"
    return f"nothing in {names} listens on {ports}" + ("" if to.published is False else ", and it is not published")
