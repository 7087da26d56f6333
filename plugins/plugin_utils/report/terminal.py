# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Plain text for terminals: hostile characters made harmless, lines no wider than asked for.

Names, labels and file contents of a host are chosen by anyone who may start a container there. Printed as they are,
they could move the cursor, recolour a verdict or, by bidirectional overrides (Unicode annex 9), show words in another
order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe

GAP = "  "
"""What stands between two columns."""

_NARROWEST = 12
"""Cells that text is given at least, be the terminal as narrow as it likes."""
_LAST_COLUMN = 24
"""Cells that the other columns leave to the last one."""


def cells(text: str) -> int:
    """Return how many cells of a terminal the text takes (Unicode annex 11: wide characters take two)."""
    return len(text) if text.isascii() else sum(_cells_of(char) for char in text)


def _cells_of(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def wrap(text: str, width: int) -> list[str]:
    """Break text between words, and longer words anywhere, into lines of at most width cells; at least one line."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if cells(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _chop(word, width)
        lines.extend(full)
    return [*lines, line]


def _chop(word: str, width: int) -> list[str]:
    pieces: list[str] = []
    begin = taken = 0
    for at, char in enumerate(word):
        size = _cells_of(char)
        if taken + size > width and at > begin:
            pieces.append(word[begin:at])
            begin, taken = at, 0
        taken += size
    return [*pieces, word[begin:]]


def pad(text: str, width: int) -> str:
    """Return text filled with spaces to width cells."""
    return text + " " * (width - cells(text))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], limits: Sequence[int], width: int) -> list[str]:
    """Lay rows under headings, all cells made safe.

    Each column but the last is as wide as its widest cell and at most its entry of limits; the last one takes the rest
    of width. What does not fit continues on further lines of the same row. No line ends in spaces.
    """
    laid = blocks([headings, *rows], limits, width)
    columns = _column_widths(_harmless([headings, *rows]), limits, width)
    return [*laid[0], GAP.join("-" * column for column in columns), *(line for lines in laid[1:] for line in lines)]


def blocks(rows: Iterable[Sequence[str]], limits: Sequence[int], width: int) -> list[list[str]]:
    """Lay rows in the same columns, all cells made safe, and return the lines of each row: one, if it fits."""
    body = _harmless(rows)
    widths = _column_widths(body, limits, width) if body else []
    return [_row_lines(row, widths) for row in body]


def _harmless(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    return [[" ".join(safe(cell).split()) for cell in row] for row in rows]


def _column_widths(rows: Sequence[Sequence[str]], limits: Sequence[int], width: int) -> list[int]:
    widths = [min(limit, max(cells(row[index]) for row in rows)) for index, limit in enumerate(limits)]
    room = width - len(GAP) * len(widths)
    while room - sum(widths) < _LAST_COLUMN and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    rest = max(_NARROWEST, room - sum(widths))
    return [*widths, min(rest, max(cells(row[-1]) for row in rows))]


def _row_lines(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    columns = [wrap(cell, column) for cell, column in zip(row, widths)]
    height = max(len(column) for column in columns)
    lines = []
    for index in range(height):
        parts = [column[index] if index < len(column) else "" for column in columns]
        lines.append(GAP.join(pad(part, column) for part, column in zip(parts, widths)).rstrip())
    return lines


def indented(lead: str, text: str, width: int) -> list[str]:
    """Return lead and the text, made safe line by line and wrapped; all that follows the first line stands under it."""
    room = max(_NARROWEST, width - cells(lead))
    lines = [piece for line in text.split("\n") for piece in wrap(safe(line), room)]
    margin = " " * cells(lead)
    return [f"{lead if index == 0 else margin}{line}".rstrip() for index, line in enumerate(lines)]
