# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Sockets that wait for connections or datagrams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Listener:
    """A TCP socket in state LISTEN or an unconnected UDP socket, as sock_diag(7) shows it."""

    protocol: str
    """``tcp`` or ``udp``."""
    address: str
    """What it is bound to; ``0.0.0.0`` or ``::`` for every address."""
    port: int
    only_ipv6: bool = False
    """IPV6_V6ONLY of an IPv6 socket; without it a socket bound to ``::`` takes IPv4 as well (ipv6(7))."""
    device: str = ""
    """SO_BINDTODEVICE, empty for every interface."""
    owner: str = ""
    """Name of the program that holds it; empty when that could not be told."""
    pid: Optional[int] = None
    """Process that holds it, as the host counts; None when that could not be told."""
