# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Ways of a packet that end alike are one way."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Step,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, REJECT

UNPREDICTABLE = "unpredictable"
MOST_WAYS = 64
"""Different ways of one packet that are followed further."""


def flight_key(flight: Flight) -> tuple[Any, ...]:
    """All of a flight that rules can change."""
    connection = flight.connection
    return (
        flight.saddr,
        flight.sport,
        flight.daddr,
        flight.dport,
        flight.mark,
        flight.ttl,
        flight.state,
        flight.tracked,
        None if connection is None else connection_key(connection),
    )


def connection_key(connection: Connection) -> tuple[Any, ...]:
    """All of a connection."""
    return tuple(getattr(connection, name) for name in Connection.__slots__)


def outcome(passage: Passage) -> tuple[Any, ...]:
    """What tells one end from another: of a packet that was dropped nothing is left."""
    if passage.verdict == ACCEPT:
        return (ACCEPT, flight_key(passage.flight))
    if passage.verdict == REJECT:
        return (REJECT, passage.reject_with, flight_key(passage.flight))
    return (passage.verdict,)


def behind(steps: tuple[Step, ...], doubts: tuple[str, ...], passage: Passage) -> Passage:
    """The same passage with what happened before it."""
    if not steps and not doubts:
        return passage
    verdict, flight, own_steps, own_doubts, reject_with = passage
    return Passage(verdict, flight, steps + own_steps, doubts + own_doubts, reject_with)


def merge(ways: list[list[Passage]], doubt: str) -> list[Passage]:
    """The outcomes of several ways of which only one is gone. The doubt counts if it matters which one."""
    outcomes = [{outcome(passage) for passage in way} for way in ways]
    matters = any(one != outcomes[0] for one in outcomes)
    return _grouped([passage for way in ways for passage in way], (doubt,) if matters else ())


def group(passages: list[Passage]) -> list[Passage]:
    """One passage for each outcome, with all doubts that lead to it."""
    return passages if len(passages) == 1 else _grouped(passages, ())


def conclude(passages: list[Passage]) -> list[Passage]:
    """One passage for each outcome of all ways there are: a single one that can be told is in no doubt."""
    if len(passages) == 1:
        return passages
    ends = group(passages)
    if len(ends) == 1 and ends[0].verdict != UNPREDICTABLE:
        return [ends[0]._replace(doubts=())]
    return ends


def _grouped(passages: list[Passage], doubts: tuple[str, ...]) -> list[Passage]:
    groups: dict[tuple[Any, ...], list[Passage]] = {}
    for passage in passages:
        groups.setdefault(outcome(passage), []).append(passage)
    return [
        group[0]._replace(doubts=tuple(dict.fromkeys((*doubts, *(doubt for one in group for doubt in one.doubts)))))
        for group in groups.values()
    ]
