# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What rules ask of the host around them: types of addresses, devices of routes, the host's own addresses."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import is_link_local, is_multicast
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.policy import Asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.routing import (
    LOCAL,
    UNCERTAIN,
    UNICAST,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.journey.stack import Stack


class HostSurroundings:
    """The host's routes and addresses, as rules of its namespace see them."""

    def __init__(self, host: Stack) -> None:
        """Take the host's stack."""
        self._host = host

    def address_type(self, family: int, address: int, device: str) -> Optional[str]:
        """Type of the route to an address; with a device, asked of that device only.

        IPv4 asks the local table alone (inet_addr_type_dev_table()), IPv6 all routes, for no packet in particular
        (match_lookup_rt6() of xt_addrtype.c).
        """
        return self._type(Asked(family, address), device)

    def fib_type(self, flight: Flight, address: int, peer: int, device: str, mark: Optional[int]) -> Optional[str]:
        """The same; policy rules of IPv6 see the packet (nft_fib6_flowi_init(), __nft_fib6_eval_type())."""
        return self._type(Asked(flight.family, address, peer, mark=mark, protocol=flight.protocol), device)

    def _type(self, asked: Asked, device: str) -> Optional[str]:
        family, address = asked.family, asked.destination
        if is_multicast(family, address):
            return "multicast"
        if self._host.is_broadcast(family, address) or (family == 4 and address >> 24 == 0):
            return "broadcast"
        kind = self._host.fib.local_kind(family, address, device)
        if family == 4 or kind == LOCAL:
            return kind
        decision = self._host.fib.lookup(asked)
        if decision.kind == UNCERTAIN:
            return None
        # A local address that belongs to another device than the one that is asked.
        return UNICAST if decision.kind == LOCAL else decision.kind.replace("no route", "unreachable")

    def device_towards(
        self, family: int, address: int, source: int, incoming: str, mark: Optional[int]
    ) -> Optional[str]:
        """Device that the route to an address leads to, empty without one, or if it is not the one it came in by.

        It is asked for as one of the host's own, for no protocol (nft_fib_ipv4.c, nft_fib_ipv6.c, ipt_rpfilter.c).
        """
        decision = self._host.fib.lookup(Asked(family, address, source, mark=mark))
        if decision.kind == UNCERTAIN:
            return None
        is_back = decision.kind == UNICAST and incoming in ("", decision.device)
        return decision.device if is_back else ""

    def own_address(self, family: int, device: str, towards: int) -> Optional[int]:
        """The address that MASQUERADE takes on a device (nf_nat_masquerade.c); towards: next hop, of IPv6 destination.

        For what goes to an address of the host itself IPv6 takes that very address (RFC 6724, rule 1).
        """
        if family == 6 and self._host.has_address(6, towards):
            return towards
        return self._host.select_source(family, towards, device)

    def first_address(self, family: int, device: str, asking: int) -> Optional[int]:
        """The address that REDIRECT takes on a device (nf_nat_redirect.c): its first, for IPv6 of the asker's scope."""
        own = self._host.addresses(family, device)
        wanted = (item.number for item in own if _is_near(family, item.number) == _is_near(family, asking))
        return next(wanted, None)


def _is_near(family: int, number: int) -> bool:
    """Whether an address of IPv6 is link-local."""
    return family == 6 and is_link_local(6, number)
