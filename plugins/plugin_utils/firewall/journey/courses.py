# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Keeps a prediction from following the same course twice, or more of them than anybody can wait for."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Connection, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.chain_walk import (
    connection_key,
    flight_key,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    ARRIVED,
    TURNED_AWAY,
    Arrival,
    Course,
)

MOST_HOOKS = 5000
"""How many times packets pass a hook for one prediction; without open conditions it is some thirty times."""


class TooManyCoursesError(Exception):
    """There are so many open conditions that not all courses can be followed."""


class Courses:
    """The courses of one prediction."""

    def __init__(self) -> None:
        """Nothing was followed yet."""
        self._left = MOST_HOOKS
        self._seen: set[tuple[Any, ...]] = set()

    def begin(self) -> None:
        """A packet sets out."""
        self._seen.clear()

    def is_known(self, hook: str, course: Course, flight: Flight) -> bool:
        """Whether the packet came to this hook like this before, on a course that differed only in what is past.

        Raises TooManyCoursesError.
        """
        self._left -= 1
        if self._left < 0:
            raise TooManyCoursesError
        if not course.doubts:
            return False
        key = (hook, flight.iif, flight.oif, flight.physin, flight.physout, flight_key(flight))
        known = key in self._seen
        self._seen.add(key)
        return known


def united(arrivals: list[Arrival]) -> list[Arrival]:
    """Those that end alike as one."""
    if len(arrivals) < 2:
        return arrivals
    groups: dict[tuple[Any, ...], list[Arrival]] = {}
    for arrival in arrivals:
        groups.setdefault(_key(arrival), []).append(arrival)
    return [_one_of(group) for group in groups.values()]


def _one_of(group: list[Arrival]) -> Arrival:
    doubts = tuple(dict.fromkeys(doubt for arrival in group for doubt in arrival.course.doubts))
    return group[0]._replace(course=group[0].course._replace(doubts=doubts))


def _key(arrival: Arrival) -> tuple[Any, ...]:
    flight = arrival.course.flight
    addresses = (flight.saddr, flight.sport, flight.daddr, flight.dport, flight.state, flight.tracked)
    tracked = _connection_key(arrival.course.tracked)
    return (
        arrival.kind,
        id(arrival.stack),
        arrival.device,
        arrival.error,
        _mark(arrival),
        addresses,
        tracked,
        _connection_key(flight.connection),
        arrival.course.learnt,
    )


def _mark(arrival: Arrival) -> Optional[int]:
    """The mark that what the host sends in reply can have; others stay behind in the namespace that is left."""
    arrived = arrival.kind == ARRIVED and arrival.stack is not None and arrival.stack.settings.keeps_marks
    return arrival.course.flight.mark if arrived or arrival.kind == TURNED_AWAY else 0


def _connection_key(connection: Optional[Connection]) -> tuple[Any, ...]:
    return () if connection is None else connection_key(connection)
