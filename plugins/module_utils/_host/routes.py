# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Routes of the host's namespace: every table, by one rtnetlink dump for each family."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ERROR,
    UnreadableError,
    missing_library,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Route

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
_LEFT_OUT = ("broadcast", "anycast", "multicast")
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104


def read_routes() -> list[Route]:
    """Return the routes of all tables in the order in which the kernel lists them, IPv4 first.

    Works with pyroute2 from 0.5.14 (Debian 11) on. Raises UnreadableError without it, or when the kernel refuses.
    """
    try:
        from pyroute2 import IPRoute
        from pyroute2.netlink.exceptions import NetlinkError
    except ImportError as error:
        raise missing_library("pyroute2", "python3-pyroute2", sys.executable, error) from error
    try:
        with IPRoute() as netlink:
            return [
                route
                for family in _ANY
                for route in map(_route, netlink.get_routes(family=family))
                if route.kind not in _LEFT_OUT
            ]
    except (NetlinkError, OSError) as error:
        raise UnreadableError(ERROR, f"the kernel did not list the routes: {error}") from error


def _route(message: Any) -> Route:
    destination = message.get_attr("RTA_DST") or _ANY[message["family"]]
    hops = list(_hops(message))
    return Route(
        destination=f"{destination}/{message['dst_len']}",
        # The header has room for tables up to 255 only.
        table=message.get_attr("RTA_TABLE") or message["table"],
        kind=_KINDS.get(message["type"], str(message["type"])),
        gateways=[gateway for gateway, dummy in hops if gateway],
        interfaces=[index for dummy, index in hops if index],
        protocol=message["proto"],
    )


def _hops(message: Any) -> Iterator[tuple[Optional[str], Optional[int]]]:
    """Gateway and link of each next hop."""
    for hop in message.get_attr("RTA_MULTIPATH") or [message]:
        index = hop.get_attr("RTA_OIF") if hop is message else hop["oif"]
        yield _gateway(hop), index


def _gateway(hop: Any) -> Optional[str]:
    """RTA_GATEWAY, or RTA_VIA where it is of the other family (an IPv4 route by an IPv6 router)."""
    via = hop.get_attr("RTA_VIA")
    found = hop.get_attr("RTA_GATEWAY") or (via.get("addr") if isinstance(via, dict) else None)
    return str(found) if found else None
