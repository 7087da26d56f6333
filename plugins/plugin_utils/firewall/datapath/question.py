# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A question in the words of people ("from web to db, port 5432") turned into a packet with addresses."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container_names import (
    NoSuchContainerError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container_names import (
    container_named as among,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    ANYWHERE,
    Container,
    PublishedPort,
    RoutedPort,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    BEYOND_ADDRESSES,
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import main_address, outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import PACKET_PROTOCOLS

_LOOPBACK = ("127.", "::1")


class QuestionError(ValueError):
    """A question about something that is not there; the message names the option, its value and what is allowed."""


@dataclass(frozen=True)
class Question:
    """What somebody asks, not yet held against the host."""

    start: str
    """``outside``, ``outside DEVICE``, ``host``, or a container as its name, its id, or ``container NAME``."""
    to: str
    """An address, ``host``, ``outside``, a container, or a published port as ``CONTAINER:PORT/PROTOCOL``."""
    protocol: str = ""
    """Empty for that of ``to``, or ``tcp``."""
    port: int | None = None
    source: str = ""


def packet_of(snapshot: HostSnapshot, question: Question) -> Packet:
    """The packet that a question means on this host.

    Raises QuestionError where it names what the host does not have, or has too little or too much in it.
    """
    origin = _origin(snapshot, question.start)
    target = _target(question.to)
    protocol = _protocol(question, target)
    if target.name in PLACES or target.address:
        port = _port(question, target, protocol)
        return Packet(origin, target.address or _place(snapshot, target.name), protocol, port, question.source)
    container = _container(snapshot, target.name, "to")
    port = _port(question, target, protocol)
    if target.port is None:
        return Packet(origin, _inner_address(snapshot, container, origin), protocol, port, question.source)
    _refuse_ambiguity(question, target)
    if RoutedPort(protocol, target.port) in container.routed:
        return Packet(origin, _routed_address(snapshot, container), protocol, target.port, question.source)
    binding = _binding(container, target.port, protocol)
    return Packet(origin, _address_of(snapshot, binding), protocol, binding.host_port, question.source)


def problem_of(question: Question) -> str:
    """What is wrong with a question on any host, with the option, its value and what is allowed; empty if nothing."""
    try:
        if not question.start.strip():
            raise QuestionError("from: it is empty; allowed are outside, outside DEVICE, host, or a container")
        _refuse_address(question.start.strip())
        target = _target(question.to)
        protocol = _protocol(question, target)
        if protocol not in PACKET_PROTOCOLS:
            raise QuestionError(f"protocol: {protocol} is not one of {', '.join(PACKET_PROTOCOLS)}")
        _port(question, target, protocol)
        if target.port is not None and target.name not in ("", *PLACES):
            _refuse_ambiguity(question, target)
    except QuestionError as error:
        return str(error)
    if question.source and not _is_address(question.source):
        return f"source: {question.source!r} is no IPv4 or IPv6 address"
    return ""


def _refuse_address(start: str) -> None:
    if _is_address(start):
        raise QuestionError(f"from: {start} is an address, which is for source; from says whose it is")


def _refuse_ambiguity(question: Question, target: Target) -> None:
    if not target.protocol:
        raise QuestionError(
            f"to: {question.to} can mean the published port, which is {question.to}/tcp, or the container's own "
            f"address, which is {target.name} with port: {target.port}"
        )


def _target(text: str) -> Target:
    """What ``to`` names; a container that is called like a keyword has ``container `` before it."""
    word, dummy, rest = text.strip().partition(" ")
    try:
        found = target_of(rest if word == CONTAINER and rest else text)
    except TargetError as error:
        raise QuestionError(f"to: {error}") from None
    if word == CONTAINER and rest:
        return found._replace(name=f"{CONTAINER} {found.name}", address="")
    return found


def _protocol(question: Question, target: Target) -> str:
    if question.protocol and target.protocol not in ("", question.protocol):
        raise QuestionError(f"protocol: {question.to} has its protocol already, and it is not {question.protocol}")
    return question.protocol or target.protocol or "tcp"


def _port(question: Question, target: Target, protocol: str) -> int:
    if question.port is not None and target.port is not None:
        raise QuestionError(f"port: {question.to} has its port already")
    port = target.port if question.port is None else question.port
    if protocol == "icmp":
        if port is not None:
            raise QuestionError("port: icmp has no ports")
        return 0
    if port is None:
        hint = f"; with one in it the address is [{target.address}]:PORT" if ":" in target.address else ""
        raise QuestionError(f"port: {protocol} to {question.to} needs a port, from 1 to 65535{hint}")
    if not 1 <= port <= 65535:
        raise QuestionError(f"port: {port} is not from 1 to 65535")
    return port


def _origin(snapshot: HostSnapshot, text: str) -> Origin:
    word, dummy, rest = text.strip().partition(" ")
    name = rest.strip()
    if word in (HOST, LOCALHOST) and not name:
        return Origin(HOST)
    if word == OUTSIDE:
        if name and name in {network.bridge for network in snapshot.networks}:
            ways_out = ", ".join(link.name for link in outer_links(snapshot, 4, 6)) or "not known"
            raise QuestionError(f"from: no machine outside is behind {name}; the host's uplinks are {ways_out}")
        return Origin(OUTSIDE, name)
    _refuse_address(text.strip())
    container = _container(snapshot, text.strip(), "from")
    if not container.running:
        raise QuestionError(f"from: container {container.name} is not running{_status(container)}")
    return Origin(CONTAINER, container.name)


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _container(snapshot: HostSnapshot, text: str, option: str) -> Container:
    word, dummy, rest = text.partition(" ")
    try:
        return container_named(snapshot, rest.strip() if word == CONTAINER and rest.strip() else text)
    except NoSuchContainerError as error:
        allowed = {"from": "outside, outside DEVICE, host", "to": "an address, host, outside"}[option]
        raise QuestionError(f"{option}: {error}; allowed are {allowed}, or a container's name or id") from None


def _binding(container: Container, port: int, protocol: str) -> PublishedPort:
    """The binding of a published port: one for other machines before one on loopback, IPv4 before IPv6."""
    found = [item for item in container.published if (item.container_port, item.protocol) == (port, protocol)]
    if not container.running:
        raise QuestionError(
            f"to: container {container.name} is not running{_status(container)}, so it publishes nothing"
        )
    if not found:
        ports = [f"{item.container_port}/{item.protocol}" for item in container.published]
        published = ", ".join(dict.fromkeys([*ports, *map(str, container.routed)]))
        raise QuestionError(
            f"to: {container.name} does not publish {port}/{protocol}; it publishes {published or 'nothing'}"
        )
    return min(found, key=lambda item: (item.address.startswith(_LOOPBACK), ":" in item.address))


def _routed_address(snapshot: HostSnapshot, container: Container) -> str:
    """Where a port is asked for that is published without one of the host: on a network that routes."""
    networks = {network.id: network for network in snapshot.networks}
    for endpoint in container.endpoints:
        network = networks.get(endpoint.network_id)
        for family, address in ((4, endpoint.address), (6, endpoint.address6)):
            if address and network is not None and network.gateway_mode(family) == "routed":
                return address
    raise QuestionError(f"to: the address of {container.name} on a network that routes is not known; give it")


def _address_of(snapshot: HostSnapshot, binding: PublishedPort) -> str:
    if binding.address not in ANYWHERE.values():
        return binding.address
    return _own_address(snapshot, (6, 4) if binding.address == ANYWHERE[6] else (4, 6))


def _own_address(snapshot: HostSnapshot, families: tuple[int, ...] = (4, 6)) -> str:
    for family in families:
        address = main_address(snapshot, family)
        if address is not None:
            return address
    raise QuestionError("to: no address of the host could be determined; give one")


def _place(snapshot: HostSnapshot, word: str) -> str:
    """The address of what is no container. One on the internet has the family that the host has an address of."""
    if word == LOCALHOST:
        return "127.0.0.1"
    return BEYOND_ADDRESSES[6 if ":" in _own_address(snapshot) else 4] if word == OUTSIDE else _own_address(snapshot)


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
    if not container.running:
        raise QuestionError(f"to: container {container.name} is not running{_status(container)}, so it has no address")
    raise QuestionError(f"to: container {container.name} is on no network, so it has no address")


def _status(container: Container) -> str:
    return f" ({container.status})" if container.status else ""


LOCALHOST = "localhost"
PLACES = (HOST, LOCALHOST, OUTSIDE)
"""Names that are no containers'."""
_SCHEMES = {"tcp": ("tcp", None), "udp": ("udp", None), "http": ("tcp", 80), "https": ("tcp", 443)}
_FORMS = "ADDRESS, ADDRESS:PORT, host, outside, a container's name or id, or CONTAINER:PORT/PROTOCOL"


class TargetError(ValueError):
    """The message says what of the text is wrong, and what is allowed."""


class Target(NamedTuple):
    """What was written."""

    address: str
    """Empty where a name was written."""
    name: str
    port: int | None = None
    protocol: str = ""


def target_of(text: str) -> Target:
    """Take a text apart: ``192.0.2.1``, ``[2001:db8::1]:443/tcp``, ``web:80/tcp``, ``https://192.0.2.1/``, ``host``.

    Raises TargetError.
    """
    scheme, is_url, rest = text.strip().partition("://")
    if is_url:
        return _of_url(scheme.lower(), rest)
    place, slash, protocol = text.strip().rpartition("/")
    if not slash:
        return _of_place(protocol, "")
    if protocol.lower() not in PACKET_PROTOCOLS[:2]:
        raise TargetError(f"{protocol!r} after the slash is not one of tcp, udp")
    found = _of_place(place, protocol.lower())
    if found.port is None:
        raise TargetError(f"{text!r} has a protocol and no port")
    return found


def _of_url(scheme: str, rest: str) -> Target:
    if scheme not in _SCHEMES:
        raise TargetError(f"{scheme!r} is not one of the schemes {', '.join(_SCHEMES)}")
    protocol, port = _SCHEMES[scheme]
    for end in "/?#":
        rest = rest.partition(end)[0]
    # Before an @ there may be a password, which is not for a message.
    found = _of_place(rest.rpartition("@")[2], protocol)
    if found.name not in ("", *PLACES):
        raise TargetError(f"names are not looked up, and {found.name!r} in a URL is one; give an address")
    return found if found.port is not None else found._replace(port=port)


def _of_place(text: str, protocol: str) -> Target:
    """An address or a name, with a port perhaps."""
    address = _address(text)
    if address:
        return Target(address, "", None, protocol)
    if text.startswith("["):
        inside, bracket, port = text[1:].partition("]")
        address = _address(inside)
        if not bracket or not address or ":" not in inside or not (port == "" or port.startswith(":")):
            raise TargetError(f"{text!r} is not [IPV6-ADDRESS]:PORT")
        return Target(address, "", _port_number(port[1:]) if port else None, protocol)
    name, colon, port = text.rpartition(":")
    if not colon:
        name, port = port, ""
    if not name or ":" in name or "/" in name:
        raise TargetError(f"{text!r} is not one of {_FORMS}")
    address = _address(name)
    return Target(address, "" if address else name, _port_number(port) if colon else None, protocol)


def _port_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise TargetError(f"{text!r} is no port, which is a number from 1 to 65535")
    return int(text)


def _address(text: str) -> str:
    """The address in its canonical form; empty for a text that is none. IPv4 in IPv6 is IPv4 to the kernel, too."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def container_named(snapshot: HostSnapshot, wanted: str) -> Container:
    """The container that is meant, see container_names. Raises NoSuchContainerError."""
    source = snapshot.sources.get(ENGINE)
    if source is not None and not source.read:
        reason = f"since the Docker Engine could not be asked: {source.reason}"
        raise NoSuchContainerError(f"no container {wanted!r} is known, {reason}")
    return among(snapshot.containers, wanted)
