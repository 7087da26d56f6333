# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about checks is the one that the registry makes."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    HYGIENE,
    MEANINGS,
    Check,
    Grade,
    Parameter,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS

from checks_page import PAGE, _section, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make checks-page, and commit docs/checks.md"


def test_each_check_has_a_section_with_all_that_it_says_of_itself() -> None:
    text = page()
    for check in CHECKS:
        assert text.count(f"\n### {check.id}\n") == 1
        assert f"{check.title}. {check.rationale}\n" in text


def test_the_meaning_of_each_severity_is_written_and_every_check_is_held_to_one() -> None:
    text = page()
    assert "| high | broken now or open to others against what the configuration says |" in text
    assert all(meaning.text in text for meaning in MEANINGS)
    for check in CHECKS:
        first, *others = check.grades
        row = f"](#{check.id.replace('.', '')}) | {first.severity} | {first.meaning.text} | {first.why} |"
        assert text.count(row) == 1, check.id
        assert all(f"| | {item.severity} | {item.meaning.text} | {item.why} |" in text for item in others), check.id


def test_a_section_names_versions_bounds_and_what_remediates_it() -> None:
    check = Check(
        "area.name",
        (Grade(HYGIENE, "it is untidy"), Grade(BROKEN, "nothing works")),
        "All is well",
        "Otherwise it is not.",
        ("links",),
        lambda examined: [],
        {"1.8.0": "5.10", "1.6.0": "5.10", "1.5.0": "5.9"},
        ("ip_forward",),
        (Parameter("warn_at", "integer", 900, "Ports of a bridge.", 1, 1023),),
    )
    assert _section(check).splitlines()[4:] == [
        "* Severity: low: it is untidy; high: nothing works",
        "* CIS: 5.10 in 1.8.0, 1.6.0; 5.9 in 1.5.0",
        "* Remediated by: `ip_forward`",
        "* Reads: links",
        "* Parameter `warn_at` (integer, at least 1, at most 1023; default `900`): Ports of a bridge.",
    ]
