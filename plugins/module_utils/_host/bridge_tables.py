# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The tables of bridges: which VLANs they keep apart, and what somebody put into their forwarding databases."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    attribute,
    attributes,
    each_attribute,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ForwardingEntry, Link, PortVlan

# linux/rtnetlink.h, linux/if_link.h, linux/if_bridge.h
_RTM_GETLINK = 18
_RTEXT_FILTER_BRVLAN_COMPRESSED = 4
_IFLA_AF_SPEC = 26
_IFLA_EXT_MASK = 29
_IFLA_BRIDGE_VLAN_INFO = 2
_VLAN_PVID = 0x2
_VLAN_UNTAGGED = 0x4
_VLAN_RANGE_BEGIN = 0x8
_VLAN_RANGE_END = 0x10
# linux/neighbour.h
_RTM_GETNEIGH = 30
_NDA_LLADDR = 2
_NDA_VLAN = 5
_NDA_MASTER = 9
_NTF_SELF = 0x2
_NTF_STICKY = 0x40
# As fdb_to_nud() says it; all other states are of what the bridge has learnt.
_KINDS = {0x80: "permanent", 0x40: "static"}

_LINK = struct.Struct("=BxHiII")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_VLAN = struct.Struct("=HH")
_U16 = struct.Struct("=H")
_U32 = struct.Struct("=I")


def with_tables(route: Netlink, links: list[Link]) -> list[Link]:
    """Links of the namespace of a route netlink socket, with what the tables of its bridges say. Raises OSError."""
    bridges = [link for link in links if link.kind == "bridge"]
    if not bridges:
        return links
    entries = entries_of(route, links)
    filtering = {link.index for link in bridges if link.vlan_filtering}
    vlans = vlans_of(route) if filtering else {}
    return [
        replace(
            link,
            forwarding=entries.get(link.index, []),
            vlans=vlans.get(link.index, []) if {link.index, link.master} & filtering else None,
        )
        if link.index in entries or {link.index, link.master} & filtering
        else link
        for link in links
    ]


def entries_of(route: Netlink, links: Sequence[Link]) -> dict[int, list[ForwardingEntry]]:
    """What is in forwarding databases of bridges and was not learnt, by the index of the port. Raises OSError.

    The hardware addresses of the ports and bridges themselves are left out: the kernel puts them there.
    """
    own = {link.index: link.mac for link in links}
    found: dict[int, list[ForwardingEntry]] = {}
    # They can be very many entries of the moment, so they are not kept; that one of them changes does not matter.
    for message in route.messages(_RTM_GETNEIGH, _NEIGHBOUR.pack(socket.AF_BRIDGE, 0, 0, 0, 0)):
        dummy, index, state, flags, dummy2 = _NEIGHBOUR.unpack_from(message)
        # With NTF_SELF it is of a network card, or of a tunnel.
        if flags & _NTF_SELF or not (state in _KINDS or flags & _NTF_STICKY):
            continue
        values = attributes(message, _NEIGHBOUR.size)
        mac = values.get(_NDA_LLADDR, b"").hex(":")
        bridge = _U32.unpack_from(values[_NDA_MASTER])[0] if _NDA_MASTER in values else 0
        kind = "sticky" if flags & _NTF_STICKY else _KINDS[state]
        if kind == "permanent" and mac in (own.get(index), own.get(bridge)):
            continue
        vlan = _U16.unpack_from(values[_NDA_VLAN])[0] if _NDA_VLAN in values else 0
        found.setdefault(index, []).append(ForwardingEntry(mac, kind, vlan))
    return found


def vlans_of(route: Netlink) -> dict[int, list[PortVlan]]:
    """The VLANs of all bridges and their ports, by index. Raises OSError."""
    wanted = attribute(_IFLA_EXT_MASK, struct.pack("=I", _RTEXT_FILTER_BRVLAN_COMPRESSED))
    found: dict[int, list[PortVlan]] = {}
    for message in route.dump(_RTM_GETLINK, _LINK.pack(socket.AF_BRIDGE, 0, 0, 0, 0) + wanted):
        dummy, dummy2, index, dummy3, dummy4 = _LINK.unpack_from(message)
        found[index] = _vlans_in(attributes(message, _LINK.size).get(_IFLA_AF_SPEC, b""))
    return found


def _vlans_in(nest: bytes) -> list[PortVlan]:
    """Of a range the kernel names both ends (br_fill_ifvlaninfo_range())."""
    found: list[PortVlan] = []
    first = 0
    for kind, value in each_attribute(nest):
        if kind != _IFLA_BRIDGE_VLAN_INFO:
            continue
        flags, number = _VLAN.unpack_from(value)
        if flags & _VLAN_RANGE_BEGIN:
            first = number
            continue
        begin = first if flags & _VLAN_RANGE_END else number
        found.append(PortVlan(begin, number, pvid=bool(flags & _VLAN_PVID), untagged=bool(flags & _VLAN_UNTAGGED)))
    return found
