# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What is reached on a host though no intent of the contract speaks of it.

Ports and kinds of machines outside are bits of numbers, so that what a thousand intents cover for a thousand containers
is a few operations.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import BEYOND
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.address_ranges import TooManyKindsError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import (
    ALLOW,
    Containers,
    Destination,
    Machines,
    Port,
    TheHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.intents import Origin as Who
from ansible_collections.dockernet.baseline.plugins.plugin_utils.contract.judge import (
    OPEN,
    UNDETERMINED,
    WAY_OUT,
    Asker,
    Judge,
    Seen,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_of, address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import (
    Namespace,
    TargetPort,
    is_reached_at,
)

_NAMED = 5


@dataclass
class Open:
    """What one kind of origin reaches and no intent covers: a port of a container, or machines outside."""

    kind: str
    """Of the origin: ``outside``, ``host`` or ``container``."""
    place: TargetPort | None
    """None for machines outside."""
    packet: Packet | None
    """One that gets there."""
    reason: str
    origins: dict[str, None] = field(default_factory=dict)
    """The first of them, in words."""
    asking: Namespace | None = None
    """Of a container that reaches machines outside."""


@dataclass
class Uncovered:
    """All of a host."""

    found: list[Open] = field(default_factory=list)
    doubts: dict[str, dict[str, None]] = field(default_factory=dict)
    """Why it is not known of what is not covered whether it is reached, by the kind of origin."""


def uncovered_on(judge: Judge) -> Uncovered:
    """Find what is reached by the kinds of origins of which the contract says anything but ``allow``."""
    return _Search(judge).run()


class _Members(NamedTuple):
    """Ports that are treated alike, with their bits."""

    ports: list[tuple[TargetPort, int]]
    whole: int
    """The bits of all of them."""

    def within(self, mask: int) -> list[TargetPort]:
        """Those whose bits are set."""
        return [target for target, bit in self.ports if bit & mask] if self.whole & mask else []


class _Search:
    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._plan = judge.plan
        self._contract = judge.contract
        self._targets = list(self._plan.target)
        self._bits = {target: 1 << number for number, target in enumerate(self._targets)}
        self._groups = judge.groups(self._targets)
        self._members = {
            group.key: _Members([(target, self._bits[target]) for target in group.ports], self._mask(group.ports))
            for group in self._groups
        }
        self._masks: dict[Destination, int] = {}
        self._outside: dict[int, list[str]] = {}
        self._told = 0
        """Ports of which as many containers that reach them are known as are named."""
        self._result = Uncovered()
        self._opened: dict[tuple[object, ...], Open] = {}

    def run(self) -> Uncovered:
        for number, origins in enumerate(self._plan.origins):
            if self._contract.uncovered.get(origins.kind, ALLOW) == ALLOW:
                continue
            if origins.kind == CONTAINER:
                for nets, namespaces in origins.namespaces.items():
                    self._from_containers(Asker(number, nets, tuple(namespaces)))
            else:
                self._from_one(Asker(number, (), ()), origins.kind)
        self._result.found = list(self._opened.values())
        return self._result

    def _mask(self, targets: list[TargetPort]) -> int:
        found = 0
        for target in targets:
            found |= self._bits[target]
        return found

    # ---- what intents cover

    def _covered(self, to: Destination) -> int:
        if to not in self._masks:
            if to.address:
                self._masks[to] = self._mask([target for target in self._targets if self._is_at(target, to)])
            else:
                self._masks[to] = self._mask(self._judge.goals(to).ports) if to.containers else 0
        return self._masks[to]

    def _is_at(self, target: TargetPort, to: Destination) -> bool:
        port = Port(target.host_port or target.port, target.protocol)
        if port not in to.ports:
            return False
        if not target.host_port:
            return target.address == to.address
        return any(item.text == to.address and is_reached_at(target.host_ip, item) for item in self._plan.addresses)

    def _covers_way_out(self, to: Destination, address: str) -> bool:
        if to.machines is None or (to.ports and WAY_OUT not in to.ports):
            return False
        return not to.machines.cidrs or any(address_of(address) in cidr for cidr in to.machines.cidrs)

    def _selects_machine(self, origin: Who, uplink: str, address: str) -> bool:
        if not isinstance(origin, Machines) or not origin.is_beyond(uplink):
            return False
        return not origin.cidrs or any(address_of(address) in cidr for cidr in origin.cidrs)

    # ---- what is reached

    def _from_one(self, asker: Asker, kind: str) -> None:
        """From the host, or from machines beyond one uplink, each kind of them for itself."""
        uplink = self._plan.origins[asker.source].uplink
        covered: dict[str, int] = {}
        for group, outcomes in self._judge.outcomes(asker, self._groups):
            for seen in outcomes.not_shut:
                family = 6 if ":" in (seen.packet.destination if seen.packet else "") else 4
                source = self._source(uplink, family, seen) if kind == OUTSIDE else ""
                if source not in covered:
                    covered[source] = self._covered_from(kind, uplink, source)
                self._take(kind, seen, self._members[group.key].within(~covered[source]), asker, None)
        if kind == HOST:
            self._ways_out(
                asker, None, [item.to for item in self._contract.intents if self._is_from_host(item.origins)]
            )

    def _source(self, uplink: str, family: int, seen: Seen) -> str:
        if seen.packet is not None and seen.packet.source:
            return seen.packet.source
        number = self._judge.usual_address(uplink, family)
        return "" if number is None else address_text(family, number)

    def _covered_from(self, kind: str, uplink: str, source: str) -> int:
        found = 0
        for intent in self._contract.intents:
            if kind == HOST:
                selected = self._is_from_host(intent.origins)
            else:
                selected = any(source and self._selects_machine(item, uplink, source) for item in intent.origins)
            found |= self._covered(intent.to) if selected else 0
        return found

    def _is_from_host(self, origins: tuple[Who, ...]) -> bool:
        if any(isinstance(item, TheHost) for item in origins):
            return True
        chosen = self._judge.selection.chosen(item for item in origins if isinstance(item, Containers))
        return any(item.id in self._judge.selection.on_host for item in chosen)

    def _from_containers(self, asker: Asker) -> None:
        members = self._by_coverage(asker)
        untold = (group for group in self._groups if self._members[group.key].whole & ~self._told)
        for group, outcomes in self._judge.outcomes(asker, untold):
            if not outcomes.not_shut:
                continue
            within, left_out = self._members[group.key].within, self._told
            wanted = [(within(~covered & ~left_out), namespaces) for covered, namespaces, dummy in members]
            opened = 0
            for seen in outcomes.not_shut:
                opened += seen.state == OPEN
                # The first tells who reaches the ports, and the second for which of them enough is told. More add
                # nothing, and a published port has as many as there are gateways.
                for left, namespaces in wanted if seen.state != OPEN or opened <= 2 else ():
                    self._take(CONTAINER, seen, left, asker, namespaces)
        for dummy_covered, namespaces, destinations in members:
            self._ways_out(asker, namespaces, destinations)

    def _by_coverage(self, asker: Asker) -> list[tuple[int, list[Namespace], list[Destination]]]:
        """Namespaces by what intents cover for them."""
        found: dict[tuple[int, ...], tuple[int, list[Namespace], list[Destination]]] = {}
        for namespace in asker.namespaces:
            numbers = self._intents_from.get(namespace.number, ())
            if numbers not in found:
                destinations = [self._contract.intents[number].to for number in numbers]
                covered = 0
                for to in destinations:
                    covered |= self._covered(to)
                found[numbers] = (covered, [], destinations)
            found[numbers][1].append(namespace)
        return list(found.values())

    @property
    def _intents_from(self) -> dict[int, tuple[int, ...]]:
        """Numbers of intents by the number of a namespace that they are from."""
        if not hasattr(self, "_from"):
            found: dict[int, list[int]] = {}
            for number, intent in enumerate(self._contract.intents):
                for asker in self._judge.askers(intent.origins)[0]:
                    for namespace in asker.namespaces:
                        found.setdefault(namespace.number, []).append(number)
            self._from = {number: tuple(intents) for number, intents in found.items()}
        return self._from

    def _ways_out(self, asker: Asker, namespaces: list[Namespace] | None, destinations: list[Destination]) -> None:
        """From the host (None), or from containers for which the same intents count."""
        members: list[Namespace | None] = [None] if namespaces is None else [*namespaces]
        kind = HOST if namespaces is None else CONTAINER
        for family in {item.family for item in self._plan.targets if item.kind == BEYOND}:
            try:
                addresses = self._beyond(family)
            except TooManyKindsError as error:
                self._result.doubts.setdefault(kind, {})[str(error)] = None
                continue
            left = [item for item in addresses if not any(self._covers_way_out(to, item) for to in destinations)]
            doubt = self._judge.ranges.doubt(family, ())
            if left and doubt:
                self._result.doubts.setdefault(kind, {})[doubt] = None
            for address in left:
                for seen in self._judge.asked_at(asker._replace(namespaces=tuple(namespaces or ())), address, WAY_OUT):
                    if seen.state == OPEN:
                        for one in members:
                            key = (kind, one.number if one else -1)
                            item = self._opened.setdefault(key, Open(kind, None, seen.packet, seen.reason, asking=one))
                            item.origins[f"container {one.name}" if one else HOST] = None
                    elif seen.state == UNDETERMINED:
                        self._result.doubts.setdefault(kind, {})[seen.reason] = None

    def _beyond(self, family: int) -> list[str]:
        """Addresses that stand for all machines outside. Raises TooManyKindsError."""
        if family not in self._outside:
            self._outside[family] = list(self._judge.ranges.outside(family, ()).values())
        return self._outside[family]

    def _take(
        self, kind: str, seen: Seen, targets: list[TargetPort], asker: Asker, namespaces: list[Namespace] | None
    ) -> None:
        """Note which ports are open to these containers, or to the host or machines outside (None)."""
        if seen.state == UNDETERMINED and targets:
            self._result.doubts.setdefault(kind, {})[seen.reason] = None
        if seen.state != OPEN:
            return
        for target in targets:
            key = (kind, target.namespace.number, target.port, target.protocol)
            known = self._opened.get(key)
            if known is not None and len(known.origins) > _NAMED:
                self._told |= self._bits[target] if kind == CONTAINER else 0
                continue
            others = [item for item in (namespaces or ())[: _NAMED + 1] if item.number != target.namespace.number]
            if namespaces is not None and not others:
                continue
            if known is None:
                packet = self._judge.packet(asker, others[0] if others else None, [target], seen)
                known = self._opened[key] = Open(kind, target, packet, seen.reason)
            names = [f"container {item.name}" for item in others] or [self._judge.words(asker, None)]
            known.origins.update(dict.fromkeys(names))
