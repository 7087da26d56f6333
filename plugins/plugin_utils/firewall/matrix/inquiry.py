# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who asks and what is asked for, each taken together with all that is treated alike."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.asked import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.places import Station
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.matrix.relations import Nets


@dataclass
class Asking:
    """Origins that are treated alike."""

    kind: str
    uplink: str = ""
    stations: dict[Nets, list[Station]] = field(default_factory=dict)
    """For containers, by their networks."""
    on_host: list[Container] = field(default_factory=list)
    """For the host: containers in its own namespace."""

    @property
    def containers(self) -> list[Container]:
        """All that are in these places."""
        inside = [item for stations in self.stations.values() for station in stations for item in station.containers]
        return [*self.on_host, *inside]


@dataclass
class Wanted:
    """Ports that are treated alike; no ports at all for the outside."""

    kind: str
    protocol: str
    host_ip: str = ""
    family: int = 4
    ports: dict[Nets, list[Asked]] = field(default_factory=dict)

    @property
    def first(self) -> Asked:
        """One of the ports."""
        return next(iter(self.ports.values()))[0]


FROM_OUTSIDE, FROM_HOST = "from machines outside", "from the host"
WAYS_OUT, BETWEEN = "from containers to machines outside", "from containers to ports"
PARTS = (FROM_OUTSIDE, FROM_HOST, WAYS_OUT, BETWEEN)
"""The questions about a host by who asks for what, in the order in which they are answered."""


class Key(NamedTuple):
    """All packets with the same key fare the same."""

    source: int
    wanted: int
    at: tuple[str, Hashable]
    relation: Hashable


class Inquiry(NamedTuple):
    """A packet that stands for all with its key."""

    key: Key
    packet: Packet
    asked: Optional[Asked]
    """The port that it asks for; None for the outside."""
