# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A packet under way, with what the kernel keeps about it and its connection.

Rules of the family bridge see it as a frame: between ports, with hardware addresses.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Subject
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import SYN, TCP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import CT_NEW, Chain, Rule

ConnectionTuple = tuple[int, int | None, int, int | None]
"""Source, source port, destination, destination port; a port that is not known is None, and so are those of ICMP."""


class Connection:
    """What connection tracking knows: the tuples of both directions, and the translations that were decided."""

    __slots__ = ("dnat", "dnat_decided", "mark", "original", "protocol", "reply", "seen_reply", "snat", "snat_decided")

    def __init__(self, protocol: int, original: ConnectionTuple) -> None:
        source, source_port, destination, port = original
        self.protocol = protocol
        self.original = original
        self.reply: ConnectionTuple = (destination, port, source, source_port)
        self.mark: int | None = 0
        self.dnat = False
        self.snat = False
        self.dnat_decided = False
        self.snat_decided = False
        self.seen_reply = False

    def copy(self) -> Connection:
        """An independent one, for when a prediction splits."""
        other = Connection.__new__(Connection)
        # One by one: a loop over the names takes several times as long, and this is done for each hook of each packet.
        other.protocol = self.protocol
        other.original = self.original
        other.reply = self.reply
        other.mark = self.mark
        other.dnat = self.dnat
        other.snat = self.snat
        other.dnat_decided = self.dnat_decided
        other.snat_decided = self.snat_decided
        other.seen_reply = self.seen_reply
        return other


class Flight:
    """The packet at one moment. Fields are those of rules.FIELDS; None is what is not known."""

    __slots__ = (
        "bound",
        "connection",
        "daddr",
        "dport",
        "family",
        "icmp_code",
        "icmp_type",
        "iif",
        "mark",
        "next_hop",
        "oif",
        "physin",
        "physout",
        "pkttype",
        "protocol",
        "reply",
        "saddr",
        "skgid",
        "skuid",
        "sport",
        "state",
        "taken",
        "tcp_flags",
        "tracked",
        "ttl",
    )

    def __init__(
        self, family: int, protocol: int, saddr: int, sport: int | None, daddr: int, dport: int | None
    ) -> None:
        self.family = family
        self.protocol = protocol
        self.saddr = saddr
        self.sport = sport
        self.daddr = daddr
        self.dport = dport
        self.bound = False
        """Whether its sender chose the source itself, and not the route."""
        self.icmp_type: int | None = None
        self.icmp_code: int | None = None
        self.tcp_flags: int | None = SYN if protocol == TCP else 0
        self.iif = ""
        self.oif = ""
        self.next_hop = 0
        """Neighbour of IPv4 that a route leads to, in POSTROUTING; 0 for what no route was asked for."""
        self.physin = ""
        self.physout = ""
        self.mark: int | None = 0
        self.ttl: int | None = None
        """Of IPv6 the hop limit."""
        self.pkttype = "host"
        self.skuid: int | None = None
        self.skgid: int | None = None
        self.connection: Connection | None = None
        """None before connection tracking has seen it, and for what is not tracked."""
        self.state = CT_NEW
        """CT_NEW, CT_ESTABLISHED, CT_INVALID or CT_UNTRACKED, once tracked."""
        self.reply = False
        """Whether it goes in the reply direction of its connection."""
        self.tracked = True
        """False after notrack."""
        self.taken: tuple[ConnectionTuple, ...] = ()
        """Those of other connections of its protocol, which its own must not have (nf_conntrack_tuple_taken())."""

    @property
    def ports(self) -> tuple[int | None, int | None]:
        """Of the source and the destination, as routes are asked with them: ICMP has none (proto_ports_offset())."""
        return (self.sport, self.dport) if self.icmp_type is None else (0, 0)

    def copy(self) -> Flight:
        """An independent one, its connection included, for when a prediction splits."""
        other = Flight.__new__(Flight)
        other.bound = self.bound
        other.daddr = self.daddr
        other.dport = self.dport
        other.family = self.family
        other.icmp_code = self.icmp_code
        other.icmp_type = self.icmp_type
        other.iif = self.iif
        other.mark = self.mark
        other.next_hop = self.next_hop
        other.oif = self.oif
        other.physin = self.physin
        other.physout = self.physout
        other.pkttype = self.pkttype
        other.protocol = self.protocol
        other.reply = self.reply
        other.saddr = self.saddr
        other.skgid = self.skgid
        other.skuid = self.skuid
        other.sport = self.sport
        other.state = self.state
        other.taken = self.taken
        other.tcp_flags = self.tcp_flags
        other.tracked = self.tracked
        other.ttl = self.ttl
        connection = self.connection
        other.connection = None if connection is None else connection.copy()
        return other


# Mechanisms of a step, and of a doubt.
FORWARDING = "forwarding"
"""It is off."""
RP_FILTER = "rp_filter"
MARTIAN = "martian"
ROUTE_KIND = "route_kind"
"""A blackhole, say, or no route at all."""
POLICY_RULE = "policy_rule"
HAIRPIN = "hairpin"
"""It is off."""
BRIDGE_PORT = "bridge_port"
"""A setting of it."""
NEIGHBOUR = "neighbour"
"""Its hardware address is not learnt; so with the next six, which say what keeps it from that."""
NEIGHBOUR_ARP_OFF = "neighbour_arp_off"
"""On the bridge."""
NEIGHBOUR_ARP_OFF_IN_CONTAINER = "neighbour_arp_off_in_container"
"""On the interface of one of the two."""
NEIGHBOUR_BRIDGE_PORT = "neighbour_bridge_port"
NEIGHBOUR_BRIDGE_RULE = "neighbour_bridge_rule"
NEIGHBOUR_IN_CONTAINER = "neighbour_in_container"
"""A setting of the container that is asked."""
NEIGHBOUR_RP_FILTER = "neighbour_rp_filter"
OF_NEIGHBOURS = (
    NEIGHBOUR,
    NEIGHBOUR_ARP_OFF,
    NEIGHBOUR_ARP_OFF_IN_CONTAINER,
    NEIGHBOUR_BRIDGE_PORT,
    NEIGHBOUR_BRIDGE_RULE,
    NEIGHBOUR_IN_CONTAINER,
    NEIGHBOUR_RP_FILTER,
)
HALTED = "halted"
"""The process that should answer is stopped, or frozen."""
IPSEC_POLICY = "ipsec_policy"
TRAFFIC_CONTROL = "traffic_control"
"""A filter, a queueing discipline or a program at a device."""


class Doubt(str):
    """What would have to be known, in words, and what of the host that is; other doubts are about rules."""

    __slots__ = ("mechanism",)
    mechanism: str

    @classmethod
    def about(cls, mechanism: str, text: str) -> Doubt:
        """A doubt about one of the mechanisms."""
        found = cls(text)
        found.mechanism = mechanism
        return found


def mechanism_of(doubt: str) -> str:
    """Return what of the host a doubt is about; empty for one that is about a rule, or about something else."""
    return doubt.mechanism if isinstance(doubt, Doubt) else ""


class Step(NamedTuple):
    """One thing that happened to a packet, kept small: predict() makes a PathStep of it for a path that is shown."""

    place: str
    """A hook, or another place of PathStep."""
    chain: Chain | None
    """None outside of rules, and for what connection tracking did by itself: the translation of a connection that is
    known already, and the end of one that has the tuple of another."""
    rule: Rule | None
    """None for a chain's policy."""
    action: str
    saddr: int
    sport: int | None
    daddr: int
    dport: int | None
    note: str = ""
    mechanism: str = ""
    subject: Subject | None = None


class Passage(NamedTuple):
    """One way in which a packet can leave a hook. There are several where a condition could not be decided."""

    verdict: str
    """``accept``, ``drop``, ``reject``, or ``unpredictable``."""
    flight: Flight
    steps: tuple[Step, ...]
    undetermined: tuple[str, ...]
    """What was assumed on this way: each condition that could not be decided, with its rule."""
    reject_with: str = ""


class Surroundings(Protocol):
    """What rules ask of the host around them. None is what cannot be told."""

    def address_type(self, family: int, address: int, device: str) -> str | None:
        """Type of the route to an address (``local``, ``unicast``...); with a device, asked of that device only."""

    def fib_type(self, flight: Flight, address: int, peer: int, device: str, mark: int | None) -> str | None:
        """The same as ``fib`` of nftables asks for it; peer: the packet's other address."""

    def device_towards(self, family: int, address: int, source: int, incoming: str, mark: int | None) -> str | None:
        """Device that the route from a source to an address leads to; empty without one, or if it is not incoming."""

    def own_address(self, family: int, device: str, towards: int) -> int | None:
        """The address that MASQUERADE takes on a device; towards: the next hop, of IPv6 the destination."""

    def first_address(self, family: int, device: str, asking: int) -> int | None:
        """The address that REDIRECT takes on the device that a packet came in by; asking: its source."""


ARP = 0
"""Family of a frame of ARP; IP has 4 and 6."""
ARP_REQUEST, ARP_REPLY = 1, 2

FRAME_FIELDS = ("smac", "dmac", "arp_operation", "ibr", "obr")
"""What a frame has beside the fields of the packet that it carries."""


class Ends(NamedTuple):
    """Where a frame is between, as a hook of the bridge sees it; names are empty where there is no such device."""

    incoming: str
    outgoing: str
    source: str | None
    """Hardware addresses; None for what is not known."""
    destination: str | None


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
        self.arp_operation: int | None = None

    def copy(self) -> FrameFlight:
        """An independent one."""
        other = FrameFlight(self, Ends(self.iif, self.oif, self.smac, self.dmac), self.ibr or self.obr)
        other.arp_operation = self.arp_operation
        return other
