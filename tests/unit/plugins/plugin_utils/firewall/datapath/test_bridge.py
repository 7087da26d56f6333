# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that settings and tables of a bridge keep from crossing it, as Linux 6.18 did it to real connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network, PublishedPort, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BridgeSetting, Link, Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BLOCKED_BY_BRIDGE,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost, mac_of

WEB, OTHER = "172.18.0.2", "172.18.0.3"
ELSEWHERE = "203.0.113.9"
BRIDGE = Bridge(0)
PORT, BESIDE = "veth100000", "veth100010"
# Who asks whom for what: the words of a row of SEEN.
QUESTIONS = (
    (Origin(OUTSIDE), ADDRESS, 8080),
    (Origin(HOST), WEB, 80),
    (Origin(CONTAINER, "other"), WEB, 80),
    (Origin(CONTAINER, "web"), OTHER, 80),
    (Origin(CONTAINER, "web"), ELSEWHERE, 80),
)
A, U, T, X = "answered", "no answer", "timed out", "unknown"


@pytest.fixture(params=[True, False], ids=["bridge netfilter", "without"])
def host(request: pytest.FixtureRequest) -> DockerHost:
    """A container that publishes a port, and another one on its network."""
    found = DockerHost(bridge_netfilter=request.param)
    bridge = found.network()
    found.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    found.container("other", [bridge], listen=[("tcp", 80)])
    return found


def change(host: DockerHost, name: str, **changes: Any) -> None:
    """Set what a link of the host is read with."""
    host.links = [replace(link, **changes) if link.name == name else link for link in host.links]


def settle(host: DockerHost, *settings: str, port: str = PORT) -> None:
    change(host, port, settings=[BridgeSetting(*item.split()) for item in settings])


def ask(host: DockerHost, origin: Origin, destination: str, port: int) -> Path:
    return predict(HostView.of(host.snapshot()), Packet(origin, destination, "tcp", port))


def seen(host: DockerHost) -> list[str]:
    view = HostView.of(host.snapshot())
    return [predict(view, Packet(origin, address, "tcp", port)).observed for origin, address, port in QUESTIONS]


@pytest.mark.parametrize(
    ("settings", "outcomes"),
    [
        ([], [A, A, A, A, A]),
        (["state disabled"], [U, U, U, U, U]),
        (["state listening"], [U, U, U, U, U]),
        (["state learning"], [U, U, U, U, U]),
        (["state blocking"], [U, U, U, U, U]),
        (["learning off"], [X, X, X, X, X]),
        (["flood off"], [X, X, X, X, X]),
        (["mcast_flood off"], [X, X, X, X, X]),
        (["bcast_flood off"], [X, X, X, X, X]),
        (["proxy_arp on"], [X, X, X, X, X]),
        (["learning off", "flood off"], [X, X, X, X, X]),
        (["locked on"], [X, X, X, X, X]),
    ],
    ids=", ".join,
)
def test_settings_of_a_port(host: DockerHost, settings: list[str], outcomes: list[str]) -> None:
    settle(host, *settings)
    assert seen(host) == outcomes


def test_where_the_answer_about_a_hardware_address_may_go_elsewhere_a_rule_for_the_frame_decides_nothing() -> None:
    host = DockerHost()
    bridge = host.network()
    host.container("web", [bridge], listen=[("tcp", 80)])
    host.container("other", [bridge])
    host.own_rules["filter", "DOCKER-USER"] = [f"-d {WEB}/32 -p tcp -j DROP"]
    assert ask(host, Origin(CONTAINER, "other"), WEB, 80).observed == T
    change(host, PORT, forwarding_entries=[mac_of(OTHER)])
    assert ask(host, Origin(CONTAINER, "other"), WEB, 80).observed == X


@pytest.mark.parametrize("port", [PORT, BESIDE])
def test_an_entry_of_the_forwarding_database_leaves_open_what_is_for_that_address(host: DockerHost, port: str) -> None:
    change(host, port, forwarding_entries=[mac_of(WEB)])
    assert seen(host) == [X, X, X, X, X]


def test_an_entry_about_the_hosts_own_address(host: DockerHost) -> None:
    change(host, BESIDE, forwarding_entries=[BRIDGE.mac])
    assert seen(host) == [X, X, A, A, X]


def test_a_bridge_that_filters_vlans_is_left_open(host: DockerHost) -> None:
    change(host, BRIDGE.device, vlan_filtering=True)
    assert seen(host) == [X, X, X, X, X]
    doubts = ask(host, Origin(HOST), WEB, 80).undetermined
    assert any(f"{BRIDGE.device} filters VLANs; see bridge vlan show" in doubt for doubt in doubts)


def set_mac(host: DockerHost, number: int, mac: str) -> None:
    """Give a container a hardware address, as docker run --mac-address does."""
    space = host.container_namespaces[number]
    links = [replace(link, mac=mac) if link.name == "eth0" else link for link in space.links]
    host.container_namespaces[number] = replace(space, links=links)


def test_what_is_for_an_address_that_two_containers_have_is_left_open(host: DockerHost) -> None:
    """Between the two it never arrives; the port that others reach by it changes with each frame of either."""
    third = host.container("third", [host.networks[0]], listen=[("tcp", 80)]).endpoints[0].address or ""
    set_mac(host, 1, mac_of(WEB))
    assert seen(host) == [X, X, X, X, X]
    assert ask(host, Origin(CONTAINER, "third"), WEB, 80).observed == X
    assert ask(host, Origin(CONTAINER, "web"), third, 80).observed == X
    assert ask(host, Origin(HOST), third, 80).observed == A
    assert ask(host, Origin(CONTAINER, "third"), ELSEWHERE, 80).observed == A
    said = f"container web, container other have the same MAC address {mac_of(WEB)} on {BRIDGE.device}; see bridge fdb"
    assert any(said in doubt for doubt in ask(host, Origin(HOST), WEB, 80).undetermined)


@pytest.mark.parametrize("device", [BRIDGE.device, BESIDE])
def test_what_is_for_an_address_of_the_bridge_itself_is_left_open(host: DockerHost, device: str) -> None:
    """The bridge gives none of its own addresses to a port."""
    change(host, device, mac=mac_of(WEB))
    assert seen(host) == [X, X, X, X, X]
    third = host.container("third", [host.networks[0]], listen=[("tcp", 80)]).endpoints[0].address or ""
    assert ask(host, Origin(CONTAINER, "other"), third, 80).observed == A
    assert ask(host, Origin(CONTAINER, "other"), ELSEWHERE, 80).observed == A


def test_one_address_on_two_bridges_is_no_matter(host: DockerHost) -> None:
    host.container("elsewhere", [host.network()])
    set_mac(host, 2, mac_of(WEB))
    assert seen(host) == [A, A, A, A, A]


def test_a_link_that_is_no_port_may_have_the_address_of_the_bridge(host: DockerHost) -> None:
    """As one of the kind ipvlan has that of its parent."""
    space = host.container_namespaces[1]
    links = [
        *space.links,
        Link(9, "eth1", "ipvlan", up=True, mac=BRIDGE.mac),
        Link(10, "eth2", "ipvlan", mac=mac_of(WEB)),
    ]
    host.container_namespaces[1] = replace(space, links=links)
    assert seen(host) == [A, A, A, A, A]


def test_what_is_said_of_it(host: DockerHost) -> None:
    settle(host, "state blocking")
    path = ask(host, Origin(HOST), WEB, 80)
    assert path.reason.startswith("host ")
    assert path.reason.endswith(f" {WEB}: the bridge port {PORT} is in the state blocking")
    assert path.decided_at is not None
    assert path.steps[path.decided_at].action == BLOCKED_BY_BRIDGE
    settle(host)
    change(host, BESIDE, forwarding_entries=[mac_of(WEB)])
    entry = f"its forwarding database has an entry that leads {mac_of(WEB)} to {BESIDE}"
    assert any(f"{entry}; see bridge fdb show" in doubt for doubt in ask(host, Origin(HOST), WEB, 80).undetermined)


def test_frames_that_nobody_asks_for_are_lost_as_well(host: DockerHost) -> None:
    """The host knows the container by a fixed entry, so that it does not miss it."""
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac_of(WEB)))
    settle(host, "state blocking")
    assert seen(host)[:2] == [T, T]


def test_a_port_that_is_turned_to_by_translation_is_asked_for(host: DockerHost) -> None:
    """With bridge netfilter such a frame stays on its bridge."""
    host = DockerHost(proxy=False)
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container("other", [bridge])
    question = (Origin(CONTAINER, "other"), ADDRESS, 8080)
    assert ask(host, *question).observed == A
    settle(host, "state blocking")
    assert ask(host, *question).observed == U


def test_which_subnets_are_on_the_host_alone(host: DockerHost) -> None:
    """Not those of networks without a bridge, nor that of a bridge with a network card, nor a single address."""
    snapshot = host.snapshot()
    others = [
        Link(70, "br-vm", "bridge", up=True, addresses=["10.70.0.1/24", "10.71.0.1/32", "fe80::1/64"]),
        Link(80, "br-lan", "bridge", up=True, addresses=["10.80.0.1/24"]),
        Link(81, "eth9", up=True, master=80),
    ]
    networks = [
        Network("m" * 64, "vlan", "macvlan", subnets=[Subnet("10.60.0.0/24", "10.60.0.1")]),
        Network(
            "l" * 64,
            "lan",
            "bridge",
            subnets=[Subnet("10.80.0.0/24", "10.80.0.1")],
            options={"com.docker.network.bridge.name": "br-lan"},
        ),
    ]
    snapshot = replace(snapshot, links=[*snapshot.links, *others], networks=[*snapshot.networks, *networks])
    subnets = HostView.of(snapshot).local_subnets

    def name_at(text: str) -> str:
        found = subnets.of(*parse_address(text))
        return found.name if found is not None else ""

    assert name_at(WEB) == f"network {host.networks[0].name}"
    assert name_at("10.70.0.9") == "bridge br-vm"
    assert [name_at(text) for text in ("10.71.0.1", "10.60.0.9", "10.80.0.9", "fe80::9")] == [""] * 4
