# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A packet as rules of the family bridge see it: a frame between ports, with hardware addresses."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight

ARP = 0
"""Family of a frame of ARP; IP has 4 and 6."""
ARP_REQUEST, ARP_REPLY = 1, 2

FRAME_FIELDS = ("smac", "dmac", "arp_operation", "ibr", "obr")
"""What a frame has beside the fields of the packet that it carries."""


class Ends(NamedTuple):
    """Where a frame is between, as a hook of the bridge sees it; names are empty where there is no such device."""

    incoming: str
    outgoing: str
    source: Optional[str]
    """Hardware addresses; None for what is not known."""
    destination: Optional[str]


class FrameFlight(Flight):
    """The frame at one moment."""

    __slots__ = ("arp_operation", "dmac", "ibr", "obr", "smac")

    def __init__(self, of: Flight, ends: Ends, bridge: str) -> None:
        """Take the packet that it carries, and the bridge that it is on."""
        super().__init__(of.family, of.protocol, of.saddr, of.sport, of.daddr, of.dport)
        self.icmp_type, self.icmp_code, self.tcp_flags = of.icmp_type, of.icmp_code, of.tcp_flags
        self.mark, self.ttl = of.mark, of.ttl
        self.skuid, self.skgid = of.skuid, of.skgid
        self.iif, self.oif = ends.incoming, ends.outgoing
        self.smac, self.dmac = ends.source, ends.destination
        self.ibr = bridge if ends.incoming else ""
        self.obr = bridge if ends.outgoing else ""
        self.arp_operation: Optional[int] = None

    def copy(self) -> FrameFlight:
        """An independent one."""
        other = FrameFlight(self, Ends(self.iif, self.oif, self.smac, self.dmac), self.ibr or self.obr)
        other.arp_operation = self.arp_operation
        return other
