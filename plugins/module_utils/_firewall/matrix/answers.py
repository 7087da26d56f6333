# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The questions of a plan answered, each for all the origins and ports that its packet stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.predict import end_of
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.asked import Asked
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.inquiry import Asking, Key, Wanted
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.matrix_plan import Plan
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.places import Station
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path

MOST_QUESTIONS = 20_000
"""Packets that are followed at most, those from outside and from the host first; some seconds' worth."""


@dataclass(frozen=True)
class Answer:
    """What became of one packet, and so of all that fare like it."""

    plan: Plan
    key: Key
    packet: Packet
    asked: Optional[Asked]
    """The port that the packet asks for; None for the outside."""
    path: Path
    """Without its hops: predict() tells them for the packet."""

    @property
    def source(self) -> Asking:
        """Who asks."""
        return self.plan.asking[self.key.source]

    @property
    def wanted(self) -> Wanted:
        """What is asked for."""
        return self.plan.wanted[self.key.wanted]

    @property
    def at(self) -> str:
        """The address that is asked, or which one it is, see Destination.at; empty for a port's own and the outside."""
        return self.key.at[0]

    @property
    def relation(self) -> str:
        """How a container that asks stands to the one that is asked; empty where no container asks."""
        return self.plan.relation_label(self.key)

    @property
    def instead(self) -> str:
        """Who answers in place of the one that was asked; empty where that one does, or nobody."""
        asked = [] if self.asked is None else self.asked.station.containers
        meant = [f"{CONTAINER} {container.name}" for container in asked] or [OUTSIDE]
        who = self.path.answered_by
        return "" if who.partition(" (")[0] in ("", *meant) else who

    @property
    def ports(self) -> Iterator[Asked]:
        """All ports that are asked for; none for the outside. Of those asked by containers, see pairs()."""
        return (asked for ports in self.wanted.ports.values() for asked in ports)

    @property
    def stations(self) -> Iterator[Station]:
        """All namespaces that ask; none for the host and the outside. For ports of containers, see pairs()."""
        return (station for stations in self.source.stations.values() for station in stations)

    def pairs(self) -> Iterator[tuple[list[Station], list[Asked]]]:
        """Namespaces that ask, and ports that they ask for: any of the one and any of the other fare like this."""
        return self.plan.pairs(self.key)


@dataclass(frozen=True)
class Answers:
    """All answers of a host."""

    answers: tuple[Answer, ...] = ()
    sources: tuple[Asking, ...] = ()
    """All that there are, also those whose packets nobody can send."""
    left_out: bool = False
    """Whether questions from containers to containers were too many to be all followed."""
    problems: tuple[str, ...] = ()
    """What was not read that any packet may depend on; then there are no answers."""


def answers_of(view: HostView) -> Answers:
    """Who reaches what on a host. A packet that nobody can send has no answer."""
    if view.problems:
        return Answers(problems=tuple(view.problems))
    plan = Plan(view)
    questions = plan.questions()
    answers = tuple(
        Answer(plan, *inquiry, path)
        for inquiry in islice(questions, MOST_QUESTIONS)
        for path in _answer(view, inquiry.packet)
    )
    # How many more there are is not counted: where all differ that takes longer than to follow those above.
    return Answers(answers, tuple(plan.asking), left_out=any(True for dummy in questions))


def _answer(view: HostView, packet: Packet) -> list[Path]:
    try:
        return [end_of(view, packet)]
    except BadPacketError:
        return []
