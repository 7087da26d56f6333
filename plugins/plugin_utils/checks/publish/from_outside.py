# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What machines outside reach of containers, port by port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Resource
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import UNKNOWN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Verdict, not_applicable, unknown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.fates import unfollowed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.exposure import exposure_if_reached
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.questions import FROM_OUTSIDE

Place = tuple[str, int, str]
"""A container by its name, and a port inside with its protocol."""


@dataclass
class OpenPort:
    """A port of a container that machines outside reach."""

    container: Container
    number: int
    protocol: str
    ways: dict[str, str] = field(default_factory=dict)
    """What reaches it, by the uplink."""

    @property
    def resource(self) -> Resource:
        """What a finding is about."""
        return resources.port(self.container, self.number, self.protocol)


def _place_of(asked: Asked) -> Place:
    """Tells a port from all others of a host."""
    return (asked.station.name, asked.port, asked.protocol)


def nobody_asks(examined: Examined) -> list[Verdict]:
    """The verdict where no machine outside can ask; empty where one can. Raises NotJudgedError."""
    if any(source.kind == OUTSIDE for source in examined.answers.sources):
        return []
    return [
        not_applicable(resources.host(examined.snapshot), "This host has no interface by which others could ask it")
    ]


def exposed_ports(examined: Examined, kind: str, told: Callable[[OpenPort], Verdict]) -> list[Verdict]:
    """What is told of each port that is exposed in a way, see _model.matrix; unknown for those that perhaps are.

    Raises NotJudgedError.
    """
    found = _open_ports(examined, kind)
    doubtful = {place: verdict for place, verdict in _undecided(examined, kind).items() if place not in found}
    doubts = unfollowed(examined.answers, resources.host(examined.snapshot), FROM_OUTSIDE)
    return [*map(told, found.values()), *doubtful.values(), *doubts]


def _open_ports(examined: Examined, kind: str) -> dict[Place, OpenPort]:
    """Each once."""
    found: dict[Place, OpenPort] = {}
    for exposed in examined.exposed:
        if exposed.kind != kind:
            continue
        for asked in exposed.ports:
            port = OpenPort(asked.station.containers[0], asked.port, asked.protocol)
            ways = found.setdefault(_place_of(asked), port).ways
            ways.setdefault(f"from outside by {exposed.uplink}", _way(asked, exposed.example))
    return found


def _way(asked: Asked, example: Packet) -> str:
    if asked.host_port:
        return (
            f"at {socket_name(example.destination, asked.host_port)}, by machines that send packets for it to this host"
        )
    return f"at the container's own address {asked.address}, by machines that send packets for it to this host"


def _undecided(examined: Examined, kind: str) -> dict[Place, Verdict]:
    """An unknown for each port that would be exposed so if machines outside reached it, where that cannot be told."""
    found: dict[Place, Verdict] = {}
    for answer in examined.answers.answers:
        if answer.source.kind != OUTSIDE or answer.path.verdict != UNKNOWN:
            continue
        for asked in answer.ports:
            if exposure_if_reached(asked) == kind:
                resource = resources.port(asked.station.containers[0], asked.port, asked.protocol)
                reason = f"whether machines outside reach it by {answer.source.uplink} depends on {answer.path.because}"
                found.setdefault(_place_of(asked), unknown(resource, reason, {"asked": str(answer.packet)}))
    return found
