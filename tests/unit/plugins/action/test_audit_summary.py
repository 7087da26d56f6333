# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_summary fails for one thing alone: a run in which no host has Docker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.action import audit_summary
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text

from tests.unit.audits import audit_of
from tests.unit.plugins.action.conftest import action_with
from tests.unit.synthetic_host import SyntheticHost

ABSENT = SyntheticHost().unread("engine", kind="absent", reason="no Docker Engine here")


def summarized(folder: Path, hosts: dict[str, SyntheticHost | None], waiting: tuple[str, ...] = ()) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, host in hosts.items():
        results[name] = {}
        if host is not None:
            document = audit_of(host.snapshot())
            document["host"]["inventory_name"] = name
            (folder / f"{name}.json").write_text(document_text(document))
            results[name] = {"document_path": str(folder / f"{name}.json")}
    options = {"results": results, "reports": {name: {"msg": "gate passed"} for name in hosts}}
    found: dict[str, Any] = action_with(audit_summary, "audit_summary", lambda **dummy: {}, options).run(
        task_vars={"inventory_hostname": "a", "ansible_play_hosts": list(waiting)}
    )
    return found


@pytest.mark.parametrize(
    ("hosts", "waiting", "fails"),
    [
        ({"a": ABSENT}, (), True),
        ({"a": ABSENT, "b": ABSENT}, (), True),
        ({"a": ABSENT, "b": SyntheticHost()}, (), False),
        # b has its turn in a later batch.
        ({"a": ABSENT, "b": None}, ("b",), False),
        # b was lost before its audit, which is another matter, and fails by itself.
        ({"a": ABSENT, "b": None}, (), False),
    ],
)
def test_a_run_without_any_docker_fails(
    tmp_path: Path, hosts: dict[str, SyntheticHost | None], waiting: tuple[str, ...], *, fails: bool
) -> None:
    result = summarized(tmp_path, hosts, waiting)
    assert result.get("failed", False) is fails, result
    if fails:
        assert result["msg"].startswith("gate failed: no host of this run has a Docker Engine")
        assert result["gate_failed"] == list(hosts)
