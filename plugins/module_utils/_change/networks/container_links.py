# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Interfaces inside the network namespaces of containers, read and changed by rtnetlink(7)."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from typing import Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.neighbour_announcement import announce
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.inner import read_container_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netns import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

# linux/rtnetlink.h, linux/if_link.h
_RTM_SETLINK = 19
_IFLA_ADDRESS = 1

_LINK = struct.Struct("=BxHiII")


class ContainerLinks(Protocol):
    """What is asked of the kernel about containers. Everything raises ChangeFailed."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Return the links of a process's namespace, and the name of the one with the IPv4 default route."""

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Give a link another MAC address, and tell its neighbours; veth takes one while it is up."""


class KernelLinks:
    """Those of this host."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Ask the kernel."""
        try:
            return read_container_links(pid)
        except UnreadableError as error:
            raise ChangeFailed(str(error)) from error

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Tell the kernel, and the neighbours: Docker Engine 28 has announced the one that it drew."""
        addresses = [address.ip for address in map(ipaddress.ip_interface, link.addresses)]
        own = [str(address) for address in addresses if not address.is_link_local]
        try:
            in_namespace(pid, lambda: _set_mac(link, mac, own))
        except OSError as error:
            raise ChangeFailed(f"the kernel did not take the MAC address {mac}: {error}") from error


def _set_mac(link: Link, mac: str, addresses: list[str]) -> None:
    octets = bytes.fromhex(mac.replace(":", ""))
    with Netlink(ROUTE) as route:
        route.tell(_RTM_SETLINK, _LINK.pack(socket.AF_UNSPEC, 0, link.index, 0, 0) + attribute(_IFLA_ADDRESS, octets))
    # Unheard, neighbours find out by themselves later.
    with contextlib.suppress(OSError):
        announce(link.name, mac, addresses)
