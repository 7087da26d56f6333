# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module that reports a fleet: its options, its result, and what people see."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action import fleet_report
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet import manifest
from junitparser import JUnitXml

from tests.unit.fleets import FAILING, document, lost, write_run
from tests.unit.plugins.action.conftest import action_with


def report(*directories: Path, **options: Any) -> dict[str, Any]:
    given = {"directories": [str(path) for path in directories], **options}
    found: dict[str, Any] = action_with(fleet_report, "fleet_report", lambda **dummy: {}, given).run(task_vars={})
    return found


@pytest.fixture
def audited(tmp_path: Path) -> Path:
    """A directory with two runs, of which the first was reported."""
    write_run(tmp_path, [document("web1"), document("web2"), document("gone")], "a", 1)
    assert report(tmp_path, detail="none")["runs"] == 1
    return write_run(tmp_path, [document("web1", {FAILING: "pass"}), document("web2"), lost("web3")], "b", 2)


def test_the_result_has_what_changed_and_where_the_files_are(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    found = report(audited, fail_on="high", formats=["json", "markdown"])
    assert not found.get("failed")
    assert found["msg"] == (
        "gate failed on 3 of 3 hosts; 1 not audited; "
        "since the run before, 2026-12-01T10:00:00+00:00: none new, 1 fixed, none regressed; "
        "1 host of earlier runs not part of this one"
    )
    assert found["totals"]["hosts"] == 3
    assert (found["totals"]["new"], found["totals"]["fixed"], found["runs"]) == (0, 1, 2)
    assert found["gate_failed"] == ["web1", "web2", "web3"]
    assert found["gate"] == "not_audited"
    assert [host["host"] for host in found["vanished"]] == ["gone"]
    assert found["problems"] == []
    assert found["files"] == {ending: str(audited / "fleet" / f"report.{ending}") for ending in ("json", "md")}
    assert json.loads(Path(found["files"]["json"]).read_text())["run"] == found["totals"]
    shown = capsys.readouterr().out
    assert shown.splitlines() == [
        "",
        "3 hosts: 1 unreachable, 2 high",
        *[line for line in shown.splitlines() if line.startswith("Findings: ")],
        "Since the run before, 2026-12-01T10:00:00+00:00: none new, 1 fixed, none regressed",
        "Not part of this run: 1 host: gone",
        *[line for line in shown.splitlines() if line.startswith(("Fleet report: ", "  "))],
    ]


def test_what_the_summary_of_the_run_has_shown_is_left_out(audited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    report(audited, detail="brief", width=400, formats=["html", "json"])
    assert capsys.readouterr().out.splitlines() == [
        "Not part of this run: 1 host: gone",
        f"Fleet report: {audited / 'fleet'}: HTML and JSON",
    ]
    report(audited, detail="none")
    assert capsys.readouterr().out == ""


def test_history_is_where_it_is_wanted(audited: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "networks.sqlite3"
    assert report(audited, history=str(other), detail="none")["runs"] == 1
    assert other.is_file()
    (audited / "history.sqlite3").unlink()
    found = report(audited, history="none", output_dir=str(tmp_path / "out"), formats=["json"], detail="none")
    assert (found["runs"], found["totals"]["new"]) == (1, 0)
    assert not (audited / "history.sqlite3").exists()
    assert found["files"] == {"json": str(tmp_path / "out" / "report.json")}
    # What its document says is known without a history, too.
    assert [host["host"] for host in found["vanished"]] == ["gone"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"directories": []}, "directories: expected at least one"),
        ({"history_days": 0}, "history_days: expected at least 1, found 0"),
        ({"directories": ["none"]}, "directories: {place}/none: there is no such directory"),
        ({"directories": ["file"]}, "directories: {place}/file: it is no directory"),
        ({"directories": ["empty"]}, "no report was written: no document of an audit in"),
        ({"output_dir": "file"}, "no report was written: {place}/file: it is no directory"),
    ],
)
def test_what_cannot_be_reported_fails(audited: Path, options: dict[str, Any], problem: str) -> None:
    (audited / "empty").mkdir()
    (audited / "file").touch()
    placed = {
        name: [str(audited / item) for item in value] if isinstance(value, list) else value
        for name, value in options.items()
    }
    if "output_dir" in placed:
        placed["output_dir"] = str(audited / "file")
    found = report(audited, **placed)
    assert found["failed"]
    assert found["gate"] == "not_audited"
    assert found["msg"].startswith(problem.format(place=audited))


def test_another_run_that_began_in_the_directory_meanwhile_is_named(
    audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(manifest, "_scratch", lambda: str(scratch))
    manifest.begin_run(audited, {"inventory_hostname": "web1"})
    assert "failed" not in report(audited, detail="none")
    write_run(audited, [document("web2")], "other", 5)
    found = report(audited, detail="none")
    assert (found["failed"], found["gate"]) == (True, "not_audited")
    who = "another run, begun 2026-12-05T10:00:00+00:00 on ci"
    assert found["msg"].startswith(f"no report was written: {who}, writes to {audited} as well. Give each run")


def test_the_gate_is_that_of_all_hosts(tmp_path: Path) -> None:
    well = {item["check"]: "pass" for item in document("x")["findings"]}
    none = {**document("web2"), "platform": {**document("x")["platform"], "state": "absent", "label": "no Docker"}}
    none["findings"] = [{**document("x")["findings"][0], "check": "audit.engine", "outcome": "not_applicable"}]
    for name, documents, gate in (
        ("open", [document("web1", well), none], "open"),
        ("closed", [document("web1", well), document("web2")], "closed"),
        ("lost", [document("web1", well), lost("web2")], "not_audited"),
        ("nowhere", [none], "closed"),
    ):
        found = report(write_run(tmp_path / name, documents, name), fail_on="high", detail="none")
        assert found["gate"] == gate, name


def test_what_a_baseline_knows_closes_no_gate_and_that_is_said_in_each_format(tmp_path: Path) -> None:
    write_run(tmp_path / "then", [document("web1"), document("web2", {FAILING: "pass"})], "a", 1)
    write_run(tmp_path / "now", [document("web1"), document("web2")], "b", 2)
    found = report(
        tmp_path / "now",
        fail_on="high",
        fail_on_unknown=False,
        baseline=str(tmp_path / "then"),
        formats=["json", "csv", "junit", "prometheus"],
        detail="none",
    )
    assert (found["gate"], found["gate_failed"]) == ("closed", ["web2"])
    texts = {ending: Path(path).read_text() for ending, path in found["files"].items()}
    hosts = {host["host"]: host["gate"]["open"] for host in json.loads(texts["json"])["hosts"]}
    assert hosts == {"web1": True, "web2": False}
    assert [row["host"] for row in csv.DictReader(io.StringIO(texts["csv"])) if row["gate"] == "failed"] == ["web2"]
    suites = {suite.name: suite.failures for suite in JUnitXml.fromstring(texts["xml"].encode())}
    assert suites == {"web1": 0, "web2": 1}
    assert 'dockernet_gate_open{host="web1"} 1' in texts["prom"]
    assert 'dockernet_gate_open{host="web2"} 0' in texts["prom"]


def test_programs_get_the_lines_in_the_result(audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json")
    assert report(audited)["report"][0] == "3 hosts: 1 unreachable, 2 high"


def test_names_of_strangers_are_inert_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[2J\u202e\ud800"
    write_run(tmp_path, [document(name), document("web1")], "a", 1)
    write_run(tmp_path, [document("web1")], "b", 2)
    found = report(tmp_path)
    assert not found.get("failed")
    assert "a\\x1b[2J\\u202e\\ud800" in capsys.readouterr().out
    assert found["vanished"][0]["host"] == "a\x1b[2J\u202e\\ud800"
