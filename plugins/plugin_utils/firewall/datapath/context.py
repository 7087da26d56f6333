# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the paths of one leg share: the host, the name of the leg, and the ways in which a packet goes on or ends."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS, INGRESS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST, Subject
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    LOST,
    NOT_SENT,
    REJECTED,
    UNDETERMINED,
    Branch,
    Branches,
    LegResult,
    decision_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.null_routes import (
    null_route_in_words,
    null_route_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    UNCERTAIN,
    Decision,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    ROUTE_KIND,
    Flight,
    FrameFlight,
    Passage,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import HookPart
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ICMP,
    ICMPV6,
    TCP,
    address_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, CT_INVALID, DROP, REJECT

ECHO_REPLY = {ICMP: 0, ICMPV6: 129}
"""Type of the message, by protocol (RFC 792, RFC 4443)."""


class LegContext:
    """One leg of one prediction, as its paths through containers, bridges and the host ask it."""

    def __init__(self, view: HostView, name: str, branches: Branches) -> None:
        """Name is the leg's, see _model/path.py; branches are those of the whole prediction."""
        self.view = view
        self.name = name
        self._branches = branches

    def begin(self) -> None:
        """A packet sets out."""
        self._branches.begin()

    @property
    def is_request(self) -> bool:
        """Whether it is the first packet's: who answers has just been told who asks."""
        return self.name in (REQUEST, PROXY_REQUEST)

    def fresh(self, branch: Branch) -> Flight:
        """The packet as the host's stack first sees it, with the connection that it belongs to."""
        flight = branch.flight.copy()
        flight.iif = flight.oif = flight.physin = flight.physout = ""
        flight.tracked = True
        flight.connection, flight.reply, flight.state, flight.taken = None, False, CT_INVALID, ()
        known = branch.tracked
        if known is not None:
            own = (flight.saddr, flight.sport, flight.daddr, flight.dport)
            # Of who asks itself the echo request and its reply have one tuple but for the type, which is part of it.
            if own == known.reply and (own != known.original or _is_echo_reply(flight)):
                flight.connection, flight.reply = known.copy(), True
            elif own == known.original:
                flight.connection = known.copy()
            elif flight.protocol == known.protocol:
                flight.taken = (known.original, known.reply)
        return flight

    def hook(self, name: str, branch: Branch, flight: Flight) -> Iterator[tuple[Passage, Branch]]:
        """Send it through the rules of a hook: each way out, with the branch up to there."""
        if self._branches.is_known(name, branch, flight):
            return
        problems = tuple(self.view.problems)
        for passage in self.view.traverser.pass_hook(name, flight):
            after = branch.passed(self.name, flight, passage)
            yield passage, after._replace(undetermined=after.undetermined + problems) if problems else after

    def frame_hook(
        self, name: str, branch: Branch, frame: FrameFlight, part: HookPart
    ) -> Iterator[tuple[Passage, Branch]]:
        """Send a frame on a bridge through a part of the rules of one of its hooks, as hook() does it."""
        if self._branches.is_known(f"bridge {name} {part.first}", branch, frame):
            return
        for passage in self.view.traverser.pass_frame(name, frame, part):
            flight = branch.flight.copy()
            flight.mark = passage.flight.mark
            after = branch.passed(self.name, frame, passage).carrying(flight)
            yield passage, after

    def ended(self, passage: Passage, branch: Branch, own_call: str = "") -> tuple[LegResult, ...]:
        """The end, if the rules ended it; own_call is what the system call of a local sender says to a drop."""
        if passage.verdict == ACCEPT:
            return ()
        reason = decision_text(passage)
        if passage.verdict == DROP or (passage.verdict == REJECT and own_call and branch.flight.protocol != TCP):
            # Who sends a datagram is told at once, before any error that comes back.
            return (LegResult(LOST, branch, reason, error=own_call),)
        if passage.verdict == REJECT:
            return (LegResult(REJECTED, branch, reason, error=passage.reject_with),)
        return (LegResult(UNDETERMINED, branch, reason),)

    def controlled(self, branch: Branch, stack: Stack, direction: str, *devices: str) -> LegResult | None:
        """The end of a packet at devices where it cannot be known whether it passes; None for all others."""
        is_host = stack is self.view.host
        doubt = self.view.frame_rules.doubt(direction, *devices) if is_host else ""
        doubt = doubt or stack.controls.doubt(branch.flight.family, direction, "" if is_host else stack.label, *devices)
        return self.undetermined(branch, doubt) if doubt else None

    def controlled_loop(self, branch: Branch, stack: Stack) -> LegResult | None:
        """The same at the loopback, by which a namespace sends to itself."""
        return self.controlled(branch, stack, EGRESS, "lo") or self.controlled(branch, stack, INGRESS, "lo")

    def undetermined(self, branch: Branch, what: str) -> LegResult:
        """It cannot be known how it goes on."""
        return LegResult(UNDETERMINED, branch.perhaps(what), f"it is not known {what}")

    def unroutable(self, branch: Branch, decision: Decision, stack: Stack) -> LegResult:
        """The sender's own stack has no way for it."""
        if decision.kind == UNCERTAIN:
            return self.undetermined(branch, decision.why)
        noted, reason = self.without_way(branch, decision, stack, "unreachable")
        return LegResult(NOT_SENT, noted, reason, error="ENETUNREACH")

    def without_way(
        self, branch: Branch, decision: Decision, stack: Stack, action: str, since: str = ""
    ) -> tuple[Branch, str]:
        """The step at which a stack has no route for a packet, or one that leads nowhere, and the reason in words."""
        flight = branch.flight
        text = address_text(flight.family, flight.daddr)
        null_route = null_route_of(stack, decision, flight.family)
        if null_route is not None:
            reason = null_route_in_words(null_route, f"to {text}")
        else:
            reason = f"{stack.label if stack.container else 'the host'} has no route to {text}"
        reason = f"{since}{reason}"
        subject = Subject(container=stack.container or "", null_route=null_route)
        return branch.note(self.name, "routing", action, reason, ROUTE_KIND, subject), reason


def _is_echo_reply(flight: Flight) -> bool:
    return flight.icmp_type is not None and flight.icmp_type == ECHO_REPLY.get(flight.protocol)
