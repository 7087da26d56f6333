# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Network interfaces of a namespace, by one rtnetlink dump of links and one of addresses."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import AbstractContextManager
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ERROR,
    UnreadableError,
    missing_library,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

# netdevice(7)
_IFF_UP = 0x1


def read_links() -> list[Link]:
    """Return all links of the host's namespace with their addresses.

    Works with pyroute2 from 0.5.14 (Debian 11) on. Raises UnreadableError without it, or when the kernel refuses.
    """
    own, dummy, error_type = _pyroute2()
    try:
        with own() as route:
            return _links(route)
    except (error_type, OSError) as error:
        raise UnreadableError(ERROR, f"the kernel did not list the links: {error}") from error


def read_container_links(pid: int) -> tuple[list[Link], str]:
    """Return the links of the network namespace of process pid, and the name of the one with the IPv4 default route.

    Raises UnreadableError as read_links() does, and when the process is gone.
    """
    dummy, other, error_type = _pyroute2()
    try:
        with in_namespace(other, pid) as route:
            return _links(route), _default_link(route)
    except (error_type, OSError) as error:
        raise UnreadableError(ERROR, f"the kernel did not list the links of process {pid}: {error}") from error


def in_namespace(netns: Any, pid: int) -> AbstractContextManager[Any]:
    """Pyroute2's NetNS for the network namespace of process pid. Raises FileNotFoundError when that is gone."""
    path = f"/proc/{pid}/ns/net"
    os.stat(path)
    # By default it would make a namespace where it finds none.
    namespace: AbstractContextManager[Any] = netns(path, flags=0)
    return namespace


def _pyroute2() -> tuple[Any, Any, type[Exception]]:
    try:
        from pyroute2 import IPRoute, NetNS
        from pyroute2.netlink.exceptions import NetlinkError
    except ImportError as error:
        raise missing_library("pyroute2", "python3-pyroute2", sys.executable, error) from error
    return IPRoute, NetNS, NetlinkError


def _default_link(route: Any) -> str:
    """The interface of the IPv4 default route with the lowest metric, by name; empty without one."""
    routes = [item for item in route.get_routes(family=socket.AF_INET) if item["dst_len"] == 0]
    indexes = [
        (item.get_attr("RTA_PRIORITY") or 0, item.get_attr("RTA_OIF")) for item in routes if item.get_attr("RTA_OIF")
    ]
    if not indexes:
        return ""
    names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in route.get_links()}
    return str(names.get(min(indexes)[1]) or "")


def _links(route: Any) -> list[Link]:
    links = list(route.get_links())
    addresses = list(route.get_addr())
    by_index: dict[int, list[str]] = {}
    for address in addresses:
        by_index.setdefault(address["index"], []).append(_with_prefix(address))
    return sorted((_link(link, by_index) for link in links), key=lambda link: link.index)


def _with_prefix(address: Any) -> str:
    # On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours (rtnetlink(7)).
    own = address.get_attr("IFA_LOCAL") or address.get_attr("IFA_ADDRESS")
    return f"{own}/{address['prefixlen']}"


def _link(message: Any, addresses: dict[int, list[str]]) -> Link:
    index = message["index"]
    info = message.get_attr("IFLA_LINKINFO")
    return Link(
        index=index,
        name=message.get_attr("IFLA_IFNAME"),
        kind=(info.get_attr("IFLA_INFO_KIND") or "") if info else "",
        up=bool(message["flags"] & _IFF_UP),
        operstate=message.get_attr("IFLA_OPERSTATE") or "",
        mtu=message.get_attr("IFLA_MTU") or 0,
        mac=message.get_attr("IFLA_ADDRESS") or "",
        master=message.get_attr("IFLA_MASTER"),
        peer_index=message.get_attr("IFLA_LINK"),
        peer_nsid=message.get_attr("IFLA_LINK_NETNSID"),
        hairpin=_hairpin(info),
        addresses=addresses.get(index, []),
    )


def _hairpin(info: Any) -> Optional[bool]:
    """IFLA_BRPORT_MODE; the data of ports of other masters (a bond) has other attributes under the same numbers."""
    if not info or info.get_attr("IFLA_INFO_SLAVE_KIND") != "bridge":
        return None
    mode = info.get_attr("IFLA_INFO_SLAVE_DATA").get_attr("IFLA_BRPORT_MODE")
    return None if mode is None else bool(mode)
