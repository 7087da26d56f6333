# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kernel_trace on real hosts: its events are the rules that the kernel counted, and nothing of it stays."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace

from tests.integration.kernel_traces import counted, rules_met, traced_and_counted
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

MODULE = "dockernet.baseline.kernel_trace"
SCENARIO = Scenario(
    [
        NetworkSpec("front", "10.88.1.0/24", ipv6_subnet="fd00:88:1::/64"),
        NetworkSpec("back", "10.88.2.0/24"),
    ],
    [
        Workload("web", ["front"], publish=["8080:80"], serve=[80]),
        Workload("twin", ["front"], serve=[80]),
        Workload("db", ["back"], serve=[5432]),
    ],
)
ATTEMPTS = 4
"""Other packets of a host are counted, too, though there are few."""


def require_what_was_counted(host: Host, origin: str, options: dict[str, Any]) -> KernelTrace:
    """A trace whose events are of the rules that counted one packet more, each as often."""
    for dummy in range(ATTEMPTS):
        found, risen = traced_and_counted(host, origin, options)
        met = rules_met(found, set(counted(host)))
        if met == risen:
            assert found.complete, found.problem
            assert found.left_behind == []
            return found
    raise AssertionError(f"events of {met}, counted {risen}: {found}")


def tables_of_traces(host: Host) -> list[str]:
    return [line for line in host.run(["nft", "list", "tables"]).out.splitlines() if "dockernet_trace" in line]


def test_dry_traces_are_what_the_kernel_counted(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    address, outside = host.address, lab.outside.address
    web, twin, db = (
        host.container(name).address(of) for name, of in (("web", "front"), ("twin", "front"), ("db", "back"))
    )

    for protocol, port in (("tcp", 9000), ("udp", 9000), ("icmp", 0)):
        found = require_what_was_counted(
            host, "container web", {"destination": outside, "protocol": protocol, "port": port}
        )
        assert (found.end, found.end_device, found.sent) == ("left", "eth0", "socket")
        assert found.end_source.startswith(address)
        assert found.source.startswith(web)
        assert found.events, protocol

    found = require_what_was_counted(host, "outside eth0", {"destination": address, "port": 8080, "source": outside})
    assert (found.end, found.end_destination, found.sent) == ("left", f"{web}:80", "injected")
    assert found.end_source.startswith(outside)

    found = require_what_was_counted(host, "container web", {"destination": db, "port": 5432})
    assert (found.end, found.events[-1].verdict) == ("dropped_by_rule", "drop")

    found = require_what_was_counted(host, "container web", {"destination": address, "port": 22})
    assert found.end == "to_host"

    found = require_what_was_counted(host, "host", {"destination": web, "port": 80})
    assert (found.end, found.end_destination) == ("left", f"{web}:80")

    found = require_what_was_counted(host, "host", {"destination": address, "port": 8080})
    assert found.events
    assert found.end in ("to_host", "left")

    for asked in ("1", "0"):
        host.set_sysctl("net.bridge.bridge-nf-call-iptables", asked)
        found = require_what_was_counted(host, "container web", {"destination": twin, "port": 80})
        assert (found.end, bool(found.events)) == ("left", asked == "1")
    # No rule of IP saw it, and a bridge would have sent it to the other container.
    assert found.end_device.startswith("veth")
    assert tables_of_traces(host) == []


def test_dry_traces_of_ipv6(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    for protocol, port in (("tcp", 9000), ("udp", 9000), ("icmp", 0)):
        found = require_what_was_counted(
            host, "container web", {"destination": lab.outside.address6, "protocol": protocol, "port": port}
        )
        assert (found.end, found.end_device) == ("left", "eth0"), found
    found = require_what_was_counted(host, "host", {"destination": lab.outside.address6, "port": 9000})
    assert (found.end, found.end_device) == ("left", "eth0")


def test_the_module(fresh_host: Host, lab: Lab) -> None:
    host = fresh_host
    host.deploy(SCENARIO)
    origin = {"kind": "container", "name": "web"}
    result = ansible_module(host, MODULE, {"origin": origin, "destination": lab.outside.address, "port": 9000})
    assert (result["changed"], result["trace"]["end"]) == (False, "left")
    assert result["msg"] == f"container web to {lab.outside.address}:9000/tcp: it leaves by eth0"
    wrong = ansible_module(host, MODULE, {"origin": origin, "destination": "web", "port": 9000})
    assert (wrong["failed"], "destination" in wrong["msg"]) == (True, True)
