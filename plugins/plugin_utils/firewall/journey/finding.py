# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether who sends a packet on learns the hardware address of its neighbour (ARP, neighbour discovery).

Who is asked learns that of who asks, from the question, and confirms it some seconds later by a question of its own to
that one alone. Where a question or its answer is stopped, it hangs on what the kernel remembers whether the packet goes
on, so that both is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BARRED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, is_loopback
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import Arrival, Course
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.crossing import unasked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.frame_path import (
    Stopped,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.misled import End, answer_misled
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.nobody import NOT_FOUND, unfound
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.source_check import arp_problem
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg


class Found(NamedTuple):
    """How it goes on for a packet that needs a neighbour."""

    course: Optional[Course]
    """On which the neighbour is known; None where it surely is not."""
    lost: tuple[Arrival, ...] = ()
    """How it ends where it is not known."""

    def with_question(self, who: str, source: int) -> Found:
        """The same after somebody was asked from an address."""
        return self if self.course is None else self._replace(course=self.course.learning(who, source))

    def then(self, go_on: Callable[[Course], list[Arrival]]) -> list[Arrival]:
        """All ends, given what becomes of it where the neighbour is known."""
        return [*self.lost, *([] if self.course is None else go_on(self.course))]


class _Stop(NamedTuple):
    text: str
    is_certain: bool = False
    action: str = NOT_FOUND


def find_on_bridge(leg: Leg, course: Course, bridge: Bridge, asking: End, asked: End, neighbour: int) -> Found:
    """One end of a bridge sends to an address of another end, which it has no fixed entry for."""
    family, who = course.flight.family, asking.stack.label
    is_told = (who, neighbour) in course.learnt
    source = asking.stack.asks_from(family, asking.device, course.flight.saddr, neighbour)
    # What is kept from all is not kept from the one that is known.
    stop = None if is_told else _barred(bridge, asking, asked, family)
    stop = stop or _by_frame_rules(
        leg.view.neighbours.stopped_as_frames(bridge, asking, asked, family, (source, neighbour))
    )
    if stop is None and family == 4:
        stop = _stop(arp_problem(asked.stack, asked.device, source, neighbour))
    elif stop is None:
        stop = _stop(answer_misled(bridge, asking, asked, source)) or _by_rules(
            leg, bridge, asking, asked, source, neighbour
        )
    if stop is not None and is_told:
        stop = stop._replace(is_certain=False)
    return _found(leg, course, stop, who, neighbour).with_question(asked.stack.label, source)


def find_outside(leg: Leg, course: Course, device: str, neighbour: int) -> Found:
    """The host sends to a machine on an uplink, which it has no fixed entry for."""
    host, flight = leg.view.host, course.flight
    if flight.family == 4:
        return Found(course)
    source = host.asks_from(6, device, flight.saddr, neighbour)
    stop = _stop(_words(leg.view.neighbours.obstacle_from_host(device, "", source, neighbour)))
    return _found(leg, course, stop, host.label, neighbour)


def find_host(leg: Leg, course: Course, device: str) -> Found:
    """A machine on an uplink sends to the host, for itself or as the way to others."""
    host, flight = leg.view.host, course.flight
    neighbour = _asked_outside(host, flight, device)
    if flight.family == 6:
        stop = _stop(_words(leg.view.neighbours.obstacle_to_host(device, "", flight.saddr, neighbour)))
    elif host.is_on_link(4, flight.saddr, device):
        stop = _stop(arp_problem(host, device, flight.saddr, neighbour))
    else:
        # Of what a router hands on it is not known from which address it asks.
        stop = None
    return _found(leg, course, stop, address_text(flight.family, flight.saddr), neighbour)


def _asked_outside(host: Stack, flight: Flight, device: str) -> int:
    """The address of the host that a machine outside asks for: the destination, or the host as the way to it."""
    if host.has_address(flight.family, flight.daddr) and not is_loopback(flight.family, flight.daddr):
        return flight.daddr
    own = host.addresses(flight.family, device)
    return own[0].number if own else flight.daddr


def _found(leg: Leg, course: Course, stop: Optional[_Stop], who: str, neighbour: int) -> Found:
    if stop is None:
        return Found(course)
    text = address_text(course.flight.family, neighbour)
    reason = f"{who} does not learn the hardware address of {text}: {stop.text}"
    if stop.is_certain:
        return Found(None, (unfound(leg, course, stop.action, reason),))
    perhaps = course.perhaps(f"whether {who} knows the hardware address of {text}: {stop.text}")
    return Found(perhaps, (unfound(leg, perhaps, stop.action, reason),))


def _barred(bridge: Bridge, asking: End, asked: End, family: int) -> Optional[_Stop]:
    obstacle = unasked(bridge, asking.port, asked.port, family)
    return None if obstacle is None else _Stop(obstacle.text, obstacle.is_certain, BARRED)


def _by_frame_rules(stopped: Optional[Stopped]) -> Optional[_Stop]:
    if stopped is None:
        return None
    return _Stop(f"the question or its answer is stopped, {stopped.text}", stopped.is_certain)


def _by_rules(leg: Leg, bridge: Bridge, asking: End, asked: End, source: int, neighbour: int) -> Optional[_Stop]:
    """What the host's rules do to neighbour discovery on a bridge."""
    neighbours, shows = leg.view.neighbours, bridge.calls[6]
    if asking.port is None and asked.port is not None:
        shown = asked.port.link.name if shows else ""
        return _stop(_words(neighbours.obstacle_from_host(bridge.name, shown, source, neighbour)))
    if asking.port is not None and asked.port is None:
        shown = asking.port.link.name if shows else ""
        return _stop(_words(neighbours.obstacle_to_host(bridge.name, shown, source, neighbour)))
    if asking.port is None or asked.port is None or not shows:
        return None
    ends = (asking.port.link.name, asked.port.link.name)
    obstacle = neighbours.obstacle_between(bridge.name, ends, source, neighbour)
    if not obstacle:
        return None
    # It can learn it from a question of the other one, unless that is stopped as well.
    is_certain = bool(neighbours.obstacle_between(bridge.name, ends[::-1], neighbour, source))
    return _Stop(_words(obstacle), is_certain)


def _stop(text: str) -> Optional[_Stop]:
    return _Stop(text) if text else None


def _words(obstacle: str) -> str:
    return f"neighbour discovery is stopped, {obstacle}" if obstacle else ""
