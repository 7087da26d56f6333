# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The host's IPsec policies on the way of a packet: where it ends, or what is not known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import IPSEC
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    LOST,
    UNSENT,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.ipsec_policies import Judgement

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg


def unsent_by_ipsec(leg: Leg, course: Course, device: str) -> Optional[Arrival]:
    """The end of what the host itself is about to send; the call that asks for its route fails."""
    found = leg.view.ipsec.sending(course.flight, device)
    return _end(leg, course, found, UNSENT, "EPERM")


def lost_to_ipsec(leg: Leg, course: Course, device: str) -> Optional[Arrival]:
    """The end of what is about to leave by a device."""
    own_call = "" if course.flight.iif else "EPERM"
    return _end(leg, course, leg.view.ipsec.sending(course.flight, device), LOST, own_call)


def lost_once_translated(leg: Leg, before: Flight, course: Course, device: str) -> Optional[Arrival]:
    """The same of what a hook translated, for only then the policies are asked again."""
    flight = course.flight
    by_port = flight.icmp_type is None and (before.sport, before.dport) != (flight.sport, flight.dport)
    if (before.saddr, before.daddr) == (flight.saddr, flight.daddr) and not by_port:
        return None
    return lost_to_ipsec(leg, course, device)


def not_sent_on(leg: Leg, course: Course, device: str, outgoing: str) -> Optional[Arrival]:
    """The end of what came in by a device and would be sent on by another one (ip_forward(), ip6_forward())."""
    came = _end(leg, course, leg.view.ipsec.forwarding(course.flight, device), LOST, "")
    return came or _end(leg, course, leg.view.ipsec.sending(course.flight, outgoing), LOST, "")


def not_delivered(leg: Leg, course: Course, device: str) -> Optional[Arrival]:
    """The end of what came in by a device and passed INPUT."""
    return _end(leg, course, leg.view.ipsec.delivering(course.flight, device), LOST, "")


def _end(leg: Leg, course: Course, found: Optional[Judgement], kind: str, own_call: str) -> Optional[Arrival]:
    if found is None:
        return None
    if not found.is_certain:
        return leg.untold(course, found.text)
    return Arrival(kind, course.note(leg.name, IPSEC, "drop", found.text), found.text, error=own_call)
