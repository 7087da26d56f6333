# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that settings and tables of a bridge keep from crossing it, as Linux 6.18 did it to real connections."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BridgeSetting,
    ForwardingEntry,
    Neighbour,
    PortVlan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BLOCKED_BY_BRIDGE, Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

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
PLAIN = PortVlan(1, 1, pvid=True, untagged=True)
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


def test_a_bridge_that_learns_nothing_floods(host: DockerHost) -> None:
    change(host, BRIDGE.device, settings=[BridgeSetting("ageing_time", "0")])
    assert seen(host) == [A, A, A, A, A]


@pytest.mark.parametrize(
    ("port", "entry", "outcomes"),
    [
        (PORT, "static", [A, A, A, A, A]),
        (PORT, "sticky", [A, A, A, A, A]),
        (PORT, "permanent", [X, X, X, X, X]),
        (BESIDE, "static", [X, X, X, X, X]),
        (BESIDE, "sticky", [X, X, X, X, X]),
        (BESIDE, "permanent", [X, X, X, X, X]),
    ],
)
def test_entries_of_the_forwarding_database(host: DockerHost, port: str, entry: str, outcomes: list[str]) -> None:
    change(host, port, forwarding=[ForwardingEntry(mac_of(WEB), entry)])
    assert seen(host) == outcomes


def test_an_entry_that_leads_the_hosts_own_address_away(host: DockerHost) -> None:
    change(host, BESIDE, forwarding=[ForwardingEntry(BRIDGE.mac, "sticky")])
    assert seen(host) == [X, X, A, A, X]


def test_what_is_said_of_it(host: DockerHost) -> None:
    settle(host, "state blocking")
    path = ask(host, Origin(HOST), WEB, 80)
    assert path.reason.startswith("host ")
    assert path.reason.endswith(f" {WEB}: the bridge port {PORT} is in the state blocking")
    assert path.decided_at is not None
    assert path.steps[path.decided_at].action == BLOCKED_BY_BRIDGE
    settle(host)
    change(host, BESIDE, forwarding=[ForwardingEntry(mac_of(WEB), "sticky")])
    entry = f"its forwarding database has a sticky entry that leads {mac_of(WEB)} to {BESIDE}"
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


# ---- VLANs -----------------------------------------------------------------------------------------------------------


def filtering(host: DockerHost, bridge: list[PortVlan], port: list[PortVlan], beside: list[PortVlan]) -> None:
    change(host, BRIDGE.device, vlan_filtering=True, vlans=bridge)
    change(host, PORT, vlans=port)
    change(host, BESIDE, vlans=beside)


@pytest.mark.parametrize(
    ("bridge", "port", "beside", "outcomes"),
    [
        ([PLAIN], [PLAIN], [PLAIN], [A, A, A, A, A]),
        ([PLAIN], [PLAIN, PortVlan(2, 4094)], [PLAIN], [A, A, A, A, A]),
        ([PLAIN], [PortVlan(10, 10, pvid=True, untagged=True)], [PLAIN], [X, X, X, X, X]),
        ([], [PLAIN], [PLAIN], [X, X, A, A, X]),
        ([PLAIN], [PortVlan(1, 1, pvid=True)], [PLAIN], [X, X, X, X, X]),
        ([PLAIN], [PLAIN], [PortVlan(1, 1, untagged=True)], [A, A, X, X, A]),
        # Each sends in a VLAN of its own, and takes the others' (private VLANs).
        (
            [PLAIN, PortVlan(10, 10, untagged=True)],
            [PortVlan(1, 1, untagged=True), PortVlan(10, 10, pvid=True, untagged=True)],
            [PLAIN],
            [A, A, X, X, A],
        ),
    ],
)
def test_vlans(
    host: DockerHost,
    bridge: list[PortVlan],
    port: list[PortVlan],
    beside: list[PortVlan],
    outcomes: list[str],
) -> None:
    filtering(host, bridge, port, beside)
    assert seen(host) == outcomes


def test_vlans_that_were_not_read_are_not_known(host: DockerHost) -> None:
    change(host, BRIDGE.device, vlan_filtering=True)
    assert set(seen(host)) == {X}


def test_what_is_said_of_vlans(host: DockerHost) -> None:
    filtering(host, [PLAIN], [PortVlan(10, 10, pvid=True, untagged=True)], [PLAIN])
    doubt, *dummy = ask(host, Origin(HOST), WEB, 80).undetermined
    assert f" {BRIDGE.device} filters VLANs: {PORT} " in doubt
    assert f" for VLAN 10, and {BRIDGE.device} " in doubt


def test_an_entry_counts_in_its_vlan(host: DockerHost) -> None:
    filtering(host, [PLAIN], [PLAIN], [PLAIN])
    for vlan, outcome in ((0, A), (10, A), (1, X)):
        change(host, BESIDE, forwarding=[ForwardingEntry(mac_of(WEB), "sticky", vlan)])
        assert seen(host)[1] == outcome
    filtering(host, [], [], [])
    change(host, BRIDGE.device, vlan_filtering=False)
    assert seen(host)[1] == A
