# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Frames that go where a fixed entry of a neighbour table says, whoever is there.

Nobody is asked for such a neighbour. A bridge sends what is for a hardware address that it does not know out by all
ports (br_flood()), and every stack drops what is not for its own (eth_type_trans(), ip_rcv_core()).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import MISLED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bridging import Bridge, Port
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.course import LOST, Arrival, Course
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.crossing import floods_to
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, DROP, FORWARD

if TYPE_CHECKING:
    from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.leg import Leg

# Kinds of links that stand on another one with a hardware address of their own.
_UPON = ("macvlan", "macvtap", "bridge", "bond", "vlan")


class Taker(NamedTuple):
    """Who takes a frame on a bridge."""

    port: Optional[Port] = None
    """None for the host, and for nobody."""
    entry: str = ""
    """The fixed entry by which it is the taker; empty for one who was asked for."""
    problem: str = ""
    """Why nobody takes it."""
    doubt: str = ""
    """What would have to be known of the one who takes it."""

    @property
    def is_host(self) -> bool:
        """Whether the host takes it."""
        return self.port is None and not self.problem and not self.doubt


class End(NamedTuple):
    """One end of a bridge: the host, or a port."""

    stack: Stack
    device: str
    port: Optional[Port] = None
    """None for the host."""

    def entry(self, family: int, neighbour: int) -> str:
        """The fixed entry that it has for a neighbour, in words."""
        owner = "" if self.port is None else self.stack.label
        return self.stack.fixed.words(self.device, family, neighbour, owner)


def taker_by_entry(bridge: Bridge, sender: End, family: int, neighbour: int) -> Optional[Taker]:
    """Who takes a frame for a neighbour by a fixed entry of its sender; None where the sender asks for it."""
    if not sender.stack.fixed.read:
        text = address_text(family, neighbour)
        return Taker(doubt=f"whether {sender.stack.label} has a fixed neighbour entry for {text}: none could be read")
    mac = sender.stack.fixed.mac(sender.device, family, neighbour)
    if not mac:
        return None
    entry = sender.entry(family, neighbour)
    # Of the host's own hardware addresses its stack takes that of the bridge, and that of the port it comes in by.
    if sender.port is not None and mac in (bridge.link.mac, sender.port.link.mac):
        return Taker(entry=entry)
    if mac == bridge.link.mac:
        return Taker(entry=entry, problem=f"{entry}, which is the host's own")
    owners = [port for port in bridge.ports if port.mac == mac]
    if len(owners) == 1:
        return Taker(owners[0], entry)
    if owners or any(_stands_upon(port, mac) for port in bridge.ports):
        return Taker(doubt=f"who takes what is for {mac}: {entry}")
    if not bridge.foreign:
        return Taker(entry=entry, problem=f"{entry}, which nobody on {bridge.name} has")
    if bridge.holder(family, neighbour) is None:
        # A machine that is not looked into, and may well have it.
        return None
    return Taker(doubt=f"who is behind {', '.join(sorted(bridge.foreign))} on {bridge.name}: {entry}")


def answer_misled(bridge: Bridge, asking: End, asked: End, source: int) -> str:
    """Why an answer of neighbour discovery does not come to who asks from an address; empty where nothing misleads it.

    An advertisement goes to the address that was asked from, as any packet does, and so by the entry for it; answers to
    ARP do not ask the table (ndisc_send_na(), arp_process()).
    """
    taker = taker_by_entry(bridge, asked, 6, source)
    if taker is None or (taker.entry and not taker.problem and taker.port is asking.port):
        return ""
    return taker.problem or taker.doubt or f"{taker.entry}, which it is not"


def flooded(leg: Leg, course: Course, bridge: Bridge, port: Port, taker: Taker) -> list[Arrival]:
    """A frame of a container that nobody takes; its copies for the ports pass FORWARD, where a rule can reject them."""
    lost = Arrival(LOST, course.note(leg.name, "bridge", MISLED, taker.problem), taker.problem)
    if not bridge.calls[course.flight.family]:
        return [lost]
    rejected: list[Arrival] = []
    for other in bridge.ports:
        if not floods_to(bridge, port, other):
            continue
        flight = course.flight.copy()
        flight.iif = flight.oif = bridge.name
        flight.physin, flight.physout = port.link.name, other.link.name
        for passage, after in leg.hook(FORWARD, course, flight):
            if passage.verdict not in (ACCEPT, DROP):
                rejected += leg.ended(passage, after)
                if not passage.doubts:
                    return rejected
    return [*rejected, lost]


def taken_by_another(leg: Leg, course: Course, port: Port, entry: str) -> Arrival:
    """At a container that the packet is not for, by a fixed entry."""
    family, label = course.flight.family, port.stack.label
    text = address_text(family, course.flight.daddr)
    if port.stack.settings.forwards(family, port.device):
        return leg.untold(course, f"what {label}, which forwards, does with a packet for {text}: {entry}")
    reason = f"{entry}, which is that of {label}"
    return Arrival(LOST, course.note(leg.name, "container", MISLED, reason), reason)


def _stands_upon(port: Port, mac: str) -> bool:
    return any(link.mac == mac and link.kind in _UPON for link in port.stack.links.values())
