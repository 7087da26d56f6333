# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy: it takes the connection, and makes a second one to the container."""

from __future__ import annotations

from typing import Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.conversation import Conversation
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.course import Arrival, Course
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.endings import Ending
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.way_back import datagram_source
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sockets import Listener

ROOT = 0
# From this engine on it answers datagrams from the address that was asked (udp_proxy_linux.go).
_KEEPS_ADDRESS = (28, 0)

Dial = Callable[[Course], list[Ending]]


def proxied(talk: Conversation, arrival: Arrival, listener: Listener, proxy: ProxyProcess, dial: Dial) -> list[Ending]:
    """A connection to docker-proxy; dial is the one that it makes to its container, after a course of events."""
    course = arrival.course.note(talk.there.name, "proxy", "deliver", f"docker-proxy, process {proxy.pid}")
    reply = talk.way_back.answer_to(arrival)
    reply.skuid = reply.skgid = ROOT
    if talk.protocol == "udp":
        if talk.view.snapshot.engine is None or talk.view.snapshot.engine.release < _KEEPS_ADDRESS:
            if arrival.stack is None:
                raise AssertionError("only what came to a stack can be answered by one")
            reply.saddr = datagram_source(arrival.stack, listener, reply)
        return _relayed(talk, arrival, course, reply, dial(course))
    endings: list[Ending] = []
    for outcome in talk.round_trip(arrival, course, reply):
        endings += dial(outcome) if isinstance(outcome, Course) else [outcome]
    return [_as_proxy_shows(ending) for ending in endings]


def _relayed(talk: Conversation, arrival: Arrival, course: Course, reply: Flight, inner: list[Ending]) -> list[Ending]:
    """A datagram's answer goes back once the container's came to docker-proxy."""
    endings = []
    for ending in inner:
        if ending.seen != ANSWERED:
            endings.append(ending if ending.verdict == UNKNOWN else ending._replace(seen=TIMED_OUT))
            continue
        tracked = ending.course._replace(tracked=course.tracked)
        endings += [
            ending._replace(course=outcome) if isinstance(outcome, Course) else outcome
            for outcome in talk.way_back.send(arrival, tracked, reply)
        ]
    return endings


def _as_proxy_shows(ending: Ending) -> Ending:
    """docker-proxy accepts first: when it cannot reach the container it closes the connection."""
    return ending._replace(seen=CLOSED) if ending.seen in (REFUSED, UNREACHABLE) else ending
