# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace has of its own: sockets, and what tc(8) and XDP do at its devices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    EGRESS,
    FILTER,
    INGRESS,
    PROGRAM,
    QDISC,
    ROOT,
    Link,
    Listener,
    TrafficControl,
)
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    DeviceControls,
    Sockets,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

from tests.unit.docker_host import ADDRESS, WILDCARD, Bridge, DockerHost

WEB = "172.18.0.2"
ELSEWHERE = "203.0.113.9"
BRIDGE = Bridge(0)
LO, UPLINK, VETH, INSIDE = 1, 2, 100_000, 2
IPV4, ARP, IPV6, ALL = 0x0800, 0x0806, 0x86DD, 3

PUBLISHED = (Origin(OUTSIDE), ADDRESS, 8080)
FROM_HOST = (Origin(HOST), WEB, 80)
OUT = (Origin(CONTAINER, "web"), ELSEWHERE, 443)
BESIDE = (Origin(CONTAINER, "other"), "172.18.0.4", 80)
"""Past the bridge device, and past web."""


@pytest.fixture(params=[True, False], ids=["bridge netfilter", "without"])
def host(request: pytest.FixtureRequest) -> DockerHost:
    """A container that publishes a port, with two others on its network."""
    found = DockerHost(bridge_netfilter=request.param)
    bridge = found.network()
    found.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    found.container("other", [bridge], listen=[("tcp", 80)])
    found.container("third", [bridge], listen=[("tcp", 80)])
    return found


def keeping(interface: int, direction: str, protocol: int = ALL) -> TrafficControl:
    """A filter that can keep what it sees."""
    return TrafficControl(interface, direction, FILTER, "u32", protocol, ["mirred"])


def ask(host: DockerHost | HostSnapshot, question: tuple[Origin, str, int]) -> Path:
    snapshot = host.snapshot() if isinstance(host, DockerHost) else host
    origin, destination, port = question
    return predict(HostView.of(snapshot), Packet(origin, destination, "tcp", port))


def inside(host: DockerHost, place: int, *entries: TrafficControl) -> None:
    host.container_namespaces[place] = replace(host.container_namespaces[place], traffic_control=list(entries))


@pytest.mark.parametrize("direction", [INGRESS, EGRESS])
@pytest.mark.parametrize("where", ["eth0", BRIDGE.device, "veth100000"])
def test_a_filter_of_the_host_leaves_open_what_passes_it(host: DockerHost, where: str, direction: str) -> None:
    index = {"eth0": UPLINK, BRIDGE.device: BRIDGE.index, "veth100000": VETH}[where]
    host.traffic_control.append(keeping(index, direction))
    look = f"tc filter show dev {where} {direction}"
    for question in (PUBLISHED, OUT):
        path = ask(host, question)
        assert (path.verdict, path.observed) == ("unknown", "unknown")
        (doubt,) = path.undetermined
        assert path.undetermined_mechanisms == ["traffic_control"]
        assert doubt.startswith(f"what a tc filter on {where} ({direction}, u32, action mirred) ")
        assert doubt.endswith(f"; see {look}")
    assert ask(host, BESIDE).observed == "answered"


@pytest.mark.parametrize("direction", [INGRESS, EGRESS])
def test_a_filter_inside_a_container_leaves_open_what_passes_it(host: DockerHost, direction: str) -> None:
    inside(host, 0, keeping(INSIDE, direction))
    look = f"nsenter -n -t PID tc filter show dev eth0 {direction}"
    where = f"eth0 of container web ({direction}, u32, action mirred)"
    for question in (PUBLISHED, OUT, FROM_HOST):
        assert ask(host, question).undetermined == [f"what a tc filter on {where} does with its frames; see {look}"]
    assert ask(host, BESIDE).observed == "answered"


@pytest.mark.parametrize("direction", [INGRESS, EGRESS])
def test_a_filter_on_either_end_of_a_port_leaves_open_what_is_switched_to_it(host: DockerHost, direction: str) -> None:
    to_web = (Origin(CONTAINER, "other"), WEB, 80)
    assert ask(host, to_web).observed == "answered"
    host.traffic_control.append(keeping(VETH, direction))
    assert ask(host, to_web).verdict == "unknown"
    host.traffic_control.clear()
    inside(host, 0, keeping(INSIDE, direction))
    assert ask(host, to_web).verdict == "unknown"


def test_the_bridge_device_sees_only_what_is_the_hosts(host: DockerHost) -> None:
    """What it switches from port to port passes it by."""
    host.traffic_control += [keeping(BRIDGE.index, INGRESS), keeping(BRIDGE.index, EGRESS)]
    assert ask(host, BESIDE).observed == "answered"
    assert ask(host, (Origin(CONTAINER, "other"), BRIDGE.address(0), 22)).verdict == "unknown"


def test_rules_that_come_first_decide(host: DockerHost) -> None:
    """POSTROUTING comes before egress; and with bridge netfilter PREROUTING of a port before ingress of the bridge."""
    host.traffic_control.append(keeping(BRIDGE.index, EGRESS))
    host.own_rules["mangle", "POSTROUTING"] = [f"-d {WEB}/32 -j DROP"]
    assert ask(host, PUBLISHED).verdict == "dropped"
    host.traffic_control[:] = [keeping(BRIDGE.index, INGRESS, IPV4)]
    host.own_rules["raw", "PREROUTING"] = [f"-s {WEB}/32 -j DROP"]
    calls = host.sysctls["net.bridge.bridge-nf-call-iptables"] == "1"
    assert ask(host, OUT).verdict == ("dropped" if calls else "unknown")


def test_ingress_of_an_uplink_comes_before_all_rules(host: DockerHost) -> None:
    host.traffic_control.append(keeping(UPLINK, INGRESS))
    host.own_rules["raw", "PREROUTING"] = ["-p tcp -m tcp --dport 8080 -j DROP"]
    assert ask(host, PUBLISHED).verdict == "unknown"


def test_the_loopback_of_the_host_and_of_containers(host: DockerHost) -> None:
    to_itself = (Origin(HOST), "127.0.0.1", 22), (Origin(CONTAINER, "other"), "127.0.0.1", 80)
    assert [ask(host, question).observed for question in to_itself] == ["answered", "answered"]
    for direction in (INGRESS, EGRESS):
        host.traffic_control[:] = [keeping(LO, direction)]
        inside(host, 1, keeping(LO, direction))
        assert [ask(host, question).verdict for question in to_itself] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            TrafficControl(UPLINK, EGRESS, QDISC, "netem"),
            "what the queueing discipline netem on eth0 lets pass; see tc -s qdisc show dev eth0",
        ),
        (
            TrafficControl(UPLINK, INGRESS, FILTER, "bpf", ALL, None),
            "what a tc filter on eth0 (ingress, bpf) does with its frames; see tc filter show dev eth0 ingress",
        ),
        (
            TrafficControl(UPLINK, ROOT, FILTER, "u32", ARP, ["nat"]),
            "what a tc filter on eth0 (root, u32, action nat) does with its frames; see tc filter show dev eth0 root",
        ),
        (
            TrafficControl(UPLINK, EGRESS, PROGRAM, "tcx"),
            "what a tcx program on eth0 (egress) does with its frames; see bpftool net show dev eth0",
        ),
    ],
)
def test_what_can_keep_frames_is_named(host: DockerHost, entry: TrafficControl, words: str) -> None:
    host.traffic_control.append(entry)
    path = ask(host, PUBLISHED)
    assert (path.verdict, path.undetermined) == ("unknown", [words])
    assert path.reason == f"it depends on {words}"


def test_an_xdp_program_is_named(host: DockerHost) -> None:
    host.links[1] = replace(host.links[1], xdp=True)
    (doubt,) = ask(host, PUBLISHED).undetermined
    assert "XDP program on eth0 " in doubt
    assert doubt.endswith("link show dev eth0")


@pytest.mark.parametrize("actions", [[], ["pass"], ["continue"], ["mirror"], ["mirror", "pass"]])
@pytest.mark.parametrize("direction", [INGRESS, EGRESS, ROOT])
def test_filters_that_let_everything_pass_change_nothing(host: DockerHost, direction: str, actions: list[str]) -> None:
    before = [ask(host, question) for question in (PUBLISHED, OUT)]
    entries = [
        TrafficControl(index, direction, FILTER, "flower", ALL, actions) for index in (UPLINK, BRIDGE.index, VETH)
    ]
    host.traffic_control += entries
    inside(host, 0, TrafficControl(INSIDE, direction, FILTER, "u32", IPV4, actions))
    assert [ask(host, question) for question in (PUBLISHED, OUT)] == before
    assert {path.observed for path in before} == {"answered"}


def test_filters_for_frames_of_another_family_change_nothing(host: DockerHost) -> None:
    """One for ARP keeps the kernel from finding its neighbours."""
    host.traffic_control.append(keeping(UPLINK, INGRESS, IPV6))
    assert ask(host, PUBLISHED).observed == "answered"
    host.traffic_control[0] = keeping(UPLINK, INGRESS, ARP)
    assert ask(host, PUBLISHED).verdict == "unknown"


def test_who_is_not_asked_for_is_not_found_whatever_rules_do(host: DockerHost) -> None:
    """A rule stops the packet before it comes to the filter, which can keep the question or its answer."""
    host.own_rules["raw", "PREROUTING"] = ["-i br-+ -j DROP"]
    host.own_rules["filter", "FORWARD"] = ["-i br-+ -j DROP"]
    if host.sysctls["net.bridge.bridge-nf-call-iptables"] == "0":
        return
    for direction in (INGRESS, EGRESS):
        for protocol, verdict in ((ALL, "unknown"), (ARP, "unknown"), (IPV4, "dropped"), (IPV6, "dropped")):
            inside(host, 2, keeping(INSIDE, direction, protocol))
            assert ask(host, BESIDE).verdict == verdict
            inside(host, 2)
            host.traffic_control[:] = [keeping(BRIDGE.index, direction, protocol)]
            assert ask(host, OUT).verdict == verdict
            host.traffic_control.clear()
    inside(host, 1, keeping(INSIDE, INGRESS))
    assert ask(host, BESIDE).verdict == "unknown"


def test_what_was_refused_is_open_and_what_an_older_release_did_not_read_is_not_there(host: DockerHost) -> None:
    snapshot = host.snapshot()
    refused = {**snapshot.sources, "traffic_control": Source(read=False, kind="denied")}
    (doubt,) = ask(replace(snapshot, sources=refused), PUBLISHED).undetermined
    assert "tc filter" in doubt
    assert doubt.endswith(" eth0: none could be read")
    older = {name: source for name, source in snapshot.sources.items() if name != "traffic_control"}
    assert ask(replace(snapshot, sources=older), PUBLISHED).observed == "answered"


def test_the_reset_that_a_bridge_port_sends_passes_its_egress(host: DockerHost) -> None:
    host.own_rules["filter", "DOCKER-USER"] = [
        "-p tcp -s 172.18.0.3/32 -d 172.18.0.4/32 -j REJECT --reject-with tcp-reset"
    ]
    if host.sysctls["net.bridge.bridge-nf-call-iptables"] == "0":
        return
    assert ask(host, BESIDE).observed == "refused"
    host.traffic_control.append(keeping(100_010, EGRESS))
    assert ask(host, BESIDE).verdict == "unknown"
    host.traffic_control.clear()
    inside(host, 1, keeping(INSIDE, INGRESS))
    assert ask(host, BESIDE).verdict == "unknown"


def doubts(links: Sequence[Link], entry: TrafficControl, *devices: str) -> list[bool]:
    controls = DeviceControls(links, [entry])
    return [bool(controls.doubt(4, entry.direction, "", device)) for device in devices]


def test_what_stands_upon_a_device_sends_by_it() -> None:
    links = [
        Link(2, "eth0", master=3),
        Link(3, "bond0", "bond", master=4),
        Link(4, "br0", "bridge"),
        Link(5, "br0.7", "vlan", peer_index=4),
        Link(6, "veth1", "veth", master=4, peer_index=2),
        Link(7, "vlan9", "vlan", peer_index=3),
        Link(8, "vlan8", "vlan", peer_index=2, peer_nsid=1),
    ]
    names = [link.name for link in links]
    found = dict(zip(names, doubts(links, keeping(2, INGRESS, IPV6), *names)))
    # Of the bridge other ports' frames are not concerned, and the filter itself is not about IPv4.
    assert found == {
        "eth0": False,
        "bond0": True,
        "br0": False,
        "br0.7": True,
        "veth1": False,
        "vlan9": True,
        "vlan8": False,
    }
    assert (
        DeviceControls(links, [keeping(2, INGRESS)])
        .doubt(4, INGRESS, "", "bond0")
        .startswith("what a tc filter on eth0")
    )
    assert doubts(links, keeping(6, EGRESS), *names) == [name == "veth1" for name in names]


def test_links_that_stand_upon_each_other_come_to_an_end() -> None:
    links = [Link(2, "a", "vlan", peer_index=3), Link(3, "b", "vlan", peer_index=2, master=2)]
    assert doubts(links, keeping(2, EGRESS), "a", "b") == [True, True]


def test_an_uplink_that_is_a_bridge_is_concerned_by_its_ports(host: DockerHost) -> None:
    host.links[1] = replace(host.links[1], kind="bridge")
    host.links.append(Link(5, "ens3", up=True, master=UPLINK))
    for direction in (INGRESS, EGRESS):
        host.traffic_control[:] = [keeping(5, direction)]
        assert ask(host, PUBLISHED).verdict == "unknown"
    host.traffic_control[:] = [keeping(5, INGRESS, IPV6)]
    assert ask(host, PUBLISHED).observed == "answered"


ANY4, ANY6 = "0.0.0.0", "::"  # noqa: S104


@pytest.mark.parametrize(
    ("listeners", "destination", "device", "owner"),
    [
        ([Listener("tcp", ANY4, 80, owner="any")], "192.0.2.1", "eth0", "any"),
        (
            [Listener("tcp", ANY4, 80, owner="any"), Listener("tcp", "192.0.2.1", 80, owner="own")],
            "192.0.2.1",
            "eth0",
            "own",
        ),
        ([Listener("tcp", "127.0.0.1", 80, owner="lo")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY6, 80, owner="dual")], "192.0.2.1", "eth0", "dual"),
        (
            [Listener("tcp", ANY6, 80, owner="dual"), Listener("tcp", ANY4, 80, owner="four")],
            "192.0.2.1",
            "eth0",
            "four",
        ),
        ([Listener("tcp", ANY6, 80, only_ipv6=True, owner="six")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY6, 80, only_ipv6=True, owner="six")], "2001:db8::1", "eth0", "six"),
        ([Listener("tcp", ANY4, 80, owner="four")], "2001:db8::1", "eth0", ""),
        ([Listener("tcp", "::ffff:192.0.2.1", 80, owner="mapped")], "192.0.2.1", "eth0", "mapped"),
        ([Listener("tcp", ANY4, 80, device="eth1", owner="bound")], "192.0.2.1", "eth0", ""),
        (
            [Listener("tcp", ANY4, 80, owner="any"), Listener("tcp", ANY4, 80, device="eth1", owner="bound")],
            "192.0.2.1",
            "eth1",
            "bound",
        ),
        ([Listener("udp", ANY4, 80, owner="udp")], "192.0.2.1", "eth0", ""),
        ([Listener("tcp", ANY4, 81, owner="other")], "192.0.2.1", "eth0", ""),
    ],
)
def test_most_specific_listener(listeners: list[Listener], destination: str, device: str, owner: str) -> None:
    for order in (listeners, listeners[::-1]):
        found = Sockets(order).find("tcp", *parse_address(destination), 80, device)
        assert (found.owner if found else "") == owner
