# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rows as CSV in which no cell is a formula to a spreadsheet."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe

_FORMULA = "=+-@"
"""A cell that begins with one of these is a formula to spreadsheets."""


def csv_of(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV (RFC 4180), each cell on one line.

    All cells are quoted, so that one with another separator in it stays one cell where that separator is expected.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([_plain(cell) for cell in row] for row in rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    """A cell on one line; what a spreadsheet would take for a formula, full-width signs included, is no longer one."""
    text = safe(cell)
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first and first in _FORMULA else text
