# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a packet ends on a bridge where nobody takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import EGRESS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BARRED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge, Port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    LOST,
    OUTSIDE,
    UNFOUND,
    Arrival,
    Course,
    remembered,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.crossing import Obstacle

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg

NOT_FOUND = "unreachable"
"""Action of a hop: whoever sends it on asked for its neighbour in vain."""


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
    text = address_text(course.flight.family, towards)
    return unfound(leg, course, NOT_FOUND, f"nobody on {bridge.name} answers for {text}")


def unfound(leg: Leg, course: Course, action: str, reason: str) -> Arrival:
    """Whoever sends it on does not learn the hardware address of its neighbour."""
    return Arrival(UNFOUND, course.note(leg.name, "bridge", action, reason), reason)
