# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads lines that are printed for people as the values that stand in them."""

from __future__ import annotations

import re


def cells(row: str) -> list[str]:
    """The cells of a table's row: two spaces at least part them."""
    return re.split(r" {2,}", row.strip())


def counts(line: str) -> dict[str, int]:
    """What a closing line counts, by its words and in its order."""
    return {words.strip(): int(number) for number, words in re.findall(r"(\d+) ([a-z ]+)", line)}


def counted(line: str) -> dict[str, int]:
    """What a closing line counts, but for what there is none of."""
    return {words: number for words, number in counts(line).items() if number}
