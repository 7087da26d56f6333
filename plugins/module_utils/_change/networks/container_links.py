# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Interfaces inside the network namespaces of containers, read and changed by rtnetlink(7)."""

from __future__ import annotations

import contextlib
import ipaddress
import os
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.neighbour_announcement import announce
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import read_container_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.network_namespaces import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link


class ContainerLinks(Protocol):
    """What is asked of the kernel about containers. Everything raises ChangeFailed."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Return the links of a process's namespace, and the name of the one with the IPv4 default route."""

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Give a link another MAC address, and tell its neighbours; veth takes one while it is up."""


class KernelLinks:
    """Those of this host. To change one takes pyroute2."""

    def read(self, pid: int) -> tuple[list[Link], str]:
        """Ask the kernel."""
        try:
            return read_container_links(pid)
        except UnreadableError as error:
            raise ChangeFailed(str(error)) from error

    def set_mac(self, pid: int, link: Link, mac: str) -> None:
        """Tell the kernel, and the neighbours: Docker Engine 28 has announced the one that it drew."""
        from pyroute2 import NetNS
        from pyroute2.netlink.exceptions import NetlinkError

        try:
            with _in_namespace(NetNS, pid) as route:
                route.link("set", index=link.index, address=mac)
        except (NetlinkError, OSError) as error:
            raise ChangeFailed(f"the kernel did not take the MAC address {mac}: {error}") from error
        addresses = [address.ip for address in map(ipaddress.ip_interface, link.addresses)]
        own = [str(address) for address in addresses if not address.is_link_local]
        # Unheard, neighbours find out by themselves later.
        with contextlib.suppress(OSError):
            in_namespace(pid, lambda: announce(link.name, mac, own))


def _in_namespace(netns: Any, pid: int) -> AbstractContextManager[Any]:
    """Pyroute2's NetNS for the network namespace of process pid. Raises FileNotFoundError when that is gone."""
    path = f"/proc/{pid}/ns/net"
    os.stat(path)
    # By default it would make a namespace where it finds none.
    namespace: AbstractContextManager[Any] = netns(path, flags=0)
    return namespace
