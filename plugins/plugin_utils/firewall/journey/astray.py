# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What leaves the host for an address that is at home on it: routes that rules choose led it past its network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import STRAY
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_text,
    parse_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    ASTRAY,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import Decision

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg


def astray(leg: Leg, course: Course, decision: Decision) -> Optional[Arrival]:
    """The end of a packet that was sent out by a device though its destination is at home here; None for all others.

    A route to that very subnet or a part of it says that it is elsewhere, so it is taken for that.
    """
    reason = _words(leg.view, course, decision)
    if not reason:
        return None
    if _can_come_back(leg.view, course, decision.device):
        return leg.untold(course, f"whether what {decision.device} leads to sends it back: {reason}")
    return Arrival(ASTRAY, course.note(leg.name, "wire", STRAY, reason), reason, device=decision.device)


def ended_astray(leg: Leg, before: Course, end: Arrival, decision: Decision) -> Arrival:
    """The end that rules made of a packet on its way out, with what brought it there if it was astray.

    before: the course up to those rules.
    """
    words = _words(leg.view, before, decision)
    if not words:
        return end
    since = end.course.happened[len(before.happened) :]
    happened = (*before.note(leg.name, "routing", STRAY, words).happened, *since)
    return end._replace(course=end.course._replace(happened=happened), reason=f"{words}, where {end.reason}")


def _words(view: HostView, course: Course, decision: Decision) -> str:
    """How a packet is sent out by a device though its destination is at home here; empty for all others."""
    family, number = course.flight.family, course.flight.daddr
    home = view.homes.of(family, number)
    if home is None or view.host.is_on_link(family, number, decision.device):
        return ""
    if parse_prefix(decision.destination)[2] >= home.length:
        return ""
    address = address_text(family, number)
    way = f"the route {decision.destination} in table {decision.table}"
    if view.host.fib.has_custom_rules(family):
        way = f"policy rule {decision.priority}, by {way},"
    towards = f" to {decision.gateway}" if decision.gateway else ""
    bridge = view.bridges.get(home.bridge)
    down = f", whose bridge {home.bridge} is down" if bridge is not None and not bridge.link.up else ""
    return (
        f"{address} is an address of {home.name} of this host{down}, and {way} sends it out by "
        f"{decision.device}{towards}"
    )


def _can_come_back(view: HostView, course: Course, device: str) -> bool:
    """Whether a router could send it back to this host, and the host would send it home then.

    IPv4 believes no packet that comes with an address of its own (fib_validate_source()).
    """
    flight = course.flight
    if flight.family == 4 and view.host.has_address(4, flight.saddr):
        return False
    again = view.host.fib.lookup(asked(flight, device)._replace(mark=0))
    return again.device != device
