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

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    NEIGHBOUR_UNREACHABLE,
    Branch,
    LegResult,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import (
    Bridge,
    BridgeNode,
    Port,
    in_the_way,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import LegContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import ends_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_path import (
    HostPath,
    next_hop,
    undetermined_on_bridge,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    NOT_FOUND,
    dropped_by_bridge,
    neighbour_unreachable,
    not_attached,
    resolve_on_bridge,
    sent_to_itself,
    solicitation_undetermined,
    source_rejected,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
    container_route_query,
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

_GoOn = Callable[[Branch], list[LegResult]]
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

    def send(self, branch: Branch, bridge: Bridge, towards: int) -> list[LegResult]:
        """The host sends out by the bridge device, to the neighbour with that address."""
        flight = branch.flight
        controlled = self._leg.controlled(branch, self._view.host, EGRESS, bridge.name)
        if controlled is not None:
            return [controlled]
        host, port = self._host_on(bridge), bridge.port_of(flight.family, towards)
        if host.strays(flight.family, towards):
            return [sent_to_itself(self._leg, branch, host, towards)]
        if port is None:
            return [not_attached(self._leg, branch, bridge, host, towards)]
        found = resolve_on_bridge(self._leg, branch, bridge, host, BridgeNode(port.stack, port.device, port), towards)
        return found.then(lambda known: self._out(known, bridge, port))

    def _out(self, branch: Branch, bridge: Bridge, port: Port) -> list[LegResult]:
        """A frame of the host, out by a port."""
        lost = dropped_by_bridge(self._leg, branch, in_the_way(bridge, None, port))
        if lost is not None:
            return [lost]
        return _from_host(self._leg, branch, bridge, port).then(lambda passed: [self._into(passed, port)])

    def _host_on(self, bridge: Bridge) -> BridgeNode:
        return BridgeNode(self._view.host, bridge.name)

    def receive(self, branch: Branch, bridge: Bridge, port: Port, towards: int) -> list[LegResult]:
        """A frame from a container, to the neighbour with that address."""
        family = branch.flight.family
        doubt = self._view.frame_rules.on_bridges
        controlled = self._leg.controlled(branch, self._view.host, INGRESS, port.link.name)
        if doubt or controlled is not None:
            return [controlled or self._leg.undetermined(branch, doubt)]
        if not bridge.link.up or not port.link.up:
            reason = f"{bridge.name if port.link.up else port.link.name} is down"
            return [neighbour_unreachable(self._leg, branch, towards, NOT_FOUND, reason)]
        sender = BridgeNode(port.stack, port.device, port)
        if sender.strays(family, towards):
            return self._strayed(branch, bridge, port, towards)
        target, node = None, self._host_on(bridge)
        if not self._view.host.has_address(family, towards):
            target = bridge.port_of(family, towards)
            if target is None:
                return [not_attached(self._leg, branch, bridge, sender, towards)]
            node = BridgeNode(target.stack, target.device, target)
        undetermined = solicitation_undetermined(self._leg, branch, bridge, target)
        if undetermined is not None:
            return [undetermined]
        found = resolve_on_bridge(self._leg, branch, bridge, sender, node, towards)
        ends = found.then(lambda known: self._received(known, bridge, port, target))
        if self._leg.is_request and target is not None and node.without_arp and found.remembered is not None:
            again = self._received(found.remembered, bridge, port, target)
            ends += [end for end in again if not _has_no_answer(end, target)]
        return ends

    def _received(self, branch: Branch, bridge: Bridge, port: Port, target: Port | None) -> list[LegResult]:
        """A frame that came out of a port, for another one or the host."""
        family = branch.flight.family
        lost = dropped_by_bridge(self._leg, branch, in_the_way(bridge, port, None)) if target is None else None
        if lost is not None:
            return [lost]
        part = _BEFORE_PREROUTING if bridge.calls[family] else ALL
        came_in = _from_port(self._leg, branch, bridge, port, target, part)
        if target is None:
            go_on = partial(self._up_from, bridge=bridge, port=port)
        else:
            go_on = partial(self._switch, bridge=bridge, port=port, target=target)
        if bridge.calls[family]:
            return came_in.then(partial(self._shown, bridge=bridge, port=port, target=target, go_on=go_on))
        if target is not None:
            return came_in.then(go_on)
        return came_in.then(
            lambda passed: _to_host(self._leg, passed, bridge, port).then(
                lambda up: self._host.receive(up, bridge.name)
            )
        )

    def _shown(self, branch: Branch, bridge: Bridge, port: Port, target: Port | None, go_on: _GoOn) -> list[LegResult]:
        """PREROUTING of IP, as bridge netfilter has it; go_on: what becomes of a frame that it does not translate."""
        flight = self._leg.fresh(branch)
        flight.iif, flight.physin = bridge.name, port.link.name
        results: list[LegResult] = []
        for passage, after in self._leg.hook(PREROUTING, branch, flight):
            results += self._leg.ended(passage, after) or _from_port(
                self._leg, after, bridge, port, target, _AFTER_PREROUTING
            ).then(partial(self._bridged, bridge=bridge, port=port, destination=flight.daddr, go_on=go_on))
        return results

    def _strayed(self, branch: Branch, bridge: Bridge, port: Port, towards: int) -> list[LegResult]:
        """A frame that a container sends to its own hardware address, for want of the one of that neighbour."""
        lost = partial(self._returned, bridge=bridge, port=port, towards=towards)
        if not bridge.calls[branch.flight.family]:
            return _from_port(self._leg, branch, bridge, port, port, ALL).then(lost)
        came_in = _from_port(self._leg, branch, bridge, port, port, _BEFORE_PREROUTING)
        return came_in.then(partial(self._shown, bridge=bridge, port=port, target=port, go_on=lost))

    def _returned(self, branch: Branch, bridge: Bridge, port: Port, towards: int) -> list[LegResult]:
        """Back to the port that it came from, where rules of FORWARD see it in hairpin mode; no one gets it."""
        sender = BridgeNode(port.stack, port.device, port)
        flight = branch.flight.copy()
        if not bridge.calls[flight.family] or in_the_way(bridge, port, port) is not None:
            return [sent_to_itself(self._leg, branch, sender, towards)]
        flight.iif = flight.oif = bridge.name
        flight.physin = flight.physout = port.link.name
        results: list[LegResult] = []
        for passage, after in self._leg.hook(FORWARD, branch.carrying(flight), flight):
            results += self._leg.ended(passage, after) or [sent_to_itself(self._leg, after, sender, towards)]
        return results

    def from_uplink(self, branch: Branch, bridge: Bridge) -> list[LegResult]:
        """A frame for the host from a port that leads to no container, of a bridge that is an uplink."""
        flight = self._leg.fresh(branch)
        flight.iif = bridge.name
        flight.physin = bridge.foreign[0] if bridge.foreign else ""
        results: list[LegResult] = []
        for passage, after in self._leg.hook(PREROUTING, branch, flight):
            results += self._leg.ended(passage, after) or self._up(after, bridge)
        return results

    def _up(self, branch: Branch, bridge: Bridge) -> list[LegResult]:
        """To the host by the bridge device, of what passed PREROUTING at a port (br_pass_frame_up())."""
        controlled = self._leg.controlled(branch, self._view.host, INGRESS, bridge.name)
        return self._host.route(branch, bridge.name) if controlled is None else [controlled]

    def _up_from(self, branch: Branch, bridge: Bridge, port: Port) -> list[LegResult]:
        return _to_host(self._leg, branch, bridge, port).then(lambda passed: self._up(passed, bridge))

    def _bridged(self, branch: Branch, bridge: Bridge, port: Port, destination: int, go_on: _GoOn) -> list[LegResult]:
        """After PREROUTING of a bridged frame, which gives a translated one another hardware address.

        See br_nf_pre_routing_finish().
        """
        flight = branch.flight
        if flight.daddr == destination:
            return go_on(branch)
        decision = self._host.incoming_route(flight, bridge.name)
        if decision.kind == UNCERTAIN:
            return [self._leg.undetermined(branch, decision.why)]
        if flight.family == 6 and decision.kind not in (UNICAST, LOCAL):
            # br_nf_pre_routing_finish_ipv6() frees it where the route is an error.
            reason = f"after PREROUTING the host has no route to {address_text(6, flight.daddr)}"
            return [LegResult(LOST, branch.note(self._leg.name, "routing", "drop", reason), reason)]
        forwards = flight.family == 6 or self._view.settings.forwards(4, bridge.name)
        if decision.kind != UNICAST or decision.device != bridge.name or not forwards:
            # Without forwarding the route is an error for IPv4, none out by the bridge (no_route in net/ipv4/route.c).
            return self._up_from(branch, bridge, port)
        rejected = source_rejected(self._leg, branch, self._view.host, bridge.name, decision, "routing")
        if rejected is not None:
            return [rejected]
        # It stays a frame of this bridge: the kernel only gives it the new neighbour's hardware address.
        return self._turned(branch, bridge, port, next_hop(flight, decision))

    def _turned(self, branch: Branch, bridge: Bridge, port: Port, towards: int) -> list[LegResult]:
        """To the neighbour that a new destination leads to, as the host knows it."""
        family = branch.flight.family
        host, neighbour = self._host_on(bridge), bridge.port_of(family, towards)
        if host.strays(family, towards):
            return [sent_to_itself(self._leg, branch, host, towards)]
        if neighbour is None:
            return [not_attached(self._leg, branch, bridge, host, towards)]
        # The host asks for it before FORWARD sees the frame (br_nf_pre_routing_finish_bridge()).
        undetermined = solicitation_undetermined(self._leg, branch, bridge, neighbour)
        if undetermined is not None:
            return [undetermined]
        node = BridgeNode(neighbour.stack, neighbour.device, neighbour)
        found = resolve_on_bridge(self._leg, branch, bridge, host, node, towards)
        return found.then(lambda known: self._switch(known, bridge, port, neighbour))

    def _switch(self, branch: Branch, bridge: Bridge, port: Port, target: Port) -> list[LegResult]:
        """From one port to another."""
        lost = dropped_by_bridge(self._leg, branch, in_the_way(bridge, port, target))
        if lost is not None:
            return [lost]
        flight = branch.flight.copy()
        flight.iif = flight.oif = bridge.name
        switched = branch.carrying(flight).note(self._leg.name, "bridge", "switch")
        if not bridge.calls[flight.family]:
            return _across(self._leg, switched, bridge, port, target, ALL).then(
                lambda passed: [self._into(passed, target)]
            )
        flight.physin, flight.physout = port.link.name, target.link.name
        return _across(self._leg, switched, bridge, port, target, _BEFORE_FORWARD).then(
            lambda passed: self._forwarded(passed, bridge, port, target)
        )

    def _forwarded(self, branch: Branch, bridge: Bridge, port: Port, target: Port) -> list[LegResult]:
        """FORWARD of IP, as bridge netfilter has it."""
        results: list[LegResult] = []
        for passage, after in self._leg.hook(FORWARD, branch, branch.flight):
            results += self._leg.ended(passage, after) or _across(
                self._leg, after, bridge, port, target, _AFTER_FORWARD
            ).then(partial(self._last, bridge=bridge, target=target))
        return results

    def _last(self, branch: Branch, bridge: Bridge, target: Port) -> list[LegResult]:
        flight = branch.flight.copy()
        # br_nf_post_routing() names no device that it came in by.
        flight.iif, flight.skuid, flight.skgid = "", NO_SOCKET, NO_SOCKET
        results: list[LegResult] = []
        for passage, after in self._leg.hook(POSTROUTING, branch, flight):
            kept = undetermined_on_bridge(self._leg, flight, after, bridge.name)
            results += self._leg.ended(passage, after) or (kept or self._into(after, target),)
        return results

    def _into(self, branch: Branch, port: Port) -> LegResult:
        """Through a port into a container."""
        flight = branch.flight
        controlled = self._leg.controlled(branch, self._view.host, EGRESS, port.link.name) or self._leg.controlled(
            branch, port.stack, INGRESS, port.device
        )
        if controlled is not None:
            return controlled
        doubt = self._view.frame_rules.on_bridges or port.stack.doubt
        if doubt:
            return self._leg.undetermined(branch, doubt)
        noted = remembered(branch)
        if not port.stack.has_address(flight.family, flight.daddr):
            text = address_text(flight.family, flight.daddr)
            return self._leg.undetermined(
                noted, f"what {port.stack.label} does with a packet for {text}, which is not its own"
            )
        decision = port.stack.fib.lookup(container_route_query(flight, port.device))
        rejected = source_rejected(self._leg, noted, port.stack, port.device, decision, "container")
        return rejected or LegResult(ARRIVED, noted, stack=port.stack, device=port.device)


def _has_no_answer(end: LegResult, target: Port) -> bool:
    """Whether nothing comes back of a frame to an end with ARP off that was remembered.

    What that end sends is lost, unless bridge netfilter translates it back.
    """
    if end.disposition == ARRIVED and end.stack is target.stack:
        tracked = end.branch.tracked
        return tracked is None or not tracked.snat
    return end.disposition in (LOST, NEIGHBOUR_UNREACHABLE)


def _from_port(
    leg: LegContext, branch: Branch, bridge: Bridge, port: Port, target: Port | None, part: HookPart
) -> _Passing:
    """PREROUTING of a frame that came in by a port; target: None for the host."""
    return _Passing(leg, branch, bridge, [(PREROUTING, ends_of(bridge, port, target, incoming=True), part)])


def _to_host(leg: LegContext, branch: Branch, bridge: Bridge, port: Port) -> _Passing:
    """INPUT of a frame that came in by a port."""
    return _Passing(leg, branch, bridge, [(INPUT, ends_of(bridge, port, None, incoming=True), ALL)])


def _across(leg: LegContext, branch: Branch, bridge: Bridge, port: Port, target: Port, part: HookPart) -> _Passing:
    """FORWARD of a frame from port to port, and POSTROUTING after the last part of it."""
    both = ends_of(bridge, port, target, incoming=True, outgoing=True)
    hooks = [(FORWARD, both, part)]
    if part != _BEFORE_FORWARD:
        hooks.append((POSTROUTING, both._replace(incoming=""), ALL))
    return _Passing(leg, branch, bridge, hooks)


def _from_host(leg: LegContext, branch: Branch, bridge: Bridge, target: Port) -> _Passing:
    """OUTPUT and POSTROUTING of a frame that the host sends out by a port."""
    ends = ends_of(bridge, None, target, outgoing=True)
    return _Passing(leg, branch, bridge, [(OUTPUT, ends, ALL), (POSTROUTING, ends, ALL)])


class _Passing:
    """Some hooks of a bridge, one after the other."""

    def __init__(
        self, leg: LegContext, branch: Branch, bridge: Bridge, hooks: list[tuple[str, Ends, HookPart]]
    ) -> None:
        self._leg, self._course, self._bridge, self._hooks = leg, branch, bridge, hooks

    def then(self, go_on: _GoOn) -> list[LegResult]:
        """All ends, given what becomes of what passes."""
        if not self._leg.view.traverser.has_frame_rules:
            return go_on(self._course)
        return self._pass(self._course, self._hooks, go_on)

    def _pass(self, branch: Branch, hooks: list[tuple[str, Ends, HookPart]], go_on: _GoOn) -> list[LegResult]:
        if not hooks:
            return go_on(branch)
        (hook, ends, part), *others = hooks
        frame = FrameFlight(branch.flight, ends, self._bridge.name)
        results: list[LegResult] = []
        for passage, after in self._leg.frame_hook(hook, branch, frame, part):
            results += self._leg.ended(passage, after) or self._pass(after, others, go_on)
        return results
