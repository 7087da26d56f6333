# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of published ports say of machines outside, held against packets of such a machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.catalogue.cases import judge, of
from tests.integration.catalogue.publish import guarded, leaking, routed_to
from tests.integration.catalogue.scenario import make_healthy, release
from tests.integration.outside import sends_to
from tests.integration.snapshots import install_readers, read_host
from tests.lab.ansible_runs import ansible_module
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload

ROUTED = NetworkSpec(
    "lan",
    "10.88.10.0/24",
    options={
        "com.docker.network.bridge.name": "lan0",
        "com.docker.network.bridge.gateway_mode_ipv4": "routed",
    },
)
SUBNETS = ("10.88.1.0/24", "10.88.2.0/24", "10.88.9.0/24", str(ROUTED.subnet))
TO_LOOPBACK = """
ip rule add pref 5 to 127.0.0.1 dport 8083 lookup 77
ip route add 127.0.0.1 via "$1" table 77
ip rule add pref 6 lookup local
ip rule del pref 0
sysctl -qw net.ipv4.conf.all.route_localnet=1
"""
AS_BEFORE = """
ip rule add pref 0 lookup local
ip rule del pref 6
ip rule del pref 5
ip route flush table 77
sysctl -qw net.ipv4.conf.all.route_localnet=0
"""


@pytest.fixture
def host(fresh_host: Host) -> Host:
    install_readers(fresh_host)
    make_healthy(fresh_host)
    return fresh_host


@contextmanager
def sent_to(lab: Lab, host: Host) -> Iterator[None]:
    """The machine outside sends this host, and no other one, what is for its containers and for 127.0.0.1:8083."""
    with sends_to(lab, host, SUBNETS):
        lab.outside.net(["sh", "-c", TO_LOOPBACK, "sh", host.address])
        try:
            yield
        finally:
            lab.outside.net(["sh", "-c", AS_BEFORE])


def found(host: Host, check: str) -> set[str]:
    return {item.resource.name for item in of(judge(read_host(host)), check) if item.outcome == "fail"}


@pytest.mark.kinds("debian12", "debian13-docker28")
def test_ports_that_are_said_to_be_open_are(host: Host, lab: Lab) -> None:
    leaking(host)
    routed_to(host)
    local = host.container("local").address("front")
    bare = host.container("bare").address("open" if release(host) >= (28, 0) else "back")
    with sent_to(lab, host):
        seen = [lab.outside.tcp("127.0.0.1", 8083), lab.outside.tcp(local, 80), lab.outside.tcp(bare, 80)]
    assert seen == ["answered"] * 3
    assert found(host, "publish.loopback-leak") == {"local:80/tcp"}
    assert "bare:80/tcp" in found(host, "publish.direct-access")


@pytest.mark.kinds("debian12", "debian13-docker28")
def test_ports_that_are_said_to_be_kept_are(host: Host, lab: Lab) -> None:
    guarded(host)
    places = [("127.0.0.1", 8083), (host.container("local").address("front"), 80)]
    places.append((host.container("db").address("back"), 80))
    with sent_to(lab, host):
        seen = [lab.outside.tcp(address, port, seconds=1) for address, port in places]
    assert seen == ["timed out"] * 3
    assert found(host, "publish.loopback-leak") == found(host, "publish.direct-access") == set()


@pytest.mark.kinds("debian13-docker28")
def test_a_port_of_a_network_that_routes_is_open_on_purpose(host: Host, lab: Lab) -> None:
    """It takes no port of the host, whatever was asked for."""
    host.deploy(Scenario([ROUTED], [Workload("site", ["lan"], publish=["8085:80"], serve=[80, 81])]))
    address = host.container("site").address("lan")
    with sent_to(lab, host):
        seen = [lab.outside.tcp(address, 80), lab.outside.tcp(address, 81, seconds=1)]
    assert seen == ["answered", "timed out"]
    assert found(host, "publish.direct-access") == set()
    trace = ansible_module(host, "dockernet.baseline.packet_trace", {"from": "outside", "to": "site:80/tcp"})
    assert (trace["packet"]["destination"], trace["path"]["seen"]) == (address, "answered")
