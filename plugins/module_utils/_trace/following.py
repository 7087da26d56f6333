# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Puts the events of one probe in order and names the hooks they are of. Pure.

The kernel's own id of a trace changes on the way and comes again with other packets. So the table of the trace has a
chain at the beginning of each hook, whose event has the packet's headers: it says whose the events are that follow
under this id, and which hook they are of, which no event says itself.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import (
    DROPPED_BY_RULE,
    LEFT,
    LOST,
    NOT_SEEN,
    TO_HOST,
    TraceEvent,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    PROXY_REPLY,
    PROXY_REQUEST,
    REPLY,
    REQUEST,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.events import Headers, LoggedEvent, RawEvent
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import (
    Identity,
    Wanted,
    identity_of,
    says,
)

MOST_EVENTS = 4_000
"""That are kept of one probe: a packet that passes a chain of 10,000 rules meets those that match alone."""
END = "-end"
"""How the names of chains end that are the last of their hook."""
LATER = "-later"
"""How those of chains end that are not the first of their hook, and not the last."""
LOOPBACK = "lo"

# Seconds after which a packet that looks like the probe is the same one sent again.
_AGAIN = 0.5


@dataclass(frozen=True)
class End:
    """The last that was seen of a packet."""

    kind: str
    source: str = ""
    destination: str = ""
    device: str = ""


@dataclass
class _Place:
    """A packet at one hook, and what was said of it there."""

    leg: str
    hook: str = ""
    is_bridge: bool = False
    events: list[TraceEvent] = field(default_factory=list)
    logged: list[TraceEvent] = field(default_factory=list)
    """By tables of iptables-legacy."""


@dataclass
class _Run:
    """What the last headers under one id of a trace said."""

    leg: str
    place: _Place
    source: str = ""
    destination: str = ""
    iif: Optional[int] = None
    oif: Optional[int] = None
    mark: Optional[int] = None
    connection: Optional[int] = None


@dataclass
class _Leg:
    end: Optional[End] = None
    bridged: Optional[End] = None
    """Where a bridge would send it, or sent it."""
    dropped: bool = False
    kept_back: bool = False
    """By the trace itself."""
    seen: float = 0.0
    """When its last event came, in seconds."""


@dataclass
class Follower:
    """Takes events in the order in which they come."""

    table: str
    """Name of the trace's own tables."""
    device: Callable[[int], str]
    """The name of a device by its number."""
    identity: Optional[Identity] = None
    """None until the first packet that is wanted comes."""
    wanted: Optional[Wanted] = None
    expected: Sequence[Wanted] = ()
    others: int = 0
    source: str = ""
    """That of the probe when it was seen first."""
    answer: str = ""
    """What its answer says, in the words of Path.observed."""
    full: bool = False
    """More came than is kept."""
    taken: int = 0
    """Events of the probe, of its answer, and of docker-proxy's, with those of the trace's own tables."""

    def __post_init__(self) -> None:
        self._places: list[_Place] = []
        self._kept = 0
        self._runs: dict[int, _Run] = {}
        self._legs: dict[str, _Leg] = {}
        self._connections: dict[int, str] = {}
        """Legs of requests by the number of their connection."""
        self._requests: dict[tuple[str, str], str] = {}
        """Legs of requests by their ends, as they were at any place."""
        self._proxied: Optional[Identity] = None
        self._name = functools.cache(self.device)

    @property
    def events(self) -> list[TraceEvent]:
        """All that is kept, in order; of one hook what tables of iptables-legacy said comes first."""
        return [event for place in self._places for event in (*place.logged, *place.events)]

    @property
    def is_over(self) -> bool:
        """Whether the request goes no further."""
        leg = self._legs.get(REQUEST)
        return leg is not None and (leg.dropped or leg.kept_back)

    @property
    def was_seen(self) -> bool:
        """Whether the request was seen anywhere."""
        return REQUEST in self._legs

    @property
    def dropped(self) -> bool:
        """Whether a rule or a policy of nftables dropped the request."""
        return self._legs.get(REQUEST, _Leg()).dropped

    @property
    def end(self) -> End:
        """Where the request was last."""
        leg = self._legs.get(REQUEST)
        if leg is None:
            return End(NOT_SEEN)
        if leg.dropped:
            return End(DROPPED_BY_RULE, *self._last_ends())
        return leg.end or leg.bridged or End(LOST, *self._last_ends())

    def _last_ends(self) -> tuple[str, str]:
        return next(
            ((item.source, item.destination) for item in reversed(self.events) if item.leg == REQUEST), ("", "")
        )

    def take(self, event: RawEvent, now: float) -> None:
        """Take an event of nf_tables; now is in seconds."""
        run = self._run_of(event, now)
        if run is None:
            self.others += 1
            return
        leg = self._legs.setdefault(run.leg, _Leg())
        leg.seen = now
        self.taken += 1
        if event.table == self.table:
            self._take_own(event, run, leg)
            return
        if event.kind == "":
            return
        if event.verdict == "drop":
            leg.dropped = True
        self._keep(
            run.place.events,
            TraceEvent(
                leg=run.leg,
                backend="nft",
                hook=run.place.hook,
                table=f"{event.family} {event.table}",
                chain=event.chain,
                kind=event.kind,
                verdict=event.verdict,
                jump_to=event.jump_to,
                handle=event.handle,
                source=run.source,
                destination=run.destination,
                incoming=self._device(run.iif),
                outgoing=self._device(run.oif),
                mark=run.mark,
                connection=run.connection,
            ),
        )

    def _run_of(self, event: RawEvent, now: float) -> Optional[_Run]:
        if event.headers is None:
            return self._runs.get(event.id)
        answers = event.connection if event.is_reply else None
        leg = self._leg_of(event.headers, answers, own=event.table == self.table)
        if leg is not None and self._is_again(leg, now):
            leg = None
        if leg is None:
            # The id is another packet's now.
            self._runs.pop(event.id, None)
            return None
        ends = event.headers.ends
        before = self._runs.get(event.id)
        if before is not None and before.leg != leg:
            before = None
        run = self._runs[event.id] = _Run(
            leg,
            self._new_place(leg) if before is None else before.place,
            *ends,
            event.iif,
            event.oif,
            event.mark,
            event.connection if event.connection is not None or before is None else before.connection,
        )
        if leg in (REQUEST, PROXY_REQUEST):
            self._requests.setdefault(ends, leg)
            if event.connection is not None:
                self._connections.setdefault(event.connection, leg)
        else:
            # Tables of iptables-legacy do not say whose connection an ICMP error is of.
            self._requests.setdefault((ends[1], ends[0]), REQUEST if leg == REPLY else PROXY_REQUEST)
        if leg == REQUEST:
            self.source = self.source or ends[0]
        if leg == REPLY and not self.answer:
            self.answer = says(event.headers)
        return run

    def _new_place(self, leg: str) -> _Place:
        place = _Place(leg)
        self._places.append(place)
        return place

    def _is_again(self, leg: str, now: float) -> bool:
        seen = self._legs.get(leg)
        return seen is not None and leg in (REQUEST, PROXY_REQUEST) and now - seen.seen > _AGAIN

    def _leg_of(self, headers: Headers, answers: Optional[int], *, own: bool) -> Optional[str]:
        """The leg of a packet, which may say that it answers on a connection."""
        if self._is_proxied(headers, own=own):
            return PROXY_REQUEST
        if self._proxied is not None and self._proxied.is_reply(headers):
            return PROXY_REPLY
        if self.identity is None and self.wanted is not None and own and self.wanted.is_of(headers):
            self.identity = identity_of(headers)
        if self.identity is not None and self.identity.is_request(headers):
            return REQUEST
        if self.identity is not None and self.identity.is_reply(headers):
            return REPLY
        request = self._connections.get(answers) if answers is not None else None
        request = request or self._requests.get((headers.ends[1], headers.ends[0]))
        return {REQUEST: REPLY, PROXY_REQUEST: PROXY_REPLY}.get(request or "")

    def _is_proxied(self, headers: Headers, *, own: bool) -> bool:
        """Whether it is the connection that docker-proxy makes once it was reached."""
        end = self._legs.get(REQUEST, _Leg()).end
        if end is None or end.kind != TO_HOST:
            return False
        if self._proxied is None and own and any(item.is_of(headers) for item in self.expected):
            self._proxied = identity_of(headers)
        return (
            self._proxied is not None
            and self._proxied.is_request(headers)
            and headers.ends not in self._requests_of(REQUEST)
        )

    def _requests_of(self, leg: str) -> list[tuple[str, str]]:
        return [ends for ends, of in self._requests.items() if of == leg]

    def _take_own(self, event: RawEvent, run: _Run, leg: _Leg) -> None:
        hook, is_end, dummy = event.chain.replace(LATER, "").partition(END)
        is_bridge = event.family == "bridge"
        if (run.place.hook, run.place.is_bridge) != (hook, is_bridge):
            run.place = self._new_place(run.leg)
            run.place.hook, run.place.is_bridge = hook, is_bridge
        if not is_end or event.kind != "rule":
            return
        leg.kept_back = leg.kept_back or event.verdict == "drop"
        device = self._device(run.oif)
        if is_bridge:
            leg.bridged = leg.bridged or End(LEFT, run.source, run.destination, device)
        elif hook == "input":
            leg.end = leg.end or End(TO_HOST, run.source, run.destination, self._device(run.iif))
        elif device != LOOPBACK:
            leg.end = leg.end or End(LEFT, run.source, run.destination, device)

    def _device(self, index: Optional[int]) -> str:
        return "" if not index else self._name(index)

    def take_logged(self, event: LoggedEvent, now: float) -> None:
        """Take an event of a table of iptables-legacy, after those of nf_tables that came before; now is in seconds."""
        leg = self._leg_of(event.headers, None, own=False)
        if leg is None or self._is_again(leg, now):
            self.others += 1
            return
        self._legs.setdefault(leg, _Leg()).seen = now
        self.taken += 1
        source, destination = event.headers.ends
        self._keep(
            self._place_of_logged(leg, event.hook).logged,
            TraceEvent(
                leg=leg,
                backend="legacy",
                hook=event.hook,
                table=f"legacy {'ip' if event.version == 4 else 'ip6'} {event.table}",
                chain=event.chain,
                kind=event.comment if event.comment == "policy" else "rule",
                verdict="",
                number=event.number,
                source=source,
                destination=destination,
                incoming=self._device(event.iif),
                outgoing=self._device(event.oif),
                mark=event.mark,
            ),
        )

    def _place_of_logged(self, leg: str, hook: str) -> _Place:
        """The one after which nothing was logged yet, or the last one that has what was logged."""
        places = [place for place in self._places if place.leg == leg and not place.is_bridge]
        last = max((at for at, place in enumerate(places) if place.logged), default=0)
        for place in places[last:]:
            if place.hook == hook:
                return place
        place = self._new_place(leg)
        place.hook = hook
        return place

    def _keep(self, events: list[TraceEvent], event: TraceEvent) -> None:
        if self._kept >= MOST_EVENTS:
            self.full = True
            return
        self._kept += 1
        events.append(event)
