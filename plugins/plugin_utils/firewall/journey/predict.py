# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where a packet goes, and whether its answer comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
    Hop,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.conversation import Conversation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import Course, Event
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.courses import (
    Courses,
    TooManyCoursesError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.departure import departure
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.endings import Ending
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.exchange import Exchange
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView

__all__ = ["BadPacketError", "end_of", "predict"]


def predict(view: HostView, packet: Packet) -> Path:
    """Follow a packet from its origin to its end, and its answer back.

    Machines outside are taken to send whatever they are asked for to this host, to answer on every port, and to have no
    way back to private addresses other than those of their own network. Programs that listen are taken to answer.
    Raises BadPacketError for a packet that nobody can send; never for a host that is in disorder.
    """
    endings = _endings(view, packet)
    path = _agreed(endings, view.problems)
    if not endings:
        return path
    nameless = view.stand_ins if packet.source_port is None else set()
    hops = [_hop(event, nameless) for event in _surest(endings).course.events()]
    return replace(path, hops=hops, decided_at=len(hops) - 1 if hops else None)


def end_of(view: HostView, packet: Packet) -> Path:
    """What predict() says without the hops, which take time when very many packets are followed."""
    return _agreed(_endings(view, packet), view.problems)


def _endings(view: HostView, packet: Packet) -> list[Ending]:
    """All ends that the packet can come to; none where there are too many."""
    start, first = departure(view, packet)
    try:
        talk = Conversation(view, start, first, packet.protocol, Courses())
        return Exchange(talk).run(Course(first))
    except TooManyCoursesError:
        return []


def _surest(endings: list[Ending]) -> Ending:
    return min(endings, key=lambda ending: (ending.verdict == UNKNOWN, len(ending.course.doubts)))


def _agreed(endings: list[Ending], problems: list[str]) -> Path:
    """One path of all courses: what they agree on is so, whichever is the real one."""
    if not endings:
        why = "too many conditions that cannot be decided"
        return Path(UNKNOWN, UNKNOWN, f"it depends on {why}", doubts=[why])
    endings = _levelled(endings)
    first = _surest(endings)
    known = {(ending.verdict, ending.seen, ending.answered_by) for ending in endings}
    doubts = list(dict.fromkeys(doubt for ending in endings for doubt in ending.course.doubts))
    # What was not read of the rules could have ended any course that passed a hook.
    if len(known) == 1 and first.verdict != UNKNOWN and not set(problems).intersection(doubts):
        sources = {ending.source_at_end for ending in endings}
        source = first.source_at_end if len(sources) == 1 else ""
        return Path(first.verdict, first.seen, first.reason, [], first.answered_by, source)
    seen = {ending.seen for ending in endings} if not problems else set()
    reason = f"it depends on {doubts[0]}" if doubts else first.reason
    return Path(UNKNOWN, first.seen if len(seen) == 1 else UNKNOWN, reason, doubts=doubts)


def _levelled(endings: list[Ending]) -> list[Ending]:
    """Without what only tells silence from an error, where that hangs on whom somebody remembers as its neighbour."""
    seen = {ending.seen for ending in endings}
    if NO_ANSWER not in seen or not seen <= {NO_ANSWER, TIMED_OUT, UNREACHABLE}:
        return endings
    ends_before = {ending.verdict for ending in endings} <= {DROPPED, UNREACHABLE}
    verdict = _surest(endings).verdict
    return [ending._replace(seen=NO_ANSWER, verdict=verdict if ends_before else ending.verdict) for ending in endings]


def _hop(event: Event, nameless: set[Optional[int]]) -> Hop:
    chain, rule = event.chain, event.rule
    return Hop(
        event.leg,
        event.place,
        event.action,
        _endpoint(event.family, event.saddr, None if event.sport in nameless else event.sport),
        _endpoint(event.family, event.daddr, None if event.dport in nameless else event.dport),
        event.incoming,
        event.outgoing,
        chain.table_name if chain else "",
        chain.name if chain else "",
        rule.text if rule else "",
        rule.number if rule else None,
        rule.handle if rule else None,
        event.note,
    )


def _endpoint(family: int, address: int, port: Optional[int]) -> str:
    text = address_text(family, address)
    if not port:
        return text
    return f"[{text}]:{port}" if family == 6 else f"{text}:{port}"
