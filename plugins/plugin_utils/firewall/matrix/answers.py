# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The questions of a plan answered, each for all the origins and ports that its packet stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.predict import end_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.asked import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.inquiry import (
    PARTS,
    Asking,
    Key,
    Wanted,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.matrix_plan import Plan
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Station

MOST_QUESTIONS = 20_000
"""Packets that are followed at most; some seconds' worth."""
MOST_TRIED = 2_000_000
"""Rules that packets are held against at most, of those that no index leaves out; some seconds' worth, too."""


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
    left_out: tuple[str, ...] = ()
    """Those of PARTS of whose questions not all were followed, since it would have taken too long."""
    problems: tuple[str, ...] = ()
    """What was not read that any packet may depend on; then there are no answers."""

    def missing(self, *parts: str) -> str:
        """Which of these parts were not all followed, and why; empty where they were."""
        missing = [part for part in parts if part in self.left_out]
        if not missing:
            return ""
        why = "the host treats its containers in too many ways, or has too many rules"
        return f"not all packets {' and '.join(missing)} were followed: {why}"


def answers_of(view: HostView) -> Answers:
    """Who reaches what on a host. A packet that nobody can send has no answer."""
    if view.problems:
        return Answers(problems=tuple(view.problems))
    plan = Plan(view)
    answers: list[Answer] = []
    left_out: tuple[str, ...] = ()
    for followed, inquiry in enumerate(plan.questions()):
        if followed >= MOST_QUESTIONS or view.traverser.tried > MOST_TRIED:
            # How many more there are is not counted: where all differ that takes longer than to follow those above.
            left_out = PARTS[PARTS.index(plan.part_of(inquiry.key)) :]
            break
        answers += (Answer(plan, *inquiry, path) for path in _answer(view, inquiry.packet))
    return Answers(tuple(answers), tuple(plan.asking), left_out)


def _answer(view: HostView, packet: Packet) -> list[Path]:
    try:
        return [end_of(view, packet)]
    except BadPacketError:
        return []
