"""The role networks on a real engine: makes what is missing, says what it would do, and consents only when told to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.host_state import host_state
from tests.lab.ansible_runs import PlaybookResult
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

NETWORKS = "dockernet.baseline.networks_docker_net"
WANTED: dict[str, Any] = {
    "networks_pools": [{"base": "10.60.0.0/22", "size": 24}, {"base": "fd00:60::/48", "size": 64}],
    "networks_avoid": ["10.60.0.0/24"],
    "networks_list": [
        {"name": "front", "subnets": [{"subnet": "10.20.0.0/24"}], "mtu": 1400},
        {"name": "back", "internal": True, "connected": [{"name": "web", "ipv4_address": "10.60.1.9"}]},
        {"name": "six", "ipv6": True},
        {"name": "old", "state": "absent"},
    ],
}


@pytest.mark.kinds("debian11", "debian13-docker28")
def test_from_the_list_to_the_host(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(Scenario([NetworkSpec("front", "10.20.0.0/24"), NetworkSpec("old")], [Workload("web", ["front"])]))
    web = host.container("web")
    alive = (web.pid, web.started_at, web.address("front"))

    def run(*, check: bool = False, **wishes: Any) -> PlaybookResult:
        return lab.ansible_playbook(NETWORKS, limit=[host.name], extra_vars={**WANTED, **wishes}, check=check)

    # Somebody is on a network that differs: nothing at all is done.
    refused = run()
    assert refused.rc != 0
    assert "mtu" in refused.out
    assert set(networks(host)) == {"bridge", "host", "none", "front", "old"}

    before = host_state(host)
    consent: dict[str, Any] = {"networks_recreate": "allow", "networks_on_disruption": "allow"}
    predicted = run(check=True, **consent)
    assert predicted.rc == 0, predicted.out
    assert "Planned changes:" in predicted.out
    assert "container web is disconnected from network front for a moment" in predicted.out
    assert host_state(host) == before

    done = run(**consent)
    assert done.rc == 0, done.out
    assert "network back (10.60.1.0/24): created" in done.out
    assert set(networks(host)) == {"bridge", "host", "none", "front", "back", "six"}
    assert subnets(host, "six") == ["10.60.2.0/24", "fd00:60::/64"]
    assert (web.pid, web.started_at, web.address("front")) == alive

    again = run(**consent)
    assert again.stats[host.name]["changed"] == 0, again.out
    assert web.address("back") == "10.60.1.9"

    alone: dict[str, Any] = {"networks_list": [{"name": "back", "connected": [], "appends": False}]}
    refused = run(**alone)
    assert refused.rc != 0
    assert "on_disruption: allow" in refused.out
    closed = run(**alone, networks_on_disruption="allow")
    assert closed.rc == 0, closed.out
    assert "container web is disconnected from network back" in closed.out
    assert set(web.inspect()["NetworkSettings"]["Networks"]) == {"front"}


def networks(host: Host) -> list[str]:
    return host.docker("network", "ls", "--format", "{{.Name}}").out.split()


def subnets(host: Host, name: str) -> list[str]:
    found = json.loads(host.docker("network", "inspect", name).out)[0]
    return [config["Subnet"] for config in found["IPAM"]["Config"]]
