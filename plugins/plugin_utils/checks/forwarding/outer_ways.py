# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The ways of strangers' packets through the host: in by one of its outer interfaces, out by another.

Asked are the ways from and to the interface of the default route, and round all interfaces, so the cost grows with
their number only.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import OUTSIDE, Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    NO_ANSWER,
    REQUEST,
    Hop,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import default_device, outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

# Discard (RFC 863): no rule of a working network is about it, so it fares as all do that nobody thought of.
_PORT = 9
_UNICAST = "unicast"
_TRANSLATES = ("dnat", "snat", "masquerade", "netmap", "redirect")
# Words of iptables and nft by which a rule says whom it is about.
_ABOUT = re.compile(
    r"(?<!\S)(-[iosd]|--(match-set|mark|physdev-\S+|mac-source|src-range|dst-range|[sd]ports?))(?!\S)"
    r"|\b[io]if(name|group|type)?\b|\b[sd]addr\b|\bmark\b|@"
)


@dataclass(frozen=True)
class Way:
    """A packet between two outer interfaces, and what becomes of it."""

    version: int
    start: str
    end: str
    path: Path

    def __str__(self) -> str:
        return f"from {self.start} to {self.end} (IPv{self.version})"

    @property
    def is_open(self) -> bool:
        """Whether it leaves by the other interface, and no rule that is about the two of them says so."""
        return self.path.verdict in (DELIVERED, NO_ANSWER) and self._left_by == self.end and not self._is_wanted

    @property
    def rules(self) -> list[str]:
        """The rules that let everything through."""
        return [hop.rule for hop in self._accepted if hop.rule]

    @property
    def _asked(self) -> list[Hop]:
        return [hop for hop in self.path.hops if hop.leg == REQUEST]

    @property
    def _left_by(self) -> str:
        sent = [hop.outgoing for hop in self._asked if (hop.place, hop.action) == ("wire", "send")]
        return sent[-1] if sent else ""

    @property
    def _accepted(self) -> list[Hop]:
        return [hop for hop in self._asked if (hop.place, hop.action) == ("forward", "accept")]

    @property
    def _is_wanted(self) -> bool:
        translated = any(hop.rule and hop.action in _TRANSLATES for hop in self._asked)
        return translated or any(_ABOUT.search(hop.rule) for hop in self._accepted)


@dataclass(frozen=True)
class Neighbour:
    """Somebody on an outer interface."""

    interface: str
    version: int
    address: str


def neighbours(examined: Examined, version: int) -> list[Neighbour]:
    """Somebody on each outer interface that leads to anybody by an IP version."""
    routed: dict[int, list[str]] = {}
    for route in examined.snapshot.routes:
        if route.kind == _UNICAST:
            for index in route.interfaces:
                routed.setdefault(index, []).append(route.destination)
    found = []
    for link in outer_links(examined.snapshot, version):
        address = _somebody(examined, version, [*link.addresses, *routed.get(link.index, [])])
        found += [Neighbour(link.name, version, address)] if address else []
    return found


def _somebody(examined: Examined, version: int, subnets: list[str]) -> Optional[str]:
    """The first address in one of the subnets that is none of the host's."""
    is_own = examined.view.host.has_address
    for text in subnets:
        subnet = ipaddress.ip_interface(text).network
        is_default = subnet.prefixlen == 0
        if subnet.version != version or subnet.is_link_local or subnet.is_multicast or is_default:
            continue
        other = next((str(item) for item in subnet.hosts() if not is_own(version, int(item))), None)
        if other is not None:
            return other
    return None


def ways(examined: Examined, known: list[Neighbour]) -> list[Way]:
    """What becomes of a packet from one to another of the neighbours, which are of one IP version."""
    hub = next((item for item in known if item.interface == default_device(examined.snapshot, item.version)), known[0])
    star = [pair for item in known if item is not hub for pair in ((hub, item), (item, hub))]
    return [_way(examined, start, end) for start, end in dict.fromkeys([*star, *zip(known, known[1:])])]


def _way(examined: Examined, start: Neighbour, end: Neighbour) -> Way:
    packet = Packet(Origin(OUTSIDE, start.interface), end.address, "tcp", _PORT, start.address)
    return Way(start.version, start.interface, end.interface, examined.path(packet))
