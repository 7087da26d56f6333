# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guarantees of docs/threat-model.md are checked by tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/threat-model.md"
GUARANTEES = PAGE.read_text(encoding="utf-8").partition("\n## Guarantees")[2]
ROWS = [line for line in GUARANTEES.splitlines() if line.startswith("|")][2:]
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", GUARANTEES)))


@pytest.mark.parametrize("row", ROWS)
def test_each_guarantee_names_a_test(row: str) -> None:
    assert re.search(r"`tests/[\w/]+\.py", row.rsplit("|", 2)[1])


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^def {name or 'test_'}", text, re.MULTILINE), f"{path} has no {name or 'test'}"
