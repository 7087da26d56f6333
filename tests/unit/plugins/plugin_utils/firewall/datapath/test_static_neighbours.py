# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets whose way leads by a fixed entry of a neighbour table."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Neighbour
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost, mac_of

GATEWAY, WEB, OTHER, THIRD = (f"172.18.0.{place}" for place in (1, 2, 3, 4))
NOBODY = "02:00:00:00:00:99"
ELSEWHERE = "203.0.113.9"
BRIDGE = Bridge(0)
WRONG_ON_HOST = f"neighbour {WEB} on {BRIDGE.device} is fixed to {NOBODY}, which nobody on {BRIDGE.device} has"
WRONG_INSIDE = f"neighbour {GATEWAY} on eth0 of container web is fixed to {NOBODY}, which nobody on {BRIDGE.device} has"


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
    return ask(host, origin, destination, port).seen


def test_what_the_host_sends_to_the_hardware_address_of_nobody_is_lost(host: DockerHost) -> None:
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, NOBODY))
    for origin, destination, port in ((Origin(OUTSIDE), ADDRESS, 8080), (Origin(HOST), WEB, 80)):
        path = ask(host, origin, destination, port)
        assert (path.verdict, path.seen, path.reason) == ("dropped", "timed out", WRONG_ON_HOST)
        assert path.decided_at is not None
        assert path.hops[path.decided_at].action == "wrong_neighbour"
    answer = ask(host, Origin(CONTAINER, "web"), ELSEWHERE, 443)
    assert (answer.verdict, answer.reason) == ("no answer", f"the answer is lost: {WRONG_ON_HOST}")
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "answered"
    assert seen(host, Origin(CONTAINER, "other"), ELSEWHERE, 443) == "answered"


def test_what_a_container_sends_to_the_hardware_address_of_nobody_is_lost(host: DockerHost) -> None:
    inside(host, 0, GATEWAY, NOBODY)
    path = ask(host, Origin(CONTAINER, "web"), ELSEWHERE, 443)
    assert (path.verdict, path.seen, path.reason) == ("dropped", "timed out", WRONG_INSIDE)
    answer = ask(host, Origin(OUTSIDE), ADDRESS, 8080)
    assert (answer.verdict, answer.reason) == ("no answer", f"the answer is lost: {WRONG_INSIDE}")
    assert seen(host, Origin(CONTAINER, "web"), OTHER) == "answered"


def test_right_entries_change_nothing(host: DockerHost) -> None:
    before = ask(host, Origin(OUTSIDE), ADDRESS, 8080)
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac_of(WEB)))
    inside(host, 0, GATEWAY, BRIDGE.mac)
    inside(host, 1, WEB, mac_of(WEB))
    assert ask(host, Origin(OUTSIDE), ADDRESS, 8080) == before
    assert before.seen == "answered"
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "answered"


def test_another_container_drops_what_is_not_for_it_unless_it_forwards(host: DockerHost) -> None:
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, mac_of(THIRD)))
    path = ask(host, Origin(OUTSIDE), ADDRESS, 8080)
    entry = f"neighbour {WEB} on {BRIDGE.device} is fixed to {mac_of(THIRD)}"
    assert (path.verdict, path.reason) == ("dropped", f"{entry}, which is that of container third")
    host.container_namespaces[2] = replace(host.container_namespaces[2], sysctls={"net.ipv4.conf.eth0.forwarding": "1"})
    path = ask(host, Origin(OUTSIDE), ADDRESS, 8080)
    assert path.verdict == "unknown"
    assert path.doubts == [f"what container third, which forwards, does with a packet for {WEB}: {entry}"]


def test_the_host_takes_what_a_container_sends_to_the_bridge_itself_and_hands_it_on(host: DockerHost) -> None:
    inside(host, 1, WEB, BRIDGE.mac)
    path = ask(host, Origin(CONTAINER, "other"), WEB)
    assert (path.seen, path.answered_by) == ("answered", "container web")
    assert "routing" in {hop.place for hop in path.hops if hop.leg == "request"}
    host.sysctls["net.ipv4.ip_forward"] = "0"
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "timed out"


def test_the_hosts_own_hardware_address_is_no_neighbour_of_it(host: DockerHost) -> None:
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, BRIDGE.mac))
    assert ask(host, Origin(HOST), WEB).reason.endswith(f"is fixed to {BRIDGE.mac}, which is the host's own")


def test_translation_on_the_bridge_finds_the_way_again_where_the_first_frame_was_misled() -> None:
    """PREROUTING of bridge netfilter sees a frame whomever it is for; a new destination gets its own address."""
    for bridge_netfilter, expected in ((True, "answered"), (False, "timed out")):
        host = DockerHost(bridge_netfilter=bridge_netfilter, proxy=False)
        bridge = host.network()
        host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
        host.container("other", [bridge])
        inside(host, 1, GATEWAY, NOBODY)
        assert seen(host, Origin(CONTAINER, "other"), ADDRESS, 8080) == expected


def test_a_rule_rejects_the_copies_of_a_frame_that_nobody_takes() -> None:
    """As bridge netfilter shows them to FORWARD, while they go out by all other ports."""
    for bridge_netfilter, expected in ((True, "refused"), (False, "timed out")):
        host = DockerHost(bridge_netfilter=bridge_netfilter)
        bridge = host.network()
        host.container("web", [bridge])
        host.own_rules["filter", "FORWARD"] = ["-p tcp -j REJECT --reject-with tcp-reset"]
        inside(host, 0, GATEWAY, NOBODY)
        assert seen(host, Origin(CONTAINER, "web"), ELSEWHERE, 443) == "timed out"
        host.container("other", [bridge])
        assert seen(host, Origin(CONTAINER, "web"), ELSEWHERE, 443) == expected


def test_who_is_behind_a_port_that_leads_elsewhere_may_have_the_hardware_address(host: DockerHost) -> None:
    host.links.append(Link(900, "veth900", "veth", up=True, master=BRIDGE.index, peer_index=2, peer_nsid=77))
    host.neighbours.append(Neighbour(WEB, BRIDGE.index, NOBODY))
    path = ask(host, Origin(HOST), WEB)
    assert path.verdict == "unknown"
    assert path.doubts[0].startswith(f"who is behind veth900 on {BRIDGE.device}: neighbour {WEB}")


def test_a_fixed_entry_for_a_machine_outside_is_taken_to_be_right_and_shown() -> None:
    host = DockerHost()
    host.neighbours.append(Neighbour("192.0.2.1", 2, NOBODY))
    path = ask(host, Origin(HOST), ELSEWHERE, 443)
    assert path.seen == "answered"
    assert f"neighbour 192.0.2.1 on eth0 is fixed to {NOBODY}" in {hop.note for hop in path.hops}


def test_entries_that_were_not_read_leave_open_only_what_they_could_change(host: DockerHost) -> None:
    snapshot = host.snapshot()
    unread = replace(snapshot, sources={**snapshot.sources, "neighbours": Source(read=False, kind="error")})
    assert seen(unread, Origin(HOST), ELSEWHERE, 443) == "answered"
    assert seen(unread, Origin(CONTAINER, "other"), WEB) == "answered"
    path = ask(unread, Origin(HOST), WEB)
    assert path.doubts == [f"whether host has a fixed neighbour entry for {WEB}: none could be read"]
    host.container_namespaces[1] = replace(host.container_namespaces[1], neighbours=None)
    assert seen(host, Origin(CONTAINER, "third"), WEB) == seen(host, Origin(HOST), WEB) == "answered"
    assert seen(host, Origin(CONTAINER, "other"), WEB) == "unknown"
