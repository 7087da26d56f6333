# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces on which ARP is off (ip link set DEVICE arp off), held against real packets of IPv4 and IPv6."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CLOSED,
    CONTAINER,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    PROXY_REQUEST,
    TIMED_OUT,
    UNREACHABLE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.observing import Attempt, observe
from tests.integration.catalogue.cases import judge, of, shown
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

CHECK = "network.endpoint"
PORT = 8080
BRIDGE = "front0"
GATEWAYS = ("10.88.1.1", "fd00:88:1::1")
OPTIONS = {"com.docker.network.bridge.name": BRIDGE}
SCENARIO = Scenario(
    [NetworkSpec("front", "10.88.1.0/24", options=OPTIONS, ipv6_subnet="fd00:88:1::/64")],
    [Workload("web", ["front"], publish=[f"{PORT}:80"], serve=[80]), Workload("client", ["front"], serve=[81])],
)
PUBLISHED, INNER, BESIDE, GATEWAY = "the published port", "web from the host", "web from client", "the gateway"
"""What is asked, by both families each."""


@dataclass(frozen=True)
class Way:
    """An interface on which ARP is turned off."""

    switch: Callable[[Host, str], None]
    answered: tuple[str, ...]
    """What is still answered then."""
    resource: str = ""
    """Of the finding; empty where there is none."""
    command: Callable[[Host], str] = lambda dummy: ""
    """What the remediation says, to be run on the host."""


def on_bridge(host: Host, state: str) -> None:
    host.run(["ip", "link", "set", BRIDGE, "arp", state])


def inside(host: Host, state: str) -> None:
    host.container("web").net(["ip", "link", "set", "eth0", "arp", state])


def on_port(host: Host, state: str) -> None:
    (link,) = json.loads(host.container("web").net(["ip", "-j", "link", "show", "dev", "eth0"]).out)
    links = json.loads(host.net(["ip", "-j", "link"]).out)
    port = next(item["ifname"] for item in links if item["ifindex"] == link["link_index"])
    host.run(["ip", "link", "set", port, "arp", state])


def turned_on_inside(host: Host) -> str:
    pid = host.docker("inspect", "-f", "{{.State.Pid}}", "web").out.strip()
    return f"nsenter -n -t {pid} ip link set eth0 arp on"


WAYS = {
    "bridge": Way(on_bridge, (BESIDE,), "front", lambda dummy: f"ip link set {BRIDGE} arp on"),
    "container": Way(inside, (GATEWAY,), "web", turned_on_inside),
    "bridge port": Way(on_port, (PUBLISHED, INNER, BESIDE, GATEWAY)),
}


def questions(host: Host, lab: Lab) -> list[tuple[str, Origin, Attempt]]:
    client = host.container("client")
    front = host.container("web").inspect()["NetworkSettings"]["Networks"]["front"]
    asked: list[tuple[str, Origin, Attempt]] = []
    for own, address, gateway in zip(
        (host.address, host.address6), (front["IPAddress"], front["GlobalIPv6Address"]), GATEWAYS
    ):
        asked += [
            (PUBLISHED, Origin(OUTSIDE), Attempt(lab.outside.path, "tcp", own, PORT)),
            (INNER, Origin(HOST), Attempt(host.path, "tcp", address, 80)),
            (BESIDE, Origin(CONTAINER, "client"), Attempt(client.path, "tcp", address, 80)),
            (GATEWAY, Origin(CONTAINER, "client"), Attempt(client.path, "icmp", gateway, 0)),
        ]
    return asked


def disagreements(host: Host, lab: Lab, snapshot: HostSnapshot, answered: tuple[str, ...]) -> list[str]:
    """Where a prediction, or what is expected, differs from what is seen."""
    view, asked = HostView.of(snapshot), questions(host, lab)
    found = []
    outcomes = observe([attempt for dummy, dummy2, attempt in asked], seconds=2)
    for (name, origin, attempt), outcome in zip(asked, outcomes):
        path = predict(view, Packet(origin, attempt.address, attempt.protocol, attempt.port))
        if outcome.seen not in seen_as(path) or (outcome.seen == ANSWERED) is not (name in answered):
            found.append(f"{name}, {attempt.address}: {outcome.seen}, predicted {path.observed} ({path.because})")
    return found


def seen_as(path: Path) -> tuple[str, ...]:
    if path.observed != NO_ANSWER:
        return (path.observed,)
    # docker-proxy ends the connection once its own one has failed.
    is_proxied = any(step.leg == PROXY_REQUEST for step in path.steps)
    return (TIMED_OUT, UNREACHABLE, *([CLOSED] if is_proxied else []))


def forget_neighbours(host: Host) -> None:
    for place in (host, host.container("web"), host.container("client")):
        place.net(["ip", "neigh", "flush", "all"])


def unknown(snapshot: HostSnapshot) -> set[tuple[str, str]]:
    return {(item.check, item.resource.name) for item in judge(snapshot) if item.outcome == "unknown"}


# Short is the bridge alone: the others are the same mechanism elsewhere.
MARKS = {"bridge": pytest.mark.engines}


@pytest.mark.parametrize("way", [pytest.param(way, marks=MARKS.get(way, pytest.mark.long)) for way in WAYS])
def test_what_is_lost_where_arp_is_off_is_predicted_and_found(fresh_host: Host, lab: Lab, way: str) -> None:
    host, wanted = fresh_host, WAYS[way]
    install_readers(host)
    host.deploy(SCENARIO)
    everything = WAYS["bridge port"].answered

    def assert_healthy() -> HostSnapshot:
        snapshot = read_host(host)
        assert disagreements(host, lab, snapshot, everything) == []
        assert [item.outcome for item in of(judge(snapshot), CHECK)] == ["pass"]
        return snapshot

    healthy = assert_healthy()
    wanted.switch(host, "off")
    try:
        for dummy in ("remembered", "forgotten"):
            snapshot = read_host(host)
            assert disagreements(host, lab, snapshot, wanted.answered) == []
            findings = of(judge(snapshot), CHECK)
            assert [(item.outcome, item.resource.name) for item in findings] == (
                [("fail", wanted.resource)] if wanted.resource else [("pass", host.name)]
            ), shown(findings)
            assert unknown(snapshot) == unknown(healthy)
            forget_neighbours(host)
            # Now the kernel notes whom it sends to, where ARP is off.
            host.container("web").tcp(GATEWAYS[0], 1, 0.1)
            host.tcp(host.container("web").address("front"), 1, 0.1)
        if wanted.resource:
            (finding,) = findings
            assert (finding.severity, "ARP is off on its" in finding.summary) == ("high", True)
            assert finding.remediation is not None
            assert wanted.command(host) in finding.remediation.text
            host.run(wanted.command(host))
            assert_healthy()
    finally:
        wanted.switch(host, "on")
