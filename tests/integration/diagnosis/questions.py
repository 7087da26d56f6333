# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The questions: connections that work on the healthy host, and how they are really attempted."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.differential.answering import Server, Servers
from tests.differential.namespaces import socket_in
from tests.integration.diagnosis.fault import ANSWERED, ANSWERED_BY_ANOTHER, TIMED_OUT, Question
from tests.integration.diagnosis.name_server import NAME, look_up, name_server
from tests.integration.diagnosis.scene import PORT, UDP_PORT, Scene
from tests.lab.vantage import Vantage

INTERNET, INTERNET6 = "203.0.113.9", "2001:db8:ffff::9"
SOURCE_PORT = 40400
"""A client of each host has one, by its place, that is always the same, as those of syslog, SIP and RADIUS have."""
MUCH = 6000
"""Bytes of a request that takes several packets."""


def source_port(scene: Scene) -> int:
    """Of the client that sends datagrams to this host."""
    return SOURCE_PORT + scene.host.host_name.place


def _egress(scene: Scene, seconds: float) -> str:
    return scene.host.container("client").tcp(INTERNET, 80, seconds)


def _egress6(scene: Scene, seconds: float) -> str:
    return scene.host.container("six").tcp(INTERNET6, 80, seconds)


def _answered_by_web(scene: Scene, place: Vantage, address: str, port: int, seconds: float) -> str:
    answer = place.http(address, port, seconds)
    another = answer.outcome == ANSWERED and not answer.body.startswith("workload web ")
    return ANSWERED_BY_ANOTHER if another else answer.outcome


def _published(scene: Scene, seconds: float) -> str:
    return _answered_by_web(scene, scene.lab.outside, scene.host.address, PORT, seconds)


def _published_to_neighbour(scene: Scene, seconds: float) -> str:
    return _answered_by_web(scene, scene.host.container("client"), scene.host.address, PORT, seconds)


def _published_to_itself(scene: Scene, seconds: float) -> str:
    return _answered_by_web(scene, scene.host.container("web"), scene.host.address, PORT, seconds)


def _neighbour(scene: Scene, seconds: float) -> str:
    place = scene.host.container("client")
    return _answered_by_web(scene, place, scene.host.container("web").address("app"), 80, seconds)


def _moved(scene: Scene, seconds: float) -> str:
    """Whatever network both are on by now."""
    networks = scene.host.container("rival").inspect()["NetworkSettings"]["Networks"]
    (address,) = (item["IPAddress"] for item in networks.values())
    return scene.host.container("mover").tcp(address, 80, seconds)


def _moved_out(scene: Scene, seconds: float) -> str:
    return scene.host.container("mover").tcp(INTERNET, 80, seconds)


def _datagram(scene: Scene, seconds: float) -> str:
    with socket_in(scene.lab.outside.path, socket.AF_INET, socket.SOCK_DGRAM) as asking:
        return _exchange(asking, (scene.host.address, UDP_PORT), b"dockernet", source_port(scene), seconds)


def _large(scene: Scene, seconds: float) -> str:
    with socket_in(scene.host.container("client").path, socket.AF_INET, socket.SOCK_STREAM) as asking:
        return _exchange(asking, (INTERNET, 443), b"x" * MUCH, 0, seconds)


def _exchange(asking: socket.socket, to: tuple[str, int], request: bytes, source_port: int, seconds: float) -> str:
    """The outcome in the words of tests/lab/probe.py."""
    asking.settimeout(seconds)
    try:
        asking.bind(("", source_port))
        asking.connect(to)
        asking.sendall(request)
        return ANSWERED if asking.recv(4096) else "closed"
    except socket.timeout:
        return TIMED_OUT
    except ConnectionError:
        return "refused"
    except OSError:
        return "unreachable"


def _by_name(scene: Scene, seconds: float) -> str:
    """As a program in the container does it: by its resolv.conf, then by address."""
    place = scene.host.container("client")
    lines = place.run(["cat", "/etc/resolv.conf"]).out.splitlines()
    server = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    found = look_up(place.path, server, NAME, seconds)
    return place.tcp(found, 80, seconds) if found[:1].isdigit() else found or "unreachable"


@contextmanager
def _with_names(scene: Scene) -> Iterator[None]:
    with name_server(scene, INTERNET) as server:
        scene.names = server
        try:
            yield
        finally:
            scene.names = None


@contextmanager
def _with_echo(scene: Scene) -> Iterator[None]:
    """A server in the container web that sends datagrams back."""
    with Servers([Server(scene.host.container("web").path, "web", "udp", UDP_PORT)]):
        yield


EGRESS = Question("out", {"from": "client", "to": INTERNET, "port": 80}, _egress)
EGRESS6 = Question("out by IPv6", {"from": "six", "to": INTERNET6, "port": 80}, _egress6)
LARGE = Question("out with large packets", {"from": "client", "to": INTERNET, "port": 443}, _large)
PUBLISHED = Question("published", {"from": "outside", "to": "web:80/tcp"}, _published)
TO_NEIGHBOUR = Question("published, from its network", {"from": "client", "to": "web:80/tcp"}, _published_to_neighbour)
TO_ITSELF = Question("published, from itself", {"from": "web", "to": "web:80/tcp"}, _published_to_itself)
NEIGHBOUR = Question("on one network", {"from": "client", "to": "web", "port": 80}, _neighbour)
MOVED = Question("on another network", {"from": "mover", "to": "rival", "port": 80}, _moved)
MOVED_OUT = Question("out from another network", {"from": "mover", "to": INTERNET, "port": 80}, _moved_out)
DATAGRAM = Question("published by UDP", {"from": "outside", "to": f"web:{UDP_PORT}/udp"}, _datagram, _with_echo)
BY_NAME = Question("by name", {"from": "client", "to": NAME, "port": 80}, _by_name, _with_names)
