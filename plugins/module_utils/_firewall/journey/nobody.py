# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a packet ends on a bridge where nobody takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.bridging import Bridge, Port
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.course import (
    LOST,
    OUTSIDE,
    TURNED_AWAY,
    Arrival,
    Course,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.crossing import Obstacle
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BARRED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.traffic_control import EGRESS

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.leg import Leg

NO_NEIGHBOUR = {4: "host-unreachable", 6: "addr-unreachable"}
"""The error for a neighbour that does not answer, by family."""


def kept(leg: Leg, course: Course, obstacle: Optional[Obstacle]) -> Optional[Arrival]:
    """A frame that the bridge does not let pass, or of which it is not known; None where nothing is in its way."""
    if obstacle is None:
        return None
    if not obstacle.is_certain:
        return leg.untold(course, f"whether the frame passes: {obstacle.text}")
    return Arrival(LOST, course.note(leg.name, "bridge", BARRED, obstacle.text), obstacle.text)


def unheard(leg: Leg, course: Course, bridge: Bridge, target: Optional[Port]) -> Optional[Arrival]:
    """A frame for a port, or the host, of which it is not known whether it hears the question for its hardware address.

    None for all others. The frame itself can be stopped before it comes to these devices.
    """
    family, host = course.flight.family, leg.view.host
    if target is None:
        doubt = host.controls.doubt_about_questions(family, "", bridge.name)
    else:
        doubt = host.controls.doubt_about_questions(family, "", target.link.name)
        doubt = doubt or target.stack.controls.doubt_about_questions(family, target.stack.label, target.device)
    return leg.untold(course, doubt) if doubt else None


def elsewhere(leg: Leg, course: Course, bridge: Bridge, towards: int) -> Arrival:
    """No container on the bridge has the address."""
    if bridge.ways_out:
        sent = remembered(course.note(leg.name, "wire", "send"))
        controlled = leg.controlled(course, leg.view.host, EGRESS, *bridge.ways_out)
        return controlled or Arrival(OUTSIDE, sent, device=bridge.name)
    if bridge.foreign:
        return leg.untold(course, f"who is behind {', '.join(sorted(bridge.foreign))} on {bridge.name}")
    return _turned_away(leg, course, "unreachable", _nobody(course, bridge, towards))


def unanswered(leg: Leg, course: Course, bridge: Bridge, towards: int, who: str, obstacle: Obstacle) -> Arrival:
    """Somebody on the bridge has the address, and the question for it or the answer is stopped, or may be.

    who: the one that asks.
    """
    if not obstacle.is_certain:
        text = address_text(course.flight.family, towards)
        return leg.untold(course, f"whether {who} learns the hardware address of {text}: {obstacle.text}")
    reason = f"{_nobody(course, bridge, towards)}, since {obstacle.text}"
    return _turned_away(leg, course, BARRED, reason)


def _nobody(course: Course, bridge: Bridge, towards: int) -> str:
    return f"nobody on {bridge.name} answers for {address_text(course.flight.family, towards)}"


def _turned_away(leg: Leg, course: Course, action: str, reason: str) -> Arrival:
    note = course.note(leg.name, "bridge", action, reason)
    return Arrival(TURNED_AWAY, note, reason, error=NO_NEIGHBOUR[course.flight.family])
