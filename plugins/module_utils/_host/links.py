# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network interfaces of a namespace, and static entries of its bridges, by rtnetlink dumps."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Optional

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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import BridgeSetting, Link

# linux/rtnetlink.h
_RTM_GETLINK = 18
_RTM_GETADDR = 22
_RTEXT_FILTER_SKIP_STATS = 8
# netdevice(7)
_IFF_UP = 0x1
_IFF_NOARP = 0x80
# RFC 2863, as linux/if.h numbers them.
_OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")

# linux/if_link.h
_IFLA_ADDRESS = 1
IFLA_IFNAME = 3
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

LINK = struct.Struct("=BxHiII")
"""Of family, kind, index and flags (``struct ifinfomsg``)."""
_ADDRESS = struct.Struct("=BBBBI")


def read_links() -> list[Link]:
    """Return all links of the host's namespace with their addresses.

    Waits three seconds at most while a link with traffic looks for duplicates of its address (RFC 4862, 5.4).
    Raises UnreadableError when the kernel refuses.
    """
    until = time.monotonic() + _SETTLING_SECONDS
    links = listed("links", links_of)
    while any(link.tentative and link.operstate == "UP" for link in links) and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)
        links = listed("links", links_of)
    return links


def link_messages(route: Netlink) -> list[bytes]:
    """Return a ``struct ifinfomsg`` with attributes for each link of a route netlink socket's namespace.

    Raises OSError.
    """
    without_statistics = attribute(_IFLA_EXT_MASK, struct.pack("=I", _RTEXT_FILTER_SKIP_STATS))
    return route.dump(_RTM_GETLINK, LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + without_statistics)


def links_of(route: Netlink) -> list[Link]:
    """Return the links of the namespace that a route netlink socket belongs to, by index. Raises OSError."""
    return links_in(link_messages(route), route)


def links_in(messages: Sequence[bytes], route: Netlink) -> list[Link]:
    """Return the links that these messages tell of, and what else is said of them by that socket. Raises OSError."""
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
    found = [_link(message, by_index, leased, tentative) for message in messages]
    return sorted(with_forwarding_entries(route, found), key=lambda link: link.index)


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
    dummy, dummy2, index, flags, dummy3 = LINK.unpack_from(message)
    found = attributes(message, LINK.size)
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    kind = text(info.get(_IFLA_INFO_KIND))
    # The data of other kinds and of ports of other masters (a bond) has other attributes under the same numbers.
    bridge = attributes(info.get(_IFLA_INFO_DATA, b"")) if kind == "bridge" else {}
    is_port = text(info.get(_IFLA_INFO_SLAVE_KIND)) == "bridge"
    port = attributes(info.get(_IFLA_INFO_SLAVE_DATA, b"")) if is_port else {}
    return Link(
        index=index,
        name=text(found.get(IFLA_IFNAME)),
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
        settings=settings_of_port(port),
        vlan_filtering=bool(flag(bridge.get(_IFLA_BR_VLAN_FILTERING))),
        calls_iptables=flag(bridge.get(_IFLA_BR_NF_CALL_IPTABLES)),
        calls_ip6tables=flag(bridge.get(_IFLA_BR_NF_CALL_IP6TABLES)),
        addresses=addresses.get(index, []),
        leased=leased.get(index, []),
        tentative=tentative.get(index, []),
        xdp=bool(flag(attributes(found.get(_IFLA_XDP, b"")).get(_IFLA_XDP_ATTACHED))),
        without_arp=bool(flags & _IFF_NOARP),
    )


def _operstate(value: Optional[bytes]) -> str:
    return _OPERSTATES[value[0]] if value and value[0] < len(_OPERSTATES) else ""


# linux/if_link.h, linux/if_bridge.h
_IFLA_BRPORT_STATE = 1
_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
_FORWARDING = 3
# In the words of bridge(8), with what a new port has.
_SWITCHES = {
    8: ("learning", True),
    9: ("flood", True),
    10: ("proxy_arp", False),
    27: ("mcast_flood", True),
    30: ("bcast_flood", True),
    32: ("neigh_suppress", False),
    39: ("locked", False),
}


def settings_of_port(values: Mapping[int, bytes]) -> list[BridgeSetting]:
    """What is not as it is with a new port, by the attributes IFLA_BRPORT_*."""
    state = values.get(_IFLA_BRPORT_STATE, bytes([_FORWARDING]))[0]
    found = []
    if state != _FORWARDING:
        found.append(BridgeSetting("state", _STATES[state] if state < len(_STATES) else str(state)))
    for kind, (name, usual) in _SWITCHES.items():
        value = flag(values.get(kind))
        if value is not None and value != usual:
            found.append(BridgeSetting(name, "on" if value else "off"))
    return found


# linux/rtnetlink.h, linux/neighbour.h
_RTM_GETNEIGH = 30
_NDA_LLADDR = 2
_NDA_MASTER = 9
_NTF_SELF = 0x2
_NTF_STICKY = 0x40
_NUD_NOARP = 0x40
_NUD_PERMANENT = 0x80

_NEIGHBOUR = struct.Struct("=BxxxiHBB")


def with_forwarding_entries(route: Netlink, links: list[Link]) -> list[Link]:
    """Links of the namespace of a route netlink socket, with what was not learnt by its bridges. Raises OSError."""
    if not any(link.kind == "bridge" for link in links):
        return links
    entries = forwarding_entries_of(route, links)
    return [replace(link, forwarding_entries=entries[link.index]) if link.index in entries else link for link in links]


def forwarding_entries_of(route: Netlink, links: Sequence[Link]) -> dict[int, list[str]]:
    """Hardware addresses that bridges have an entry for and did not learn, by the index of the port. Raises OSError.

    Those of the ports and bridges themselves are left out: the kernel puts them there.
    """
    own = {link.index: link.mac for link in links}
    found: dict[int, list[str]] = {}
    # As of neighbours_of() of routes.py: those of the moment can be very many.
    for message in route.messages(_RTM_GETNEIGH, _NEIGHBOUR.pack(socket.AF_BRIDGE, 0, 0, 0, 0)):
        dummy, index, state, flags, dummy2 = _NEIGHBOUR.unpack_from(message)
        # With NTF_SELF it is of a network card, or of a tunnel. fdb_to_nud(): all other states were learnt.
        if flags & _NTF_SELF or not (state in (_NUD_NOARP, _NUD_PERMANENT) or flags & _NTF_STICKY):
            continue
        values = attributes(message, _NEIGHBOUR.size)
        mac = values.get(_NDA_LLADDR, b"").hex(":")
        if state != _NUD_PERMANENT or mac not in (own.get(index), own.get(u32(values.get(_NDA_MASTER)) or 0)):
            found.setdefault(index, []).append(mac)
    return found
