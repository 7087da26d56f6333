# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel has in the network namespace of this thread: links, addresses, a route."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from dataclasses import dataclass
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import links_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Allowance,
    Netlink,
    attribute,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import neighbours_of, parse_route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Neighbour, Route

# linux/rtnetlink.h
_RTM_GETROUTE = 26
_RTA_DST = 1
_RTMSG = struct.Struct("=BBBBBBBBI")
_MOST_BYTES = 1 << 22


@dataclass(frozen=True)
class RouteAnswer:
    """The route that the kernel takes to an address now."""

    route: Optional[Route] = None
    error: str = ""
    """Name of the errno where there is none."""

    @property
    def gateway(self) -> str:
        """Address of the next hop; empty for what is on link."""
        return self.route.gateways[0] if self.route is not None and self.route.gateways else ""

    @property
    def interface(self) -> int:
        """Index of the link that it leads to; 0 for none."""
        return self.route.interfaces[0] if self.route is not None and self.route.interfaces else 0

    @property
    def is_local(self) -> bool:
        """Whether the address is the namespace's own."""
        return self.route is not None and self.route.kind == "local"


@dataclass(frozen=True)
class NamespaceView:
    """Links and fixed neighbours of a namespace."""

    links: list[Link]
    fixed: list[Neighbour]

    def link(self, index: int) -> Optional[Link]:
        """The link of that index."""
        return next((link for link in self.links if link.index == index), None)

    @property
    def outer(self) -> list[Link]:
        """All but the loopback."""
        return [link for link in self.links if link.name != "lo"]


def view() -> NamespaceView:
    """Return what this thread's namespace has. Raises OSError."""
    with Netlink(ROUTE, Allowance(_MOST_BYTES, _MOST_BYTES, [0])) as route:
        return NamespaceView(links_of(route), neighbours_of(route) or [])


def route_to(address: str) -> RouteAnswer:
    """Return the route of this thread's namespace to an address, as a lookup finds it; nothing is sent."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    family = socket.AF_INET6 if plain.version == 6 else socket.AF_INET
    body = _RTMSG.pack(family, plain.max_prefixlen, *[0] * 7) + attribute(_RTA_DST, plain.packed)
    try:
        with Netlink(ROUTE) as netlink:
            found = parse_route(netlink.ask(_RTM_GETROUTE, body))
    except OSError as error:
        return RouteAnswer(None, errno.errorcode.get(error.errno or 0, "EIO"))
    # IPv6 answers with a route that leads nowhere where there is none (net/ipv6/route.c, ip6_null_entry).
    if found.kind in ("unreachable", "blackhole", "prohibit"):
        return RouteAnswer(
            None, {"unreachable": "ENETUNREACH", "blackhole": "EINVAL", "prohibit": "EACCES"}[found.kind]
        )
    return RouteAnswer(found)


def carries(link: Link) -> bool:
    """Whether a link is up and has a carrier, as far as its driver says (RFC 2863)."""
    return link.up and link.operstate not in ("DOWN", "LOWERLAYERDOWN", "NOTPRESENT")


def address_of(link: Link, version: int) -> str:
    """Return an address of a link that it sends from, of an IP version: of global scope, or else the first."""
    own = [ipaddress.ip_interface(text).ip for text in link.addresses]
    fitting = [address for address in own if address.version == version]
    return next((str(item) for item in sorted(fitting, key=lambda item: item.is_link_local)), "")
