# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a packet meets on a bridge: its ports, which addresses are behind them, and what keeps a frame from crossing.

That is states of its ports, isolation and hairpin mode (br_handle_frame() of net/bridge/br_input.c, should_deliver() of
br_forward.c); what else was set by hand leaves it open, and so does a hardware address that two ends have. An end of a
bridge is a port, or None for the host itself.

With the subnets that are on this host alone, so that no machine outside has an address of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import BRIDGE_PORT, HAIRPIN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    address_text,
    is_link_local,
    parse_prefix,
    same_prefix,
)

_NAMED = 5


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


class SharedMac(NamedTuple):
    """A hardware address that a container has together with another end of its bridge.

    The bridge has one entry for it, of the port that sent last; one of its own addresses is never given to a port
    (br_fdb_update() of net/bridge/br_fdb.c).
    """

    mac: str
    ports: list[Port]
    """Those of the containers."""
    device: str
    """The bridge, or the port of it on the host, that has it as well; empty for none."""

    @property
    def containers(self) -> list[str]:
        """Names of the containers."""
        return [str(port.stack.container) for port in self.ports]

    @property
    def holders(self) -> list[str]:
        """Who has it, in words."""
        return [port.stack.label for port in self.ports] + ([self.device] if self.device else [])


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
    _entries: dict[str, str] = field(default_factory=dict)
    """Of its forwarding database: ports by the hardware addresses of static entries."""
    _devices_by_mac: dict[str, str] = field(default_factory=dict)
    """The bridge and its ports on the host by their own hardware addresses."""
    _ports_by_mac: dict[str, list[Port]] = field(default_factory=dict)
    """Ports by the hardware address of the container behind them."""

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
        self._ports_by_mac.setdefault(port.mac, []).append(port)
        self.is_plain = self.is_plain and self.shared(port.mac) is None

    def __post_init__(self) -> None:
        """Take what is special about the bridge itself."""
        self.mind(self.link)

    def mind(self, link: Link) -> None:
        """Take what is special about a port, or about the bridge itself."""
        self._devices_by_mac.setdefault(link.mac, link.name)
        is_shared = self.shared(link.mac) is not None
        if is_shared or link.settings or link.forwarding_entries or link.isolated or link.vlan_filtering:
            self.is_plain = False
        self._entries.update(dict.fromkeys(link.forwarding_entries, link.name))

    def shared(self, mac: str) -> SharedMac | None:
        """Who has a hardware address of a container, where that is not this container alone."""
        ports, device = self._ports_by_mac.get(mac, []), self._devices_by_mac.get(mac, "")
        return SharedMac(mac, ports, device) if mac and ports and (len(ports) > 1 or device) else None

    def shared_macs(self) -> list[SharedMac]:
        """All hardware addresses that containers do not have alone."""
        return [item for item in map(self.shared, self._ports_by_mac) if item is not None]

    def doubt_about(self, mac: str) -> str:
        """Why it is not known where the bridge leads frames for a hardware address; empty where it learns that."""
        if self.link.vlan_filtering:
            return f"{self.name} filters VLANs; see bridge vlan show"
        port = self._entries.get(mac)
        return f"its forwarding database has an entry that leads {mac} to {port}; see bridge fdb show" if port else ""

    def port_of(self, family: int, address: int) -> Port | None:
        """The port behind which somebody answers for an address (ARP, neighbour discovery)."""
        return self._ports_by_address.get((family, address))

    def wrong_entries(self, host: Stack) -> Iterator[WrongEntry]:
        """Permanent neighbour entries of its ends that give another end a hardware address which that does not have."""
        for holder in (
            BridgeNode(host, self.name),
            *(BridgeNode(port.stack, port.device, port) for port in self.ports),
        ):
            for family, number, mac in holder.stack.static_neighbours.on(holder.device):
                owner = self._owner(host, family, number)
                if owner is None or owner == holder or owner.mac_on(self) in ("", mac):
                    continue
                # The host takes what is for the hardware address of any of its ports (br_fdb_add_local()).
                if owner.port is not None or mac not in self._devices_by_mac:
                    yield WrongEntry(holder, address_text(family, number), mac, owner)

    def _owner(self, host: Stack, family: int, number: int) -> BridgeNode | None:
        if host.has_address(family, number):
            return BridgeNode(host, self.name)
        port = self.port_of(family, number)
        return None if port is None else BridgeNode(port.stack, port.device, port)


def separated(incoming: Port, outgoing: Port) -> str:
    """Why a frame from one port is not forwarded to another, empty when it is (should_deliver() of br_forward.c)."""
    if incoming is outgoing and not incoming.link.hairpin:
        return (
            f"hairpin mode of {incoming.link.name} is off: the bridge does not send a frame back through the port that "
            "it arrived on"
        )
    if incoming.link.isolated and outgoing.link.isolated:
        return f"the bridge ports {incoming.link.name} and {outgoing.link.name} are isolated from each other"
    return ""


class Obstacle(NamedTuple):
    """What is in the way of a frame, or may be."""

    text: str
    is_certain: bool = True
    """Whether the frame is lost; not where it depends on what the bridge or a neighbour knows at the moment."""
    is_loss_at_worst: bool = False
    """Where that is not certain: whether it goes where it should unless it is lost, and nothing else answers it."""
    mechanism: str = ""
    """As of PathStep."""


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
    return min(found, key=lambda item: (not item.is_certain, item.is_loss_at_worst), default=None)


def _obstacles(bridge: Bridge, incoming: Port | None, outgoing: Port | None) -> Iterator[Obstacle]:
    """States of ports, isolation and hairpin mode are followed; what else was set by hand leaves it open."""
    ports = [port for port in (incoming, outgoing) if port is not None]
    for port in ports:
        state = _state(port.link)
        if state:
            yield Obstacle(f"the bridge port {port.link.name} is in the state {state}", mechanism=BRIDGE_PORT)
    if incoming is not None and outgoing is not None:
        text = separated(incoming, outgoing)
        if text:
            yield Obstacle(text, mechanism=HAIRPIN if incoming is outgoing else BRIDGE_PORT)
    for port in ports:
        for setting in port.link.settings:
            if setting.name != "state":
                text = f"{setting} of the bridge port {port.link.name}; see bridge -d link show"
                yield Obstacle(text, is_certain=False, mechanism=BRIDGE_PORT)
    doubt = bridge.doubt_about(bridge.link.mac if outgoing is None else outgoing.mac)
    if doubt:
        yield Obstacle(doubt, is_certain=False)
    shared = None if outgoing is None else bridge.shared(outgoing.mac)
    if shared is not None:
        text = f"{listed(shared.holders, _NAMED)} have the same MAC address {shared.mac} on {bridge.name}"
        yield Obstacle(f"{text}; see bridge fdb show", is_certain=False, is_loss_at_worst=True)


class WrongEntry(NamedTuple):
    """A permanent neighbour entry by which frames for one end of a bridge go elsewhere."""

    holder: BridgeNode
    """In whose table it is."""
    address: str
    mac: str
    """What the entry gives it."""
    owner: BridgeNode
    """Who has the address."""


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


class BridgeNode(NamedTuple):
    """One end of a bridge: the host, or a port."""

    stack: Stack
    device: str
    port: Port | None = None
    """None for the host."""

    def mac_on(self, bridge: Bridge) -> str:
        """Its hardware address."""
        return bridge.link.mac if self.port is None else self.port.mac

    @property
    def without_arp(self) -> bool:
        """Whether ARP is off on its interface, and with it neighbour discovery."""
        return self.stack.links[self.device].without_arp

    def strays(self, family: int, neighbour: int) -> bool:
        """Whether what it sends to a neighbour has its own hardware address (arp_constructor(), ndisc_constructor()).

        So it is where ARP is off, unless a fixed entry has another one.
        """
        return self.without_arp and not self.stack.static_neighbours.mac(self.device, family, neighbour)

    @property
    def arp_off(self) -> str:
        """That it is, in words."""
        return f"ARP is off on {self.device}" + ("" if self.port is None else f" of {self.stack.label}")

    def knows(self, family: int, neighbour: int, mac: str) -> bool:
        """Whether a fixed entry gives a neighbour this hardware address, so that it is not asked for."""
        return self.stack.static_neighbours.mac(self.device, family, neighbour) == mac

    def knows_any(self, family: int, mac: str) -> bool:
        """Whether a fixed entry gives this hardware address to any neighbour."""
        return any((family, mac) == (entry[0], entry[2]) for entry in self.stack.static_neighbours.on(self.device))

    def doubt_about(self, family: int, neighbour: int) -> str:
        """Why it is not known who takes what it sends to a neighbour, unless it knows it; empty where it asks.

        What is sent by a wrong entry is not followed.
        """
        entries = self.stack.static_neighbours
        if not entries.read:
            text = address_text(family, neighbour)
            return f"whether {self.stack.label} has a permanent neighbour entry for {text}: none could be read"
        if not entries.mac(self.device, family, neighbour):
            return ""
        entry = entries.words(self.device, family, neighbour, "" if self.port is None else self.stack.label)
        return f"who receives frames sent by a permanent neighbour entry: {entry}; see ip neigh show"
