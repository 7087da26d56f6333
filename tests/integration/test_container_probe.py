# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""container_probe on real engines: which layer fails for which fault, and that a healthy container has none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

PROBE = "dockernet.baseline.container_probe"
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24", ipv6_subnet="fd88:1::/64")],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("client", ["front"], serve=[80]),
    ],
)


def probed(host: Host, origin: str, to: str = "", **options: Any) -> dict[str, Any]:
    """The result of a run."""
    wanted = {"from": origin, **({"to": to} if to else {}), "timeout": 2, **options}
    result = ansible_module(host, PROBE, wanted)
    assert not result["failed"], result
    return result


def outcomes(result: dict[str, Any], index: int = 0) -> dict[str, str]:
    """By layer."""
    return {layer["layer"]: layer["outcome"] for layer in result["probes"][index]["layers"]}


@pytest.mark.kinds("debian11", "debian13", "debian13-docker28")
def test_a_healthy_container_fails_no_layer(fresh_host: Host, lab: Lab) -> None:
    fresh_host.deploy(SCENARIO)
    result = probed(
        fresh_host,
        "client",
        probes=[
            {"to": "web", "port": 80, "protocol": "http"},
            {"to": lab.internet_address, "port": 80},
            {"to": fresh_host.address, "port": 8080},
            {"to": "gateway", "protocol": "icmp"},
        ],
    )
    assert [probe["observed"] for probe in result["probes"]] == ["answered"] * 4, result["listing"]
    assert [layer for probe in result["probes"] for layer in probe["layers"] if layer["outcome"] == "failed"] == []
    assert outcomes(result, 0)["name"] == outcomes(result, 0)["service"] == "passed"
    assert set(outcomes(result, 1).values()) == {"passed"} | {"skipped"}
    assert {name for name, outcome in outcomes(result, 1).items() if outcome == "skipped"} == {"name", "service"}
    assert [probe["container"] for probe in result["probes"]] == ["web", "", "web", ""]
    assert result["process"]["state"] == "running"
    assert [item["container"] for item in result["target_processes"]] == ["web"]
