# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Packets that routing keeps from going on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.sysctls import sysctl_key
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, is_loopback
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    LOST,
    TURNED_AWAY,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import (
    LOCAL,
    NO_ROUTE,
    Decision,
)

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg


def turned_away(leg: Leg, course: Course, decision: Decision) -> Arrival:
    """What came in and has no way on: ip_error() of net/ipv4/route.c and ip6_pkt_drop() of net/ipv6/route.c."""
    flight = course.flight
    text = address_text(flight.family, flight.daddr)
    if decision.kind == NO_ROUTE:
        reason = f"the host has no route to {text}"
    else:
        reason = f"the host's route to {decision.destination or text} is of the kind {decision.kind}"
    if decision.kind == "blackhole":
        return Arrival(LOST, course.note(leg.name, "routing", "drop", reason), reason)
    errors = {"prohibit": "admin-prohibited"}
    if flight.family == 4:
        errors["unreachable"] = "host-unreachable"
    error = errors.get(decision.kind, "net-unreachable" if flight.family == 4 else "no-route")
    return Arrival(TURNED_AWAY, course.note(leg.name, "routing", decision.kind, reason), reason, error=error)


def kept_by_loopback(leg: Leg, course: Course, decision: Decision) -> Optional[Arrival]:
    """A loopback address as its source keeps it from leaving (__mkroute_output() of net/ipv4/route.c)."""
    flight = course.flight
    if flight.family != 4 or decision.kind == LOCAL or not is_loopback(4, flight.saddr):
        return None
    if leg.view.settings.either(decision.device, "route_localnet"):
        return None
    key = sysctl_key(4, decision.device, "route_localnet")
    reason = f"{key} is 0: nothing from {address_text(4, flight.saddr)} leaves by {decision.device}"
    return Arrival(LOST, course.note(leg.name, "routing", "drop", reason), reason, error="EINVAL")
