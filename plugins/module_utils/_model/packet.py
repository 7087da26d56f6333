# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A packet, as the question whether it would arrive and whether its answer would come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

OUTSIDE = "outside"
HOST = "host"
CONTAINER = "container"

ANY_PORT = 9
"""Stands for all ports, where rules about single ones are the affair of who made them."""
BEYOND_ADDRESSES = {4: "203.0.113.9", 6: "2001:db8:ffff::9"}
"""Stand for any machine on the internet (RFC 5737, RFC 3849)."""
BEYOND_PORT = 443


@dataclass(frozen=True)
class Origin:
    """Where a connection starts."""

    kind: str
    """``outside`` (a machine beyond an uplink), ``host`` (a program in the host's namespace), or ``container``."""
    name: str = ""
    """The uplink's name for ``outside``, empty for that of the default route; a container's name."""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name)))


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection."""

    origin: Origin
    destination: str
    """An IPv4 or IPv6 address."""
    protocol: str = "tcp"
    """``tcp``, ``udp`` or ``icmp`` (an echo request; for IPv6 ICMPv6)."""
    port: int = 0
    """Destination port, 0 for icmp."""
    source: str = ""
    """Source address; empty for the one that the origin would choose."""
    source_port: Optional[int] = None
    """None for a port that the kernel chooses."""

    def __str__(self) -> str:
        address = f"[{self.destination}]" if ":" in self.destination else self.destination
        port = "" if self.protocol == "icmp" else f":{self.port}"
        return f"{self.origin} to {address}{port}/{self.protocol}"
