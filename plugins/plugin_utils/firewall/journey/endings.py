# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a journey ends, on one course of it."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import (
    ASTRAY,
    LOST,
    UNFOUND,
    UNSENT,
    UNTOLD,
    Arrival,
    Course,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.errors_seen import seen_as


class Ending(NamedTuple):
    """See _model/path.py for the words."""

    verdict: str
    seen: str
    reason: str
    course: Course
    answered_by: str = ""
    source_at_end: str = ""


def ending_of_request(arrival: Arrival, protocol: str) -> Ending:
    """A request that reached nobody."""
    if arrival.kind == UNTOLD:
        return Ending(UNKNOWN, UNKNOWN, arrival.reason, arrival.course)
    if arrival.kind == LOST:
        # What a hook drops on the way out is an error of sendto(2); TCP only tries again.
        seen = UNREACHABLE if arrival.error and protocol != "tcp" else TIMED_OUT
        return Ending(DROPPED, seen, arrival.reason, arrival.course)
    if arrival.kind == ASTRAY:
        # Routers outside drop it, or say so: within the limits that each of them has for such errors.
        return Ending(UNREACHABLE, UNKNOWN, arrival.reason, arrival.course)
    if arrival.kind == UNFOUND:
        # Who has asked in vain is told so, who still knows the neighbour's address sends the packet to its end.
        return Ending(UNREACHABLE, NO_ANSWER, arrival.reason, arrival.course)
    if arrival.kind == UNSENT:
        return Ending(UNREACHABLE, UNREACHABLE, arrival.reason, arrival.course)
    seen = seen_as(arrival.error, protocol)
    return Ending(REFUSED if seen == REFUSED else UNREACHABLE, seen, arrival.reason, arrival.course)


def ending_of_reply(arrival: Arrival) -> Ending:
    """An answer that did not come back."""
    if arrival.kind == UNTOLD:
        return Ending(UNKNOWN, UNKNOWN, arrival.reason, arrival.course)
    seen = NO_ANSWER if arrival.kind == UNFOUND else TIMED_OUT
    return Ending(NO_ANSWER, seen, f"the answer is lost: {arrival.reason}", arrival.course)
