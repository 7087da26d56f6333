# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The nouns of a journey: what happened to a packet, one possible course of it, and where a leg ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Step,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import Chain, Rule

# Where a leg ends.
ARRIVED = "arrived"  # in a network namespace that has its destination address
OUTSIDE = "outside"  # on the wire, to a machine that is not this host
ASTRAY = "astray"  # on the wire, for an address that is at home on this host
LOST = "lost"  # dropped without a word
TURNED_AWAY = "turned away"  # an error or a reset goes back to the sender
UNFOUND = "unfound"  # whoever sends it on does not learn the hardware address of the next one
UNSENT = "unsent"  # the sender's own namespace has no way
UNTOLD = "untold"  # it cannot be known


class Event(NamedTuple):
    """One thing that happened, kept small: it becomes a Hop only when somebody wants to read the path."""

    leg: str
    place: str
    action: str
    family: int
    saddr: int
    sport: Optional[int]
    daddr: int
    dport: Optional[int]
    incoming: str
    outgoing: str
    chain: Optional[Chain] = None
    rule: Optional[Rule] = None
    note: str = ""


class Passed(NamedTuple):
    """What the rules of a hook did, kept as they told it: to make events of it takes long where many are followed."""

    leg: str
    family: int
    incoming: str
    outgoing: str
    steps: tuple[Step, ...]

    def events(self) -> Iterator[Event]:
        """One for each step."""
        for hook, chain, rule, action, saddr, sport, daddr, dport in self.steps:
            yield Event(
                self.leg,
                hook,
                action,
                self.family,
                saddr,
                sport,
                daddr,
                dport,
                self.incoming,
                self.outgoing,
                chain,
                rule,
            )


class Course(NamedTuple):
    """One possible course of events, up to now."""

    flight: Flight
    happened: tuple[Union[Event, Passed], ...] = ()
    doubts: tuple[str, ...] = ()
    """What was assumed on it, each with its rule."""
    tracked: Optional[Connection] = None
    """What the host's connection tracking keeps of the packets before this one."""
    learnt: tuple[tuple[str, int], ...] = ()
    """Who (the label of a stack) was just told by a question from which address where its sender is."""

    def note(self, leg: str, place: str, action: str, note: str = "") -> Course:
        """The same with one more event."""
        flight = self.flight
        event = Event(
            leg,
            place,
            action,
            flight.family,
            flight.saddr,
            flight.sport,
            flight.daddr,
            flight.dport,
            flight.iif,
            flight.oif,
            None,
            None,
            note,
        )
        return Course(flight, (*self.happened, event), self.doubts, self.tracked, self.learnt)

    # Not _replace(), which takes several times as long: these are for each hook of each packet.

    def carrying(self, flight: Flight) -> Course:
        """The same with another packet, or with the packet as something changed it."""
        return Course(flight, self.happened, self.doubts, self.tracked, self.learnt)

    def passed(self, leg: str, before: Flight, passage: Passage) -> Course:
        """Through a hook; before: the packet as it came there."""
        passed = Passed(leg, before.family, before.iif, before.oif, passage.steps)
        happened = (*self.happened, passed)
        return Course(passage.flight, happened, self.doubts + passage.doubts, self.tracked, self.learnt)

    def learning(self, who: str, address: int) -> Course:
        """The same after somebody was asked by the neighbour with that address."""
        known = (who, address) in self.learnt
        return self if known else self._replace(learnt=(*self.learnt, (who, address)))

    def perhaps(self, doubt: str) -> Course:
        """The same with one more assumption."""
        return self._replace(doubts=(*self.doubts, doubt))

    def events(self) -> Iterator[Event]:
        """All that happened, one by one."""
        for item in self.happened:
            if isinstance(item, Event):
                yield item
            else:
                yield from item.events()


class Arrival(NamedTuple):
    """How one leg ended, on one course."""

    kind: str
    course: Course
    reason: str = ""
    """One sentence, where it did not arrive."""
    stack: Optional[Stack] = None
    """Namespace that it arrived in; for ``turned away`` that of a sender whose own stack says so."""
    device: str = ""
    """Device that it arrived by, or left by."""
    error: str = ""
    """For ``turned away``: what the sender is told, in the words of reject (nft(8)); for others what its
    own system call says, empty if nothing."""


def remembered(course: Course) -> Course:
    """The course after the host's stack let go of the packet: connection tracking keeps the connection."""
    connection = course.flight.connection
    return course if connection is None else course._replace(tracked=connection)
