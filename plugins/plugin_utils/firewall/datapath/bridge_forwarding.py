# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A frame on a bridge: to the host, to another port, with the hooks of IP where bridge netfilter hands it to them.

The kernel's side of it: net/bridge/br_input.c, br_forward.c and br_netfilter_hooks.c.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import MISLED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    Arrival,
    Course,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    End,
    Port,
    Taker,
    in_the_way,
    taker_by_entry,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import LegContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import (
    ends_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_path import HostPath, next_hop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    NOT_FOUND,
    elsewhere,
    find_on_bridge,
    flooded,
    kept,
    taken_by_another,
    unbelieved,
    unfound,
    unheard,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    asked_inside,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Ends, FrameFlight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import ALL, HookPart
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
)

_GoOn = Callable[[Course], list[Arrival]]
_BEFORE_PREROUTING, _AFTER_PREROUTING = HookPart(last=0), HookPart(first=1)
_BEFORE_FORWARD, _AFTER_FORWARD = HookPart(last=-1), HookPart(first=0)
"""The hooks of IP come in the middle of those of the bridge."""


class BridgePath:
    """The bridge's part of a leg."""

    def __init__(self, leg: LegContext, host: HostPath) -> None:
        """Take the leg that it is part of, and the host that its frames can be for."""
        self._leg = leg
        self._host = host
        self._view = leg.view

    def send(self, course: Course, bridge: Bridge, towards: int) -> list[Arrival]:
        """The host sends out by the bridge device, to the neighbour with that address."""
        flight = course.flight
        controlled = self._leg.controlled(course, self._view.host, EGRESS, bridge.name)
        if controlled is not None:
            return [controlled]
        host, port = self._host_on(bridge), bridge.holder(flight.family, towards)
        taker = taker_by_entry(bridge, host, flight.family, towards)
        if taker is not None:
            return self._sent_by_entry(course, bridge, taker)
        if port is None:
            return [elsewhere(self._leg, course, bridge, towards)]
        found = find_on_bridge(self._leg, course, bridge, host, End(port.stack, port.device, port), towards)
        return found.then(lambda known: self._out(known, bridge, port))

    def _sent_by_entry(self, course: Course, bridge: Bridge, taker: Taker) -> list[Arrival]:
        """The host sends a frame to the hardware address of a fixed entry."""
        if taker.doubt:
            return [self._leg.untold(course, taker.doubt)]
        if taker.port is None:
            note = course.note(self._leg.name, "bridge", MISLED, taker.problem)
            return [Arrival(LOST, note, taker.problem)]
        return self._out(course, bridge, taker.port, taker.entry)

    def _out(self, course: Course, bridge: Bridge, port: Port, entry: str = "") -> list[Arrival]:
        """A frame of the host, out by a port."""
        lost = kept(self._leg, course, in_the_way(bridge, None, port))
        if lost is not None:
            return [lost]
        return _from_host(self._leg, course, bridge, port).then(lambda passed: [self._into(passed, port, entry)])

    def _host_on(self, bridge: Bridge) -> End:
        return End(self._view.host, bridge.name)

    def receive(self, course: Course, bridge: Bridge, port: Port, towards: int) -> list[Arrival]:
        """A frame from a container, to the neighbour with that address."""
        family = course.flight.family
        doubt = self._view.frame_rules.on_bridges
        controlled = self._leg.controlled(course, self._view.host, INGRESS, port.link.name)
        if doubt or controlled is not None:
            return [controlled or self._leg.untold(course, doubt)]
        if not bridge.link.up or not port.link.up:
            reason = f"{bridge.name if port.link.up else port.link.name} is down"
            return [unfound(self._leg, course, NOT_FOUND, reason)]
        sender = End(port.stack, port.device, port)
        taker = taker_by_entry(bridge, sender, family, towards)
        if taker is not None:
            return self._received(course, bridge, port, taker)
        target, asked = None, self._host_on(bridge)
        if not self._view.host.has_address(family, towards):
            target = bridge.holder(family, towards)
            if target is None:
                return [elsewhere(self._leg, course, bridge, towards)]
            asked = End(target.stack, target.device, target)
        untold = unheard(self._leg, course, bridge, target)
        if untold is not None:
            return [untold]
        found = find_on_bridge(self._leg, course, bridge, sender, asked, towards)
        return found.then(lambda known: self._received(known, bridge, port, Taker(target)))

    def _received(self, course: Course, bridge: Bridge, port: Port, taker: Taker) -> list[Arrival]:
        """A frame that came out of a port, for a known hardware address."""
        family = course.flight.family
        lost = self._taken_by_nobody(course, bridge, port, taker)
        if lost is not None:
            return [lost]
        part = _BEFORE_PREROUTING if bridge.calls[family] else ALL
        came_in = _from_port(self._leg, course, bridge, port, taker.port, part)
        if bridge.calls[family]:
            return came_in.then(lambda passed: self._shown(passed, bridge, port, taker))
        if not taker.is_host:
            return came_in.then(lambda passed: self._switch(passed, bridge, port, taker))
        return came_in.then(
            lambda passed: _to_host(self._leg, passed, bridge, port).then(
                lambda up: self._host.receive(up, bridge.name)
            )
        )

    def _shown(self, course: Course, bridge: Bridge, port: Port, taker: Taker) -> list[Arrival]:
        """PREROUTING of IP, as bridge netfilter has it."""
        flight = self._leg.fresh(course)
        flight.iif, flight.physin = bridge.name, port.link.name
        arrivals: list[Arrival] = []
        for passage, after in self._leg.hook(PREROUTING, course, flight):
            arrivals += self._leg.ended(passage, after) or _from_port(
                self._leg, after, bridge, port, taker.port, _AFTER_PREROUTING
            ).then(partial(self._bridged, bridge=bridge, port=port, taker=taker, destination=flight.daddr))
        return arrivals

    def _taken_by_nobody(self, course: Course, bridge: Bridge, port: Port, taker: Taker) -> Optional[Arrival]:
        if taker.doubt:
            return self._leg.untold(course, taker.doubt)
        return kept(self._leg, course, in_the_way(bridge, port, None)) if taker.is_host else None

    def from_uplink(self, course: Course, bridge: Bridge) -> list[Arrival]:
        """A frame for the host from a port that leads to no container, of a bridge that is an uplink."""
        flight = self._leg.fresh(course)
        flight.iif = bridge.name
        flight.physin = bridge.foreign[0] if bridge.foreign else ""
        arrivals: list[Arrival] = []
        for passage, after in self._leg.hook(PREROUTING, course, flight):
            arrivals += self._leg.ended(passage, after) or self._up(after, bridge)
        return arrivals

    def _up(self, course: Course, bridge: Bridge) -> list[Arrival]:
        """To the host by the bridge device, of what passed PREROUTING at a port (br_pass_frame_up())."""
        controlled = self._leg.controlled(course, self._view.host, INGRESS, bridge.name)
        return self._host.route(course, bridge.name) if controlled is None else [controlled]

    def _up_from(self, course: Course, bridge: Bridge, port: Port) -> list[Arrival]:
        return _to_host(self._leg, course, bridge, port).then(lambda passed: self._up(passed, bridge))

    def _bridged(self, course: Course, bridge: Bridge, port: Port, taker: Taker, destination: int) -> list[Arrival]:
        """After PREROUTING of a bridged frame (br_nf_pre_routing_finish())."""
        flight = course.flight
        if flight.daddr == destination:
            if taker.is_host:
                return self._up_from(course, bridge, port)
            return self._switch(course, bridge, port, taker)
        decision = self._host.incoming_route(flight, bridge.name)
        if decision.kind == UNCERTAIN:
            return [self._leg.untold(course, decision.why)]
        if flight.family == 6 and decision.kind not in (UNICAST, LOCAL):
            # br_nf_pre_routing_finish_ipv6() frees it where the route is an error.
            reason = f"after PREROUTING the host has no way to {address_text(6, flight.daddr)}"
            return [Arrival(LOST, course.note(self._leg.name, "routing", "drop", reason), reason)]
        forwards = flight.family == 6 or self._view.settings.forwards(4, bridge.name)
        if decision.kind != UNICAST or decision.device != bridge.name or not forwards:
            # Without forwarding the route is an error for IPv4, none out by the bridge (no_route in net/ipv4/route.c).
            return self._up_from(course, bridge, port)
        unbelievable = unbelieved(self._leg, course, self._view.host, bridge.name, decision, "routing")
        if unbelievable is not None:
            return [unbelievable]
        # It stays a frame of this bridge: the kernel only gives it the new neighbour's hardware address.
        return self._turned(course, bridge, port, next_hop(flight, decision))

    def _turned(self, course: Course, bridge: Bridge, port: Port, towards: int) -> list[Arrival]:
        """To the neighbour that a new destination leads to, as the host knows it."""
        family = course.flight.family
        taker = taker_by_entry(bridge, self._host_on(bridge), family, towards)
        if taker is not None:
            if taker.doubt:
                return [self._leg.untold(course, taker.doubt)]
            return self._switch(course, bridge, port, taker)
        holder = bridge.holder(family, towards)
        if holder is None:
            return [elsewhere(self._leg, course, bridge, towards)]
        asked = End(holder.stack, holder.device, holder)
        found = find_on_bridge(self._leg, course, bridge, self._host_on(bridge), asked, towards)
        return found.then(lambda known: self._switch(known, bridge, port, Taker(holder)))

    def _switch(self, course: Course, bridge: Bridge, port: Port, taker: Taker) -> list[Arrival]:
        """From one port to another."""
        target = taker.port
        if target is None:
            return flooded(self._leg, course, bridge, port, taker)
        lost = kept(self._leg, course, in_the_way(bridge, port, target))
        if lost is not None:
            return [lost]
        flight = course.flight.copy()
        flight.iif = flight.oif = bridge.name
        switched = course.carrying(flight).note(self._leg.name, "bridge", "switch")
        if not bridge.calls[flight.family]:
            return _across(self._leg, switched, bridge, port, target, ALL).then(
                lambda passed: [self._into(passed, target, taker.entry)]
            )
        flight.physin, flight.physout = port.link.name, target.link.name
        return _across(self._leg, switched, bridge, port, target, _BEFORE_FORWARD).then(
            lambda passed: self._forwarded(passed, bridge, port, target, taker.entry)
        )

    def _forwarded(self, course: Course, bridge: Bridge, port: Port, target: Port, entry: str) -> list[Arrival]:
        """FORWARD of IP, as bridge netfilter has it."""
        arrivals: list[Arrival] = []
        for passage, after in self._leg.hook(FORWARD, course, course.flight):
            arrivals += self._leg.ended(passage, after) or _across(
                self._leg, after, bridge, port, target, _AFTER_FORWARD
            ).then(partial(self._last, target=target, entry=entry))
        return arrivals

    def _last(self, course: Course, target: Port, entry: str) -> list[Arrival]:
        flight = course.flight.copy()
        # br_nf_post_routing() names no device that it came in by.
        flight.iif, flight.skuid, flight.skgid = "", NO_SOCKET, NO_SOCKET
        arrivals: list[Arrival] = []
        for passage, after in self._leg.hook(POSTROUTING, course, flight):
            arrivals += self._leg.ended(passage, after) or (self._into(after, target, entry),)
        return arrivals

    def _into(self, course: Course, port: Port, entry: str = "") -> Arrival:
        """Through a port into a container; entry: the fixed one that led it there."""
        flight = course.flight
        controlled = self._leg.controlled(course, self._view.host, EGRESS, port.link.name) or self._leg.controlled(
            course, port.stack, INGRESS, port.device
        )
        if controlled is not None:
            return controlled
        doubt = self._view.frame_rules.on_bridges or port.stack.doubt
        if doubt:
            return self._leg.untold(course, doubt)
        noted = remembered(course)
        if not port.stack.has_address(flight.family, flight.daddr):
            if entry:
                return taken_by_another(self._leg, noted, port, entry)
            text = address_text(flight.family, flight.daddr)
            return self._leg.untold(
                noted, f"what {port.stack.label} does with a packet for {text}, which is not its own"
            )
        decision = port.stack.fib.lookup(asked_inside(flight, port.device))
        unbelievable = unbelieved(self._leg, noted, port.stack, port.device, decision, "container")
        return unbelievable or Arrival(ARRIVED, noted, stack=port.stack, device=port.device)


def _from_port(
    leg: LegContext, course: Course, bridge: Bridge, port: Port, target: Optional[Port], part: HookPart
) -> _Passing:
    """PREROUTING of a frame that came in by a port; target: None for the host."""
    return _Passing(leg, course, bridge, [(PREROUTING, ends_of(bridge, port, target, incoming=True), part)])


def _to_host(leg: LegContext, course: Course, bridge: Bridge, port: Port) -> _Passing:
    """INPUT of a frame that came in by a port."""
    return _Passing(leg, course, bridge, [(INPUT, ends_of(bridge, port, None, incoming=True), ALL)])


def _across(leg: LegContext, course: Course, bridge: Bridge, port: Port, target: Port, part: HookPart) -> _Passing:
    """FORWARD of a frame from port to port, and POSTROUTING after the last part of it."""
    both = ends_of(bridge, port, target, incoming=True, outgoing=True)
    hooks = [(FORWARD, both, part)]
    if part != _BEFORE_FORWARD:
        hooks.append((POSTROUTING, both._replace(incoming=""), ALL))
    return _Passing(leg, course, bridge, hooks)


def _from_host(leg: LegContext, course: Course, bridge: Bridge, target: Port) -> _Passing:
    """OUTPUT and POSTROUTING of a frame that the host sends out by a port."""
    ends = ends_of(bridge, None, target, outgoing=True)
    return _Passing(leg, course, bridge, [(OUTPUT, ends, ALL), (POSTROUTING, ends, ALL)])


class _Passing:
    """Some hooks of a bridge, one after the other."""

    def __init__(
        self, leg: LegContext, course: Course, bridge: Bridge, hooks: list[tuple[str, Ends, HookPart]]
    ) -> None:
        self._leg, self._course, self._bridge, self._hooks = leg, course, bridge, hooks

    def then(self, go_on: _GoOn) -> list[Arrival]:
        """All ends, given what becomes of what passes."""
        if not self._leg.view.traverser.has_frame_rules:
            return go_on(self._course)
        return self._pass(self._course, self._hooks, go_on)

    def _pass(self, course: Course, hooks: list[tuple[str, Ends, HookPart]], go_on: _GoOn) -> list[Arrival]:
        if not hooks:
            return go_on(course)
        (hook, ends, part), *others = hooks
        frame = FrameFlight(course.flight, ends, self._bridge.name)
        arrivals: list[Arrival] = []
        for passage, after in self._leg.frame_hook(hook, course, frame, part):
            arrivals += self._leg.ended(passage, after) or self._pass(after, others, go_on)
        return arrivals
