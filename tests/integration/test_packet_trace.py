# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""packet_trace and the matrix of docker_netcheck on real engines, and what real packets say to both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import Vantage, enough

TRACE = "dockernet.baseline.packet_trace"
NETCHECK = "dockernet.baseline.docker_netcheck"
SAVED = "/root/docker-network.json"
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24"), NetworkSpec("back", "10.88.2.0/24")],
    [
        Workload("web", ["front"], publish=["8080:80", "127.0.0.1:8081:81"], serve=[80, 81, 9000]),
        Workload("twin", ["front"], publish=["8082:80"], serve=[80]),
        Workload("other", ["front"], publish=["8083:80"], serve=[80]),
        Workload("db", ["back"], serve=[5432]),
    ],
)
QUESTIONS: list[tuple[dict[str, Any], str]] = [
    ({"from": "outside", "to": "web:80/tcp"}, "answered"),
    ({"from": "container web", "to": "db", "port": 5432}, "timed out"),
    ({"from": "host", "to": "db", "port": 5433}, "refused"),
]


def vantage(host: Host, lab: Lab, origin: dict[str, str]) -> Vantage:
    """The place that a packet of this origin starts at."""
    if origin["kind"] == "outside":
        return lab.outside
    return host if origin["kind"] == "host" else host.container(origin["name"])


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_a_prediction_names_the_way_and_is_what_real_packets_meet(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(SCENARIO)
    for options, seen in QUESTIONS:
        result = ansible_module(fresh_host, TRACE, options)
        packet, path = result["packet"], result["path"]
        assert path["observed"] == seen, result["listing"]
        assert (
            vantage(fresh_host, lab, packet["origin"]).tcp(packet["destination"], packet["port"], enough(seen)) == seen
        )
        assert result["changed"] is False
        assert path["steps"][path["decided_at"]]["action"]
        assert result["diagram"].startswith("flowchart TD")


def test_the_matrix_says_of_each_class_what_a_real_connection_meets(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(SCENARIO)
    fresh_host.run(["iptables", "-I", "INPUT", "-i", "eth0", "-p", "tcp", "--dport", "8082", "-j", "DROP"])
    wishes = {"reachability": "full", "checks": ["proxy.enabled"], "snapshot_path": SAVED}
    result = ansible_module(fresh_host, NETCHECK, wishes)["reachability"]
    assert result["problems"] == []
    for origin, cells in by_origin(result["cells"], fresh_host.address):
        targets = [
            ("tcp", item["example"]["destination"], item["example"]["port"], enough(item["observed"])) for item in cells
        ]
        answers = vantage(fresh_host, lab, origin).probe(targets)
        for cell, answer in zip(cells, answers, strict=True):
            assert answer.outcome == cell["observed"], cell
    assert {"twin", "other"} in [set(item["members"]) & {"twin", "other"} for item in result["origins"]]
    exposed = {(item["kind"], port) for item in result["exposures"] for port in item["ports"]}
    assert ("denied_by_host", "twin:80/tcp") in exposed
    assert not {port for kind, port in exposed if port == "web:80/tcp"}
    trace = ansible_module(
        fresh_host, TRACE, {"from": "outside", "to": "twin:80/tcp", "snapshot_path": SAVED}, check=True
    )
    assert trace["path"]["observed"] == "answered"


def by_origin(cells: list[dict[str, Any]], address: str) -> list[tuple[dict[str, str], list[dict[str, Any]]]]:
    """Cells that can be tried, by where their packets start."""
    found: dict[str, tuple[dict[str, str], list[dict[str, Any]]]] = {}
    for cell in cells:
        packet = cell["example"]
        origin = packet["origin"]
        # The machine outside has no route to 127.0.0.0/8 or to networks of the host.
        if packet["protocol"] == "tcp" and (origin["kind"] != "outside" or packet["destination"] == address):
            found.setdefault(str(origin), (origin, []))[1].append(cell)
    return list(found.values())
