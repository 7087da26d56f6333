# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What machines outside make of a packet that leaves the host."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    DELIVERED,
    NO_ANSWER,
    TIMED_OUT,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    address_text,
    is_loopback,
    is_private,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.conversation import Conversation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import Arrival, Course
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.endings import Ending
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.way_back import Start


def reached_outside(talk: Conversation, arrival: Arrival) -> list[Ending]:
    """Machines outside are taken to answer, if they can know the way back."""
    flight = arrival.course.flight
    if is_loopback(flight.family, flight.saddr):
        source = address_text(flight.family, flight.saddr)
        reason = f"it leaves with the source {source}, which machines outside do not believe"
        return [Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course, source_at_end=source)]
    if talk.start.stack is not None and not _is_known(talk, flight, arrival.device):
        source = address_text(flight.family, flight.saddr)
        if is_private(flight.family, flight.saddr):
            reason = f"it leaves with the source {source}, which machines outside have no way back to"
            return [Ending(NO_ANSWER, TIMED_OUT, reason, arrival.course, source_at_end=source)]
        return [talk.unknown(arrival.course, f"whether machines outside have a way back to {source}")]
    if talk.start == Start(None, arrival.device) and _is_known(talk, flight, arrival.device):
        return _between_neighbours(talk, arrival)
    return talk.answered(arrival, "outside", talk.way_back.answer_to(arrival))


def _between_neighbours(talk: Conversation, arrival: Arrival) -> list[Ending]:
    """Sent on to where it came from: the answer goes straight back, past this host."""
    reply = talk.way_back.answer_to(arrival)
    source = address_text(reply.family, reply.daddr)
    course = arrival.course
    if reply.daddr == talk.first.saddr and (reply.saddr, reply.sport) == (talk.first.daddr, talk.first.dport):
        return [
            Ending(DELIVERED, ANSWERED, "outside answers, past this host", outcome, "outside", source)
            if isinstance(outcome, Course)
            else outcome
            for outcome in talk.data_there(arrival, course)
        ]
    if talk.view.host.has_address(reply.family, reply.daddr):
        return talk.answered(arrival, "outside", reply)
    reason = f"the answer goes straight back on {arrival.device}, past the address translation of this host"
    return [Ending(NO_ANSWER, TIMED_OUT, reason, course, source_at_end=source)]


def _is_known(talk: Conversation, flight: Flight, device: str) -> bool:
    host, source = talk.view.host, flight.saddr
    return host.is_on_link(flight.family, source, device) or host.has_address(flight.family, source)
