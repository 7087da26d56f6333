# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Words of a line that iptables-save or ipset save printed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Options whose value is a name (of a device, a chain, a set): it is printed as it is, quotes included.
_UNQUOTED_AFTER = ("-A", "-g", "-i", "-j", "-o", "--match-set", "--physdev-in", "--physdev-out")
# No text that is quoted is longer, twice a comment's length with all of it escaped (XT_MAX_COMMENT_LEN).
_LONGEST_QUOTED = 1024
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class OpenQuoteError(ValueError):
    """A quoted text that does not end."""


def logical_lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Each line that is not empty, with its number from 1 and its words.

    A text in double quotes is one word (xtables_save_string in libxtables/xtables.c), and can hold line breaks. Raises
    OpenQuoteError, which says in which line, for one that does not end.
    """
    # Not splitlines(): a comment can hold what Unicode counts as the end of a line.
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        first = at
        line = lines[at]
        at += 1
        words: list[str] = []
        done = _split(line, 0, words)
        while done < len(line):
            if at == len(lines) or at - first > _LONGEST_QUOTED or len(line) - done > _LONGEST_QUOTED:
                raise OpenQuoteError(f"line {first + 1}: a quoted text does not end")
            line = f"{line}\n{lines[at]}"
            at += 1
            done = _split(line, done, words)
        if words:
            yield first + 1, line, words


def _split(line: str, at: int, words: list[str]) -> int:
    """Append the words from there on; return where it ended: the line's length, or the place of a quote without end."""
    if '"' not in line:
        words.extend(word for word in line[at:].split(" ") if word)
        return len(line)
    while at < len(line):
        if line[at] == " ":
            at += 1
        elif line[at] == '"' and (not words or words[-1] not in _UNQUOTED_AFTER):
            quoted = _QUOTED.match(line, at)
            if quoted is None:
                return at
            words.append(_ESCAPED.sub(r"\1", quoted.group(1)))
            at = quoted.end()
        else:
            end = line.find(" ", at)
            end = len(line) if end < 0 else end
            words.append(line[at:end])
            at = end
    return len(line)
