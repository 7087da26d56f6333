# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit in further formats: the same counts in each, and names of strangers inert in each."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import AppliedWaiver
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import COLUMNS, audit_csv
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

from tests.unit.audits import audit_of, waiver
from tests.unit.operators_host import operators_host

GATE = Gate("medium")
LOST = {
    kind: Audit.from_result("alpha", {kind: True, "msg": "no\x1broute | <b>"}) for kind in ("unreachable", "failed")
}
HOSTILE = (
    "=cmd|' /C calc'!A0",
    "+1",
    "\t=1",
    "\r\n@SUM(1)",
    "\uff1d1",
    "a\u202eb\x1b[2J",
    'x"} 1\nfaked{host="y',
    "back\\slash",
    "</script><script>alert(1)</script>",
    "a|b\n\n# head [link](https://example.org) ![i](x) `code` @everyone",
    "{0} {x} [a](1)",
    "n" * 3_000,
)
Count = Counter[tuple[str, str, str]]
"""Findings by check, severity and what they are counted as."""


def audited(**given: Any) -> Audit:
    return Audit.from_document("alpha", audit_of(operators_host(), **given))


WITH_WAIVERS = audited(profile="strict", waivers=[waiver(check="publish.*")])


def hostile(name: str) -> Audit:
    """An audit of a host whose inventory name, containers and texts are that name."""
    audit = Audit.from_document("alpha", audit_of(operators_host(web=name, db=name + "2"), profile="strict"))
    first, *others = (replace(finding, summary=name) for finding in audit.findings if finding.outcome == "fail")
    accepted = replace(first, waiver=AppliedWaiver(name, name, "2999-12-31"))
    return replace(audit, host=name, findings=[accepted, *others])


def counts_of(audit: Audit) -> Count:
    """What each format is to have, counted from the findings as the document has them."""
    return Counter(
        (item["check"], item["severity"], "waived" if "waiver" in item else item["outcome"])
        for item in audit.document["findings"]
    )


def harmless(text: str) -> bool:
    """Whether a text has no character that a terminal acts on, or that hides or moves others, but line breaks."""
    return not [char for char in text if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp")]


def test_what_is_counted_here_has_every_outcome() -> None:
    assert {outcome for dummy, dummy2, outcome in counts_of(WITH_WAIVERS)} >= {"fail", "pass", "waived"}


# ---- CSV -------------------------------------------------------------------------------------------------------------


def rows_in(text: str) -> list[dict[str, str]]:
    head, *rows = csv.reader(io.StringIO(text))
    assert tuple(head) == COLUMNS
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_csv_has_a_row_for_each_finding() -> None:
    rows = rows_in(audit_csv(WITH_WAIVERS, GATE))
    assert Counter((row["check"], row["severity"], row["outcome"]) for row in rows) == counts_of(WITH_WAIVERS)
    accepted = [row for row in rows if row["outcome"] == "waived"]
    assert accepted
    assert {(row["waiver_owner"], row["waiver_reason"], row["gate"]) for row in accepted} == {
        ("ops", "known", "skipped")
    }
    closing = [row for row in rows if row["gate"] in ("failed", "error")]
    assert bool(closing) is bool(GATE.complaint(WITH_WAIVERS.findings))


@pytest.mark.parametrize("kind", LOST)
def test_csv_says_why_a_host_was_not_audited(kind: str) -> None:
    (row,) = rows_in(audit_csv(LOST[kind], GATE))
    assert (row["check"], row["outcome"], row["gate"]) == ("audit", kind, "error")
    assert row["summary"] == "no\\x1broute | <b>"


@pytest.mark.parametrize("name", HOSTILE)
def test_no_cell_of_the_csv_is_a_formula_and_each_finding_is_a_line(name: str) -> None:
    audit = hostile(name)
    text = audit_csv(audit, GATE)
    rows = rows_in(text)
    assert text.count("\n") == len(rows) + 1 == len(audit.findings) + 1
    assert harmless(text)
    for cell in (cell for row in rows for cell in row.values()):
        assert unicodedata.normalize("NFKC", cell.lstrip()[:1]) not in tuple("=+-@")
