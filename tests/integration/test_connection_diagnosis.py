# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""connection_diagnosis on a real engine: a healthy path, and faults of each sort of evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.lab.ansible_runs import ansible_module, ansible_playbook
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

DIAGNOSIS = "dockernet.baseline.connection_diagnosis"
PLAYBOOK = "dockernet.baseline.diagnose_docker_net"
INTERNET = "203.0.113.9"
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24"), NetworkSpec("back", "10.88.2.0/24", internal=True)],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("peer", ["front"], serve=[5432]),
        Workload("db", ["back"], serve=[5432]),
    ],
)
OUT = {"from": "container web", "to": INTERNET, "port": 80}


def diagnosis_of(host: Host, **question: Any) -> dict[str, Any]:
    """The diagnosis, of a task that changed nothing."""
    result = ansible_module(host, DIAGNOSIS, question)
    assert result["changed"] is False
    found: dict[str, Any] = result["diagnosis"]
    return {**found, "listing": result["listing"]}


@pytest.mark.kinds("debian13")
def test_a_connection_that_works_has_no_fault(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    for question in (OUT, {"from": "web", "to": "peer", "port": 5432}, {"published": 8080}):
        found = diagnosis_of(fresh_host, **question)
        assert (found["verdict"], found["causes"]) == ("no_fault", []), found["listing"]
        assert "no fault found" in found["summary"]


@pytest.mark.kinds("debian13")
def test_the_cause_of_a_fault_comes_first(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    faults: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        (
            "forwarding_off",
            ["sysctl", "-qw", "net.ipv4.ip_forward=0"],
            ["sysctl", "-qw", "net.ipv4.ip_forward=1"],
            OUT,
        ),
        (
            "docker_user_drops_request",
            ["iptables", "-I", "DOCKER-USER", "-d", INTERNET, "-j", "DROP"],
            ["iptables", "-D", "DOCKER-USER", "-d", INTERNET, "-j", "DROP"],
            OUT,
        ),
        (
            "docker_user_drops_reply",
            ["iptables", "-I", "DOCKER-USER", "-s", INTERNET, "-j", "DROP"],
            ["iptables", "-D", "DOCKER-USER", "-s", INTERNET, "-j", "DROP"],
            OUT,
        ),
        ("internal_network", ["true"], ["true"], {"from": "db", "to": INTERNET, "port": 80}),
        ("nothing_listens", ["true"], ["true"], {"from": "web", "to": "peer", "port": 81}),
    ]
    for cause, breaking, restoring, question in faults:
        fresh_host.run(breaking)
        found = diagnosis_of(fresh_host, **question)
        fresh_host.run(restoring)
        assert found["verdict"] == "fault", found["listing"]
        assert found["causes"][0]["cause"] == cause, found["listing"]


@pytest.mark.kinds("debian13")
def test_a_question_about_what_is_not_there_fails_with_the_reason(fresh_host: Host) -> None:
    fresh_host.deploy(SCENARIO)
    result = ansible_module(fresh_host, DIAGNOSIS, {"from": "nosuch", "to": INTERNET, "port": 80})
    assert result["failed"]
    assert "nosuch" in result["msg"]


@pytest.mark.kinds("debian13")
def test_the_playbook_shows_the_answer_and_refuses_what_no_host_can_answer(fresh_host: Host, tmp_path: Path) -> None:
    fresh_host.deploy(SCENARIO)
    asked = {"container": "web", "target": f"{INTERNET}:80", "output_dir": str(tmp_path)}
    done = ansible_playbook(PLAYBOOK, fresh_host.identity, limit=[fresh_host.name], extra_vars=asked)
    assert (done.rc, done.stats[fresh_host.name]["changed"]) == (0, 0), done.out + done.err
    (task,) = done.of("dockernet.baseline.connection_diagnosis")
    assert task.result["diagnosis"]["verdict"] == "no_fault"
    refused = ansible_playbook(PLAYBOOK, fresh_host.identity, limit=[fresh_host.name], extra_vars={"container": "web"})
    assert refused.rc != 0
    assert refused.of("dockernet.baseline.connection_diagnosis") == []
