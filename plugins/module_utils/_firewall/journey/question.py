# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A question in the words of people ("from web to db, port 5432") turned into a packet with addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.journey.uplinks import main_address
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

PROTOCOLS = ("tcp", "udp", "icmp")
_SHORTEST_ID = 4
_WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 (compared, not bound)


class QuestionError(ValueError):
    """A question about something that is not there; the message names the option, its value and what is allowed."""


@dataclass(frozen=True)
class Question:
    """What somebody asks, not yet held against the host."""

    start: str
    """``outside``, ``outside DEVICE``, ``host``, or a container as its name, its id, or ``container NAME``."""
    to: str
    """An address, ``host``, a container, or a published port as ``CONTAINER:PORT/PROTOCOL``."""
    protocol: str = "tcp"
    port: Optional[int] = None
    source: str = ""


def packet_of(snapshot: HostSnapshot, question: Question) -> Packet:
    """The packet that a question means on this host.

    Raises QuestionError where it names what the host does not have, or has too little or too much in it.
    """
    origin = _origin(snapshot, question.start)
    binding = _binding(snapshot, question)
    if binding is not None:
        return Packet(origin, _address_of(snapshot, binding), binding.protocol, binding.host_port, question.source)
    destination = _destination(snapshot, question, origin)
    if question.protocol == "icmp":
        if question.port is not None:
            raise QuestionError("port: icmp has no ports")
        return Packet(origin, destination, "icmp", 0, question.source)
    if question.port is None:
        raise QuestionError(f"port: {question.protocol} to {question.to} needs a port, from 1 to 65535")
    return Packet(origin, destination, question.protocol, question.port, question.source)


def _origin(snapshot: HostSnapshot, text: str) -> Origin:
    word, dummy, rest = text.strip().partition(" ")
    name = rest.strip()
    if word == HOST and not name:
        return Origin(HOST)
    if word == OUTSIDE:
        return Origin(OUTSIDE, name)
    return Origin(CONTAINER, _container(snapshot, name if word == CONTAINER and name else text.strip(), "from").name)


def _container(snapshot: HostSnapshot, wanted: str, option: str) -> Container:
    for container in snapshot.containers:
        if wanted in (container.name, container.id):
            return container
    found = [item for item in snapshot.containers if len(wanted) >= _SHORTEST_ID and item.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    others = {"from": "outside, outside DEVICE, host", "to": "an address, host, CONTAINER:PORT/PROTOCOL"}[option]
    if found:
        raise QuestionError(f"{option}: {len(found)} containers have an id that begins with {wanted!r}")
    raise QuestionError(
        f"{option}: there is no container {wanted!r}; allowed are {others}, or a container's name or id"
    )


def _binding(snapshot: HostSnapshot, question: Question) -> Optional[PublishedPort]:
    """The published port that ``to`` names, None if it is something else."""
    name, colon, port = question.to.rpartition(":")
    number, slash, protocol = port.partition("/")
    if not colon or not slash or not (number.isascii() and number.isdecimal()):
        return None
    if question.port is not None:
        raise QuestionError(f"port: {question.to} has its port already")
    container = _container(snapshot, name, "to")
    wanted = (int(number), protocol)
    found = [item for item in container.published if (item.container_port, item.protocol) == wanted]
    if not found:
        published = ", ".join(dict.fromkeys(f"{item.container_port}/{item.protocol}" for item in container.published))
        raise QuestionError(f"to: {name} does not publish {port}; it publishes {published or 'nothing'}")
    return min(found, key=lambda item: ":" in item.host_ip)


def _address_of(snapshot: HostSnapshot, binding: PublishedPort) -> str:
    if binding.host_ip not in _WILDCARDS:
        return binding.host_ip
    return _own_address(snapshot, (6, 4) if binding.host_ip == "::" else (4, 6))


def _own_address(snapshot: HostSnapshot, families: tuple[int, ...] = (4, 6)) -> str:
    for family in families:
        address = main_address(snapshot, family)
        if address is not None:
            return address
    raise QuestionError("to: no address of the host could be told; give one")


def _destination(snapshot: HostSnapshot, question: Question, origin: Origin) -> str:
    try:
        return str(ipaddress.ip_address(question.to))
    except ValueError:
        pass
    if question.to == HOST:
        return _own_address(snapshot)
    word, dummy, rest = question.to.partition(" ")
    container = _container(snapshot, rest.strip() if word == CONTAINER and rest.strip() else question.to, "to")
    return _inner_address(snapshot, container, origin)


def _inner_address(snapshot: HostSnapshot, container: Container, origin: Origin) -> str:
    """An address of a container, on a network that it shares with the origin if there is one."""
    if container.network_mode.startswith("container:"):
        container = _container(snapshot, container.network_mode.partition(":")[2], "to")
    if container.network_mode == HOST:
        return _own_address(snapshot)
    asking = next((item for item in snapshot.containers if origin == Origin(CONTAINER, item.name)), None)
    near = {endpoint.network_id for endpoint in asking.endpoints} if asking else set()
    for endpoint in sorted(container.endpoints, key=lambda endpoint: endpoint.network_id not in near):
        if endpoint.address or endpoint.address6:
            return str(endpoint.address or endpoint.address6)
    raise QuestionError(f"to: {container.name} has no address; does it run?")
