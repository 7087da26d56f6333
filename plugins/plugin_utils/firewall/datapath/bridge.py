# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a packet meets on a bridge: its ports, which addresses are behind them, and what keeps a frame from crossing.

That is states of its ports, isolation, hairpin mode and VLANs (br_handle_frame() of net/bridge/br_input.c,
should_deliver() of br_forward.c, br_vlan.c). An end of a bridge is a port, or None for the host itself.

With the subnets that are on this host alone, so that no machine outside has an address of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PortVlan
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    address_text,
    is_link_local,
    parse_prefix,
    same_prefix,
)


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
    _ports_by_address: dict[tuple[int, int], Port] = field(default_factory=dict)
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
                self._ports_by_address.setdefault((family, address.number), port)

    def __post_init__(self) -> None:
        """Take what is special about the bridge itself."""
        self.mind(self.link)

    def mind(self, link: Link) -> None:
        """Take what is special about a port, or about the bridge itself."""
        if link.settings or link.forwarding or link.isolated or link.vlan_filtering:
            self.is_plain = False
        for item in link.forwarding:
            self._entries[(item.mac, item.vlan)] = Entry(link, item.mac, item.kind)

    def entry_of(self, mac: str, vlan: int) -> Entry | None:
        """The entry of its forwarding database about a hardware address, unless it learnt it by itself.

        vlan: the VLAN that is asked in, 0 where the bridge keeps none apart.
        """
        return self._entries.get((mac, vlan))

    def port_of(self, family: int, address: int) -> Port | None:
        """The port behind which somebody answers for an address (ARP, neighbour discovery)."""
        return self._ports_by_address.get((family, address))


def separated(incoming: Port, outgoing: Port) -> str:
    """Why a frame from one port is not forwarded to another, empty when it is (should_deliver() of br_forward.c)."""
    if incoming is outgoing and not incoming.link.hairpin:
        return f"hairpin mode of {incoming.link.name} is off: the bridge sends nothing back by the port it came from"
    if incoming.link.isolated and outgoing.link.isolated:
        return f"the bridge ports {incoming.link.name} and {outgoing.link.name} are isolated from each other"
    return ""


class Obstacle(NamedTuple):
    """What is in the way of a frame, or may be."""

    text: str
    is_certain: bool = True
    """Whether the frame is lost; not where it depends on what the bridge or a neighbour knows at the moment."""


def in_the_way(bridge: Bridge, incoming: Port | None, outgoing: Port | None) -> Obstacle | None:
    """What keeps a frame for one hardware address from going from one end of a bridge to another, or may keep it."""
    if bridge.is_plain and incoming is not outgoing:
        return None
    return next(_obstacles(bridge, incoming, outgoing), None)


def obstacle_to_solicitation(bridge: Bridge, requester: Port | None, target: Port | None) -> Obstacle | None:
    """What keeps an end from learning the hardware address of another: on the way of the question, or of the answer."""
    if bridge.is_plain and requester is not target:
        return None
    found = [*_obstacles(bridge, target, requester), *_obstacles(bridge, requester, target)]
    return next((item for item in found if item.is_certain), found[0] if found else None)


def _obstacles(bridge: Bridge, incoming: Port | None, outgoing: Port | None) -> Iterator[Obstacle]:
    """States of ports, isolation and hairpin mode are followed; what else was set by hand leaves it open."""
    ports = [port for port in (incoming, outgoing) if port is not None]
    for port in ports:
        state = _state(port.link)
        if state:
            yield Obstacle(f"the bridge port {port.link.name} is in the state {state}")
    if incoming is not None and outgoing is not None:
        text = separated(incoming, outgoing)
        if text:
            yield Obstacle(text)
    for port in ports:
        for setting in port.link.settings:
            if setting.name != "state":
                yield Obstacle(
                    f"{setting} of the bridge port {port.link.name}; see bridge -d link show", is_certain=False
                )
    entry = _entry(bridge, incoming, bridge.link.mac if outgoing is None else outgoing.mac)
    is_right = outgoing is not None and entry is not None and entry.port is outgoing.link and entry.kind != "permanent"
    if entry is not None and not is_right:
        yield Obstacle(f"{entry.words}; see bridge fdb show", is_certain=False)
    if bridge.link.vlan_filtering:
        yield from _of_vlans(bridge, incoming, outgoing)


def _entry(bridge: Bridge, incoming: Port | None, mac: str) -> Entry | None:
    """What the bridge finds for a hardware address, in the VLAN of what comes in by an end."""
    came_in = bridge.link if incoming is None else incoming.link
    return bridge.entry_of(mac, _pvid(came_in).first if bridge.link.vlan_filtering else 0)


def _of_vlans(bridge: Bridge, incoming: Port | None, outgoing: Port | None) -> Iterator[Obstacle]:
    came_in, goes_out = (bridge.link if port is None else port.link for port in (incoming, outgoing))
    vlan = _pvid(came_in).first
    if vlan and any(item.untagged and item.first <= vlan <= item.last for item in goes_out.vlans or ()):
        return
    what = f"{came_in.name} takes frames without a tag for VLAN {vlan}" if vlan else f"{came_in.name} has no PVID"
    text = f"{bridge.name} filters VLANs: {what}, and {goes_out.name} is no port of it that sends them without one"
    yield Obstacle(text if vlan else f"{bridge.name} filters VLANs: {what}", is_certain=False)


def _pvid(link: Link) -> PortVlan:
    """The VLAN of what comes in without a tag."""
    return next((item for item in link.vlans or () if item.pvid), PortVlan(0, 0))


def _state(link: Link) -> str:
    return next((item.value for item in link.settings if item.name == "state"), "")


class LocalSubnet(NamedTuple):
    """A subnet that is on this host alone."""

    family: int
    number: int
    length: int
    name: str
    """``network NAME`` of Docker, or ``bridge DEVICE``."""
    bridge: str


class LocalSubnets:
    """The subnets of Docker's bridge networks, and those of other bridges that lead to no machine outside.

    A bridge with a network card as its port is a way out, and its subnet that of machines outside.
    """

    def __init__(self, host: Stack, bridges: Mapping[str, Bridge], networks: Iterable[Network]) -> None:
        """Take the host with its bridges, and the networks as the engine tells them."""
        leading_out = {name for name, bridge in bridges.items() if bridge.ways_out}
        named = {
            network.bridge: network for network in networks if network.bridge and network.bridge not in leading_out
        }
        inner = [name for name in bridges if name not in leading_out and name not in named]
        found = [*_of_networks(named.values()), *_of_bridges(host, inner)]
        self._subnets = sorted(found, key=lambda subnet: -subnet.length)

    def of(self, family: int, number: int) -> LocalSubnet | None:
        """The smallest one that has an address; None for an address of others."""
        return next(
            (
                subnet
                for subnet in self._subnets
                if subnet.family == family and same_prefix(family, subnet.number, number, subnet.length)
            ),
            None,
        )


def _of_networks(networks: Iterable[Network]) -> Iterator[LocalSubnet]:
    for network in networks:
        for item in network.subnets:
            if item.subnet:
                yield LocalSubnet(*parse_prefix(item.subnet), f"network {network.name}", network.bridge or "")


def _of_bridges(host: Stack, names: Iterable[str]) -> Iterator[LocalSubnet]:
    for name in names:
        for family, bits in BITS.items():
            for address in host.addresses(family, name):
                if address.length < bits and not is_link_local(family, address.number):
                    yield LocalSubnet(family, address.number, address.length, f"bridge {name}", name)


class Receiver(NamedTuple):
    """Who takes a frame on a bridge."""

    port: Port | None = None
    """None for the host, and where it is not known."""
    doubt: str = ""
    """What would have to be known of the one who takes it."""

    @property
    def is_host(self) -> bool:
        """Whether the host takes it."""
        return self.port is None and not self.doubt


class BridgeNode(NamedTuple):
    """One end of a bridge: the host, or a port."""

    stack: Stack
    device: str
    port: Port | None = None
    """None for the host."""

    def entry(self, family: int, neighbour: int) -> str:
        """The static entry that it has for a neighbour, in words."""
        owner = "" if self.port is None else self.stack.label
        return self.stack.static_neighbours.words(self.device, family, neighbour, owner)


def receiver_by_static_entry(bridge: Bridge, sender: BridgeNode, family: int, neighbour: int) -> Receiver | None:
    """Who takes a frame for a neighbour by a static entry of its sender; None where the sender asks for it.

    Where the entry does not have the hardware address of the neighbour it is left open what becomes of the frame.
    """
    if not sender.stack.static_neighbours.read:
        text = address_text(family, neighbour)
        return Receiver(
            doubt=f"whether {sender.stack.label} has a fixed neighbour entry for {text}: none could be read"
        )
    mac = sender.stack.static_neighbours.mac(sender.device, family, neighbour)
    if not mac:
        return None
    # Of the host's own hardware addresses its stack takes that of the bridge, and that of the port it comes in by.
    if sender.port is not None and mac in (bridge.link.mac, sender.port.link.mac):
        return Receiver()
    owner = bridge.port_of(family, neighbour)
    if owner is not None and owner.mac == mac:
        return Receiver(owner)
    if owner is None and bridge.foreign:
        # A machine that is not looked into, and may well have it.
        return None
    return Receiver(doubt=f"who takes what is for {mac}: {sender.entry(family, neighbour)}; see ip neigh show")
