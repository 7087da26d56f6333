# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Network interfaces of a namespace, by one rtnetlink dump of links and one of addresses.

Where there are bridges, with their tables by one or two more (bridge_tables.py).
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.bridge_ports import (
    settings_of_bridge,
    settings_of_port,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.bridge_tables import with_tables
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    address,
    attribute,
    attributes,
    flag,
    listed,
    text,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link

# linux/rtnetlink.h
_RTM_GETLINK = 18
_RTM_GETADDR = 22
_RTEXT_FILTER_SKIP_STATS = 8
# netdevice(7)
_IFF_UP = 0x1
# RFC 2863, as linux/if.h numbers them.
_OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")

# linux/if_link.h
_IFLA_ADDRESS = 1
_IFLA_IFNAME = 3
_IFLA_MTU = 4
_IFLA_LINK = 5
_IFLA_MASTER = 10
_IFLA_OPERSTATE = 16
_IFLA_LINKINFO = 18
_IFLA_EXT_MASK = 29
_IFLA_LINK_NETNSID = 37
_IFLA_XDP = 43
_IFLA_XDP_ATTACHED = 2
_IFLA_INFO_KIND = 1
_IFLA_INFO_DATA = 2
_IFLA_INFO_SLAVE_KIND = 4
_IFLA_INFO_SLAVE_DATA = 5
_IFLA_BR_VLAN_FILTERING = 7
_IFLA_BR_NF_CALL_IPTABLES = 36
_IFLA_BR_NF_CALL_IP6TABLES = 37
_IFLA_BRPORT_MODE = 4
_IFLA_BRPORT_ISOLATED = 33

# linux/if_addr.h
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_F_PERMANENT = 0x80
_IFA_F_TENTATIVE = 0x40
_IFA_F_DADFAILED = 0x08

_SETTLING_SECONDS = 3.0
_PAUSE_SECONDS = 0.1

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")


def read_links() -> list[Link]:
    """Return all links of the host's namespace with their addresses.

    Waits three seconds at most while a link that carries traffic still looks for duplicates of an address of its own
    (RFC 4862, section 5.4): nobody answers there yet, and what was read now would be wrong in a moment. Raises
    UnreadableError when the kernel refuses.
    """
    until = time.monotonic() + _SETTLING_SECONDS
    links = listed("links", links_of)
    while any(link.tentative and link.operstate == "UP" for link in links) and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)
        links = listed("links", links_of)
    return links


def links_of(route: Netlink) -> list[Link]:
    """Return the links of the namespace that a route netlink socket belongs to, by index. Raises OSError."""
    without_statistics = attribute(_IFLA_EXT_MASK, struct.pack("=I", _RTEXT_FILTER_SKIP_STATS))
    links = route.dump(_RTM_GETLINK, _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + without_statistics)
    by_index: dict[int, list[str]] = {}
    leased: dict[int, list[str]] = {}
    tentative: dict[int, list[str]] = {}
    for message in route.dump(_RTM_GETADDR, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        family, length, flags, dummy, index = _ADDRESS.unpack_from(message)
        if family in (socket.AF_INET, socket.AF_INET6):
            own = f"{_own_address(message)}/{length}"
            by_index.setdefault(index, []).append(own)
            if not flags & _IFA_F_PERMANENT:
                leased.setdefault(index, []).append(own)
            if flags & _IFA_F_TENTATIVE and not flags & _IFA_F_DADFAILED:
                tentative.setdefault(index, []).append(own)
    found = [_link(message, by_index, leased, tentative) for message in links]
    return sorted(with_tables(route, found), key=lambda link: link.index)


def link_in(message: bytes) -> Optional[Link]:
    """Return the link that a notice of the kernel tells of, without addresses; None where it is of a bridge's port."""
    return _link(message, {}, {}, {}) if message[:1] == bytes([socket.AF_UNSPEC]) else None


def _own_address(message: bytes) -> str:
    # On a point-to-point link IFA_ADDRESS is the other end, and IFA_LOCAL ours (rtnetlink(7)).
    found = attributes(message, _ADDRESS.size)
    return address(found.get(_IFA_LOCAL) or found[_IFA_ADDRESS])


def _link(
    message: bytes, addresses: dict[int, list[str]], leased: dict[int, list[str]], tentative: dict[int, list[str]]
) -> Link:
    dummy, dummy2, index, flags, dummy3 = _LINK.unpack_from(message)
    found = attributes(message, _LINK.size)
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    kind = text(info.get(_IFLA_INFO_KIND))
    # The data of other kinds and of ports of other masters (a bond) has other attributes under the same numbers.
    bridge = attributes(info.get(_IFLA_INFO_DATA, b"")) if kind == "bridge" else {}
    is_port = text(info.get(_IFLA_INFO_SLAVE_KIND)) == "bridge"
    port = attributes(info.get(_IFLA_INFO_SLAVE_DATA, b"")) if is_port else {}
    return Link(
        index=index,
        name=text(found.get(_IFLA_IFNAME)),
        kind=kind,
        up=bool(flags & _IFF_UP),
        operstate=_operstate(found.get(_IFLA_OPERSTATE)),
        mtu=u32(found.get(_IFLA_MTU)) or 0,
        mac=found.get(_IFLA_ADDRESS, b"").hex(":"),
        master=u32(found.get(_IFLA_MASTER)),
        peer_index=u32(found.get(_IFLA_LINK)),
        peer_nsid=u32(found.get(_IFLA_LINK_NETNSID)),
        hairpin=flag(port.get(_IFLA_BRPORT_MODE)),
        isolated=flag(port.get(_IFLA_BRPORT_ISOLATED)),
        settings=settings_of_port(port) if is_port else settings_of_bridge(bridge),
        vlan_filtering=bool(flag(bridge.get(_IFLA_BR_VLAN_FILTERING))),
        calls_iptables=flag(bridge.get(_IFLA_BR_NF_CALL_IPTABLES)),
        calls_ip6tables=flag(bridge.get(_IFLA_BR_NF_CALL_IP6TABLES)),
        addresses=addresses.get(index, []),
        leased=leased.get(index, []),
        tentative=tentative.get(index, []),
        xdp=bool(flag(attributes(found.get(_IFLA_XDP, b"")).get(_IFLA_XDP_ATTACHED))),
    )


def _operstate(value: Optional[bytes]) -> str:
    return _OPERSTATES[value[0]] if value and value[0] < len(_OPERSTATES) else ""
