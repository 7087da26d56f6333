# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that report: text for people, lines for programs, and wrong results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.dockernet.baseline.plugins.action import (
    audit_report,
    change_report,
    diagnosis_report,
    facts_report,
    packet_trace,
    trace_report,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_of

from tests.unit.audits import result_of
from tests.unit.operators_host import operators_host
from tests.unit.plugins.action.conftest import action_with


def report(plugin: Any, name: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = action_with(plugin, name, lambda **dummy: {}, options).run(
        task_vars={"inventory_hostname": "edge1"}
    )
    return found


@pytest.fixture
def way(task_of: Any) -> dict[str, Any]:
    """What packet_trace returns."""
    task = task_of(packet_trace)
    found: dict[str, Any] = task.run(operators_host(), **{"from": "web", "to": "203.0.113.9", "port": 443})
    return found


def test_people_get_text_of_its_own(way: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert report(trace_report, "trace_report", result=way) == {"changed": False, "msg": way["msg"]}
    assert "\nedge1: container web to 203.0.113.9:443/tcp\n" in capsys.readouterr().out
    found = report(facts_report, "facts_report", result=result_of(operators_host()))
    assert found == {"changed": False, "msg": "4 containers, 2 networks, 2 ports of bridges"}
    assert "\ncontainers and their network mode\n" in capsys.readouterr().out


def test_programs_get_the_lines_in_the_result(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json")
    assert report(trace_report, "trace_report", result=way)["report"][0].startswith("edge1: container web")
    assert "networks" in report(facts_report, "facts_report", result=result_of(operators_host()))["report"]


def test_what_was_changed_is_text_under_the_name_of_the_host(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["a table", "", "of \x1b[2J", "1 repaired", ""]
    assert report(change_report, "change_report", title="before and after", lines=lines) == {
        "changed": False,
        "msg": "1 repaired",
    }
    assert capsys.readouterr().out == "\nedge1: before and after\n\na table\n\nof \\x1b[2J\n1 repaired\n\n"
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json")
    found = report(change_report, "change_report", title="networks", lines=["one"])
    assert found["report"] == ["edge1: networks", "", "one"]


@pytest.mark.parametrize(
    "result", [{}, {"facts": None}, {"packet": {}, "path": {}, "diagnosis": {}, "hops": []}, {"facts": {"proxy": {}}}]
)
def test_what_is_no_result_is_an_error_that_says_what_is_wanted(result: dict[str, Any]) -> None:
    for plugin, name, module in (
        (trace_report, "trace_report", "packet_trace"),
        (diagnosis_report, "diagnosis_report", "connection_diagnosis"),
        (facts_report, "facts_report", "docker_netcheck"),
    ):
        with pytest.raises(AnsibleActionFail, match=f"result: not what {module} returned"):
            report(plugin, name, result=result)


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnsibleActionFail, match="output_dir: "):
        report(facts_report, "facts_report", result=result_of(operators_host()), output_dir=str(tmp_path / "file"))


def test_an_audit_in_the_result_is_written_with_nothing_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = result_of(operators_host())
    told = report(
        audit_report,
        "audit_report",
        result=result,
        fail_on="info",
        fail_on_variable="harden_fail_on",
        output_dir=str(tmp_path),
        detail="none",
    )
    assert capsys.readouterr().out == ""
    assert told["failed"]
    assert told["msg"].endswith("(harden_fail_on: info)")
    written = json.loads(Path(told["files"]["json"]).read_text())
    assert written.pop("run")["id"]
    assert written == json.loads(json.dumps(document_of(result)))
    assert Path(told["files"]["xml"]).exists()


def test_the_files_are_those_of_the_formats_that_are_named(tmp_path: Path) -> None:
    for formats in (["csv"], ["json", "csv", "junit"]):
        folder = tmp_path / str(len(formats))
        done = report(
            audit_report,
            "audit_report",
            result=result_of(operators_host()),
            output_dir=str(folder),
            formats=formats,
            detail="none",
        )
        endings = {"junit": "xml"}
        paths = {endings.get(name, name): folder / f"edge1.{endings.get(name, name)}" for name in formats}
        assert done["files"] == {kind: str(path) for kind, path in paths.items()}
        assert {path for path in folder.iterdir() if path.is_file()} == set(paths.values())
        assert {path.stat().st_mode & 0o777 for path in paths.values()} == {0o600}


def test_a_host_that_was_not_audited_has_a_file_in_each_format(tmp_path: Path) -> None:
    formats = audit_report._FORMATS
    lost = {"unreachable": True, "msg": "no route"}
    done = report(audit_report, "audit_report", result=lost, output_dir=str(tmp_path), formats=list(formats))
    assert len(done["files"]) == len(formats)
    assert all("edge1" in Path(path).read_text() for path in done["files"].values())


def test_a_format_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="value of formats must be one or more of: json, junit"):
        report(audit_report, "audit_report", result={}, output_dir=str(tmp_path), formats=["pdf"])
