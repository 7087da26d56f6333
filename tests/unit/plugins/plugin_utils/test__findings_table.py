"""The audit's table: worst first, nothing hidden, nothing faked."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding, Remedy, Resource
from ansible_collections.dockernet.baseline.plugins.plugin_utils._findings_table import findings_table, resource_text


def finding(
    check: str = "publish.wildcard",
    outcome: str = "fail",
    severity: str = "medium",
    name: str = "web",
    remedy: Optional[Remedy] = None,
) -> Finding:
    return Finding(check, outcome, severity, Resource("container", name), f"{name} is so", remedy=remedy)


def order(lines: list[str]) -> list[str]:
    return [line.split()[2] for line in lines if line.startswith(("FAIL", "unknown", "note"))]


def test_failures_come_by_severity_and_before_what_is_unknown() -> None:
    lines = findings_table(
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
    assert order(lines) == ["c.high", "d.medium", "b.low", "a.unknown", "f.note"]


def test_outcomes_are_counted() -> None:
    lines = findings_table([finding(), finding(outcome="pass"), finding(outcome="not_applicable")], 100)
    assert lines[-1] == "1 failed, 0 unknown, 0 to note, 1 passed, 1 not applicable."


def test_a_clean_host_takes_one_line() -> None:
    assert findings_table([finding(outcome="pass")], 100) == [
        "0 failed, 0 unknown, 0 to note, 1 passed, 0 not applicable."
    ]


def test_nothing_audited_is_said() -> None:
    assert findings_table([], 100) == ["0 failed, 0 unknown, 0 to note, 0 passed, 0 not applicable."]


def test_each_remedy_is_said_once_with_its_checks() -> None:
    remedy = Remedy("Turn it on.", module="bridge_hairpin")
    lines = findings_table([finding("a.x", name=name, remedy=remedy) for name in ("one", "two")], 100)
    assert lines.count("* a.x: Turn it on.") == 1


def test_a_reason_that_blinds_many_checks_is_said_once() -> None:
    lines = findings_table([finding(check, "unknown") for check in ("a.x", "b.y")], 100)
    assert "* a.x, b.y: web is so" in lines
    assert len([line for line in lines if "web is so" in line]) == 1


def test_a_check_that_fails_everywhere_does_not_fill_the_screen() -> None:
    lines = findings_table([finding(name=f"c{index:03}") for index in range(500)], 100)
    assert len(lines) < 20
    assert any("and 490 more" in line for line in lines)
    assert lines[-1] == "500 failed, 0 unknown, 0 to note, 0 passed, 0 not applicable."


def test_a_hostile_name_shows_no_row_of_its_own() -> None:
    lines = findings_table([finding(name="web\x1b[1A\rpass\n0 failed")], 120)
    assert not [line for line in lines if "\x1b" in line or "\r" in line or "\n" in line]
    assert len([line for line in lines if line.startswith("0 failed")]) == 0


def test_lines_keep_to_the_width() -> None:
    lines = findings_table([finding(name="n" * 300, remedy=Remedy("word " * 80))], 80)
    assert max(len(line) for line in lines) <= 80


def test_resources_are_named_with_their_kind() -> None:
    assert resource_text(finding()) == "container web"
    host = Finding("a.b", "fail", "low", Resource("host", "host"), "")
    assert resource_text(host) == "host"
    daemon = Finding("a.b", "fail", "low", Resource("daemon", ""), "")
    assert resource_text(daemon) == "daemon"
