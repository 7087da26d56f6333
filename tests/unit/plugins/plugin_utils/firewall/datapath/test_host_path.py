# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets for addresses of this host's own networks that routes lead out of it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import ending_of

from tests.unit.docker_host import ADDRESS, WILDCARD, DockerHost

WEB = "172.18.0.2"
CAUGHT = (
    f"{WEB} is an address of network net0 of this host, but policy rule 100, by the route 0.0.0.0/0 in table 226, "
    "sends it out through eth0 to 192.0.2.1"
)
ELSEWHERE = "203.0.113.9"


def with_web(*, proxy: bool = True) -> DockerHost:
    """A host with web on one network, which publishes port 80, and asker on another one."""
    host = DockerHost(proxy=proxy, forward_policy="ACCEPT")
    host.container("web", [host.network()], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("asker", [host.network()])
    return host


def caught(host: DockerHost, rule: PolicyRule, destination: str = "0.0.0.0/0") -> HostSnapshot:
    """The host with a policy rule for a table that has one route, by a gateway outside."""
    snapshot = host.snapshot()
    rules = sorted([*snapshot.policy_rules, replace(rule, table=226)], key=lambda item: item.priority)
    out = Route(destination, 226, gateways=["192.0.2.1"], interfaces=[2])
    return replace(snapshot, policy_rules=rules, routes=[*snapshot.routes, out])


def ask(snapshot: HostSnapshot, origin: Origin, destination: str, port: int) -> Path:
    return predict(HostView.of(snapshot), Packet(origin, destination, "tcp", port))


FROM_NETWORK = PolicyRule(100, 4, source="172.18.0.0/20")
TO_NETWORK = PolicyRule(100, 4, destination="172.18.0.0/20")


def test_what_docker_proxy_sends_its_container_is_caught_by_a_rule_for_the_network() -> None:
    path = ask(caught(with_web(), FROM_NETWORK), Origin(HOST), "127.0.0.1", 8080)
    assert (path.verdict, path.observed, path.answered_by, path.reason) == ("unreachable", "unknown", "", CAUGHT)
    assert path.decided_at is not None
    assert (path.steps[path.decided_at].leg, path.steps[path.decided_at].action) == ("proxy request", "misrouted")
    assert ending_of(path) == f"unreachable: {CAUGHT}"


@pytest.mark.parametrize("proxy", [True, False])
def test_what_is_translated_to_a_container_is_caught_on_its_way_there(proxy: bool) -> None:
    """It would only go round: a router that sends it back sends it by the same rule."""
    path = ask(caught(with_web(proxy=proxy), TO_NETWORK), Origin(OUTSIDE), ADDRESS, 8080)
    assert (path.verdict, path.observed, path.reason) == ("unreachable", "unknown", CAUGHT)


def test_the_rest_of_a_network_that_is_routed_on_its_own_is_answered_outside() -> None:
    path = ask(caught(with_web(), FROM_NETWORK), Origin(CONTAINER, "web"), ELSEWHERE, 443)
    assert (path.verdict, path.answered_by) == ("delivered", "outside")


@pytest.mark.parametrize(
    ("source", "verdict"), [("192.0.2.1", "unknown"), ("192.0.2.7", "delivered"), ("", "delivered")]
)
def test_what_is_sent_back_to_its_own_sender_as_the_next_hop_is_unknown(source: str, verdict: str) -> None:
    """Other machines of that network are answered past this host."""
    packet = Packet(Origin(OUTSIDE), ELSEWHERE, "icmp", source=source)
    path = predict(HostView.of(with_web().snapshot()), packet)
    assert path.verdict == verdict
    doubt = "what 192.0.2.1 does with its own packet, which this host sends back to it"
    assert path.undetermined == ([doubt] if verdict == "unknown" else [])


def test_an_answer_that_is_caught_on_its_way_home_is_lost_for_that() -> None:
    path = ask(caught(with_web(), TO_NETWORK), Origin(CONTAINER, "web"), ELSEWHERE, 443)
    assert (path.verdict, path.observed, path.reason) == ("no answer", "timed out", f"the answer is lost: {CAUGHT}")


def test_what_a_router_could_send_back_and_the_host_would_take_home_is_unknown() -> None:
    """The rule is for one device, and the source is no address of the host that IPv4 would not believe."""
    host = with_web()
    host.own_rules["nat", "POSTROUTING"] = ["-j ACCEPT"]
    by_device = PolicyRule(100, 4, incoming=host.networks[1].device)
    path = ask(caught(host, by_device), Origin(CONTAINER, "asker"), WEB, 80)
    assert path.verdict == "unknown"
    (doubt,) = path.undetermined
    assert doubt.startswith("whether what eth0 leads to ")
    assert doubt.endswith(f" back: {CAUGHT}")
    del host.own_rules["nat", "POSTROUTING"]
    assert ask(caught(host, by_device), Origin(CONTAINER, "asker"), WEB, 80).reason == CAUGHT


def test_without_the_route_of_the_network_the_default_route_takes_it_out() -> None:
    snapshot = with_web().snapshot()
    snapshot = replace(snapshot, routes=[item for item in snapshot.routes if item.destination != "172.18.0.0/20"])
    path = ask(snapshot, Origin(HOST), WEB, 80)
    assert [hop.action for hop in path.steps].count("misrouted") == 1
    assert path.reason.startswith(f"{WEB} ")
    for named in ("network net0", "route 0.0.0.0/0 in table main", "through eth0 to 192.0.2.1"):
        assert named in path.reason


@pytest.mark.parametrize("destination", ["172.18.0.0/20", "172.18.0.0/30"])
def test_a_route_to_that_very_subnet_says_that_it_is_elsewhere(destination: str) -> None:
    path = ask(caught(with_web(), TO_NETWORK, destination), Origin(HOST), WEB, 80)
    assert (path.verdict, path.answered_by) == ("delivered", "outside")


def test_addresses_of_the_way_out_itself_are_those_of_machines_outside() -> None:
    """Where the subnets overlap."""
    host = with_web()
    host.links[1] = replace(host.links[1], addresses=[f"{ADDRESS}/24", "172.18.0.99/24"])
    path = ask(caught(host, TO_NETWORK), Origin(HOST), WEB, 80)
    assert (path.verdict, path.answered_by) == ("delivered", "outside")


@pytest.mark.parametrize(("kind", "verdict"), [("veth", "unreachable"), ("", "delivered")])
def test_a_bridge_with_a_network_card_is_a_way_out_and_no_home(kind: str, verdict: str) -> None:
    host = with_web()
    host.links += [
        Link(3, "virbr0", "bridge", up=True, addresses=["198.51.100.1/24"]),
        Link(4, "port", kind, up=True, master=3),
    ]
    path = ask(caught(host, PolicyRule(100, 4, destination="198.51.100.0/24")), Origin(HOST), "198.51.100.7", 80)
    assert path.verdict == verdict
    assert ("bridge virbr0 of this host" in path.reason) is (verdict == "unreachable")
    assert ("misrouted" in {hop.action for hop in path.steps}) is (verdict == "unreachable")


@pytest.mark.parametrize(("protocol", "port"), [("tcp", 443), ("udp", 53), ("icmp", 0)])
def test_a_rule_for_all_but_one_source_meets_what_has_none_yet(protocol: str, port: int) -> None:
    """Seen on real hosts: connect() fails with EINVAL though the rule spares the address that would be chosen."""
    snapshot = with_web().snapshot()
    spared = PolicyRule(178, 4, "blackhole", inverted=True, source=f"{ADDRESS}/32")
    view = HostView.of(replace(snapshot, policy_rules=[*snapshot.policy_rules[:1], spared, *snapshot.policy_rules[1:]]))
    packet = Packet(Origin(HOST), "203.0.113.9", protocol, port)
    assert predict(view, packet).verdict == "unreachable"
    assert predict(view, replace(packet, source=ADDRESS)).verdict == "delivered"


@pytest.mark.parametrize("down", [True, False])
def test_a_packet_that_forward_ends_on_a_way_that_leads_astray_has_that_way_as_its_reason(down: bool) -> None:
    """A bridge that is down has no routes, so the default route leads out what is for its containers."""
    host = DockerHost(proxy=False, forward_policy="DROP")
    network = host.network()
    host.container("web", [network], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    snapshot = host.snapshot()
    bridge = snapshot.networks[0].bridge
    if down:
        links = [replace(link, up=link.name != bridge) for link in snapshot.links]
        gone = next(link.index for link in links if link.name == bridge)
        routes = [route for route in snapshot.routes if gone not in route.interfaces]
        snapshot = replace(snapshot, links=links, routes=routes)
    else:
        snapshot = caught(host, TO_NETWORK)
    path = ask(snapshot, Origin(OUTSIDE), ADDRESS, 8080)
    assert (path.verdict, path.observed) == ("dropped", "timed out")
    whose = f", whose bridge {bridge} is down," if down else ", but policy rule 100,"
    assert path.reason.startswith(f"{WEB} ")
    assert f" network net0 of this host{whose}" in path.reason
    assert " through eth0 to 192.0.2.1, where " in path.reason
    assert "chain FORWARD (" in path.reason
    assert path.reason.endswith(" drops it")
    assert [hop.action for hop in path.steps].count("misrouted") == 1
    assert path.decided_at is not None
    assert path.steps[path.decided_at].chain == "FORWARD"


def test_a_router_sends_it_back_without_the_mark_that_led_it_out() -> None:
    host = with_web()
    host.own_rules["nat", "POSTROUTING"] = ["-j ACCEPT"]
    host.own_rules["mangle", "PREROUTING"] = [f"-i {host.networks[1].device} -j MARK --set-xmark 0x1/0xffffffff"]
    path = ask(caught(host, PolicyRule(100, 4, mark=1, mask=0xFF)), Origin(CONTAINER, "asker"), WEB, 80)
    assert path.verdict == "unknown"
    (doubt,) = path.undetermined
    assert doubt.startswith("whether what eth0 leads to ")


NET0 = "br-000000000000"


@pytest.mark.parametrize(
    ("origin", "destination", "route", "named"),
    [
        (OUTSIDE, ADDRESS, f"{ADDRESS}/32 in table local", []),
        (OUTSIDE, WEB, "172.18.0.0/20 in table main", [NET0]),
        (CONTAINER, "203.0.113.9", "0.0.0.0/0 in table main", ["eth0", "192.0.2.1"]),
        (CONTAINER, "192.0.2.77", "192.0.2.0/24 in table main", ["eth0"]),
        (HOST, WEB, "172.18.0.0/20 in table main", [NET0]),
        (HOST, "203.0.113.9", "0.0.0.0/0 in table main", ["eth0", "192.0.2.1"]),
    ],
)
def test_a_step_of_routing_says_by_which_route_to_which_device_and_next_hop(
    origin: str, destination: str, route: str, named: list[str]
) -> None:
    host = with_web()
    path = ask(host.snapshot(), Origin(origin, "asker" if origin == CONTAINER else ""), destination, 22)
    first = next(step for step in path.steps if (step.leg, step.action) == ("request", "route"))
    assert first.place == "routing"
    found, dummy, way = first.note.partition(": ")
    assert found == route
    words = re.split("[ ,]+", way)
    assert [word for word in (NET0, "eth0", "lo", "192.0.2.1") if word in words] == named
    assert ("itself" in words) is (not named)
