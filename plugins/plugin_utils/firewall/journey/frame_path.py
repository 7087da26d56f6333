# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The rules of the family bridge on the way of a frame: from a port to the host, from the host, from port to port.

At its hooks a frame is between ports: what is for the host has no outgoing one in INPUT, and POSTROUTING names none
that it came in by (br_pass_frame_up(), __br_forward(), br_forward_finish()). Bridge netfilter hands a frame to the
hooks of IP in the middle of those of the bridge (br_nf_ops of br_netfilter_hooks.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.frame_flight import (
    ARP,
    ARP_REPLY,
    ARP_REQUEST,
    Ends,
    FrameFlight,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import ALL, Part, Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge, Port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import Arrival, Course
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.discovery import (
    advertisement,
    solicitation,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.misled import End
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.rule_text import decision_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    FORWARD,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
)

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg

GoOn = Callable[[Course], list[Arrival]]

# NF_BR_PRI_BRNF is 0, and of equal ones the latest comes first; FORWARD of IP is one before it.
BEFORE_PREROUTING, AFTER_PREROUTING = Part(last=0), Part(first=1)
BEFORE_FORWARD, AFTER_FORWARD = Part(last=-1), Part(first=0)
_BROADCAST = "ff:ff:ff:ff:ff:ff"


class Stopped(NamedTuple):
    """That a question for a hardware address, or the answer, is stopped."""

    text: str
    is_certain: bool


def from_port(leg: Leg, course: Course, bridge: Bridge, port: Port, target: Optional[Port], part: Part) -> _Passing:
    """PREROUTING of a frame that came in by a port; target: None for the host."""
    return _Passing(leg, course, bridge, [(PREROUTING, _ends(bridge, port, target, incoming=True), part)])


def to_host(leg: Leg, course: Course, bridge: Bridge, port: Port) -> _Passing:
    """INPUT of a frame that came in by a port."""
    return _Passing(leg, course, bridge, [(INPUT, _ends(bridge, port, None, incoming=True), ALL)])


def across(leg: Leg, course: Course, bridge: Bridge, port: Port, target: Port, part: Part) -> _Passing:
    """FORWARD of a frame from port to port, and POSTROUTING after the last part of it."""
    both = _ends(bridge, port, target, incoming=True, outgoing=True)
    hooks = [(FORWARD, both, part)]
    if part != BEFORE_FORWARD:
        hooks.append((POSTROUTING, both._replace(incoming=""), ALL))
    return _Passing(leg, course, bridge, hooks)


def from_host(leg: Leg, course: Course, bridge: Bridge, target: Port) -> _Passing:
    """OUTPUT and POSTROUTING of a frame that the host sends out by a port."""
    ends = _ends(bridge, None, target, outgoing=True)
    return _Passing(leg, course, bridge, [(OUTPUT, ends, ALL), (POSTROUTING, ends, ALL)])


class _Passing:
    """Some hooks of a bridge, one after the other."""

    def __init__(self, leg: Leg, course: Course, bridge: Bridge, hooks: list[tuple[str, Ends, Part]]) -> None:
        self._leg, self._course, self._bridge, self._hooks = leg, course, bridge, hooks

    def then(self, go_on: GoOn) -> list[Arrival]:
        """All ends, given what becomes of what passes."""
        if not self._leg.view.traverser.has_frame_rules:
            return go_on(self._course)
        return self._pass(self._course, self._hooks, go_on)

    def _pass(self, course: Course, hooks: list[tuple[str, Ends, Part]], go_on: GoOn) -> list[Arrival]:
        if not hooks:
            return go_on(course)
        (hook, ends, part), *others = hooks
        frame = FrameFlight(course.flight, ends, self._bridge.name)
        arrivals: list[Arrival] = []
        for passage, after in self._leg.frame_hook(hook, course, frame, part):
            arrivals += self._leg.ended(passage, after) or self._pass(after, others, go_on)
        return arrivals


def _ends(
    bridge: Bridge, port: Optional[Port], target: Optional[Port], *, incoming: bool = False, outgoing: bool = False
) -> Ends:
    return Ends(
        port.link.name if incoming and port is not None else "",
        target.link.name if outgoing and target is not None else "",
        bridge.link.mac if port is None else port.mac,
        bridge.link.mac if target is None else target.mac,
    )


def stopped_question(
    traverser: Traverser, bridge: Bridge, asking: End, asked: End, family: int, numbers: tuple[int, int]
) -> Optional[Stopped]:
    """What rules for frames do to the question for a hardware address or its answer; None where both pass.

    numbers: the address that is asked from, and the one that is asked for.
    """
    if not traverser.has_frame_rules:
        return None
    source, wanted = numbers
    found = _stopped(traverser, bridge, asking, asked, _question(family, source, wanted)) or _stopped(
        traverser, bridge, asked, asking, _answer(family, source=wanted, wanted=source)
    )
    if found is None:
        return None
    # It can learn it from a question of the other one.
    other = _stopped(traverser, bridge, asked, asking, _question(family, source=wanted, wanted=source))
    return found._replace(is_certain=found.is_certain and other is not None and other.is_certain)


class _Message(NamedTuple):
    """A question for a hardware address, or an answer."""

    flight: Flight
    group: str = ""
    """Hardware address of a question, which is for many."""
    operation: Optional[int] = None
    """Of ARP."""


def _question(family: int, source: int, wanted: int) -> _Message:
    if family == 6:
        return _Message(solicitation(source, wanted), f"33:33:ff:{(wanted & 0xFFFFFF).to_bytes(3, 'big').hex(':')}")
    return _Message(Flight(ARP, 0, source, 0, wanted, 0), _BROADCAST, ARP_REQUEST)


def _answer(family: int, source: int, wanted: int) -> _Message:
    if family == 6:
        return _Message(advertisement(source, wanted))
    return _Message(Flight(ARP, 0, source, 0, wanted, 0), operation=ARP_REPLY)


def _stopped(traverser: Traverser, bridge: Bridge, sender: End, receiver: End, message: _Message) -> Optional[Stopped]:
    for hook, ends in _hooks_between(bridge, sender, receiver):
        frame = FrameFlight(message.flight, ends, bridge.name)
        frame.dmac = message.group or frame.dmac
        frame.arp_operation = message.operation
        passages = traverser.pass_frame(hook, frame, ALL)
        stopping = [passage for passage in passages if passage.verdict != ACCEPT]
        if stopping:
            return Stopped(decision_text(stopping[0]), all(passage.verdict == DROP for passage in passages))
    return None


def _hooks_between(bridge: Bridge, sender: End, receiver: End) -> Iterator[tuple[str, Ends]]:
    port, target = sender.port, receiver.port
    both = _ends(bridge, port, target, incoming=True, outgoing=True)
    if port is None:
        yield from ((OUTPUT, both), (POSTROUTING, both))
        return
    yield PREROUTING, both._replace(outgoing="")
    if target is None:
        yield INPUT, both
        return
    yield from ((FORWARD, both), (POSTROUTING, both._replace(incoming="")))
