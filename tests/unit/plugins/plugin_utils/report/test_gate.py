"""The gate: outcome against level, and a JUnit file that tells the same story."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    AppliedWaiver,
    Finding,
    Remediation,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import LEVELS, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import Suite, junit

LEVEL_OF = {"high": 0, "medium": 1, "low": 2, "info": 3}


def finding(outcome: str = "fail", severity: str = "medium", check: str = "area.one", name: str = "web") -> Finding:
    return Finding(
        check,
        outcome,
        severity,
        Resource("container", name),
        f"{name} is so",
        {"read": "that", "values": [1, 2]},
        "It matters.",
        Remediation("Mend it."),
    )


WAIVED = replace(finding(severity="high"), waiver=AppliedWaiver("known", "netops", "2099-12-31"))
OUTCOMES = {
    "pass": finding("pass", "high"),
    "not applicable": finding("not_applicable", "high"),
    "unknown": finding("unknown", "low"),
    "waived": WAIVED,
    **{f"fail {severity}": finding("fail", severity) for severity in LEVEL_OF},
}


def closes(name: str, gate: Gate) -> bool:
    """Whether an outcome is to close a gate, said a second time in other words."""
    if gate.fail_on == "none" or name in ("pass", "not applicable", "waived"):
        return False
    if name == "unknown":
        return gate.fail_on_unknown
    return LEVEL_OF[name.removeprefix("fail ")] <= LEVEL_OF[gate.fail_on]


@pytest.mark.parametrize("name", OUTCOMES)
@pytest.mark.parametrize("fail_on", LEVELS)
@pytest.mark.parametrize("on_unknown", [True, False])
def test_exit_status_and_junit_agree(name: str, fail_on: str, on_unknown: bool) -> None:
    gate, found = Gate(fail_on, on_unknown), OUTCOMES[name]
    expected = closes(name, gate)
    assert bool(gate.complaint([found, OUTCOMES["pass"]])) is expected
    suite = suite_of(junit(Suite("host", [found, replace(OUTCOMES["pass"], check="area.two")]), gate))
    assert (int(suite.get("failures", "")) + int(suite.get("errors", "")) > 0) is expected
    assert suite.get("tests") == "2"
    if name == "unknown" and expected:
        assert suite.get("errors") == "1"


def suite_of(text: str) -> ElementTree.Element:
    """The one suite of a document, which must have the shape of Ant's JUnit schema."""
    root = ElementTree.fromstring(text)  # noqa: S314 (our own)
    assert root.tag == "testsuites"
    (suite,) = root
    assert suite[0].tag == "properties"
    assert [child.tag for child in suite][-2:] == ["system-out", "system-err"]
    cases = list(suite)[1:-2]
    assert {case.tag for case in cases} == {"testcase"}
    assert set(suite.attrib) >= {
        "name",
        "package",
        "id",
        "hostname",
        "timestamp",
        "tests",
        "failures",
        "errors",
        "time",
    }
    for case in cases:
        assert set(case.attrib) == {"classname", "name", "time"}
        assert len(case) <= 1
        for result in case:
            assert result.tag in ("failure", "error", "skipped")
            assert result.get("message")
            assert result.tag == "skipped" or result.get("type")
    for tag, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(counter) == str(sum(child.tag == tag for case in cases for child in case))
    assert suite.get("tests") == str(len(cases))
    return suite


def test_a_check_is_one_test_case_that_tells_all_that_fails_it() -> None:
    many = [finding(name=name) for name in ("one", "two")] + [finding("unknown", name="three")]
    suite = suite_of(junit(Suite("host", many), Gate("medium")))
    (case,) = suite.findall("testcase")
    (failure,) = case
    assert case.get("name") == "area.one"
    assert failure.get("message", "").split(" (") == ["one is so", "and 1 more)"]
    told = failure.text or ""
    for words in ("container one: one is so", "container two", "evidence: values: [1, 2]", "It matters.", "Mend it."):
        assert words in told


def test_a_failure_names_the_item_of_the_cis_benchmark() -> None:
    suite = suite_of(junit(Suite("host", [replace(finding(), cis="5.8")]), Gate("medium")))
    assert "\nCIS Docker Benchmark: 5.8\n" in (suite.findall("testcase/failure")[0].text or "")


def test_a_failure_below_the_gate_says_why_it_is_passed_over() -> None:
    (case,) = suite_of(junit(Suite("host", [finding(severity="low")]), Gate("high"))).findall("testcase")
    assert "severity low" in (case[0].get("message") or "")
    assert "audit_fail_on is high" in (case[0].get("message") or "")


def test_a_waiver_is_told_with_owner_reason_and_last_day() -> None:
    (case,) = suite_of(junit(Suite("host", [WAIVED]), Gate("low"))).findall("testcase")
    assert case[0].get("message", "").split(" by ") == ["waived until 2099-12-31", "netops: known"]


@pytest.mark.parametrize("kind", ["unreachable", "failed"])
def test_a_host_that_was_not_audited_is_an_error_at_any_level(kind: str) -> None:
    suite = suite_of(junit(Suite("host", error="no route to host", error_kind=kind), Gate("none")))
    assert suite.get("errors") == "1"
    assert suite.findall("testcase/error")[0].get("message") == "no route to host"


def test_no_check_at_all_is_an_error() -> None:
    assert suite_of(junit(Suite("host"), Gate("none"))).get("errors") == "1"


def test_what_xml_has_no_place_for_is_escaped() -> None:
    hostile = "a\x00\x1b[31m\ud800\ufffe\u202e]]><b>&\"'"
    text = junit(Suite(hostile, [replace(finding(), summary=hostile, evidence={hostile: hostile})]), Gate("low"))
    suite = suite_of(text)
    assert text.isascii()
    assert "\\x00\\x1b[31m\\ud800\\ufffe\\u202e]]><b>&\"'" in (suite.findall("testcase/failure")[0].text or "")


def test_times_are_seconds_and_the_day_is_iso() -> None:
    suite = suite_of(junit(Suite("host", [finding()], timestamp="2026-11-25T01:02:03.5+00:00", seconds=1.5), Gate()))
    assert suite.get("timestamp") == "2026-11-25T01:02:03"
    assert suite.get("time") == "1.500"


def test_the_complaint_counts_by_severity() -> None:
    findings = [finding(severity="high"), finding(severity="low"), finding(severity="low"), finding("unknown")]
    complaint, setting = Gate("low").complaint(findings).rsplit(" (", 1)
    assert complaint.split(", ") == [
        *("1 failed with severity high", "2 failed with severity low"),
        "1 unknown (not evaluated)",
    ]
    assert setting == "audit_fail_on: low)"


def test_what_users_set_the_gate_by_is_named() -> None:
    gate = Gate("high", fail_on_unknown=False, variable="harden_fail_on")
    assert gate.complaint([finding(severity="high")]) == "1 failed with severity high (harden_fail_on: high)"
    assert gate.standing(finding(severity="low")).reason.endswith("; harden_fail_on is high")
    assert "harden_fail_on_unknown is false" in gate.standing(finding("unknown")).reason
