# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate's truth table: outcome, waiver, baseline and level decide, and exit status and every format agree."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.dockernet.baseline.plugins.action import audit_gate, audit_report
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    SEVERITIES,
    AppliedWaiver,
    Finding,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    document_text,
    plain_finding,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline import Baseline, read_baseline
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import EXIT_STATUSES, LEVELS, Gate
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.audits import audit_of
from tests.unit.examples import examples
from tests.unit.plugins.action.conftest import action_with
from tests.unit.synthetic_host import SyntheticHost

DOCUMENT = audit_of(SyntheticHost().snapshot())
FORMATS = list(audit_report._FORMATS)
ACCEPTED = AppliedWaiver("known", "netops", "2099-12-31")
LOST: dict[str, dict[str, Any]] = {
    "unreachable": {"unreachable": True, "msg": "no route"},
    "no root": {"failed": True, "msg": "sudo: a password is required"},
    "a wrong waiver": {"failed": True, "msg": "waivers[0].selector: it is no JMESPath"},
    "a crash": {"failed": True, "msg": "MODULE FAILURE", "rc": 1},
    "no result": {},
    "another module's result": {"changed": False, "ping": "pong"},
    "no check": {**DOCUMENT, "findings": []},
}

Case = tuple[str, str, bool, str]
"""A finding: its outcome, severity, whether it is waived, and what the baseline has of it."""
THEN = ("nothing", "the same", "less severe", "more severe", "waived", "unknown")
CASES: list[Case] = [
    *(("fail", severity, waived, then) for severity in SEVERITIES for waived in (False, True) for then in THEN),
    *(("unknown", "medium", False, then) for then in THEN),
    ("pass", "high", False, "the same"),
    ("not_applicable", "high", False, "nothing"),
]


def closes(case: Case, fail_on: str, on_unknown: bool, uses_baseline: bool) -> bool:
    """Whether a finding is to close the gate, in other words than the code's."""
    outcome, severity, waived, then = case
    if fail_on == "none":
        return False
    if outcome == "unknown":
        return on_unknown
    is_old = uses_baseline and then in ("the same", "more severe")
    # There is nothing above high, and nothing below informational.
    if uses_baseline and (severity, then) == ("info", "less severe"):
        is_old = True
    counts = {"high": 1, "medium": 2, "low": 3, "info": 4}
    return outcome == "fail" and not waived and not is_old and counts[severity] <= counts[fail_on]


def finding(case: Case, name: str) -> Finding:
    outcome, severity, waived, dummy = case
    waiver = ACCEPTED if waived else None
    return Finding("area.one", outcome, severity, Resource("container", name), f"{name} is so", waiver=waiver)


def earlier(case: Case, name: str) -> list[Finding]:
    """What the baseline has of that resource."""
    severity, then = case[1], case[3]
    at = SEVERITIES.index(severity)
    found = Finding("area.one", "fail", severity, Resource("container", name), "it was so")
    return {
        "nothing": [],
        "the same": [found],
        "less severe": [replace(found, severity=SEVERITIES[min(at + 1, 3)])],
        "more severe": [replace(found, severity=SEVERITIES[max(at - 1, 0)])],
        "waived": [replace(found, waiver=ACCEPTED)],
        "unknown": [replace(found, outcome="unknown")],
    }[then]


def document(findings: Sequence[Finding], host: str = "edge1") -> dict[str, Any]:
    return {
        **DOCUMENT,
        "host": {**DOCUMENT["host"], "inventory_name": host},
        "findings": [plain_finding(item) for item in findings],
    }


def write_baseline(folder: Path, findings: Sequence[Finding], host: str = "edge1") -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{host}.json").write_text(document_text(document(findings, host)))


def report(folder: Path, result: dict[str, Any], **options: Any) -> dict[str, Any]:
    given_options = {"result": result, "output_dir": str(folder), "formats": FORMATS, "detail": "none", **options}
    found: dict[str, Any] = action_with(audit_report, "audit_report", lambda **dummy: {}, given_options).run(
        task_vars={"inventory_hostname": "edge1"}
    )
    return found


def gated(**options: Any) -> dict[str, Any]:
    found: dict[str, Any] = action_with(audit_gate, "audit_gate", lambda **dummy: {}, options).run(
        task_vars={"inventory_hostname": "edge1"}
    )
    return found


def status_of(result: dict[str, Any]) -> int:
    """What ansible-playbook ends with after a host's last task."""
    return 4 if result.get("unreachable") else 2 if result.get("failed") else 0


def statuses_said(folder: Path) -> dict[str, int]:
    """The exit status that each file stands for, read by its own rules."""
    found = {kind: (folder / f"edge1.{kind}").read_text() for kind in ("json", "xml", "csv", "sarif", "prom", "md")}
    rows = list(csv.DictReader(io.StringIO(found["csv"])))
    is_audited = "error" not in json.loads(found["json"])
    (suite,) = ElementTree.fromstring(found["xml"])  # noqa: S314 (our own)
    (run,) = json.loads(found["sarif"])["runs"]
    closing = {
        "xml": int(suite.attrib["failures"]) + int(suite.attrib["errors"]) > 0,
        "csv": any(row["gate"] in ("failed", "error") for row in rows),
        "sarif": any(item["properties"]["gate"] in ("failed", "error") for item in run["results"]),
        "prom": 'dockernet_gate_open{host="edge1"} 0\n' in found["prom"],
        "md": "gate passed" not in found["md"],
    }
    audited = {
        "xml": [case.get("name") for case in suite.findall("testcase")] != ["audit"],
        "csv": {row["check"] for row in rows} != {"audit"},
        "sarif": run["invocations"][0]["executionSuccessful"],
        "prom": 'dockernet_audit_success{host="edge1"} 1\n' in found["prom"],
        "md": "not audited" not in found["md"],
    }
    assert set(audited.values()) == {is_audited}, audited
    return {kind: 0 if not is_closed else 2 if is_audited else 4 for kind, is_closed in closing.items()}


@given(
    cases=st.lists(st.sampled_from(CASES), min_size=1, max_size=5),
    fail_on=st.sampled_from(LEVELS),
    on_unknown=st.booleans(),
    uses_baseline=st.booleans(),
)
@settings(max_examples=examples(20, 150))
def test_exit_status_and_formats_agree_on_any_findings(
    tmp_path_factory: pytest.TempPathFactory, cases: list[Case], fail_on: str, on_unknown: bool, uses_baseline: bool
) -> None:
    folder = tmp_path_factory.mktemp("table")
    named = {f"c{number}": case for number, case in enumerate(cases)}
    write_baseline(folder / "then", [item for name, case in named.items() for item in earlier(case, name)] or [PASSED])
    now = document([finding(case, name) for name, case in named.items()])
    level = {"fail_on": fail_on, "fail_on_unknown": on_unknown}
    known = {"baseline": str(folder / "then")} if uses_baseline else {}
    result = report(folder / "now", now, **level, **known)
    expected = 2 if any(closes(case, fail_on, on_unknown, uses_baseline) for case in cases) else 0
    assert (status_of(result), EXIT_STATUSES[result["gate"]]) == (expected, expected)
    assert set(statuses_said(folder / "now").values()) == {expected}
    later = report(folder / "now", now, fail=False, **level, **known)
    assert (status_of(later), status_of(gated(report=later))) == (0, expected)
    assert gated(report=later)["msg"] == result["msg"]


PASSED = Finding("area.two", "pass", "low", Resource("host", "host"), "all is well")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_finding_at_each_level(case: Case, tmp_path: Path) -> None:
    write_baseline(tmp_path / "then", [*earlier(case, "c0"), PASSED])
    baseline = read_baseline(str(tmp_path / "then"), "edge1", None)
    assert baseline.problem == ""
    for fail_on, on_unknown, uses in itertools.product(LEVELS, (True, False), (True, False)):
        gate = Gate(fail_on, on_unknown, baseline=baseline if uses else Baseline())
        expected = closes(case, fail_on, on_unknown, uses)
        assert bool(gate.complaint([finding(case, "c0")])) is expected, (fail_on, on_unknown, uses)


@pytest.mark.parametrize("fail_on", ["none", "high"])
@pytest.mark.parametrize("reason", LOST)
def test_what_was_not_audited_is_an_error_and_no_finding(reason: str, fail_on: str, tmp_path: Path) -> None:
    result = report(tmp_path, LOST[reason], fail_on=fail_on)
    assert (status_of(result), result["gate"]) == (4, "not_audited")
    assert "This is an error and no finding: Ansible counts edge1 as unreachable (exit status 4)" in result["msg"]
    if "files" in result:
        assert set(statuses_said(tmp_path).values()) == {4}
    else:
        # It is not known what it is: the role's own tasks never make such a result.
        assert reason in ("no result", "another module's result")
    later = report(tmp_path, LOST[reason], fail_on=fail_on, fail=False)
    assert (status_of(later), status_of(gated(report=later))) == (0, 4)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = report(tmp_path / "file", document([PASSED]))
    assert status_of(result) == 4
    assert result["msg"].startswith("output_dir: ")


@pytest.mark.parametrize(
    ("report_", "summary", "expected"),
    [
        ({"gate": "open", "msg": "passed"}, None, 0),
        ({"gate": "open", "msg": "passed"}, {"msg": "passed", "gate_failed": ["other"]}, 0),
        ({"gate": "open", "msg": "passed"}, {"msg": "no Docker", "gate_failed": ["edge1"]}, 2),
        ({"gate": "closed", "msg": "1 failed"}, {"msg": "passed", "gate_failed": []}, 2),
        ({"gate": "not_audited", "msg": "no root"}, {"msg": "no", "gate_failed": ["edge1"]}, 4),
        ({"gate": "open", "msg": "passed"}, {"failed": True, "msg": "a crash"}, 4),
        ({"failed": True, "msg": "a crash"}, {"msg": "passed", "gate_failed": []}, 4),
        ({"skipped": True}, None, 4),
        ({"gate": "ajar"}, None, 4),
    ],
)
def test_no_report_or_summary_is_never_taken_for_an_open_gate(
    report_: dict[str, Any], summary: dict[str, Any] | None, expected: int
) -> None:
    options = {"report": report_, **({"summary": summary} if summary is not None else {})}
    result = gated(**options)
    assert status_of(result) == EXIT_STATUSES[result["gate"]] == expected


# ---- the baseline ----------------------------------------------------------------------------------------------------

BROKEN = ("fail", "medium", False, "the same")


def test_known_findings_are_shown_as_known_in_all_formats(tmp_path: Path) -> None:
    old, new = finding(BROKEN, "old"), finding(BROKEN, "new")
    write_baseline(tmp_path / "then", [old])
    options = {"fail_on": "low", "baseline": str(tmp_path / "then")}
    result = report(tmp_path / "now", document([old, new]), **options)
    assert result["baseline"] == {
        "path": str(tmp_path / "then/edge1.json"),
        "taken_at": "2026-01-01T00:00:00+00:00",
        "problem": "",
        "known": 1,
        "new": 1,
    }
    assert (
        result["msg"]
        == "1 failed with severity medium (audit_fail_on: low, new since the baseline of 2026-01-01T00:00Z)"
    )
    folder = tmp_path / "now"
    rows = {row["resource"]: row for row in csv.DictReader(io.StringIO((folder / "edge1.csv").read_text()))}
    assert {name: (row["gate"], row["baseline"]) for name, row in rows.items()} == {
        "old": ("skipped", "unchanged"),
        "new": ("failed", "new"),
    }
    (run,) = json.loads((folder / "edge1.sarif").read_text())["runs"]
    assert [item["baselineState"] for item in run["results"]] == ["unchanged", "new"]
    assert 'dockernet_baseline_known_findings{host="edge1"} 1\n' in (folder / "edge1.prom").read_text()
    grades = re.findall(r"^\| (medium, \w+) \|", (folder / "edge1.md").read_text(), re.MULTILINE)
    assert sorted(grades) == ["medium, known", "medium, new"]
    report(tmp_path / "now", document([old]), **options)
    (suite,) = ElementTree.parse(folder / "edge1.xml").getroot()  # noqa: S314 (our own)
    (skipped,) = suite.findall("testcase/skipped")
    assert skipped.get("message") == "failed, with severity medium, in the baseline of 2026-01-01T00:00Z"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "edge1.json does not exist"),
        ("{", "edge1.json: it is no JSON"),
        ("[" * 100_000, "edge1.json: it is "),
        ("{}", "edge1.json: it is no document of an audit"),
        (
            document_text({**document([PASSED]), "document": {"name": "dockernet.baseline.audit", "version": 2}}),
            "version",
        ),
        (document_text(document([PASSED], "web2")), "edge1.json: it is of the host web2"),
        (document_text({**document([PASSED]), "error": {}}), "the host was not audited"),
        (document_text({**document([PASSED]), "host": {"inventory_name": "edge1"}}), "when the host was read"),
    ],
    ids=["missing", "no JSON", "nested", "no audit", "version", "other host", "not audited", "no time"],
)
def test_without_a_baseline_everything_is_new_and_the_reason_is_said(
    content: str | None, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    then = tmp_path / "then"
    then.mkdir()
    if content is not None:
        (then / "edge1.json").write_text(content)
    now = document([finding(BROKEN, "old")])
    result = report(tmp_path / "now", now, fail_on="low", baseline=str(then), detail="summary")
    assert status_of(result) == 2
    assert problem in result["baseline"]["problem"]
    assert problem in result["msg"]
    assert "No baseline: edge1.json" in capsys.readouterr().out
    assert (result["baseline"]["known"], result["baseline"]["new"]) == (0, 1)
    nowhere = report(tmp_path / "now", now, fail_on="low", baseline=str(tmp_path / "nowhere"))
    assert nowhere["baseline"]["problem"] == f"the directory {tmp_path / 'nowhere'} does not exist"


def test_a_directory_that_is_not_there_and_one_file_will_do(tmp_path: Path) -> None:
    now = document([finding(BROKEN, "old")])
    assert "does not exist" in report(tmp_path / "now", now, fail_on="low", baseline=str(tmp_path / "no"))["msg"]
    write_baseline(tmp_path / "then", [finding(BROKEN, "old")])
    one = (tmp_path / "then/edge1.json").rename(tmp_path / "one.json")
    assert status_of(report(tmp_path / "now", now, fail_on="low", baseline=str(one))) == 0


def test_the_document_of_the_run_itself_is_no_baseline(tmp_path: Path) -> None:
    now = document([finding(BROKEN, "old")])
    write_baseline(tmp_path / "now", [finding(BROKEN, "old")])
    (tmp_path / "link").symlink_to(tmp_path / "now")
    result = report(tmp_path / "now", now, fail_on="low", baseline=str(tmp_path / "link"))
    assert status_of(result) == 2
    assert "edge1.json is the file that this run writes" in result["msg"]


def test_a_host_that_was_not_audited_has_no_baseline(tmp_path: Path) -> None:
    write_baseline(tmp_path / "then", [PASSED])
    result = report(tmp_path / "now", LOST["unreachable"], baseline=str(tmp_path / "then"))
    assert status_of(result) == 4
    assert "baseline" not in result
