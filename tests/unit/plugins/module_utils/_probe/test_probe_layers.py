# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of a probe: what each says, what is asked after one failed, what counts for nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    Endpoint,
    Network,
    PublishedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BridgeSetting, Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    FAILED,
    LAYERS,
    Probe,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe import near, prober
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import Attempt
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.namespace import NamespaceView, RouteAnswer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.neighbour import HardwareAnswer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.path_mtu import MtuAnswer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.scene import Scene

FRONT = Network("f" * 64, "front", "bridge")
BRIDGE = Link(5, f"br-{'f' * 12}", "bridge", up=True, operstate="UP", addresses=["172.18.0.1/16"])
VETH = Link(7, "veth1", "veth", up=True, operstate="UP", master=5, peer_index=2, peer_nsid=1)
ETH0 = Link(
    2, "eth0", "veth", up=True, operstate="UP", mtu=1500, mac="02:42:ac:12:00:02", peer_index=7,
    addresses=["172.18.0.2/16", "fe80::1/64"],
)  # fmt: skip
LO = Link(1, "lo", up=True, addresses=["127.0.0.1/8"])
WEB = Container("1" * 64, "web", pid=10, endpoints=[Endpoint("front", FRONT.id, "172.18.0.2", mac="02:42:ac:12:00:02")])
DB = Container(
    "2" * 64, "db", pid=11, endpoints=[Endpoint("front", FRONT.id, "172.18.0.3")],
    published=[PublishedPort("tcp", 5432, "", 15432)],
)  # fmt: skip
SCENE = Scene(
    container=WEB,
    process=ProcessState("running", 10, "web"),
    containers=[WEB, DB],
    networks={FRONT.id: FRONT},
    host=NamespaceView([BRIDGE, VETH], []),
    own=NamespaceView([LO, ETH0], []),
    host_addresses={4: "192.0.2.10"},
)
OUT = RouteAnswer(Route("0.0.0.0/0", 254, gateways=["172.18.0.1"], interfaces=[2]))
ON_LINK = RouteAnswer(Route("172.18.0.0/16", 254, interfaces=[2]))
NO_ROUTE = RouteAnswer(None, "ENETUNREACH")
LOCAL = RouteAnswer(Route("172.18.0.2/32", 255, kind="local", interfaces=[1]))


def seen(*, host: list[Link] | None = None, own: list[Link] | None = None, **other: Any) -> Scene:
    return replace(
        SCENE,
        host=SCENE.host if host is None else NamespaceView(host, []),
        own=SCENE.own if own is None else NamespaceView(own, []),
        **other,
    )


@pytest.mark.parametrize(
    ("scene", "outcome", "error", "words"),
    [
        (SCENE, "passed", "", "veth1 is a port of br-ffffffffffff"),
        (seen(own=[LO, replace(ETH0, up=False)]), "failed", "ENETDOWN", "ip link set eth0 up"),
        (seen(own=[LO, replace(ETH0, operstate="LOWERLAYERDOWN")]), "failed", "ENETDOWN", "no carrier"),
        (seen(host=[BRIDGE, replace(VETH, up=False)]), "failed", "ENETDOWN", "veth1, the host's end of eth0, is down"),
        (seen(host=[BRIDGE, replace(VETH, master=None)]), "failed", "ENOLINK", "ip link set veth1 master br-fff"),
        (
            seen(host=[replace(BRIDGE, name="br-other"), VETH]),
            "failed",
            "ENOLINK",
            "attached to br-other, and not to br-fff",
        ),
        (seen(host=[replace(BRIDGE, up=False), VETH]), "failed", "ENETDOWN", "the bridge br-ffffffffffff is down"),
        (
            seen(host=[BRIDGE, replace(VETH, settings=[BridgeSetting("state", "blocking")])]),
            "failed",
            "ENOLINK",
            "in state blocking",
        ),
        (seen(host=[BRIDGE]), "passed", "", "not in the host's namespace"),
        (seen(own=[LO, replace(ETH0, kind="macvlan")], host=[]), "passed", "", "eth0 is up"),
    ],
)
def test_the_interface_and_its_other_end(scene: Scene, outcome: str, error: str, words: str) -> None:
    link = near.link_for(scene, OUT, 4)
    layer = near.interface_layer(scene, OUT, link)
    assert (layer.outcome, layer.error) == (outcome, error)
    assert words in layer.detail


def test_no_interface_is_a_fault_unless_it_is_meant_so() -> None:
    none = replace(WEB, network_mode="none")
    assert near.interface_layer(SCENE, NO_ROUTE, None).error == "ENODEV"
    assert near.interface_layer(seen(container=none), NO_ROUTE, None).outcome == "skipped"
    assert near.route_layer(seen(container=none), NO_ROUTE, "192.0.2.1", None).outcome == "skipped"
    inner = replace(FRONT, internal=True)
    scene = seen(networks={FRONT.id: inner})
    layer = near.route_layer(scene, NO_ROUTE, "192.0.2.1", inner)
    assert (layer.outcome, layer.detail) == ("skipped", "its network front is internal, and has no route out by design")


@pytest.mark.parametrize(
    ("link", "version", "outcome", "words"),
    [
        (ETH0, 4, "passed", "eth0 has 172.18.0.2"),
        (replace(ETH0, addresses=[]), 4, "failed", "the engine gave it 172.18.0.2, and eth0 has no IPv4 address"),
        (
            replace(ETH0, addresses=["172.18.0.9/16"]),
            4,
            "failed",
            "the engine gave it 172.18.0.2, and eth0 has 172.18.0.9",
        ),
        (ETH0, 6, "failed", "no IPv6 address, and its network front has no IPv6"),
        (
            replace(ETH0, addresses=["2001:db8::2/64"], tentative=["2001:db8::2/64"]),
            6,
            "failed",
            "duplicate address detection",
        ),
    ],
)
def test_the_address_is_the_one_that_the_engine_gave(link: Link, version: int, outcome: str, words: str) -> None:
    layer = near.address_layer(seen(own=[LO, link]), OUT, link, version)
    assert layer.outcome == outcome
    assert words in layer.detail


@pytest.mark.parametrize("error", ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL", "EIO"])
def test_a_route_that_is_not_there_is_named_by_its_errno(error: str) -> None:
    layer = near.route_layer(SCENE, RouteAnswer(None, error), "192.0.2.1", FRONT)
    assert (layer.outcome, layer.error) == ("failed", error)
    assert "192.0.2.1" in layer.detail


def test_a_process_that_stands_still_is_told_from_a_network_that_is_broken() -> None:
    stopped = ProcessState("stopped", 10, "web", "process 10 (nginx) is stopped")
    layer = near.process_layer(seen(process=stopped))
    assert (layer.outcome, layer.error, layer.detail) == ("failed", "STOPPED", "process 10 (nginx) is stopped")
    assert near.process_layer(seen(process=None, container=None)).outcome == "skipped"


def test_who_is_behind_an_address() -> None:
    assert SCENE.container_behind("172.18.0.3", "tcp", 80, on_host=False) is DB
    assert SCENE.container_behind("192.0.2.10", "tcp", 15432, on_host=True) is DB
    assert SCENE.container_behind("192.0.2.10", "udp", 15432, on_host=True) is None
    assert SCENE.container_behind("203.0.113.9", "tcp", 15432, on_host=False) is None
    assert SCENE.peers(FRONT, 4, "") == [("db", "172.18.0.3")]
    assert SCENE.peers(FRONT, 4, "172.18.0.3") == []


ANSWERED = Attempt("answered", milliseconds=1.0, source="172.18.0.2:40000")
SILENT = Attempt("timed out", "TIMEOUT", milliseconds=3000.0)


class World:
    """What the kernel and others would answer."""

    def __init__(self) -> None:
        self.routes: dict[str, RouteAnswer] = {}
        self.host_route = RouteAnswer(Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[9]))
        self.silent: set[str] = set()
        self.hears_host = True
        self.target = ANSWERED
        self.mtu = MtuAnswer(1500)
        self.hardware = HardwareAnswer("02:42:00:00:00:01")
        self.asked: list[str] = []
        self.on_host = False

    def route_to(self, address: str) -> RouteAnswer:
        return self.host_route if self.on_host else self.routes.get(address, OUT)

    def call_on_host(self, call: Callable[[], Any]) -> Any:
        self.on_host = True
        try:
            return call()
        finally:
            self.on_host = False

    def echo(self, address: str, dummy: float) -> Attempt:
        if self.on_host:
            return ANSWERED if self.hears_host else SILENT
        self.asked.append(address)
        return SILENT if address in self.silent else ANSWERED


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    monkeypatch.setattr(prober, "route_to", found.route_to)
    monkeypatch.setattr(prober, "on_host", found.call_on_host)
    monkeypatch.setattr(prober, "echo", found.echo)
    monkeypatch.setattr(prober, "together", lambda calls: [call() for call in calls])
    monkeypatch.setattr(prober, "tcp", lambda *dummy: found.target)
    monkeypatch.setattr(prober, "udp", lambda *dummy: found.target)
    monkeypatch.setattr(prober, "measure", lambda *dummy: found.mtu)
    monkeypatch.setattr(prober, "ask_neighbour", lambda *dummy: found.hardware)
    return found


def ask(scene: Scene = SCENE, to: str = "203.0.113.9", protocol: str = "tcp", port: int = 443) -> Probe:
    return prober.Prober(scene, 1.0, all_layers=True).probe(Question(to, protocol, port), to)


def layer_of(probe: Probe, name: str) -> ProbeLayer:
    (found,) = [layer for layer in probe.layers if layer.layer == name]
    return found


def outcomes(probe: Probe) -> str:
    """A letter for each layer in order."""
    return "".join(layer.outcome[0] for layer in probe.layers)


def test_layers_are_in_order_and_a_healthy_one_fails_none(world: World) -> None:
    probe = ask()
    assert [layer.layer for layer in probe.layers] == list(LAYERS)
    assert outcomes(probe) == "pppppppppsppS".lower()
    assert (probe.observed, probe.source, probe.first_failed) == ("answered", "172.18.0.2:40000", None)
    assert sorted(world.asked) == ["172.18.0.1", "172.18.0.3", "192.0.2.1", "192.0.2.10"]


def test_echoes_that_nobody_answers_count_for_nothing_where_the_target_answers(world: World) -> None:
    world.silent = {"172.18.0.1", "172.18.0.3", "192.0.2.1", "192.0.2.10"}
    probe = ask()
    assert probe.first_failed is None
    assert "not a fault, since packets of the target come back" in layer_of(probe, "gateway").detail
    world.target = Attempt("refused", "ECONNREFUSED")
    failed = ask().first_failed
    assert failed is not None
    assert failed.layer == "target"
    world.target = SILENT
    failed = ask().first_failed
    assert failed is not None
    assert (failed.layer, failed.error) == ("gateway", "TIMEOUT")
    # What forwards packets need not answer itself.
    world.silent.remove("192.0.2.1")
    probe = ask()
    assert outcomes(probe) == "pppppsssp" + "sfss"
    assert "not a fault, since 192.0.2.1 replies" in layer_of(probe, "gateway").detail
    world.silent = {"172.18.0.3", "192.0.2.1"}
    assert outcomes(ask()) == "ppppppspf" + "sfss"


def test_a_next_hop_fails_where_it_answers_the_host_and_not_the_container(world: World) -> None:
    world.silent, world.target = {"192.0.2.1"}, SILENT
    layer = layer_of(ask(), "next_hop")
    assert (layer.outcome, layer.detail) == (
        "failed",
        "the next hop does not reply to an echo request; it answers the host",
    )
    world.hears_host = False
    assert layer_of(ask(), "next_hop").outcome == "skipped"
    uplink = replace(VETH, index=9, name="eth0", master=None, mac="02:00:00:00:00:09")
    scene = seen(host=[BRIDGE, VETH, uplink])
    assert layer_of(ask(scene), "next_hop").outcome == "skipped"
    world.hardware = HardwareAnswer("", "TIMEOUT", 1000.0)
    assert layer_of(ask(scene), "next_hop").detail.startswith("192.0.2.1 answers neither echo requests nor")
    world.hardware = HardwareAnswer("02:42:00:00:00:01")
    world.host_route = NO_ROUTE
    assert layer_of(ask(), "next_hop").error == "ENETUNREACH"


def test_what_is_on_the_senders_link_is_not_asked_by_way_of_the_gateway(world: World) -> None:
    world.routes["172.18.0.3"] = ON_LINK
    probe = ask(to="172.18.0.3")
    assert outcomes(probe) == "pppppsssssppS".lower()
    assert world.asked == []
    assert probe.container == "db"


def test_nothing_is_asked_beyond_a_layer_that_failed_but_the_target(world: World) -> None:
    world.target = Attempt("unreachable", "ENETUNREACH")
    world.routes["203.0.113.9"] = NO_ROUTE
    probe = ask()
    assert world.asked == []
    assert outcomes(probe) == "pppfssssssfss"
    assert layer_of(probe, "gateway").detail == "not asked: the layer route failed"


def test_containers_that_are_kept_apart_are_not_asked(world: World) -> None:
    apart = replace(FRONT, options={"com.docker.network.bridge.enable_icc": "false"})
    assert layer_of(ask(seen(networks={FRONT.id: apart})), "container").outcome == "skipped"
    assert "172.18.0.3" not in world.asked


def test_arp_that_is_off_or_wrong_fails_the_neighbour(world: World) -> None:
    world.target = SILENT
    world.silent = {"172.18.0.1", "172.18.0.3", "192.0.2.1", "192.0.2.10"}
    off = replace(SCENE, own=NamespaceView([LO, replace(ETH0, without_arp=True)], []))
    assert layer_of(ask(off), "neighbour").error == "EHOSTUNREACH"
    world.hardware = HardwareAnswer("", "TIMEOUT", 1000.0)
    assert layer_of(ask(), "neighbour").error == "TIMEOUT"
    assert layer_of(ask(), "neighbour").outcome == FAILED


def test_a_udp_port_that_says_nothing_is_unknown(world: World) -> None:
    world.target = Attempt("unknown", "TIMEOUT")
    probe = ask(protocol="udp")
    assert (probe.observed, layer_of(probe, "target").outcome, probe.first_failed) == ("unknown", "skipped", None)


def test_sizes_are_measured_where_the_target_answers(world: World) -> None:
    world.mtu = MtuAnswer(1400)
    assert layer_of(ask(), "path_mtu").outcome == "failed"
    world.target = SILENT
    assert layer_of(ask(), "path_mtu").outcome == "skipped"


def test_the_host_itself_has_no_layers_of_a_container(world: World) -> None:
    host = replace(SCENE, container=None, process=None, own=SCENE.host, in_host_namespace=True)
    world.routes["203.0.113.9"] = RouteAnswer(Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[5]))
    probe = ask(host)
    skipped = [layer.layer for layer in probe.layers if layer.outcome == "skipped"]
    assert {"process", "gateway", "container", "host_address"} <= set(skipped)
    assert probe.origin == "host"


def test_the_target_alone(world: World) -> None:
    probe = prober.Prober(SCENE, 1.0, all_layers=False).probe(Question("203.0.113.9", "tcp", 443), "203.0.113.9")
    assert [layer.layer for layer in probe.layers] == ["name", "target", "service"]
    assert world.asked == []


def test_a_word_without_an_address_says_so(world: World) -> None:
    world.routes.clear()
    asking = prober.Prober(replace(SCENE, host_addresses={}), 1.0, all_layers=True)
    (question,) = asking.expanded(Question("host", "tcp", 22))
    probe = asking.probe(question, "host")
    assert (probe.observed, layer_of(probe, "name").detail) == ("unreachable", "there is no address for host")
    (gateway,) = asking.expanded(Question("gateway", "icmp", 0))
    assert gateway.to == "172.18.0.1"


def test_loopback_is_the_containers_own(world: World) -> None:
    world.routes["127.0.0.1"] = LOCAL
    world.host_route = LOCAL
    probe = ask(to="127.0.0.1", port=15432)
    assert (probe.container, outcomes(probe)) == ("web", "pssPssssssPss".lower())
