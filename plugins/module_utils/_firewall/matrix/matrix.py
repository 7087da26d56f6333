# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The matrix of a host: the answers in words."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.answers import Answers
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.exposure import Exposed
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matrix.matrix_plan import (
    Asking,
    Key,
    Wanted,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    BEYOND,
    INNER_PORT,
    Cell,
    Destination,
    Exposure,
    Matrix,
    Source,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import CONTAINER, OUTSIDE


def matrix_of(answers: Answers, exposed: Sequence[Exposed]) -> Matrix:
    """Who reaches what on a host, and what is open to machines outside."""
    places: dict[tuple[int, str], int] = {}
    destinations: list[Destination] = []
    cells: dict[tuple[int, int, str, str, str], Cell] = {}
    for answer in answers.answers:
        key, path = answer.key, answer.path
        place = (key.wanted, answer.at)
        if place not in places:
            places[place] = len(destinations)
            destinations.append(_destination(answer.wanted, key))
        relation = answer.relation
        cell = Cell(key.source, places[place], relation, path.verdict, path.seen, path.reason, answer.packet)
        cells.setdefault((cell.source, cell.destination, relation, path.verdict, path.seen), cell)
    sources = [_source(asking) for asking in answers.sources]
    exposures = [Exposure(item.kind, item.uplink, item.labels, item.reason, item.example) for item in exposed]
    problems = [*answers.problems, *_left_out(answers.unasked)]
    return Matrix(sources, destinations, list(cells.values()), exposures, problems)


def _left_out(unasked: int) -> list[str]:
    if not unasked:
        return []
    return [f"the host treats its containers in too many ways: {unasked} answers from containers were not worked out"]


def _source(asking: Asking) -> Source:
    members = [container.name for container in asking.containers]
    if asking.kind == CONTAINER:
        return Source(asking.kind, _and_more(members), members)
    if asking.kind == OUTSIDE:
        return Source(asking.kind, f"outside, by {asking.uplink}")
    return Source(asking.kind, "host", members)


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
