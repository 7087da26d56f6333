"""Questions in the words of people become packets, or an error that says what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.question import (
    Question,
    QuestionError,
    packet_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Endpoint
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

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
    host.container("stopped", endpoints=[Endpoint("front", identity("front"))])
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
        (Question("web", "db"), ["port: ", "tcp"]),
        (Question("web", "db", "icmp", 1), ["port: ", "icmp"]),
        (Question("web", "web:80/tcp", port=80), ["port: ", "web:80/tcp"]),
        (Question("web", "web:81/tcp"), ["to: ", "81/tcp", "80/tcp"]),
        (Question("web", "db:81/tcp"), ["to: ", "nothing"]),
        (Question("web", "stopped", port=1), ["to: ", "stopped"]),
    ],
)
def test_what_is_not_there_is_an_error_that_names_it(question: Question, words: list[str]) -> None:
    with pytest.raises(QuestionError) as error:
        packet_of(snapshot(), question)
    assert all(word in str(error.value) for word in words)


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
