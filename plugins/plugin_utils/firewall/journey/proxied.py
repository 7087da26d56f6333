# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy: it takes the connection, and makes a second one to the container."""

from __future__ import annotations

from typing import Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener, ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.conversation import Conversation
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import Arrival, Course
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.endings import Ending
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.way_back import datagram_source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ACK, PSH, RST

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
    for outcome in talk.opened(arrival, course, reply):
        if isinstance(outcome, Course):
            endings += [shown for inner in dial(outcome) for shown in _shown(talk, arrival, outcome, inner)]
        else:
            endings.append(outcome)
    return endings


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


def _shown(talk: Conversation, arrival: Arrival, opened: Course, inner: Ending) -> list[Ending]:
    """What comes back of docker-proxy's own connection: data, or, where it was refused, the end of the one it accepted.

    It closes with the request unread, which is a reset (tcp_close()).
    """
    closes = inner.seen in (REFUSED, UNREACHABLE)
    ending = inner._replace(seen=CLOSED) if closes else inner
    if ending.verdict == UNKNOWN or ending.seen not in (ANSWERED, CLOSED):
        return [ending]
    course = inner.course._replace(tracked=opened.tracked)
    return [
        ending._replace(course=outcome) if isinstance(outcome, Course) else outcome
        for outcome in talk.first_back(arrival, course, RST | ACK if closes else ACK | PSH)
    ]
