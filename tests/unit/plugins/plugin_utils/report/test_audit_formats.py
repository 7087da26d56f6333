# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit in further formats: the same counts in each, and names of strangers inert in each."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import AppliedWaiver
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import COLUMNS, audit_csv
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_markdown import audit_markdown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.prometheus import prometheus
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.sarif import sarif
from markdown_it import MarkdownIt

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
    "{0} {x} [a](1) [b\\](https://example.org)",
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


# ---- Prometheus ------------------------------------------------------------------------------------------------------

_LABEL = r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"'
_SAMPLE = re.compile(rf"([a-z_]+)\{{({_LABEL}(?:,{_LABEL})*)\}} (\d+)")
Samples = dict[str, list[tuple[dict[str, str], int]]]


def samples_in(text: str) -> Samples:
    """What the text exposition format has, each metric once, with its HELP and TYPE before it; else an error."""
    found: Samples = {}
    assert text.endswith("\n")
    lines = iter(text.removesuffix("\n").split("\n"))
    name = ""
    for line in lines:
        if line.startswith("#"):
            name = line.split(" ")[2]
            assert line.startswith(f"# HELP {name} ")
            assert next(lines) == f"# TYPE {name} gauge"
            assert name not in found
            found[name] = []
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        assert sample[1] == name
        found[name].append(({key: unescaped(value) for key, value in re.findall(_LABEL, sample[2])}, int(sample[7])))
    for samples in found.values():
        assert len({tuple(labels.items()) for labels, dummy in samples}) == len(samples) > 0
    return found


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value)


def test_prometheus_text_has_the_counts() -> None:
    found = samples_in(prometheus(WITH_WAIVERS, GATE))
    counts = {
        (labels["check"], labels["severity"], labels["outcome"]): number
        for labels, number in found["dockernet_findings"]
    }
    assert counts == counts_of(WITH_WAIVERS)
    assert found["dockernet_gate_open"] == [({"host": "alpha"}, 0 if GATE.complaint(WITH_WAIVERS.findings) else 1)]
    assert samples_in(prometheus(WITH_WAIVERS, Gate("none")))["dockernet_gate_open"][0][1] == 1
    assert found["dockernet_audit_success"] == [({"host": "alpha"}, 1)]


@pytest.mark.parametrize(
    ("taken_at", "seconds"),
    [("2026-11-30T10:00:00+00:00", 1796032800), ("2026-11-30T10:00:00.5", 1796032800), ("", None), ("x", None)],
)
def test_prometheus_text_has_the_time_of_the_reading(taken_at: str, seconds: int | None) -> None:
    document = {**WITH_WAIVERS.document, "host": {**WITH_WAIVERS.document["host"], "taken_at": taken_at}}
    found = samples_in(prometheus(replace(WITH_WAIVERS, document=document), GATE))
    samples = found.get("dockernet_audit_timestamp_seconds", [])
    assert samples == ([] if seconds is None else [({"host": "alpha"}, seconds)])


@pytest.mark.parametrize("kind", LOST)
def test_prometheus_text_of_a_host_that_was_not_audited_has_no_time_and_a_closed_gate(kind: str) -> None:
    closed = [({"host": "alpha"}, 0)]
    assert samples_in(prometheus(LOST[kind], Gate("none"))) == {
        "dockernet_audit_success": closed,
        "dockernet_gate_open": closed,
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_the_prometheus_text_and_none_of_a_resource_is_a_label(name: str) -> None:
    audit = hostile(name)
    text = prometheus(audit, GATE)
    assert harmless(text)
    for samples in samples_in(text).values():
        assert {labels["host"] for labels, dummy in samples} == {safe(name)}
    assert prometheus(replace(audit, host="alpha"), GATE) == prometheus(replace(hostile("web"), host="alpha"), GATE)


# ---- Markdown --------------------------------------------------------------------------------------------------------


def parsed(text: str) -> tuple[list[str], list[list[str]], set[str]]:
    """Text of the paragraphs and headings, cells of the table's rows, and kinds of all elements, as rendered."""
    prose: list[str] = []
    rows: list[list[str]] = []
    kinds: set[str] = set()
    is_in_table = False
    for token in MarkdownIt("commonmark", {"linkify": False}).enable("table").parse(text):
        kinds.add(token.type)
        if token.type in ("table_open", "table_close"):
            is_in_table = token.type == "table_open"
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline":
            children = token.children or []
            kinds |= {child.type for child in children if child.content != "<!-- -->"}
            content = "".join(child.content for child in children if child.type != "html_inline")
            (rows[-1] if is_in_table else prose).append(content)
    return prose, rows, kinds


PLAIN = {"text", "text_special", "strong_open", "strong_close", "inline"}
PLAIN |= {f"{name}_{end}" for name in ("heading", "paragraph") for end in ("open", "close")}
PLAIN |= {f"{name}_{end}" for name in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")}


def test_markdown_has_the_counts_the_gate_and_a_row_for_each_failure() -> None:
    prose, (head, *rows), kinds = parsed(audit_markdown(WITH_WAIVERS, GATE))
    counts = counts_of(WITH_WAIVERS)
    open_ones = {key: number for key, number in counts.items() if key[2] in ("fail", "unknown")}
    assert head == ["severity", "check", "resource", "what is so", "remediation"]
    assert Counter((row[1].partition(" (CIS")[0], row[0]) for row in rows) == {
        (check, "unknown" if outcome == "unknown" else severity): number
        for (check, severity, outcome), number in open_ones.items()
    }
    by_outcome = Counter[str]()
    for (dummy, dummy2, outcome), number in counts.items():
        by_outcome[outcome] += number
    assert f"{by_outcome['fail']} failed (" in prose[1]
    for outcome, word in (("waived", "waived"), ("unknown", "unknown"), ("pass", "passed")):
        assert f" {by_outcome[outcome]} {word}" in prose[1]
    assert f"gate failed: {GATE.complaint(WITH_WAIVERS.findings)}" in prose[1]
    assert "gate passed (audit_fail_on: none)" in parsed(audit_markdown(WITH_WAIVERS, Gate("none")))[0][1]
    assert kinds <= PLAIN


@pytest.mark.parametrize("kind", LOST)
def test_markdown_says_why_a_host_was_not_audited(kind: str) -> None:
    (title, reason), rows, kinds = parsed(audit_markdown(LOST[kind], GATE))
    assert title == "alpha: not audited"
    assert reason.endswith("no\\x1broute | <b>")
    assert rows == []
    assert kinds <= PLAIN


@pytest.mark.parametrize("name", HOSTILE)
def test_names_mean_nothing_in_markdown(name: str) -> None:
    audit = hostile(name)
    text = audit_markdown(audit, GATE)
    prose, rows, kinds = parsed(text)
    assert harmless(text)
    assert kinds <= PLAIN
    assert len(prose) == 2
    assert len(rows) == len([item for item in audit.findings if item.waiver is None]) + 1
    assert {len(row) for row in rows} == {5}
    assert "@e" not in text
    assert "s://" not in text


@pytest.mark.parametrize("char", ["|", "@a", "é", "\x1b"])
def test_markdown_fits_into_a_comment(char: str) -> None:
    first = next(finding for finding in WITH_WAIVERS.findings if finding.outcome == "fail" and finding.remediation)
    assert first.remediation
    long = replace(first, summary=char * 9_000, remediation=replace(first.remediation, text=char * 9_000))
    many = [replace(long, resource=replace(long.resource, name=char * 9_000)) for dummy in range(3_000)]
    text = audit_markdown(replace(WITH_WAIVERS, host=char * 9_000, findings=many), GATE)
    assert len(text) < 65_536
    left = 3_000 - len(parsed(text)[1][1:])
    assert 2_950 <= left < 2_999
    assert text.endswith(f"... and {left} more findings, in the result document\n")


# ---- SARIF -----------------------------------------------------------------------------------------------------------

_LEVEL = {"high": "error", "medium": "warning", "low": "note", "info": "note"}


def run_in(text: str) -> dict[str, Any]:
    """The one run of a log, which must have what SARIF 2.1.0 requires of it."""
    log = json.loads(text)
    assert text.isascii()
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("/sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "dockernet.baseline"
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(set(ids)) == len(ids)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["help"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["kind"] in ("fail", "open")
        assert result["level"] in (("error", "warning", "note") if result["kind"] == "fail" else ("none",))
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert re.fullmatch(r"[A-Za-z0-9._%-]+", location["physicalLocation"]["artifactLocation"]["uri"])
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert location["logicalLocations"][0]["kind"] == "host"
        for suppression in result.get("suppressions", []):
            assert suppression["kind"] in ("inSource", "external")
            assert suppression["status"] in ("accepted", "underReview", "rejected")
            assert suppression["justification"]
    assert all(isinstance(invocation["executionSuccessful"], bool) for invocation in run["invocations"])
    return dict(run)


def test_sarif_has_a_result_for_each_failure_and_a_suppression_for_each_waiver() -> None:
    results = run_in(sarif(WITH_WAIVERS, GATE))["results"]
    outcomes = {"fail": "fail", "open": "unknown"}
    assert Counter(
        (
            result["ruleId"],
            result["properties"]["severity"],
            "waived" if result.get("suppressions") else outcomes[result["kind"]],
        )
        for result in results
    ) == Counter(
        {key: number for key, number in counts_of(WITH_WAIVERS).items() if key[2] not in ("pass", "not_applicable")}
    )
    for result in results:
        expected = "none" if result["kind"] == "open" else _LEVEL[result["properties"]["severity"]]
        assert result["level"] == expected
    said = {item["justification"] for result in results for item in result.get("suppressions", [])}
    assert said == {"known (ops, until 2026-12-31)"}
    closing = [result for result in results if result["properties"]["gate"] in ("failed", "error")]
    assert bool(closing) is bool(GATE.complaint(WITH_WAIVERS.findings))


def test_rules_of_sarif_are_the_checks_of_the_audit() -> None:
    rules = run_in(sarif(WITH_WAIVERS, GATE))["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["properties"]["severity"]) for rule in rules] == [
        (check["id"], check["severity"]) for check in WITH_WAIVERS.document["checks"]
    ]


def test_what_is_unknown_is_open_and_its_rule_is_there_if_it_is_of_no_check() -> None:
    finding = replace(WITH_WAIVERS.findings[0], check="audit.engine", outcome="unknown", waiver=None)
    (result,) = run_in(sarif(replace(WITH_WAIVERS, findings=[finding]), GATE))["results"]
    assert (result["ruleId"], result["kind"], result["level"]) == ("audit.engine", "open", "none")


def test_fingerprints_of_sarif_differ_by_host_check_and_resource_alone() -> None:
    def fingerprints(audit: Audit) -> list[str]:
        found = run_in(sarif(audit, GATE))["results"]
        assert all(len(set(result["partialFingerprints"].values())) == 1 for result in found)
        return [next(iter(result["partialFingerprints"].values())) for result in found]

    first = fingerprints(WITH_WAIVERS)
    assert len(set(first)) == len(first) > 5
    changed = [replace(item, summary="other", severity="low", evidence={}) for item in WITH_WAIVERS.findings]
    assert fingerprints(replace(WITH_WAIVERS, findings=changed)) == first
    assert set(fingerprints(replace(WITH_WAIVERS, host="beta"))).isdisjoint(first)


@pytest.mark.parametrize("kind", LOST)
def test_sarif_says_why_a_host_was_not_audited(kind: str) -> None:
    run = run_in(sarif(LOST[kind], Gate("none")))
    # Without any, code scanning would take what was found before for fixed.
    (result,) = run["results"]
    assert (result["ruleId"], result["kind"], result["properties"]["gate"]) == ("audit", "open", "error")
    assert "no\\x1broute" in result["message"]["text"]
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert notification["level"] == "error"
    assert notification["message"]["text"] == f"alpha: not audited ({kind}): no\\x1broute | <b>"


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_neither_placeholders_nor_links_in_sarif(name: str) -> None:
    audit = hostile(name)
    run = run_in(sarif(audit, GATE))
    assert len(run["results"]) == len(audit.findings)
    for result in run["results"]:
        text = result["message"]["text"]
        assert harmless(text)
        assert "](" not in text
        assert not re.search(r"[{}]", text.replace("{{", "").replace("}}", ""))
        assert all(harmless(place["fullyQualifiedName"]) for place in result["locations"][0]["logicalLocations"])


def test_a_host_whose_name_is_no_text_has_a_log() -> None:
    run = run_in(sarif(replace(WITH_WAIVERS, host="\ud800"), GATE))
    assert run["automationDetails"]["id"] == "dockernet.baseline/%5Cud800/"
    assert run["results"]
