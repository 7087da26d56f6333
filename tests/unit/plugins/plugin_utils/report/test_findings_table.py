"""The audit's table: worst first, nothing hidden, nothing faked."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    Line,
    findings_table,
    resource_text,
)

from tests.unit.plugins.plugin_utils.report.lines import cells, counted, counts


def finding(
    check: str = "publish.wildcard",
    outcome: str = "fail",
    severity: str = "medium",
    name: str = "web",
    remediation: Optional[Remediation] = None,
) -> Finding:
    return Finding(check, outcome, severity, Resource("container", name), f"{name} is so", remediation=remediation)


def texts(findings: list[Finding], width: int) -> list[str]:
    return [line.text for line in findings_table(findings, width)]


def test_failures_come_by_severity_and_before_what_is_unknown() -> None:
    lines = texts(
        [
            finding("a.unknown", "unknown", "high"),
            finding("b.low", "fail", "low"),
            finding("c.high", "fail", "high"),
            finding("d.medium", "fail", "medium"),
            finding("e.passes", "pass", "high"),
            finding("f.note", "fail", "info"),
        ],
        100,
    )
    assert [line.split()[0] for line in lines if line and not line.startswith("1 ")] == [
        *("HIGH", "c.high", "MEDIUM", "d.medium", "LOW", "b.low", "INFORMATIONAL", "f.note", "UNKNOWN", "a.unknown:"),
        *("4",),
    ]


def test_a_finding_takes_one_line_where_it_fits_and_all_stand_in_the_same_columns() -> None:
    lines = texts([finding("a.x", severity="high"), finding("a.longer-name", severity="low", name="db")], 100)
    rows = [line for line in lines if line.startswith("  ")]
    table = [["a.x", "container web", "web is so"], ["a.longer-name", "container db", "db is so"]]
    assert [cells(row) for row in rows] == table
    first, second = ([row.index(cell) for cell in cells(row)] for row in rows)
    assert first == second


def test_lines_know_what_they_tell_of() -> None:
    lines = findings_table([finding(severity="high"), finding("b.y", "unknown")], 100)
    assert lines[0] == Line("HIGH", "high")
    assert (cells(lines[1].text)[0], lines[1].tone) == ("publish.wildcard", "high")
    assert {line.tone for line in lines} == {"high", "unknown", ""}


def test_what_is_waived_stays_visible_with_its_reason_and_counts_apart() -> None:
    waiver = AppliedWaiver("edge host", "netops", "2099-12-31")
    waived = replace(finding(), waiver=waiver)
    lines = texts([waived, finding("b.y")], 140)
    check, resource, told = cells(lines[lines.index("WAIVED") + 1])
    assert (check, resource) == ("publish.wildcard", "container web")
    assert told == f"medium, until {waiver.expires} by {waiver.owner}: {waiver.reason}. {waived.summary}"
    assert counted(lines[-1]) == {"failed": 1, "medium": 1, "waived": 1}
    assert "Remediation:" not in texts([replace(waived, remediation=Remediation("Do."))], 100)


def test_another_severity_than_the_catalogues_leaves_its_trace() -> None:
    lines = texts([replace(finding(severity="low"), default_severity="high")], 120)
    assert lines[1].endswith(" (severity high in the catalogue)")


def test_the_item_of_the_cis_benchmark_stands_beside_the_check() -> None:
    lines = texts([replace(finding(), cis="5.8")], 120)
    assert cells(lines[1])[0] == "publish.wildcard (CIS 5.8)"


def test_outcomes_are_counted() -> None:
    lines = texts([finding(), finding(outcome="pass"), finding(outcome="not_applicable")], 100)
    assert counted(lines[-1]) == {"failed": 1, "medium": 1, "passed": 1, "not applicable": 1}


def test_a_clean_host_takes_one_line() -> None:
    (line,) = texts([finding(outcome="pass")], 100)
    assert counted(line) == {"passed": 1}


def test_nothing_audited_is_said() -> None:
    (line,) = texts([], 100)
    assert counts(line) == dict.fromkeys(("failed", "unknown", "passed", "not applicable"), 0)


def test_each_remediation_is_said_once_with_its_checks() -> None:
    remediation = Remediation("Turn it on.", module="bridge_hairpin")
    lines = texts([finding("a.x", name=name, remediation=remediation) for name in ("one", "two")], 100)
    assert lines.count("* a.x: Turn it on.") == 1


def test_a_reason_that_blinds_many_checks_is_said_once() -> None:
    lines = texts([finding(check, "unknown") for check in ("a.x", "b.y")], 100)
    assert "  a.x, b.y: web is so" in lines
    assert len([line for line in lines if "web is so" in line]) == 1


def test_a_check_that_fails_everywhere_does_not_fill_the_screen() -> None:
    lines = texts([finding(name=f"c{index:03}") for index in range(500)], 100)
    assert len(lines) < 20
    assert any("and 490 more" in line for line in lines)
    assert counted(lines[-1]) == {"failed": 500, "medium": 500}


def test_a_hostile_name_shows_no_row_of_its_own() -> None:
    lines = texts([finding(name="web\x1b[1A\rpass\n0 failed")], 120)
    assert not [line for line in lines if "\x1b" in line or "\r" in line or "\n" in line]
    assert len([line for line in lines if line.startswith("0 failed")]) == 0


def test_lines_keep_to_the_width() -> None:
    lines = texts([finding(name="n" * 300, remediation=Remediation("word " * 80))], 80)
    assert max(len(line) for line in lines) <= 80


def test_resources_are_named_with_their_kind() -> None:
    assert resource_text(finding()) == "container web"
    host = Finding("a.b", "fail", "low", Resource("host", "host"), "")
    assert resource_text(host) == "host"
    daemon = Finding("a.b", "fail", "low", Resource("daemon", ""), "")
    assert resource_text(daemon) == "daemon"
