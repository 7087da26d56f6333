# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy, waivers and the document of an audit on real engines; and the same document from a snapshot, elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_of

from tests.lab.ansible_runs import TaskResult
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.unit.audits import problems

NETCHECK = "dockernet.baseline.docker_netcheck"
SNAPSHOT = "/root/docker-network.json"
SHOP = Scenario(
    [NetworkSpec("front", "10.88.1.0/24")],
    [
        Workload("web", ["front"], publish=["8080:80"]),
        Workload("side", ["front"], publish=["8081:80"]),
        Workload("agent", network_mode="host", serve=[9100]),
    ],
)
DECISION = {"reason": "known", "owner": "ops", "expires": "2999-12-31"}
POLICY: dict[str, Any] = {
    "profile": "strict",
    "reachability": "full",
    "severities": {"mode.*": "low", "mode.host": "info"},
    "waivers": [
        {"check": "publish.wildcard", "selector": "container == 'web' && contains(networks, 'front')", **DECISION},
        {"check": "mode.host", **DECISION, "expires": "2020-01-01"},
        {"check": "publish.*", "selector": "container == 'gone'", **DECISION},
    ],
}


def play(host: Host, lab: Lab, folder: Path) -> dict[str, TaskResult]:
    """An audit of the host that keeps what was read, one of what was kept on the controller, and a mere collection."""
    controller = {
        "delegate_to": "localhost",
        "become": False,
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }
    fetched = str(folder / "fetched.json")
    tasks: list[dict[str, Any]] = [
        {"name": "There", NETCHECK: {**POLICY, "snapshot_path": SNAPSHOT}},
        {"name": "Fetch", "ansible.builtin.fetch": {"src": SNAPSHOT, "dest": fetched, "flat": True}},
        {"name": "Here", NETCHECK: {**POLICY, "snapshot": "audit", "snapshot_path": fetched}, **controller},
        {"name": "Collect", NETCHECK: {"snapshot": "save", "snapshot_path": SNAPSHOT}},
        {"name": "Wrong", NETCHECK: {"waivers": [{"check": "mode.*", "selector": "name = 'x'", **DECISION}]}},
    ]
    book = folder / "policy.yml"
    book.write_text(json.dumps([{"name": "Policy", "hosts": host.name, "gather_facts": False, "tasks": tasks}]))
    done = lab.ansible_playbook(str(book))
    assert len(done.tasks) == len(tasks), done.out
    return {task.task: task for task in done.tasks}


def document(task: TaskResult) -> dict[str, Any]:
    """The document in a result, as its schema says it is."""
    assert task.outcome == "ok", task.result
    whole = document_of(task.result)
    assert problems(whole) == []
    return whole


def test_an_audit_by_policy_and_the_same_of_a_saved_snapshot(fresh_host: Host, lab: Lab, tmp_path: Path) -> None:
    fresh_host.deploy(SHOP)
    told = play(fresh_host, lab, tmp_path)
    there, here = document(told["There"]), document(told["Here"])

    assert there["host"]["inventory_name"] == fresh_host.name
    assert there["engine"]["version"].startswith(fresh_host.release)
    assert {name for name, source in there["sources"].items() if not source["read"]} == set()
    assert [use["state"] for use in there["waivers"]] == ["applied", "expired", "unused"]
    wide = {
        item["resource"]["name"]: item.get("waiver")
        for item in there["findings"]
        if item["check"] == "publish.wildcard"
    }
    assert wide == {"web:80/tcp": DECISION, "side:80/tcp": None}
    (agent,) = (item for item in there["findings"] if item["check"] == "mode.host")
    assert (agent["outcome"], agent["severity"], agent["default_severity"]) == ("fail", "info", "low")
    assert there["summary"]["waived"] == 1
    assert told["There"].result["changed"] is True

    timings = there.pop("timings"), here.pop("timings")
    assert here == there
    assert timings[0]["sources"] == timings[1]["sources"]
    assert told["Here"].result["changed"] is False

    collected = told["Collect"].result
    assert collected["sources"] == there["sources"]
    assert "findings" not in collected
    assert told["Wrong"].outcome == "failed"
    assert "waivers[0].selector: it is no JMESPath, at character 6" in told["Wrong"].result["msg"]
