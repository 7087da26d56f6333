# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The matrix of a host: each question of the plan answered, and put in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.predict import predict
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.exposure import exposures_of
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.matrix_plan import (
    Asking,
    Key,
    Plan,
    Wanted,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    Cell,
    Destination,
    Matrix,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path

MOST_QUESTIONS = 20_000
"""Packets that are followed at most, those from outside and from the host first; some seconds' worth."""


def matrix_of(view: HostView) -> Matrix:
    """Who reaches what on a host. A packet that nobody can send has no cell."""
    plan = Plan(view)
    questions = plan.questions()
    asked = islice(questions, MOST_QUESTIONS)
    answers = [(key, packet, path) for key, packet in asked for path in _answer(view, packet)]
    unasked = sum(1 for dummy in questions)
    places: dict[tuple[int, str], int] = {}
    destinations: list[Destination] = []
    cells: dict[tuple[int, int, str, str, str], Cell] = {}
    for key, packet, path in answers:
        place = (key.wanted, key.at[0])
        if place not in places:
            places[place] = len(destinations)
            destinations.append(_destination(plan.wanted[key.wanted], key))
        relation = plan.relation_label(key)
        cell = Cell(key.source, places[place], relation, path.verdict, path.seen, path.reason, packet)
        cells.setdefault((cell.source, cell.destination, relation, path.verdict, path.seen), cell)
    sources = [_source(asking, plan) for asking in plan.asking]
    exposures = exposures_of(view, plan, answers)
    problems = [*view.problems, *_left_out(unasked)]
    return Matrix(sources, destinations, list(cells.values()), exposures, problems)


def _left_out(unasked: int) -> list[str]:
    if not unasked:
        return []
    return [f"the host treats its containers in too many ways: {unasked} answers from containers were not worked out"]


def _answer(view: HostView, packet: Packet) -> list[Path]:
    try:
        return [replace(predict(view, packet), hops=[])]
    except BadPacketError:
        return []


def _source(asking: Asking, plan: Plan) -> Source:
    if asking.kind == CONTAINER:
        members = [
            item.name for stations in asking.stations.values() for station in stations for item in station.containers
        ]
        return Source(asking.kind, _and_more(members), members)
    if asking.kind == OUTSIDE:
        return Source(asking.kind, f"outside, by {asking.uplink}")
    return Source(asking.kind, "host", [item.name for item in plan.places.on_host])


def _destination(wanted: Wanted, key: Key) -> Destination:
    if wanted.kind == BEYOND:
        return Destination(wanted.kind, f"machines outside (IPv{wanted.family})", "", wanted.protocol)
    members = list(dict.fromkeys(asked.label for ports in wanted.ports.values() for asked in ports))
    if wanted.kind == INNER_PORT:
        at = f"{'their' if len(members) > 1 else 'its'} own IPv{wanted.family} address"
        return Destination(wanted.kind, _and_more(members), at, wanted.protocol, members)
    name = f"{_and_more(members)} (published on {wanted.host_ip or '0.0.0.0'})"  # noqa: S104 (compared, not bound)
    return Destination(wanted.kind, name, key.at[0], wanted.protocol, members)


def _and_more(members: list[str]) -> str:
    """The first of them, and how many there are besides."""
    return members[0] if len(members) == 1 else f"{members[0]} and {len(members) - 1} more"
