# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A network namespace as its own small host: links, addresses, routes and sockets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    Neighbour,
    PolicyRule,
    Route,
    TrafficControl,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    BITS,
    is_link_local,
    is_loopback,
    parse_address,
    parse_prefix,
    same_prefix,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.device_controls import DeviceControls
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.fixed_entries import FixedEntries
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import LOCAL, Decision, Fib
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.settings import Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.sockets import Sockets


class Address(NamedTuple):
    """An address of a link."""

    number: int
    length: int


class Stack:
    """The IP stack of one namespace. Two are the same if they are one object."""

    def __init__(
        self,
        label: str,
        links: Sequence[Link],
        routes: Iterable[Route],
        rules: Sequence[PolicyRule],
        listeners: Optional[Iterable[Listener]],
        doubt: str = "",
        settings: Optional[Settings] = None,
        neighbours: Optional[Sequence[Neighbour]] = (),
        controls: Optional[Sequence[TrafficControl]] = (),
    ) -> None:
        """Take what was read of it; listeners, neighbours and controls are None when they were not read.

        doubt: what else is not known of it.
        """
        self.label = label
        self.doubt = doubt
        self.settings = settings or Settings({})
        self.links = {link.name: link for link in links}
        self.fixed = FixedEntries(links, neighbours)
        self.controls = DeviceControls(links, controls)
        self.fib = Fib(routes, rules, links)
        self.sockets = None if listeners is None else Sockets(listeners)
        self._addresses: dict[tuple[int, str], list[Address]] = {}
        self._numbers: dict[int, set[int]] = {4: set(), 6: set()}
        self._broadcasts: set[int] = set()
        for link in links:
            for text in link.addresses:
                family, number, length = parse_prefix(text)
                self._addresses.setdefault((family, link.name), []).append(Address(number, length))
                self._numbers[family].add(number)
                if family == 4 and length < 31:
                    self._broadcasts.add(number | (1 << (BITS[4] - length)) - 1)

    def addresses(self, family: int, device: str) -> list[Address]:
        """The addresses of a link, in the kernel's order."""
        return self._addresses.get((family, device), [])

    def numbers(self, family: int) -> set[int]:
        """The addresses of all its links."""
        return self._numbers[family]

    def has_address(self, family: int, number: int) -> bool:
        """Whether it takes packets for this address."""
        return self.fib.local_kind(family, number) == LOCAL

    def link_towards(self, family: int, number: int) -> Optional[Link]:
        """The link by which its own packets for an address leave; None where it has no way there."""
        return self.links.get(self.fib.lookup(Asked(family, number)).device)

    def is_broadcast(self, family: int, number: int) -> bool:
        """Whether an address is the broadcast address of a subnet of its links (fib_add_ifaddr())."""
        return family == 4 and (number in self._broadcasts or number == (1 << 32) - 1)

    def is_on_link(self, family: int, number: int, device: str) -> bool:
        """Whether an address is on a subnet that a link has an address on."""
        own = self.addresses(family, device)
        return any(same_prefix(family, item.number, number, item.length) for item in own)

    def first_hops(self, family: int, device: str) -> int:
        """The TTL, or the hop limit, of what it sends by a device, unless a program or a route names another one."""
        return self.settings.first_hops(family, device)

    def source_for(self, asked: Asked, decision: Decision) -> Optional[int]:
        """The source address that the kernel chooses for what the namespace itself sends; None when there is none."""
        if decision.source:
            return parse_address(decision.source)[1]
        if decision.kind == LOCAL:
            return asked.destination
        by_router = asked.family == 4 and decision.gateway
        towards = parse_address(decision.gateway)[1] if by_router else asked.destination
        return self.select_source(asked.family, towards, decision.device)

    def select_source(self, family: int, towards: int, device: str) -> Optional[int]:
        """The address for what leaves by a device; one of another device stands in when it has none.

        IPv4 looks for one on the subnet of the next hop (inet_select_addr()), IPv6 at the destination alone
        (ipv6_dev_get_saddr()).
        """
        if family == 6:
            own = self._global(6, device, towards)
            others = (item for name in self.links for item in self._global(6, name, towards))
            return _best6(own or list(others), towards)
        for name in (device, *self.links):
            found = self._global(4, name, towards)
            if found:
                near = (item for item in found if same_prefix(4, item.number, towards, item.length))
                return next(near, found[0]).number
        return None

    def asks_from(self, family: int, device: str, source: int, neighbour: int) -> int:
        """The address from which it asks for a neighbour's hardware address, 0 without one.

        That is the source of the packet that waits for it, where it is the stack's own and arp_announce allows it
        (arp_solicit()); for IPv6 one of the device, and the device's link-local address otherwise (ndisc_solicit(),
        ndisc_send_ns()).
        """
        if family == 6:
            own = [item.number for item in self.addresses(6, device)]
            return source if source in own else next((number for number in own if is_link_local(6, number)), 0)
        is_allowed = self.has_address(4, source) and self._announces(device, source, neighbour)
        return source if is_allowed else self.select_source(4, neighbour, device) or 0

    def _announces(self, device: str, source: int, neighbour: int) -> bool:
        level = self.settings.larger(device, "arp_announce")
        if level != 1:
            return level != 2
        own = (item for item in self.addresses(4, device) if same_prefix(4, item.number, neighbour, item.length))
        return any(same_prefix(4, item.number, source, item.length) for item in own)

    def _global(self, family: int, device: str, towards: int) -> list[Address]:
        found = [item for item in self.addresses(family, device) if not is_loopback(family, item.number)]
        if family == 4:
            return found
        # One that is tentative has no local route yet, and is no source (ipv6_dev_get_saddr()).
        found = [item for item in found if self.has_address(6, item.number)]
        if is_link_local(family, towards):
            return found
        return [item for item in found if not is_link_local(family, item.number)]


def _best6(addresses: list[Address], destination: int) -> Optional[int]:
    """RFC 6724: the same label (of which only that of unique local addresses matters here), then the longest prefix.

    No more than the prefix of the address counts (ipv6_get_saddr_eval()); of equal ones the first is chosen.
    """

    def merit(item: Address) -> tuple[bool, int]:
        common = BITS[6] - (item.number ^ destination).bit_length()
        return _is_unique_local(item.number) == _is_unique_local(destination), min(common, item.length)

    return max(addresses, key=merit).number if addresses else None


def _is_unique_local(number: int) -> bool:
    return number >> 121 == 0x7E
