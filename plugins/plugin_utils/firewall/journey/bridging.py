# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a packet meets on a bridge: its ports, who has which address behind them, what keeps ports apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack


@dataclass(frozen=True, eq=False)
class Port:
    """A bridge port that leads to a container."""

    link: Link
    """The veth on the host."""
    stack: Stack
    device: str
    """Name of the other end, inside the container."""

    @property
    def mac(self) -> str:
        """Hardware address of the other end."""
        return self.stack.links[self.device].mac


class Entry(NamedTuple):
    """What somebody put into the forwarding database of a bridge about one hardware address."""

    port: Link
    mac: str
    kind: str
    """See ForwardingEntry."""

    @property
    def words(self) -> str:
        """For people."""
        return f"its forwarding database has a {self.kind} entry that leads {self.mac} to {self.port.name}"


@dataclass
class Bridge:
    """A bridge of the host with its ports."""

    link: Link
    calls: dict[int, bool] = field(default_factory=dict)
    """Whether bridge netfilter hands its frames to the hooks of IP, by family."""
    ports: list[Port] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Ports that lead elsewhere, a machine's network card say: anybody can be behind them."""
    ways_out: list[str] = field(default_factory=list)
    """Those of them that are no veth: machines outside are behind them."""
    is_plain: bool = True
    """Whether nothing but hairpin mode keeps its ends apart."""
    _holders: dict[tuple[int, int], Port] = field(default_factory=dict)
    _entries: dict[tuple[str, int], Entry] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the bridge."""
        return self.link.name

    def add(self, port: Port) -> None:
        """Add a port; its addresses are those of the link inside."""
        self.ports.append(port)
        for family in (4, 6):
            for address in port.stack.addresses(family, port.device):
                self._holders.setdefault((family, address.number), port)

    def __post_init__(self) -> None:
        """Take what is special about the bridge itself."""
        self.mind(self.link)

    def mind(self, link: Link) -> None:
        """Take what is special about a port, or about the bridge itself."""
        if link.settings or link.forwarding or link.isolated or link.vlan_filtering:
            self.is_plain = False
        for item in link.forwarding:
            self._entries[(item.mac, item.vlan)] = Entry(link, item.mac, item.kind)

    def entry_of(self, mac: str, vlan: int) -> Optional[Entry]:
        """The entry of its forwarding database about a hardware address, unless it learnt it by itself.

        vlan: the VLAN that is asked in, 0 where the bridge keeps none apart.
        """
        return self._entries.get((mac, vlan))

    def holder(self, family: int, address: int) -> Optional[Port]:
        """The port behind which somebody answers for an address (ARP, neighbour discovery)."""
        return self._holders.get((family, address))


def separated(incoming: Port, outgoing: Port) -> str:
    """Why a frame from one port is not forwarded to another, empty when it is (should_deliver() of br_forward.c)."""
    if incoming is outgoing and not incoming.link.hairpin:
        return f"hairpin mode of {incoming.link.name} is off: the bridge sends nothing back by the port it came from"
    if incoming.link.isolated and outgoing.link.isolated:
        return f"the bridge ports {incoming.link.name} and {outgoing.link.name} are isolated from each other"
    return ""
