# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Network interfaces of the host's namespace, by one rtnetlink dump of links and one of addresses."""

from __future__ import annotations

import sys
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
    """Return all links with their addresses.

    Works with pyroute2 from 0.5.14 (Debian 11) on. Raises UnreadableError without it, or when the kernel refuses.
    """
    try:
        from pyroute2 import IPRoute
        from pyroute2.netlink.exceptions import NetlinkError
    except ImportError as error:
        raise missing_library("pyroute2", "python3-pyroute2", sys.executable, error) from error
    try:
        with IPRoute() as route:
            links = list(route.get_links())
            addresses = list(route.get_addr())
    except (NetlinkError, OSError) as error:
        raise UnreadableError(ERROR, f"the kernel did not list the links: {error}") from error
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
