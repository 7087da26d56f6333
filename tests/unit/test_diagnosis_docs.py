# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/why have every cause that a diagnosis can name, and no other; docs/operators.md links them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "why").glob("*.md"))
CODE = sorted((ROOT / "plugins" / "plugin_utils" / "diagnosis").glob("*.py"))
_WORD = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_ROW = re.compile(r"^\| (?P<words>(?:`[a-z0-9_]+`(?:, )?)+) \|", re.MULTILINE)


def _causes(node: ast.expr) -> Iterator[str]:
    """The words that the first argument of a Suspect can be; a way is that of a request or of a reply."""
    if isinstance(node, ast.JoinedStr):
        (stem,) = (str(part.value) for part in node.values if isinstance(part, ast.Constant))
        yield from (f"{stem}{way}" for way in ("request", "reply"))
    elif isinstance(node, ast.IfExp):
        yield from (*_causes(node.body), *_causes(node.orelse))
    elif isinstance(node, ast.Constant):
        yield str(node.value)


def causes_of_the_code() -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in CODE)
    calls = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call))
    made = [node for node in calls if isinstance(node.func, ast.Name) and node.func.id == "Suspect" and node.args]
    return {cause for node in made for cause in _causes(node.args[0])}


def causes_of(page: Path) -> list[str]:
    return [word for row in _ROW.finditer(page.read_text(encoding="utf-8")) for word in _WORD.findall(row["words"])]


def test_the_pages_have_each_cause_and_no_other() -> None:
    made = causes_of_the_code()
    assert len(made) > 40
    assert {word for page in PAGES for word in causes_of(page)} == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_parts_in_order(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-3:] == ["How to read it", "What else it can be", "By hand"]
    assert text.startswith("# Why ")
    assert len(causes_of(page)) == len(set(causes_of(page))) > 3


def test_every_page_is_linked_where_operators_look() -> None:
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f"(why/{page.name})" not in text] == []
