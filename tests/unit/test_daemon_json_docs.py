"""The page about daemon.json says what the differential test allows."""

from __future__ import annotations

import re
from pathlib import Path

from tests.differential.stricter_rules import STRICTER_RULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "daemon-json.md"


def test_each_stricter_rule_is_in_the_documents_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(STRICTER_RULES)


def test_each_stricter_rule_has_an_example() -> None:
    assert all(rule.examples for rule in STRICTER_RULES.values())
