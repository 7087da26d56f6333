# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Routes of a namespace: every table and both families, by one rtnetlink dump."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    address,
    attributes,
    listed,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route

# linux/rtnetlink.h
_RTM_GETROUTE = 26
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_PREFSRC = 7
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_RTA_VIA = 18
# Also set for a link without carrier when ignore_routes_with_linkdown is (net/ipv4/fib_semantics.c, fib_nexthop_info).
_RTNH_F_DEAD = 1

# RTN_* of linux/rtnetlink.h, by the names of ip-route(8).
_KINDS = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
# The kernel makes some of these for each address and each link: many, and nothing that is not told by the links.
_LEFT_OUT = frozenset(number for number, name in _KINDS.items() if name in ("broadcast", "anycast", "multicast"))
# Other families have tables of routes, too: those of multicast, MPLS.
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104

_ROUTE = struct.Struct("=BBBBBBBBI")
# Bytes of it.
_FAMILY, _KIND = 0, 7
_HOP = struct.Struct("=HBBi")


class _Hop(NamedTuple):
    gateway: str
    interface: int
    usable: bool


def read_routes() -> list[Route]:
    """Return the routes of all tables in the order in which the kernel lists them, IPv4 first.

    Raises UnreadableError when the kernel refuses.
    """
    return listed("routes", routes_of)


def routes_of(route: Netlink) -> list[Route]:
    """Return the routes of the namespace that a route netlink socket belongs to. Raises OSError."""
    messages = route.dump(_RTM_GETROUTE, _ROUTE.pack(socket.AF_UNSPEC, *[0] * 8))
    return [parse_route(item) for item in messages if item[_FAMILY] in _ANY and item[_KIND] not in _LEFT_OUT]


def parse_route(message: bytes) -> Route:
    """Return what a message of type RTM_NEWROUTE says (``struct rtmsg`` and attributes)."""
    family, length, dummy, dummy2, table, protocol, dummy3, kind, flags = _ROUTE.unpack_from(message)
    found = attributes(message, _ROUTE.size)
    hops = list(_hops(found, flags))
    return Route(
        destination=f"{address(found.get(_RTA_DST)) or _ANY[family]}/{length}",
        # The header has room for tables up to 255 only.
        table=u32(found.get(_RTA_TABLE)) or table,
        kind=_KINDS.get(kind, str(kind)),
        gateways=[hop.gateway for hop in hops if hop.gateway],
        interfaces=[hop.interface for hop in hops if hop.interface],
        protocol=protocol,
        source=address(found.get(_RTA_PREFSRC)) or None,
        metric=u32(found.get(_RTA_PRIORITY)) or 0,
        usable=any(hop.usable for hop in hops),
    )


def _hops(found: dict[int, bytes], flags: int) -> Iterator[_Hop]:
    several = found.get(_RTA_MULTIPATH)
    if several is None:
        yield _Hop(_gateway(found), u32(found.get(_RTA_OIF)) or 0, not flags & _RTNH_F_DEAD)
        return
    at = 0
    while at + _HOP.size <= len(several):
        length, hop_flags, dummy, index = _HOP.unpack_from(several, at)
        hop = attributes(several[at : at + length], _HOP.size)
        yield _Hop(_gateway(hop), index, not hop_flags & _RTNH_F_DEAD)
        at += max((length + 3) & ~3, _HOP.size)


def _gateway(hop: dict[int, bytes]) -> str:
    """RTA_GATEWAY, or RTA_VIA where it is of the other family (an IPv4 route by an IPv6 router)."""
    via = hop.get(_RTA_VIA)
    # The address stands behind two bytes of its family.
    return address(hop.get(_RTA_GATEWAY)) or (address(via[2:]) if via else "")
