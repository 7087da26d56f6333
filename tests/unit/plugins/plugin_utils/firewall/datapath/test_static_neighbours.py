# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets whose way leads by a static entry of a neighbour table: right ones, and those that leave it open."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BridgeSetting, Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost, mac_of

GATEWAY, WEB, OTHER, THIRD = (f"172.18.0.{place}" for place in (1, 2, 3, 4))
NOBODY = "02:00:00:00:00:99"
ELSEWHERE = "203.0.113.9"
BRIDGE = Bridge(0)
_SENT = "who receives frames sent by a permanent neighbour entry"
WRONG = f"{_SENT}: neighbour {{}} is permanently {NOBODY}; see ip neigh show"
WRONG_ON_HOST = WRONG.format(f"{WEB} on {BRIDGE.device}")
WRONG_INSIDE = WRONG.format(f"{GATEWAY} on eth0 of container web")


@pytest.fixture(params=[True, False], ids=["bridge netfilter", "without"])
def host(request: pytest.FixtureRequest) -> DockerHost:
    """A container that publishes a port, with two others on its network."""
    found = DockerHost(bridge_netfilter=request.param)
    bridge = found.network()
    found.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    found.container("other", [bridge], listen=[("tcp", 80)])
    found.container("third", [bridge])
    return found


def inside(host: DockerHost, place: int, neighbour: str, mac: str) -> None:
    """A fixed entry of a container's."""
    host.container_namespaces[place] = replace(
        host.container_namespaces[place], neighbours=[Neighbour(neighbour, 2, mac)]
    )


def ask(host: DockerHost | HostSnapshot, origin: Origin, destination: str, port: int = 80) -> Path:
    snapshot = host.snapshot() if isinstance(host, DockerHost) else host
    return predict(HostView.of(snapshot), Packet(origin, destination, "tcp", port))


def seen(host: DockerHost | HostSnapshot, origin: Origin, destination: str, port: int = 80) -> str:
    return ask(host, origin, destination, port).observed


def test_it_is_left_open_what_becomes_of_what_the_host_sends_by_a_wrong_entry(host: DockerHost) -> None:
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, NOBODY))
    for origin, destination, port in ((Origin(OUTSIDE), ADDRESS, 8080), (Origin(HOST), WEB, 80)):
        path = ask(host, origin, destination, port)
        assert (path.verdict, path.undetermined) == ("unknown", [WRONG_ON_HOST])
    answer = ask(host, Origin(CONTAINER, "web"), ELSEWHERE, 443)
    assert (answer.verdict, answer.undetermined) == ("unknown", [WRONG_ON_HOST])
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "answered"
    assert seen(host, Origin(CONTAINER, "other"), ELSEWHERE, 443) == "answered"


def test_it_is_left_open_what_becomes_of_what_a_container_sends_by_a_wrong_entry(host: DockerHost) -> None:
    inside(host, 0, GATEWAY, NOBODY)
    for path in (ask(host, Origin(CONTAINER, "web"), ELSEWHERE, 443), ask(host, Origin(OUTSIDE), ADDRESS, 8080)):
        assert (path.verdict, path.undetermined) == ("unknown", [WRONG_INSIDE])
    assert seen(host, Origin(CONTAINER, "web"), OTHER) == "answered"


def test_right_entries_change_nothing(host: DockerHost) -> None:
    before = ask(host, Origin(OUTSIDE), ADDRESS, 8080)
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac_of(WEB)))
    inside(host, 0, GATEWAY, BRIDGE.mac)
    inside(host, 1, WEB, mac_of(WEB))
    assert ask(host, Origin(OUTSIDE), ADDRESS, 8080) == before
    assert before.observed == "answered"
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "answered"


@pytest.mark.parametrize("mac", [mac_of(THIRD), BRIDGE.mac])
def test_an_entry_with_the_hardware_address_of_another_leaves_it_open(host: DockerHost, mac: str) -> None:
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac))
    path = ask(host, Origin(HOST), WEB)
    entry = f"neighbour {WEB} on {BRIDGE.device} is permanently {mac}"
    assert path.undetermined == [f"who receives frames sent by a permanent neighbour entry: {entry}; see ip neigh show"]


def test_an_entry_for_an_address_that_no_container_has_leaves_it_open(host: DockerHost) -> None:
    address = "172.18.0.9"
    assert seen(host, Origin(HOST), address) == seen(host, Origin(CONTAINER, "web"), address) == "no answer"
    host.neighbours.append(Neighbour(address, BRIDGE.index, NOBODY))
    inside(host, 0, address, NOBODY)
    assert seen(host, Origin(HOST), address) == seen(host, Origin(CONTAINER, "web"), address) == "unknown"


def test_who_is_sent_to_by_a_right_entry_learns_nothing_of_it(host: DockerHost) -> None:
    """It was not asked, so it has to ask itself, which a port that keeps frames back stops."""
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac_of(WEB)))
    assert seen(host, Origin(HOST), WEB) == "answered"
    port = "veth100000"
    host.links = [
        replace(link, settings=[BridgeSetting("learning", "off")]) if link.name == port else link for link in host.links
    ]
    assert seen(host, Origin(HOST), WEB) == "unknown"


def test_a_fixed_entry_for_a_machine_outside_is_taken_to_be_right_and_shown() -> None:
    host = DockerHost()
    host.neighbours.append(Neighbour("192.0.2.1", 2, NOBODY))
    path = ask(host, Origin(HOST), ELSEWHERE, 443)
    assert path.observed == "answered"
    (entry,) = {hop.note for hop in path.steps if NOBODY in hop.note}
    assert entry.startswith("neighbour 192.0.2.1 on eth0 ")


def test_entries_that_were_not_read_leave_open_only_what_they_could_change(host: DockerHost) -> None:
    snapshot = host.snapshot()
    unread = replace(snapshot, sources={**snapshot.sources, "neighbours": Source(read=False, kind="error")})
    assert seen(unread, Origin(HOST), ELSEWHERE, 443) == "answered"
    assert seen(unread, Origin(CONTAINER, "other"), WEB) == "answered"
    path = ask(unread, Origin(HOST), WEB)
    (doubt,) = path.undetermined
    assert doubt.startswith("whether host ")
    assert doubt.endswith(f" {WEB}: none could be read")
    host.container_namespaces[1] = replace(host.container_namespaces[1], neighbours=None)
    assert seen(host, Origin(CONTAINER, "third"), WEB) == seen(host, Origin(HOST), WEB) == "answered"
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "unknown"
