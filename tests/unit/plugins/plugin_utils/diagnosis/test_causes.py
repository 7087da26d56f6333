# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of causes: the table has those that the code uses, and the page of the documentation has the table."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.causes import CAUSES, WORDS

ROOT = Path(__file__).resolve().parents[5]
SOURCES = sorted((ROOT / "plugins/plugin_utils/diagnosis").glob("*.py"))
WAYS = ("request", "reply")


def words_in(node: ast.expr) -> Iterator[str]:
    """The words that an expression can be; of one with a way in it both."""
    if isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.IfExp):
        yield from itertools.chain(words_in(node.body), words_in(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        start, *dummy = (str(part.value) for part in node.values if isinstance(part, ast.Constant))
        yield from (f"{start}{way}" for way in WAYS)


def test_every_word_that_the_code_uses_is_in_the_table_and_no_other() -> None:
    used = {
        word
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Candidate" and node.args
        for word in words_in(node.args[0])
    }
    assert used == WORDS


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs/diagnosis-causes.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(word, meaning) for group in CAUSES.values() for word, meaning in group.items()]
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == [f"{group[0].upper()}{group[1:]}" for group in CAUSES]
