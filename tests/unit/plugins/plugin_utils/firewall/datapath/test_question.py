"""Questions in the words of people become packets, or an error that says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Endpoint, Network, RoutedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BEYOND_ADDRESSES, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot, Source
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import (
    Question,
    QuestionError,
    TargetError,
    packet_of,
    problem_of,
    target_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.synthetic_host import HOST_ADDRESS, SyntheticHost, identity


def snapshot() -> HostSnapshot:
    """Web (published thrice), db, and a container that is called like a keyword."""
    host = SyntheticHost()
    host.container(
        "web", publish=("0.0.0.0|8080|80/tcp", "127.0.0.1|9090|90/tcp", "::|8080|80/tcp", "0.0.0.0|53|53/udp")
    )
    host.container("db").container("host")
    host.container("agent", networks=(), mode="host").container(
        "sidecar", networks=(), mode=f"container:{identity('db')}"
    )
    host.container("stopped", status="exited", pid=None, endpoints=[Endpoint("front", identity("front"))])
    host.container("shop-1", labels={"com.docker.compose.service": "shop"}).container("cache").container(
        "lonely", endpoints=[]
    )
    for number in (1, 2):
        host.container(f"worker-{number}", labels={"com.docker.swarm.service.name": "workers"})
    return host.snapshot()


@pytest.mark.parametrize(
    ("question", "packet"),
    [
        (Question("outside", "web:80/tcp"), Packet(Origin("outside"), HOST_ADDRESS, "tcp", 8080)),
        (Question("outside eth0", "web:90/tcp"), Packet(Origin("outside", "eth0"), "127.0.0.1", "tcp", 9090)),
        (Question("host", "web:53/udp"), Packet(Origin("host"), HOST_ADDRESS, "udp", 53)),
        (Question("web", "db", port=5432), Packet(Origin("container", "web"), "10.88.1.3", "tcp", 5432)),
        (Question(identity("web")[:12], "sidecar", port=1), Packet(Origin("container", "web"), "10.88.1.3", "tcp", 1)),
        (Question("container host", "agent", port=22), Packet(Origin("container", "host"), HOST_ADDRESS, "tcp", 22)),
        (Question("web", "container host", "icmp"), Packet(Origin("container", "web"), "10.88.1.4", "icmp")),
        (Question("web", "host", "udp", 5), Packet(Origin("container", "web"), HOST_ADDRESS, "udp", 5)),
        (Question("web", "host:22"), Packet(Origin("container", "web"), HOST_ADDRESS, "tcp", 22)),
        (Question("localhost", "localhost:22/udp"), Packet(Origin("host"), "127.0.0.1", "udp", 22)),
        (Question("web", "outside", port=443), Packet(Origin("container", "web"), "203.0.113.9", "tcp", 443)),
        (Question("web", "192.0.2.1:53/udp"), Packet(Origin("container", "web"), "192.0.2.1", "udp", 53)),
        (Question("web", "https://192.0.2.1/x?y#z"), Packet(Origin("container", "web"), "192.0.2.1", "tcp", 443)),
        (Question("web", "[2001:db8::1]:80"), Packet(Origin("container", "web"), "2001:db8::1", "tcp", 80)),
        (Question("web", "https://[2001:db8::1]/"), Packet(Origin("container", "web"), "2001:db8::1", "tcp", 443)),
        (
            Question("web", "http://u:p@[::ffff:192.0.2.1]:81"),
            Packet(Origin("container", "web"), "192.0.2.1", "tcp", 81),
        ),
        (Question("shop", "cache", port=1), Packet(Origin("container", "shop-1"), "10.88.1.9", "tcp", 1)),
        (Question("web", "2001:DB8::0:1", port=443), Packet(Origin("container", "web"), "2001:db8::1", "tcp", 443)),
        (
            Question("outside", "192.0.2.10", port=80, source="198.51.100.7"),
            Packet(Origin("outside"), "192.0.2.10", "tcp", 80, "198.51.100.7"),
        ),
    ],
)
def test_names_become_addresses(question: Question, packet: Packet) -> None:
    assert packet_of(snapshot(), question) == packet


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (Question("nobody", "db", port=1), ["from: ", "'nobody'", "outside"]),
        (Question("web", "nobody", port=1), ["to: ", "'nobody'", "an address"]),
        (Question("web", "shop db", port=1), ["to: ", "'shop db'"]),
        (Question("web", "db"), ["port: ", "tcp"]),
        (Question("web", "db", "icmp", 1), ["port: ", "icmp"]),
        (Question("web", "web:80/tcp", port=80), ["port: ", "web:80/tcp"]),
        (Question("web", "web:81/tcp"), ["to: ", "81/tcp", "80/tcp"]),
        (Question("web", "db:81/tcp"), ["to: ", "nothing"]),
        (Question("web", "stopped", port=1), ["to: ", "stopped", "is not running (exited)"]),
        (Question("web", "stopped:80/tcp"), ["to: ", "stopped", "is not running (exited)"]),
        (Question("stopped", "web", port=1), ["from: ", "stopped", "is not running (exited)"]),
        (Question("web", "lonely", port=1), ["to: ", "lonely", "no network"]),
        (Question("web", "web:80"), ["to: ", "web:80/tcp", "web with port: 80"]),
        (Question("web", "web:80/tcp", "udp"), ["protocol: ", "web:80/tcp"]),
        (Question("web", "192.0.2.1:80", port=81), ["port: ", "192.0.2.1:80"]),
        (Question("web", "192.0.2.1:80", "icmp"), ["port: ", "icmp"]),
        (Question("web", "2001:db8::1:80"), ["port: ", "[2001:db8::1:80]:PORT"]),
        (Question("web", "http://web/"), ["to: ", "not looked up", "'web'"]),
        (Question("web", "db", port=0), ["port: 0"]),
        (Question("192.0.2.1", "web", port=1), ["from: 192.0.2.1", "source"]),
        (Question("web", "workers", port=1), ["to: ", "'workers'", "worker-1, worker-2"]),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(question: Question, words: list[str]) -> None:
    with pytest.raises(QuestionError) as error:
        packet_of(snapshot(), question)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("question", "option"),
    [
        (Question("", "192.0.2.1", port=1), "from"),
        (Question("  ", "192.0.2.1", port=1), "from"),
        (Question("192.0.2.1", "web", port=1), "from"),
        (Question("web", "", port=1), "to"),
        (Question("web", "web:80"), "to"),
        (Question("web", "container web:80"), "to"),
        (Question("web", "192.0.2.1", "sctp", 1), "protocol"),
        (Question("web", "web:80/tcp", "udp"), "protocol"),
        (Question("web", "192.0.2.1"), "port"),
        (Question("web", "192.0.2.1", port=0), "port"),
        (Question("web", "192.0.2.1", port=65536), "port"),
        (Question("web", "192.0.2.1", "icmp", 1), "port"),
        (Question("web", "192.0.2.1:80", port=80), "port"),
        (Question("web", "192.0.2.1", port=1, source="here"), "source"),
        (Question("web", "192.0.2.1", port=1), ""),
        (Question("web", "192.0.2.1", port=65535, source="192.0.2.9"), ""),
        (Question("anything", "web:80/tcp"), ""),
        (Question("anything", "web", port=80), ""),
        (Question("outside eth0", "host:22"), ""),
        (Question("host", "localhost:22"), ""),
        (Question("web", "outside", "icmp"), ""),
        (Question("web", "192.0.2.1:80"), ""),
        (Question("web", "https://192.0.2.1"), ""),
    ],
)
def test_what_is_wrong_on_any_host_is_said_without_one(question: Question, option: str) -> None:
    assert problem_of(question).partition(":")[0] == option


@pytest.mark.parametrize("port", [1, 65535])
def test_ports_at_the_ends(port: int) -> None:
    assert packet_of(snapshot(), Question("web", "192.0.2.1", port=port)).port == port
    assert packet_of(snapshot(), Question("web", f"192.0.2.1:{port}")).port == port


def test_behind_a_bridge_of_a_network_there_is_no_machine_outside() -> None:
    bridge = next(network.bridge for network in snapshot().networks if network.name == "front")
    with pytest.raises(QuestionError, match="uplinks are eth0"):
        packet_of(snapshot(), Question(f"outside {bridge}", "192.0.2.1", port=1))
    with pytest.raises(QuestionError, match="not known"):
        packet_of(replace(snapshot(), links=[]), Question(f"outside {bridge}", "192.0.2.1", port=1))


def test_an_address_on_a_network_that_both_are_on_goes_before_the_first_one() -> None:
    found = snapshot()
    near = Endpoint("near", "near-id", None, "2001:db8:5::2")
    containers = [
        replace(item, endpoints=[*item.endpoints, near]) if item.name in ("web", "db") else item
        for item in found.containers
    ]
    found = replace(
        found, containers=[replace(item, endpoints=[near]) if item.name == "web" else item for item in containers]
    )
    assert packet_of(found, Question("web", "db", port=1)).destination == "2001:db8:5::2"
    assert packet_of(found, Question("host", "db", port=1)).destination == "10.88.1.3"


def test_a_container_that_runs_no_more_is_said_so_with_its_status_where_it_has_one() -> None:
    found = snapshot()
    silent = [replace(item, status="") if item.name == "stopped" else item for item in found.containers]
    with pytest.raises(QuestionError, match=r"stopped is not running$"):
        packet_of(replace(found, containers=silent), Question("stopped", "192.0.2.1", port=1))


def test_two_containers_whose_ids_begin_alike_are_not_mixed_up() -> None:
    taken = snapshot()
    twins = [replace(item, id=f"abcd{number}") for number, item in enumerate(taken.containers)]
    with pytest.raises(QuestionError, match="'abcd'"):
        packet_of(replace(taken, containers=twins), Question("abcd", "192.0.2.1", port=1))


def test_the_address_of_the_host_is_that_of_its_default_route() -> None:
    taken = SyntheticHost().link(Link(77, "eth1", up=True, addresses=["198.51.100.5/24"])).snapshot()
    routes = [
        Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2], metric=200),
        Route("0.0.0.0/0", 254, gateways=["198.51.100.1"], interfaces=[77], metric=100),
    ]
    packet = packet_of(replace(taken, routes=routes), Question("outside", "host", port=22))
    assert packet.destination == "198.51.100.5"


def test_a_host_without_any_address_is_an_error() -> None:
    with pytest.raises(QuestionError, match="no address of the host"):
        packet_of(replace(snapshot(), links=[]), Question("outside", "host", port=22))


def test_containers_that_nobody_could_list_are_not_said_to_be_absent() -> None:
    taken = snapshot()
    sources = {**taken.sources, ENGINE: Source(read=False, kind="stopped", reason="dockerd does not run")}
    with pytest.raises(QuestionError, match="asked: dockerd does not run"):
        packet_of(replace(taken, sources=sources, containers=[]), Question("web", "192.0.2.1", port=1))


def test_a_host_with_ipv6_alone_reaches_an_ipv6_machine_outside() -> None:
    taken = SyntheticHost().snapshot()
    links = [Link(2, "eth0", up=True, addresses=["2001:db8::5/64"])]
    assert packet_of(replace(taken, links=links), Question("host", "outside:80")).destination == BEYOND_ADDRESSES[6]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            ":80",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "[::1]x80",
            "[192.0.2.1]:5",
            "a:b:c",
            "192.0.2.1/24",
            "192.0.2.1/tcp",
        ),
        *("web:", "web:x", "web:0", "web:65536", "web:-1", "web:\u0661", "web:99999999999", "web:80/sctp"),
        *("ftp://192.0.2.1", "http://", "//", "/"),
    ],
)
def test_what_nobody_can_mean_is_an_error_of_one_line(text: str) -> None:
    with pytest.raises(TargetError):
        target_of(text)


def test_a_port_that_is_published_for_others_is_asked_there_and_not_on_loopback() -> None:
    host = SyntheticHost()
    host.container("web", publish=("127.0.0.1|8081|80/tcp", "::1|8082|80/tcp", "::|8080|80/tcp"))
    assert packet_of(host.snapshot(), Question("outside", "web:80/tcp")).port == 8080


def test_a_port_published_without_one_of_the_host_is_asked_for_on_the_network_that_routes() -> None:
    found = snapshot()
    mode = {"com.docker.network.bridge.gateway_mode_ipv6": "routed"}
    lan = Network("lan-id", "lan", "bridge", options=mode)
    web = next(item for item in found.containers if item.name == "web")
    endpoints = [*web.endpoints, Endpoint("lan", "lan-id", "10.9.0.2", "2001:db8:9::2")]
    web = replace(web, endpoints=endpoints, routed=[RoutedPort("tcp", 443)])
    others = [item for item in found.containers if item.name != "web"]
    found = replace(found, networks=[*found.networks, lan], containers=[web, *others])
    packet = packet_of(found, Question("outside", "web:443/tcp"))
    assert packet == Packet(Origin("outside"), "2001:db8:9::2", "tcp", 443)
    with pytest.raises(QuestionError, match=r" 80/tcp, 90/tcp, 53/udp, 443/tcp"):
        packet_of(found, Question("outside", "web:444/tcp"))
    with pytest.raises(QuestionError, match="network that routes"):
        packet_of(replace(found, networks=[]), Question("outside", "web:443/tcp"))


@given(st.text(alphabet="[]:/@.%?#abc012 \x1b\u0661tcpudhw", max_size=24))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        found = target_of(text)
    except TargetError:
        return
    assert bool(found.address) != bool(found.name)
    assert found.port is None or 1 <= found.port <= 65535
    assert found.protocol in ("", "tcp", "udp")


def test_a_password_in_a_url_is_in_no_message() -> None:
    for text in (
        "http://me:secret@web/",
        "http://me:secret@[x",
        "http://me:secret@1.2.3.4:x",
        "ftp://me:secret@1.2.3.4",
    ):
        with pytest.raises(TargetError) as error:
            target_of(text)
        assert "secret" not in str(error.value)
