# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""By which device a packet leaves a namespace: what leaves by others than veth passes no hook of the host."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._host.internet_protocol import family_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import IFLA_IFNAME, LINK, link_messages
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    attribute,
    attributes,
    text,
    u32,
)

# linux/rtnetlink.h, linux/if_link.h
_GET_ROUTE = 26
_DESTINATION, _SOURCE, _OUTGOING = 1, 2, 4
_LINK_INFO, _KIND = 18, 1
_ROUTE_MESSAGE = struct.Struct("=BBBBBBBBI")
LOOPBACK, VETH = "lo", "veth"


@dataclass(frozen=True)
class WayOut:
    """A device of a namespace."""

    device: str
    kind: str
    """As rtnetlink(7) names it, ``veth`` or ``macvlan`` say; empty for devices of hardware and ``lo``."""

    @property
    def is_seen(self) -> bool:
        """Whether what leaves by it comes to the hooks of the host, or does not leave at all."""
        return self.kind == VETH or self.device == LOOPBACK


def way_out(source: str, destination: str) -> WayOut:
    """Return the device that this thread's namespace sends such a packet by. Raises OSError."""
    family = family_of(destination)
    ends = [socket.inet_pton(family, address) for address in (destination, source)]
    length = len(ends[0]) * 8
    body = _ROUTE_MESSAGE.pack(family, length, length, 0, 0, 0, 0, 0, 0)
    with Netlink(ROUTE) as route:
        answer = route.ask(_GET_ROUTE, body + attribute(_DESTINATION, ends[0]) + attribute(_SOURCE, ends[1]))
        index = u32(attributes(answer, _ROUTE_MESSAGE.size).get(_OUTGOING))
        for message in link_messages(route):
            if LINK.unpack_from(message)[2] == index:
                found = attributes(message, LINK.size)
                return WayOut(text(found.get(IFLA_IFNAME)), text(attributes(found.get(_LINK_INFO, b"")).get(_KIND)))
    return WayOut("", "")
