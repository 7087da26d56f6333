# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where a packet starts and what it looks like there."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Packet,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import default_device, outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    is_link_local,
    is_multicast,
    parse_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.bad_packet import BadPacketError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.settings import (
    EPHEMERAL,
    FOREIGN_EPHEMERAL,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.way_back import Start
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ICMP, ICMPV6, TRANSPORTS

_TRIED = 1000
_ECHO_REQUEST = {ICMP: 8, ICMPV6: 128}


def departure(view: HostView, packet: Packet) -> tuple[Start, Flight]:
    """The place and the first packet. Raises BadPacketError."""
    family, destination = _address("destination", packet.destination)
    if is_multicast(family, destination) or view.host.is_broadcast(family, destination) or not destination:
        raise BadPacketError("destination", f"{packet.destination} is the address of no single machine")
    number = _protocol(packet, family)
    start = _start(view, packet, family)
    source = _source(view, packet, start, family, destination, number)
    flight = Flight(family, number, source, source_port(view, packet, start), destination, packet.port)
    flight.bound = bool(packet.source)
    if packet.protocol == "icmp":
        # What `th dport` of nft reads there is the checksum.
        flight.sport = flight.dport = None
        flight.icmp_type, flight.icmp_code = _ECHO_REQUEST[number], 0
    return start, flight


def _address(name: str, text: str) -> tuple[int, int]:
    try:
        return parse_address(text)
    except ValueError:
        raise BadPacketError(name, f"{text!r} is no IPv4 or IPv6 address") from None


def _protocol(packet: Packet, family: int) -> int:
    if packet.protocol == "icmp":
        if packet.port:
            raise BadPacketError("port", f"icmp has none, found {packet.port}")
        return ICMP if family == 4 else ICMPV6
    if packet.protocol not in TRANSPORTS:
        raise BadPacketError("protocol", f"{packet.protocol!r} is not one of tcp, udp, icmp")
    for name, port in (("port", packet.port), ("source_port", packet.source_port)):
        if port is not None and not 1 <= port <= 65535:
            raise BadPacketError(name, f"{port} is not from 1 to 65535")
    return TRANSPORTS[packet.protocol]


def _start(view: HostView, packet: Packet, family: int) -> Start:
    origin = packet.origin
    if origin.kind == HOST:
        return Start(view.host)
    if origin.kind == OUTSIDE:
        return Start(None, _uplink(view, origin.name, family))
    if origin.kind != CONTAINER:
        raise BadPacketError("origin", f"{origin.kind!r} is not one of outside, host, container")
    container = view.containers.get(origin.name)
    if container is None:
        raise BadPacketError("origin", f"there is no container {origin.name!r}")
    if not container.running:
        raise BadPacketError("origin", f"container {origin.name} does not run")
    stack = view.stack_of(container)
    return Start(stack if stack is not None else view.unseen(container))


def _uplink(view: HostView, name: str, family: int) -> str:
    if name and name != "lo" and name in view.host.links:
        return name
    if name:
        allowed = ", ".join(link.name for link in outer_links(view.snapshot, 4, 6)) or "not known"
        if name == "lo":
            raise BadPacketError("origin", f"no machine outside is behind {name}; the host's ways out are {allowed}")
        raise BadPacketError("origin", f"the host has no interface {name!r}; its ways out are {allowed}")
    found = default_device(view.snapshot, family) or next(
        (link.name for link in outer_links(view.snapshot, family)), ""
    )
    if not found:
        raise BadPacketError("origin", f"the host has no uplink for IPv{family}; name one")
    return found


def _source(view: HostView, packet: Packet, start: Start, family: int, destination: int, number: int) -> int:
    if packet.source:
        own_family, source = _address("source", packet.source)
        if own_family != family:
            raise BadPacketError("source", f"{packet.source} is not of the family of {packet.destination}")
        if start.stack is not None and not start.stack.doubt and not start.stack.has_address(family, source):
            raise BadPacketError("source", f"{start.stack.label} has no address {packet.source}")
        return source
    if start.stack is None:
        return _neighbour(view, start.device, family, destination)
    # The kernel chooses the source before the port (ip_route_connect()).
    asked = Asked(family, destination, 0, "lo", 0, number, packet.source_port or 0, packet.port or 0)
    return chosen_source(start.stack, asked)


def source_port(view: HostView, packet: Packet, start: Start) -> Optional[int]:
    """The one that is asked for, or one that stands for all that the origin could choose."""
    if packet.source_port is not None:
        return packet.source_port
    if start.stack is None:
        return view.free_port(*FOREIGN_EPHEMERAL)
    return view.free_port(*(view.settings.ephemeral_ports() if start.stack is view.host else EPHEMERAL))


def chosen_source(stack: Stack, asked: Asked) -> int:
    """The source that a namespace gives its packet; 0 where it has no way to send it at all."""
    return stack.source_for(asked, stack.fib.lookup(asked)) or 0


def _neighbour(view: HostView, device: str, family: int, destination: int) -> int:
    """An address on the uplink's link that is nobody's of this host: of the last ones, which are rarely given out.

    Where the uplink has an address of its own alone (as in many clouds) the next router stands in.
    """
    routers = [parse_address(gateway)[1] for gateway in _routers(view, device, family)]
    taken = {*view.host.numbers(family), *routers, destination}
    own = view.host.addresses(family, device)
    for address in sorted(own, key=lambda item: is_link_local(family, item.number)):
        last = address.number | (1 << BITS[family] - address.length) - 1
        first = last - (1 << BITS[family] - address.length) + 2
        lowest = max(first, last - _TRIED)
        found = next((number for number in range(last - 1, lowest - 1, -1) if number not in taken), None)
        if found is not None:
            return found
    if routers:
        return routers[0]
    raise BadPacketError("source", f"none could be chosen, {device} has no IPv{family} subnet; give one")


def _routers(view: HostView, device: str, family: int) -> list[str]:
    """The next hops of routes by a device."""
    link = view.host.links[device]
    routes = (route for route in view.snapshot.routes if link.index in route.interfaces)
    return [gateway for route in routes for gateway in route.gateways if parse_address(gateway)[0] == family]
