# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One leg of a path: from a namespace or an uplink to where the packet comes to rest.

It passes containers, bridges (bridge_forwarding) and the host's own stack (host_path). The leg wires them: each hands a
packet on to the next, and what they share is the context.
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    Branch,
    Branches,
    HostError,
    LegResult,
    united,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.bridge_forwarding import BridgePath
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.context import LegContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_path import HostPath, next_hop
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.neighbour_resolution import (
    resolve_host,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    LOCAL,
    UNICAST,
    RouteQuery,
)


class Leg:
    """Follows one packet; where a condition cannot be decided it follows both branches."""

    def __init__(self, view: HostView, name: str, branches: Branches) -> None:
        """Name is the leg's, see _model/path.py; branches are those of the whole prediction."""
        self.context = LegContext(view, name, branches)
        self._view = view
        self._host = HostPath(self.context, self._onto_bridge)
        self._bridge = BridgePath(self.context, self._host)
        self._container = ContainerPath(self.context, self._bridge)

    @property
    def name(self) -> str:
        """See _model/path.py."""
        return self.context.name

    def from_stack(self, stack: Stack, branch: Branch) -> list[LegResult]:
        """A packet that a program (or the kernel) in a namespace sends; it has its source address."""
        self.context.begin()
        return united(self._host.send(branch) if stack is self._view.host else self._container.send(stack, branch))

    def error_from_host(self, branch: Branch, error: HostError) -> list[LegResult]:
        """An error that the host sends about a packet, after a course of events."""
        self.context.begin()
        return united(self._host.send_error(branch, error))

    def from_outside(self, device: str, branch: Branch) -> list[LegResult]:
        """A packet that comes in by an uplink of the host."""
        self.context.begin()
        return united(self._from_outside(device, branch))

    def _from_outside(self, device: str, branch: Branch) -> list[LegResult]:
        bridge = self._view.bridges.get(device)
        behind = () if bridge is None else bridge.foreign
        controlled = self.context.controlled(branch, self._view.host, INGRESS, device, *behind)
        if controlled is not None:
            return [controlled]
        return resolve_host(self.context, branch, device).then(lambda known: self._received(device, known))

    def _received(self, device: str, branch: Branch) -> list[LegResult]:
        bridge = self._view.bridges.get(device)
        came_in = branch.note(self.context.name, "wire", "receive")
        if bridge is not None and bridge.calls[branch.flight.family]:
            return self._bridge.from_uplink(came_in, bridge)
        return self._host.receive(came_in, device)

    def _onto_bridge(self, branch: Branch, bridge: Bridge, towards: int) -> list[LegResult]:
        """What the host sends out by a bridge device."""
        return self._bridge.send(branch, bridge, towards)


class ContainerPath:
    """The container's part of a leg. Its own namespace has no rules but dockerd's for the name server."""

    def __init__(self, leg: LegContext, bridge: BridgePath) -> None:
        """Take the leg that it is part of, and the bridges that it can go on by."""
        self._leg = leg
        self._bridge = bridge

    def send(self, stack: Stack, branch: Branch) -> list[LegResult]:
        """To itself, or out by one of its links."""
        if stack.doubt:
            return [self._leg.undetermined(branch, stack.doubt)]
        flight = branch.flight
        decision = stack.fib.lookup(RouteQuery(flight.family, flight.daddr, flight.saddr))
        if decision.kind == LOCAL:
            looped = branch.note(self._leg.name, "container", "loop")
            controlled = self._leg.controlled_loop(branch, stack)
            return [controlled or LegResult(ARRIVED, looped, stack=stack, device="lo")]
        if decision.kind != UNICAST:
            return [self._leg.unroutable(branch, decision, stack)]
        place = self._leg.view.ports.get((id(stack), decision.device))
        if place is None:
            link = stack.links.get(decision.device)
            kind = (link.kind if link else "") or "device"
            return [
                self._leg.undetermined(
                    branch, f"where {decision.device} of {stack.label} leads, a {kind} on no bridge of this host"
                )
            ]
        controlled = self._leg.controlled(branch, stack, EGRESS, decision.device)
        if controlled is not None:
            return [controlled]
        flight = flight.copy()
        flight.iif, flight.oif = "", decision.device
        flight.ttl = stack.first_hops(flight.family, decision.device)
        sent = branch.carrying(flight).note(self._leg.name, "container", "send")
        return self._bridge.receive(sent, place[0], place[1], next_hop(flight, decision))
