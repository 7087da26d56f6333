# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A matrix for people: for each source what it sees of which ports, those with the same ending on one line."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.matrix import Cell, Matrix
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import ANSWERED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.safe_text import safe

MOST_LINES = 200
"""A host that treats its containers in many ways has more; whoever wants them all has the cells."""
_LONGEST = 160
_WIDTH = 11


def listing_of(matrix: Matrix) -> list[str]:
    """Lines of text, no more than MOST_LINES, the last one counting what was left out."""
    lines: list[str] = []
    for number, source in enumerate(matrix.sources):
        cells = [cell for cell in matrix.cells if cell.source == number]
        if cells:
            lines += [safe(f"from {source.name}"), *_rows(matrix, cells)]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[: MOST_LINES - 1], f"... and {len(lines) - MOST_LINES + 1} lines more"]


def _rows(matrix: Matrix, cells: list[Cell]) -> list[str]:
    rows: dict[tuple[str, str, str, str], list[Cell]] = {}
    for cell in cells:
        key = (matrix.destinations[cell.destination].name, cell.relation, cell.seen, cell.instead)
        rows.setdefault(key, []).append(cell)
    return [_row(matrix, *key, members) for key, members in rows.items()]


def _row(matrix: Matrix, name: str, relation: str, seen: str, instead: str, cells: list[Cell]) -> str:
    """One line; the reason is that of its first cell."""
    places = [place for place in dict.fromkeys(matrix.destinations[cell.destination].at for cell in cells) if place]
    at = f" at {', '.join(places)}" if places else ""
    whose = f" ({relation})" if relation else ""
    answering = f": {instead} answers instead" if instead else ""
    reason = answering if seen == ANSWERED else f": {cells[0].reason}"
    reason = reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 3]}..."
    return safe(f"  {seen:<{_WIDTH}} {name}{at}{whose}{reason}")
