# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who reaches what on a host: origins by destinations, those that are treated alike taken together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet

PUBLISHED = "published_port"
INNER_PORT = "container_port"
BEYOND = "outside"

# How an origin and a destination stand to each other.
ITSELF = "itself"
SAME_NETWORK = "same_network"
OTHER_NETWORK = "other_network"

# Kinds of exposure.
NOT_PUBLISHED = "not_published"
LOOPBACK_LEAK = "loopback_leak"
DENIED_BY_HOST = "denied_by_host"
EXPOSURES = (NOT_PUBLISHED, LOOPBACK_LEAK, DENIED_BY_HOST)


@dataclass(frozen=True)
class OriginGroup:
    """Origins that the host treats alike."""

    kind: str
    """``outside``, ``host`` or ``container``."""
    name: str
    """For people: the uplink, or the first container and how many more there are."""
    members: list[str] = field(default_factory=list)
    """Names of containers, or the uplink."""


@dataclass(frozen=True)
class Destination:
    """Ports that the host treats alike, asked at one kind of address."""

    kind: str
    """``published_port``, ``container_port`` or ``outside``."""
    name: str
    """For people: the first one and how many more there are, and what they are published on."""
    at: str
    """The address that is asked, or which one it is (``the gateway of its network``); empty for the outside."""
    protocol: str
    members: list[str] = field(default_factory=list)
    """``CONTAINER:PORT/PROTOCOL`` each."""
    host_ports: list[int] = field(default_factory=list)
    """For published ports the host's port of each member, in the same order."""
    networks: list[str] = field(default_factory=list)
    """For ports of containers the network on which each member has the address that is asked, in the same order."""
    family: int = 4
    """Of the addresses: 4 or 6."""


@dataclass(frozen=True)
class Pairs:
    """Containers and ports; each of the ones asks for each of the others."""

    origins: list[str]
    destinations: list[str]
    """``CONTAINER:PORT/PROTOCOL`` each."""


@dataclass(frozen=True)
class Cell:
    """What becomes of the packets of one origin to one destination."""

    origin: int
    """Index in Matrix.origins."""
    destination: int
    """Index in Matrix.destinations."""
    relation: str
    """``itself``, ``same_network``, ``other_network``; empty where the origin is no container."""
    verdict: str
    observed: str
    reason: str
    """Of the example."""
    example: Packet
    """One of these packets: packet_trace says which way it takes."""
    instead: str = ""
    """Who answers the example in place of the one that is asked; empty where that one does, or nothing."""
    pairs: list[Pairs] = field(default_factory=list)
    """Who of the origin asks for what of the destination, where another cell has the same place and another end."""


@dataclass(frozen=True)
class ContainerPlace:
    """Where a running container is."""

    name: str
    namespace: str
    """The container that ports are named after, where several share a network namespace."""
    networks: list[str] = field(default_factory=list)
    """The bridge networks that it is connected to."""
    read: bool = True
    """Whether its namespace was read; else what it listens on is not known."""


@dataclass(frozen=True)
class Exposure:
    """Something that is open to machines outside, and perhaps was not meant to be."""

    kind: str
    uplink: str
    ports: list[str]
    """``CONTAINER:PORT/PROTOCOL`` each."""
    reason: str
    example: Packet
    at: list[str] = field(default_factory=list)
    """Of published ports where it is so: addresses of the host, or which gateway, as in Destination.at."""
    not_at: list[str] = field(default_factory=list)
    """Where they are open as well, and not in this way."""


@dataclass(frozen=True)
class Matrix:
    """All of a host."""

    origins: list[OriginGroup] = field(default_factory=list)
    destinations: list[Destination] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    exposures: list[Exposure] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What was not read, so that nothing or not all could be told."""
    containers: list[ContainerPlace] = field(default_factory=list)
    """All that run in namespaces of their own."""
    left_out: list[str] = field(default_factory=list)
    """Parts of the questions of which not all were answered: who asks for what."""

    def cell(self, origin: int, destination: int, relation: str = "") -> Optional[Cell]:
        """The cell at a place, None if there is none."""
        wanted = (origin, destination, relation)
        return next((item for item in self.cells if (item.origin, item.destination, item.relation) == wanted), None)
