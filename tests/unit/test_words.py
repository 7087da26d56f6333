# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users read is in the field's words; CONTRIBUTING.md has the style and what to write instead."""

from __future__ import annotations

import ast
import re
import typing as t
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = (
    "all the same",
    "anew",
    "be it",
    "by hand",
    "comes in by",
    "foretold",
    "hangs on",
    "has its way",
    "human",
    "in force",
    "it is told",
    "likewise",
    "mend",
    "mended",
    "mends",
    "nobody",
    "put back",
    "said",
    "sent on",
    "somebody",
    "take back",
    "taken back",
    "taken to be",
    "way back",
    "where that is so",
    "whoever",
)
_FORBIDDEN = re.compile(rf"\b(?:{'|'.join(FORBIDDEN)})\b", re.IGNORECASE)

SOURCES = sorted(
    path.relative_to(ROOT).as_posix() for folder in ("plugins", "extensions") for path in (ROOT / folder).rglob("*.py")
)
TASK_FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("roles", "playbooks", "extensions")
    for path in (ROOT / folder).rglob("*.yml")
    if "meta" not in path.parts
)


def _documentation(tree: ast.AST) -> set[int]:
    """Docstrings, of attributes as well: they are for developers."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _shown(tree: ast.AST) -> t.Iterator[tuple[int, str]]:
    """Texts of more than one word, with their lines; of a text with values in it, the parts between them."""
    documentation = _documentation(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documentation:
            continue
        if " " in node.value.strip():
            yield node.lineno, node.value


def _names(node: t.Any) -> t.Iterator[str]:
    """Names of plays and tasks, those within blocks included, and the messages that tasks show."""
    if isinstance(node, list):
        for item in node:
            yield from _names(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("name", "msg", "fail_msg") and isinstance(value, str):
                yield value
            else:
                yield from _names(value)


@pytest.mark.parametrize("source", SOURCES)
def test_no_text_of_a_plugin_has_an_old_word(source: str) -> None:
    tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
    assert [f"{source}:{line}: {text}" for line, text in _shown(tree) if _FORBIDDEN.search(text)] == []


@pytest.mark.parametrize("source", TASK_FILES)
def test_no_name_of_a_task_has_an_old_word(source: str) -> None:
    content = yaml.safe_load((ROOT / source).read_text(encoding="utf-8"))
    assert [name for name in _names(content) if _FORBIDDEN.search(name)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [("A human decides", True), ("restart it by hand", True), ("Restart it manually", False), ("recommended", False)],
)
def test_old_words_are_found_as_whole_words(text: str, found: bool) -> None:
    assert bool(_FORBIDDEN.search(text)) is found
