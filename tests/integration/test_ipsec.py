# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPsec policies of a host, held against the packets that they keep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import CONTAINER, HOST, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.integration.catalogue.cases import judge, of
from tests.integration.catalogue.scenario import FRONT, PORT
from tests.integration.snapshots import read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.vantage import enough

pytestmark = pytest.mark.long

INTERNET = "203.0.113.9"
GATEWAY = "10.88.1.1"
"""Of the network front."""
RESET = "INPUT -p tcp --dport 7000 -j REJECT --reject-with tcp-reset"
TUNNEL = "tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel"


@pytest.fixture
def host(healthy_host: Host) -> Iterator[Host]:
    yield healthy_host
    for place in (healthy_host, healthy_host.container("web")):
        place.net(["ip", "xfrm", "policy", "flush"])
    healthy_host.net(
        ["ip", "xfrm", "policy", "setdefault", "in", "accept", "fwd", "accept", "out", "accept"], check=False
    )


def policy(host: Host, words: str) -> None:
    host.net(["ip", "xfrm", "policy", "add", *words.split()])


def flush(host: Host) -> None:
    host.net(["ip", "xfrm", "policy", "flush"])


def egress(host: Host, expected: str) -> list[tuple[str, str]]:
    """What firewall.egress says, when a container's attempt to reach the internet ended as expected."""
    assert host.container("web").tcp(INTERNET, 80, enough(expected)) == expected
    return [(item.outcome, item.summary) for item in of(judge(read_host(host)), "firewall.egress")]


def publish(host: Host, lab: Lab, expected: str) -> list[tuple[str, str]]:
    """The same of firewall.publish, and a published port that is asked for from outside."""
    assert lab.outside.tcp(host.address, PORT, enough(expected)) == expected
    return [(item.outcome, item.summary) for item in of(judge(read_host(host)), "firewall.publish")]


def test_a_policy_that_blocks_a_network_is_named(host: Host) -> None:
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}
    policy(host, f"src {FRONT.subnet} dst 0.0.0.0/0 dir out priority 7 action block")
    ((outcome, summary),) = egress(host, "timed out")
    assert outcome == "fail"
    assert f"the IPsec policy src {FRONT.subnet} dst 0.0.0.0/0 dir out priority 7 action block blocks it" in summary
    # One that comes before it lets the packets pass as they are.
    policy(host, f"src {FRONT.subnet} dst 203.0.113.0/24 dir out priority 3 action allow")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}


def test_a_tunnel_is_open_and_one_for_other_networks_changes_nothing(host: Host, lab: Lab) -> None:
    policy(host, f"src 0.0.0.0/0 dst 10.99.0.0/16 dir out {TUNNEL}")
    policy(host, f"src 10.99.0.0/16 dst 0.0.0.0/0 dir fwd {TUNNEL}")
    policy(host, f"src 10.99.0.0/16 dst 0.0.0.0/0 dir in {TUNNEL}")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}
    assert {outcome for outcome, dummy in publish(host, lab, "answered")} == {"pass"}
    policy(host, f"src 0.0.0.0/0 dst 203.0.113.0/24 dir out {TUNNEL}")
    found = egress(host, "timed out")
    assert {outcome for outcome, dummy in found} == {"unknown"}
    assert "what happens to it as IPsec, by the IPsec policy src 0.0.0.0/0 dst 203.0.113.0/24 dir out" in found[0][1]
    assert "ip -s xfrm policy and ip xfrm state" in found[0][1]


def test_a_policy_for_the_addresses_of_the_host_catches_what_is_masqueraded(host: Host) -> None:
    """As a gateway of a company has it, whose tunnel is for its own addresses."""
    policy(host, f"src {host.address}/32 dst 203.0.113.0/24 dir out action block")
    found = egress(host, "timed out")
    assert {outcome for outcome, dummy in found} == {"fail"}
    assert f"src {host.address}/32 dst 203.0.113.0/24" in found[0][1]


def test_answers_are_asked_for_as_they_came(host: Host) -> None:
    """A policy for the container's address does not see them, one for the host's does."""
    policy(host, f"src 203.0.113.0/24 dst {FRONT.subnet} dir fwd {TUNNEL}")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}
    policy(host, f"src 203.0.113.0/24 dst {host.address}/32 dir fwd {TUNNEL}")
    found = egress(host, "timed out")
    assert {outcome for outcome, dummy in found} == {"fail"}
    assert "the answer is lost: the IPsec policy src 203.0.113.0/24" in found[0][1]
    assert "requires IPsec, which it does not use" in found[0][1]


def test_what_comes_in_plain_where_ipsec_is_wanted_is_lost(host: Host, lab: Lab) -> None:
    assert {outcome for outcome, dummy in publish(host, lab, "answered")} == {"pass"}
    for direction in ("in", "fwd"):
        policy(host, f"src 0.0.0.0/0 dst {host.address}/32 proto tcp dport {PORT} dir {direction} {TUNNEL}")
    found = publish(host, lab, "timed out")
    assert {outcome for outcome, dummy in found} == {"fail"}
    assert f"dport {PORT} dir" in found[0][1]
    flush(host)
    policy(host, f"src 0.0.0.0/0 dst {host.address}/32 dir fwd {TUNNEL} level use")
    assert {outcome for outcome, dummy in publish(host, lab, "answered")} == {"pass"}


def test_interfaces_can_be_exempt(host: Host) -> None:
    policy(host, f"src {FRONT.subnet} dst 0.0.0.0/0 dir out action block")
    host.set_sysctl("net.ipv4.conf.eth0.disable_xfrm", "1")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}
    host.set_sysctl("net.ipv4.conf.eth0.disable_xfrm", "0")
    flush(host)
    policy(host, f"src {FRONT.subnet} dst 0.0.0.0/0 dir fwd action block")
    assert {outcome for outcome, dummy in egress(host, "timed out")} == {"fail"}
    host.set_sysctl("net.ipv4.conf.front0.disable_policy", "1")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}
    host.set_sysctl("net.ipv4.conf.front0.disable_policy", "0")


@pytest.mark.kinds("debian13")
def test_directions_can_be_blocked_as_a_whole(host: Host) -> None:
    """Which packets the kernel blocks by default is not followed."""
    host.net(["ip", "xfrm", "policy", "setdefault", "fwd", "block"])
    found = egress(host, "timed out")
    assert {outcome for outcome, dummy in found} == {"unknown"}
    assert "all of direction fwd that no policy matches" in found[0][1]
    for anywhere in ("0.0.0.0/0", "::/0"):
        policy(host, f"src {anywhere} dst {anywhere} dir fwd action allow")
    assert {outcome for outcome, dummy in egress(host, "answered")} == {"pass"}


def test_a_containers_own_policies_leave_open_what_it_does(host: Host) -> None:
    words = "src 0.0.0.0/0 dst 0.0.0.0/0 dir out action block"
    host.container("web").net(["ip", "xfrm", "policy", "add", *words.split()])
    ((outcome, summary),) = [item for item in egress(host, "unreachable") if item[0] != "pass"]
    assert outcome == "unknown"
    assert "container web has IPsec policies of its own" in summary


@pytest.mark.parametrize("bridge_netfilter", ["0", "1"])
def test_a_reset_meets_the_policies_of_its_route(host: Host, bridge_netfilter: str) -> None:
    """Whether it is sent like other packets, or put on the bridge port that it is for."""

    def asked(expected: str) -> str:
        assert host.container("web").tcp(GATEWAY, 7000, enough(expected)) == expected
        return predict(HostView.of(read_host(host)), Packet(Origin(CONTAINER, "web"), GATEWAY, "tcp", 7000)).observed

    key = "net.bridge.bridge-nf-call-iptables"
    before = host.sysctl(key)
    host.set_sysctl(key, bridge_netfilter)
    host.run(["iptables", "-I", *RESET.split()])
    assert asked("refused") == "refused"
    policy(host, f"src {FRONT.subnet} dst {GATEWAY}/32 dir out action block")
    assert asked("refused") == "refused"
    policy(host, f"src {GATEWAY}/32 dst {FRONT.subnet} proto tcp sport 7000 dir out action block")
    # On the bridge port it is not followed.
    assert asked("timed out") == ("unknown" if bridge_netfilter == "1" else "timed out")
    host.run(["iptables", "-D", *RESET.split()])
    host.set_sysctl(key, before)


@pytest.mark.parametrize("address", ["own", "container"])
def test_what_output_translates_is_lost_before_the_table_filter_rejects_it(host: Host, address: str) -> None:
    """A new destination makes the kernel look for a route and a policy at once, a new port for a policy alone."""
    web = host.container("web").address("front")
    to, port = (host.address, PORT) if address == "own" else (web, 8081)
    rules = [f"OUTPUT -t nat -d {web} -p tcp --dport 8081 -j DNAT --to-destination {web}:80"]
    rules += [f"OUTPUT -d {web} -p tcp --dport 80 -j REJECT --reject-with tcp-reset"]

    def asked(expected: str) -> str:
        assert host.tcp(to, port, enough(expected)) == expected
        return predict(HostView.of(read_host(host)), Packet(Origin(HOST), to, "tcp", port)).observed

    for rule in rules:
        host.run(["iptables", "-A", *rule.split()])
    assert asked("refused") == "refused"
    policy(host, "src 0.0.0.0/0 dst 0.0.0.0/0 proto tcp dport 80 dir out action block")
    assert asked("timed out") == "timed out"
    for rule in rules:
        host.run(["iptables", "-D", *rule.split()])
