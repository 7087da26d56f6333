# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A matrix for people: for each source what it sees of which ports, those with the same ending on one line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import (
    INNER_PORT,
    PUBLISHED,
    Cell,
    Destination,
    Matrix,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import ANSWERED, UNKNOWN
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe

MOST_LINES = 200
"""A host that treats its containers in many ways has more; whoever wants them all has the cells."""
_LONGEST = 160
_WIDTH = 11
_WORDS = ("the ", "their ", "gateways ")
_NAMED = 3
_NUMBER = re.compile(r"[0-9a-f.:]*[0-9][0-9a-f.:/]*")
_HOST_PORT = re.compile(r":[0-9]+\)$")


@dataclass
class _Row:
    """A line: destinations that see the same in the same places for like reasons."""

    destinations: list[Destination]
    places: list[str]
    relation: str
    seen: str
    instead: str
    reasons: list[str]

    @property
    def key(self) -> tuple[object, ...]:
        """The same for rows that can share a line. Reasons are alike that differ in a number or an address."""
        first = self.destinations[0]
        places = () if first.kind == INNER_PORT else tuple(self.places)
        reason = "" if self.seen == ANSWERED else _NUMBER.sub("", self.reasons[0].partition(": ")[0])
        return (first.kind, _binding(first), places, self.relation, self.seen, self.instead, reason)

    def add(self, other: _Row) -> None:
        """Take in a row of the same key."""
        self.destinations += other.destinations
        self.places = list(dict.fromkeys([*self.places, *other.places]))
        self.reasons += other.reasons

    @property
    def text(self) -> str:
        """The line."""
        places = self.places
        if len(self.destinations) > 1 and self.destinations[0].kind == INNER_PORT:
            places = ["their own addresses"]
        at = f" at {', '.join(places)}" if places else ""
        whose = f" ({self.relation})" if self.relation else ""
        return safe(f"  {self.seen:<{_WIDTH}} {self._names()}{at}{whose}{self._reason()}")

    def _names(self) -> str:
        first = self.destinations[0]
        names = list(dict.fromkeys(item.name for item in self.destinations))
        if len(names) == 1:
            return first.name
        members = list(dict.fromkeys(label for item in self.destinations for label in item.members or [item.name]))
        return listed(members, _NAMED) + _binding(first)

    def _reason(self) -> str:
        if self.seen == ANSWERED:
            text = f": {self.instead} answers instead" if self.instead else ""
        else:
            text = f": {'for example, ' if len(set(self.reasons)) > 1 else ''}{self.reasons[0]}"
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def listing_of(matrix: Matrix) -> list[str]:
    """Lines of text, no more than MOST_LINES, the last one counting what was left out."""
    lines: list[str] = []
    for number, source in enumerate(matrix.sources):
        cells = [cell for cell in matrix.cells if cell.source == number]
        if source.kind == OUTSIDE:
            cells = _of_interest_outside(matrix, cells)
        if cells:
            lines += [safe(f"from {source.name}"), *(row.text for row in _rows(matrix, cells))]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], f"... and {len(lines) - MOST_LINES + 1} lines more"]


def _of_interest_outside(matrix: Matrix, cells: list[Cell]) -> list[Cell]:
    """Without what machines outside see at loopback addresses, unless a port answers them there and nowhere else."""
    apart = {cell.destination for cell in cells if _is_loopback(matrix.destinations[cell.destination].at)}
    elsewhere = {
        matrix.destinations[cell.destination].name
        for cell in cells
        if cell.seen == ANSWERED and cell.destination not in apart
    }
    return [
        cell
        for cell in cells
        if cell.destination not in apart
        or (cell.seen == ANSWERED and matrix.destinations[cell.destination].name not in elsewhere)
    ]


def _is_loopback(place: str) -> bool:
    return place == "::1" or place.startswith("127.")


def _rows(matrix: Matrix, cells: list[Cell]) -> list[_Row]:
    """What is seen of each destination, like ones together."""
    found: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        # What is seen of a packet that surely does not arrive can be open.
        seen = cell.verdict if cell.seen == UNKNOWN else cell.seen
        key = (matrix.destinations[cell.destination].name, cell.relation, seen, cell.instead)
        found.setdefault(key, []).append(cell)
    rows: dict[tuple[object, ...], _Row] = {}
    for (dummy_name, relation, seen, instead), members in found.items():
        first = matrix.destinations[members[0].destination]
        row = _Row([first], _places(matrix, members), relation, seen, instead, [members[0].reason])
        if rows.setdefault(row.key, row) is not row:
            rows[row.key].add(row)
    return list(rows.values())


def _places(matrix: Matrix, cells: list[Cell]) -> list[str]:
    """Where a port was asked, addresses before words."""
    found = dict.fromkeys(matrix.destinations[cell.destination].at for cell in cells)
    return sorted((place for place in found if place), key=lambda place: (place.startswith(_WORDS), place))


def _binding(destination: Destination) -> str:
    """The address that a port is published on, as its name ends; empty for what is not published."""
    dummy_name, bracket, published = destination.name.partition(" (published on ")
    return _HOST_PORT.sub(")", bracket + published) if destination.kind == PUBLISHED else ""
