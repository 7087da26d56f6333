# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are lost because whoever answers, or asks, does not learn a neighbour's hardware address."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    HOST,
    NO_ANSWER,
    OUTSIDE,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.namespaces import answer_soon
from tests.differential.reachability_machines import prepare
from tests.integration.catalogue.scenario import configure
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import PATIENCE, SECONDS, Vantage

PORT = 8080
DISCOVERY = ("neighbour-solicitation", "neighbour-advertisement")
SUBNET = "10.88.7.0/24"
APART = {"com.docker.network.bridge.name": "apart0", "com.docker.network.bridge.enable_icc": "false"}
NETWORK = NetworkSpec("apart", SUBNET, ipv6_subnet="fd88:7::/64", options=APART)
OWN_ACCEPT = "ip6tables -I FORWARD -i apart0 -o apart0 -p tcp --dport 80 -j ACCEPT"
NOTHING_COMES = ("timed out", "unreachable")
WITHOUT_PROXY = {"userland_proxy": False, "icc": None, "live_restore": None}
PUBLISHES_IPV6 = pytest.mark.kinds("debian12", "debian13", "debian13-docker28")
"""Engine 20.10.5 publishes on no address of IPv6."""


@dataclass(frozen=True)
class Question:
    """One question in both its forms."""

    vantage: Vantage
    origin: Origin
    address: str
    port: int = PORT

    def predicted(self, host: Host) -> Path:
        packet = Packet(self.origin, self.address, "tcp", self.port)
        return predict(HostView.of(read_host(host)), packet)

    def observed(self, host: Host, seconds: float = SECONDS) -> str:
        """What really happens while nobody remembers anybody's hardware address."""
        for place in (host, host.container("c1"), host.container("c2")):
            for family in ("-4", "-6"):
                place.net(["ip", family, "neighbour", "flush", "all"])
        host.run(["conntrack", "--flush"], check=False)
        return self.vantage.tcp(self.address, self.port, seconds)

    def is_answered(self, host: Host) -> bool:
        """By both."""
        return (self.predicted(host).observed, self.observed(host)) == (ANSWERED, ANSWERED)


@pytest.fixture
def host(fresh_host: Host, lab: Lab) -> Host:
    prepare(lab)
    install_readers(fresh_host)
    configure(fresh_host, **WITHOUT_PROXY)
    fresh_host.set_sysctl("net.ipv6.conf.all.forwarding", "1")
    fresh_host.restart_docker()
    fresh_host.deploy(
        Scenario([NETWORK], [Workload("c1", ["apart"], publish=[f"{PORT}:80"]), Workload("c2", ["apart"])])
    )
    for place in (fresh_host, fresh_host.container("c1"), fresh_host.container("c2")):
        answer_soon(place.path)
    return fresh_host


@pytest.mark.long
@PUBLISHES_IPV6
def test_who_is_asked_by_way_of_the_host_has_to_find_who_asked(host: Host) -> None:
    """Containers of a network without icc do not find each other, and the answer goes straight to its receiver."""
    question = Question(host.container("c2"), Origin(CONTAINER, "c2"), host.address6)
    host.run(OWN_ACCEPT)
    path = question.predicted(host)
    assert (path.verdict, path.observed) == (NO_ANSWER, NO_ANSWER)
    assert "container c1 does not learn the hardware address of fd88:7::" in path.reason
    assert question.observed(host, PATIENCE) in NOTHING_COMES
    for kind in DISCOVERY:
        host.run(f"ip6tables -I FORWARD -i apart0 -o apart0 -p icmpv6 --icmpv6-type {kind} -j ACCEPT")
    host.run("ip6tables -I FORWARD -i apart0 -o apart0 -p tcp --sport 80 -j ACCEPT")
    assert question.is_answered(host)


@pytest.mark.long
@PUBLISHES_IPV6
@pytest.mark.parametrize(
    "rule",
    [
        "INPUT -i apart0 -p icmpv6 --icmpv6-type neighbour-solicitation -j DROP",
        "OUTPUT -o apart0 -p icmpv6 --icmpv6-type neighbour-advertisement -j DROP",
    ],
)
def test_who_answers_has_to_find_its_gateway(host: Host, lab: Lab, rule: str) -> None:
    """The host asks for the container from its link-local address, so that the container does not learn the other."""
    question = Question(lab.outside, Origin(OUTSIDE, "eth0"), host.address6)
    assert question.is_answered(host)
    host.run(f"ip6tables -I {rule}")
    path = question.predicted(host)
    assert path.verdict == UNKNOWN
    assert "whether container c1 knows the hardware address of fd88:7::1: neighbour discovery" in path.because
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
def test_nobody_answers_who_asks_from_the_loopback(host: Host) -> None:
    question = Question(host, Origin(HOST), "127.0.0.1")
    assert question.is_answered(host)
    host.run("iptables -t nat -D POSTROUTING -o apart0 -m addrtype --src-type LOCAL -j MASQUERADE")
    path = question.predicted(host)
    assert path.observed == NO_ANSWER
    assert "martian source 127.0.0.1" in path.reason
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
def test_a_policy_rule_keeps_the_host_from_answering_questions(host: Host, lab: Lab) -> None:
    question = Question(host.container("c2"), Origin(CONTAINER, "c2"), lab.internet_address, 80)
    assert question.is_answered(host)
    host.set_sysctl("net.ipv4.conf.apart0.rp_filter", "1")
    host.run(f"ip rule add from {SUBNET} blackhole")
    path = question.predicted(host)
    assert path.observed == NO_ANSWER
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
@pytest.mark.parametrize(
    ("setting", "value", "cause"),
    [("arp_ignore", "8", "arp_ignore of apart0 is 8"), ("arp_filter", "1", "arp_filter of apart0 is 1")],
)
def test_a_gateway_that_answers_no_arp_takes_the_way_out(
    host: Host, lab: Lab, setting: str, value: str, cause: str
) -> None:
    question = Question(host.container("c2"), Origin(CONTAINER, "c2"), lab.internet_address, 80)
    if setting == "arp_filter":
        # Packets of the host itself take another way than those that it sends on.
        host.run(f"ip route add {SUBNET} dev eth0 table 77")
        host.run(f"ip rule add to {SUBNET} lookup 77 pref 77")
        host.run("ip rule add iif eth0 lookup main pref 75")
    assert question.is_answered(host)
    host.set_sysctl(f"net.ipv4.conf.apart0.{setting}", value)
    path = question.predicted(host)
    assert path.verdict == UNKNOWN
    assert cause in path.because
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
@pytest.mark.parametrize("family", [4, pytest.param(6, marks=PUBLISHES_IPV6)])
def test_a_bridge_that_asks_for_no_neighbour_takes_the_way_in(host: Host, lab: Lab, family: int) -> None:
    """One question is enough, and with none ucast_solicit does not help."""
    question = Question(lab.outside, Origin(OUTSIDE, "eth0"), host.address if family == 4 else host.address6)
    key = f"net.ipv{family}.neigh.apart0.mcast_solicit"
    host.set_sysctl(key, "1")
    assert question.is_answered(host)
    host.set_sysctl(key, "0")
    path = question.predicted(host)
    assert path.verdict == UNKNOWN
    assert f"{key} of the host is 0" in path.because
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
def test_a_container_that_asks_for_no_neighbour_answers_who_asked_it(host: Host, lab: Lab) -> None:
    inside = host.container("c1")
    host.run(f"nsenter -t {inside.pid} -n sysctl -qw net.ipv4.neigh.eth0.mcast_solicit=0")
    assert Question(host, Origin(HOST), inside.address("apart"), 80).is_answered(host)
    question = Question(inside, Origin(CONTAINER, "c1"), lab.internet_address, 80)
    path = question.predicted(host)
    assert path.verdict == UNKNOWN
    assert "net.ipv4.neigh.eth0.mcast_solicit of the container c1 is 0" in path.because
    assert question.observed(host, PATIENCE) in NOTHING_COMES


@pytest.mark.long
@pytest.mark.parametrize(("place", "value"), [("apart0", "1"), ("apart0", "2"), ("all", "3")])
def test_arp_ignore_does_not_matter_for_addresses_of_the_bridge(host: Host, lab: Lab, place: str, value: str) -> None:
    question = Question(host.container("c2"), Origin(CONTAINER, "c2"), lab.internet_address, 80)
    host.set_sysctl(f"net.ipv4.conf.{place}.arp_ignore", value)
    assert question.is_answered(host)


def test_a_container_that_answers_no_arp_is_not_reached(host: Host, lab: Lab) -> None:
    question = Question(lab.outside, Origin(OUTSIDE, "eth0"), host.address)
    assert question.is_answered(host)
    inside = host.container("c1")
    host.run(f"nsenter -t {inside.pid} -n sysctl -qw net.ipv4.conf.all.arp_ignore=8")
    path = question.predicted(host)
    assert path.verdict == UNKNOWN
    assert "arp_ignore of eth0 is 8: the container c1 does not answer there" in path.because
    assert question.observed(host, PATIENCE) in NOTHING_COMES
