# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/why have every cause that a diagnosis can name, and no other; docs/operators.md links them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.causes import WORDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "why").glob("*.md"))
PARTS = ["How to read it", "What else it can be", "Without this collection"]
_ROW = re.compile(r"^\| (?P<words>(?:`\w+`(?:, )?)+) \|", re.MULTILINE)


def causes_of(page: Path) -> list[str]:
    rows = _ROW.finditer(page.read_text(encoding="utf-8"))
    return [word for row in rows for word in re.findall(r"\w+", row["words"])]


def test_the_pages_have_each_cause_and_no_other() -> None:
    assert {word for page in PAGES for word in causes_of(page)} == WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_its_parts_in_order(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Why ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-3:] == PARTS
    assert len(causes_of(page)) == len(set(causes_of(page))) > 3


def test_every_page_is_linked_where_operators_look() -> None:
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f"(why/{page.name})" not in text] == []
