# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_host does what docker_netcheck and audit_report do one after the other, also where a host is not reached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.dockernet.baseline.plugins.action import audit_host, docker_netcheck
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE, pack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import CLOSED, NOT_AUDITED

from tests.unit.operators_host import operators_host
from tests.unit.plugins.action.conftest import action_with, told_by


def read(dummy_self: Any, **dummy: Any) -> dict[str, Any]:
    return {"changed": False, WIRE: pack(json.dumps(to_plain(operators_host())))}


def lost(dummy_self: Any, **dummy: Any) -> dict[str, Any]:
    raise AnsibleConnectionFailure("Failed to connect to the host via ssh: no route to host")


def failed(dummy_self: Any, **dummy: Any) -> dict[str, Any]:
    return {"failed": True, "msg": "read_timeout: expected at least one second"}


def run(patch: pytest.MonkeyPatch, host: Any, **options: Any) -> dict[str, Any]:
    patch.setattr(docker_netcheck.ActionModule, "_execute_module", host)
    found: dict[str, Any] = action_with(audit_host, "audit_host", lambda **dummy: {}, options).run(
        task_vars={"inventory_hostname": "edge1"}
    )
    return found


def test_it_returns_what_both_return(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(
        monkeypatch,
        read,
        audit={"document_in": "file", "output_dir": str(tmp_path)},
        report={"output_dir": str(tmp_path), "fail_on": "info"},
    )
    assert found["audit"]["document_path"] == str(tmp_path / "edge1.json")
    assert found["report"]["gate"] == CLOSED
    assert not found.get("failed")
    assert sorted(path.name for path in tmp_path.glob("edge1*")) == ["edge1.json", "edge1.xml"]


def test_a_host_that_is_not_reached_is_reported_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, lost, report={"output_dir": str(tmp_path)})
    assert found["audit"]["unreachable"]
    assert found["report"]["gate"] == NOT_AUDITED
    assert not found.get("unreachable")
    assert not found.get("failed")
    error = json.loads((tmp_path / "edge1.json").read_text())["error"]
    assert error == {"kind": "unreachable", "reason": "Failed to connect to the host via ssh: no route to host"}


def test_an_audit_that_fails_is_the_result_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, failed) == failed(None)


def test_a_host_that_is_only_read_has_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(monkeypatch, read, audit={"snapshot": "save", "snapshot_path": "/root/docker-network.json"})
    assert "report" not in found
    assert found["audit"]["msg"].endswith("/root/docker-network.json")


def test_the_lines_are_shown_where_no_text_of_its_own_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible looks at the result of the task for whether to show it."""
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "ansible.posix.json")
    found = run(monkeypatch, read)
    assert found["report"]["report"][0].startswith("edge1: ")
    assert found["_ansible_verbose_always"]


def test_the_engine_of_the_action_group_is_that_of_the_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(dummy_self: Any, module_args: dict[str, Any], **dummy: Any) -> dict[str, Any]:
        asked.append(told_by(module_args).get("docker_host"))
        return failed(None)

    run(monkeypatch, ask, docker_host="unix:///run/group.sock")
    run(monkeypatch, ask, docker_host="unix:///run/group.sock", audit={"docker_host": "unix:///run/own.sock"})
    run(monkeypatch, ask)
    assert asked == ["unix:///run/group.sock", "unix:///run/own.sock", None]
