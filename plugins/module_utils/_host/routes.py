# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes, routing policy and fixed neighbours of a namespace: every table, both families, one rtnetlink dump each."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    address,
    attributes,
    listed,
    text,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Neighbour, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

# linux/rtnetlink.h
_RTM_GETROUTE = 26
_RTA_DST = 1
_RTA_OIF = 4
_RTA_GATEWAY = 5
_RTA_PRIORITY = 6
_RTA_PREFSRC = 7
_RTA_MULTIPATH = 9
_RTA_TABLE = 15
_RTA_VIA = 18
# Also set for a link without carrier when ignore_routes_with_linkdown is (net/ipv4/fib_semantics.c, fib_nexthop_info).
_RTNH_F_DEAD = 1

# RTN_* of linux/rtnetlink.h, by the names of ip-route(8).
_KINDS = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
# The kernel makes some of these for each address and each link: many, and nothing that is not told by the links.
_LEFT_OUT = frozenset(number for number, name in _KINDS.items() if name in ("broadcast", "anycast", "multicast"))
# Other families have tables of routes, too: those of multicast, MPLS.
_ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}  # noqa: S104

_ROUTE = struct.Struct("=BBBBBBBBI")
# Bytes of it.
_FAMILY, _KIND = 0, 7
_HOP = struct.Struct("=HBBi")


class _Hop(NamedTuple):
    gateway: str
    interface: int
    usable: bool


def read_routes() -> list[Route]:
    """Return the routes of all tables in the order in which the kernel lists them, IPv4 first.

    Raises UnreadableError when the kernel refuses.
    """
    return listed("routes", routes_of)


def routes_of(route: Netlink) -> list[Route]:
    """Return the routes of the namespace that a route netlink socket belongs to. Raises OSError."""
    messages = route.dump(_RTM_GETROUTE, _ROUTE.pack(socket.AF_UNSPEC, *[0] * 8))
    return [parse_route(item) for item in messages if item[_FAMILY] in _ANY and item[_KIND] not in _LEFT_OUT]


def parse_route(message: bytes) -> Route:
    """Return what a message of type RTM_NEWROUTE says (``struct rtmsg`` and attributes)."""
    family, length, dummy, dummy2, table, protocol, dummy3, kind, flags = _ROUTE.unpack_from(message)
    found = attributes(message, _ROUTE.size)
    hops = list(_hops(found, flags))
    return Route(
        destination=f"{address(found.get(_RTA_DST)) or _ANY[family]}/{length}",
        # The header has room for tables up to 255 only.
        table=u32(found.get(_RTA_TABLE)) or table,
        kind=_KINDS.get(kind, str(kind)),
        gateways=[hop.gateway for hop in hops if hop.gateway],
        interfaces=[hop.interface for hop in hops if hop.interface],
        protocol=protocol,
        source=address(found.get(_RTA_PREFSRC)) or None,
        metric=u32(found.get(_RTA_PRIORITY)) or 0,
        usable=any(hop.usable for hop in hops),
    )


def _hops(found: dict[int, bytes], flags: int) -> Iterator[_Hop]:
    several = found.get(_RTA_MULTIPATH)
    if several is None:
        yield _Hop(_gateway(found), u32(found.get(_RTA_OIF)) or 0, not flags & _RTNH_F_DEAD)
        return
    at = 0
    while at + _HOP.size <= len(several):
        length, hop_flags, dummy, index = _HOP.unpack_from(several, at)
        hop = attributes(several[at : at + length], _HOP.size)
        yield _Hop(_gateway(hop), index, not hop_flags & _RTNH_F_DEAD)
        at += max((length + 3) & ~3, _HOP.size)


def _gateway(hop: dict[int, bytes]) -> str:
    """RTA_GATEWAY, or RTA_VIA where it is of the other family (an IPv4 route by an IPv6 router)."""
    via = hop.get(_RTA_VIA)
    # The address stands behind two bytes of its family.
    return address(hop.get(_RTA_GATEWAY)) or (address(via[2:]) if via else "")


# linux/rtnetlink.h, linux/fib_rules.h
_RTM_GETRULE = 34
_FRA_DST = 1
_FRA_SRC = 2
_FRA_IIFNAME = 3
_FRA_GOTO = 4
_FRA_PRIORITY = 6
_FRA_FWMARK = 10
_FRA_SUPPRESS_PREFIXLEN = 14
_FRA_TABLE = 15
_FRA_FWMASK = 16
_FRA_OIFNAME = 17
_FRA_PAD = 18
_FRA_PROTOCOL = 21
_FRA_IP_PROTO = 22
_FRA_SPORT_RANGE = 23
_FRA_DPORT_RANGE = 24
_FIB_RULE_INVERT = 0x2
# No limit; the kernel sends the attribute all the same (net/core/fib_rules.c, fib_nl_fill_rule).
_NO_SUPPRESSION = 0xFFFFFFFF

_ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_FAMILIES = {socket.AF_INET: 4, socket.AF_INET6: 6}
# What PolicyRule has fields for, and two more: who made the rule, and a gap that aligns.
_KNOWN = {
    _FRA_DST,
    _FRA_SRC,
    _FRA_IIFNAME,
    _FRA_GOTO,
    _FRA_PRIORITY,
    _FRA_FWMARK,
    _FRA_SUPPRESS_PREFIXLEN,
    _FRA_TABLE,
    _FRA_FWMASK,
    _FRA_OIFNAME,
    _FRA_IP_PROTO,
    _FRA_SPORT_RANGE,
    _FRA_DPORT_RANGE,
    _FRA_PROTOCOL,
    _FRA_PAD,
}
# Selectors that PolicyRule has no field for, by their number.
_OTHER = {
    11: "realms",
    12: "tun_id",
    13: "suppress_ifgroup",
    19: "l3mdev",
    20: "uidrange",
    25: "dscp",
    26: "flowlabel",
    27: "flowlabel",
    28: "sport mask",
    29: "dport mask",
    30: "dscp mask",
}
# With these values the attribute stands for "does not matter".
_NO_MATTER = {
    11: bytes(4),
    12: bytes(8),
    13: b"\xff" * 4,
    19: b"\0",
    20: bytes(4) + b"\xff" * 4,
    28: b"\xff\xff",
    29: b"\xff\xff",
}

_RULE = struct.Struct("=BBBBBBBBI")


def read_policy_rules() -> list[PolicyRule]:
    """Return the rules of both families in the order in which the kernel asks them, IPv4 first.

    Raises UnreadableError when the kernel refuses.
    """
    return listed("routing policy", policy_rules_of)


def policy_rules_of(route: Netlink) -> list[PolicyRule]:
    """Return the rules of the namespace that a route netlink socket belongs to. Raises OSError."""
    messages = route.dump(_RTM_GETRULE, _RULE.pack(socket.AF_UNSPEC, *[0] * 8))
    return [parse_policy_rule(message) for message in messages if message[0] in _FAMILIES]


def parse_policy_rule(message: bytes) -> PolicyRule:
    """Return what a message of type RTM_NEWRULE says (``struct fib_rule_hdr`` and attributes)."""
    family, to_length, from_length, tos, table, dummy, dummy2, action, flags = _RULE.unpack_from(message)
    found = attributes(message, _RULE.size)
    suppressed = u32(found.get(_FRA_SUPPRESS_PREFIXLEN))
    return PolicyRule(
        priority=u32(found.get(_FRA_PRIORITY)) or 0,
        family=_FAMILIES[family],
        action=_ACTIONS.get(action, str(action)),
        # The header has room for tables up to 255 only.
        table=u32(found.get(_FRA_TABLE)) or table,
        goto=u32(found.get(_FRA_GOTO)) or 0,
        inverted=bool(flags & _FIB_RULE_INVERT),
        source=_prefix(found.get(_FRA_SRC), from_length),
        destination=_prefix(found.get(_FRA_DST), to_length),
        incoming=text(found.get(_FRA_IIFNAME)),
        outgoing=text(found.get(_FRA_OIFNAME)),
        mark=u32(found.get(_FRA_FWMARK)) or 0,
        mask=u32(found.get(_FRA_FWMASK)) or 0,
        protocol=(found.get(_FRA_IP_PROTO) or b"\0")[0],
        source_ports=_ports(found.get(_FRA_SPORT_RANGE)),
        destination_ports=_ports(found.get(_FRA_DPORT_RANGE)),
        suppress_prefix_length=None if suppressed == _NO_SUPPRESSION else suppressed,
        other=([f"tos {tos:#x}"] if tos else []) + _others(found),
    )


def _prefix(value: Optional[bytes], length: int) -> str:
    return f"{address(value)}/{length}" if value is not None else ""


def _ports(value: Optional[bytes]) -> Optional[list[int]]:
    return None if value is None else list(struct.unpack("=HH", value))


def _others(found: dict[int, bytes]) -> list[str]:
    """Names of the selectors that it has beyond the fields of PolicyRule; unknown ones by their number."""
    return [
        _OTHER.get(kind, f"attribute {kind}")
        for kind, value in sorted(found.items())
        if kind not in _KNOWN and value != _NO_MATTER.get(kind)
    ]


MOST_NEIGHBOURS = 4096
"""Entries of one namespace; the kernel itself has no limit for these."""

# linux/rtnetlink.h, linux/neighbour.h
_RTM_GETNEIGH = 30
_RTN_UNICAST = 1
_NDA_DST = 1
_NDA_LLADDR = 2
# NUD_NOARP and NUD_PERMANENT: the states that no timer and no answer changes. All others, failed ones too, are the
# kernel's knowledge of the moment.
_FIXED = 0x40 | 0x80
# include/net/flow.h
_LOOPBACK_IFINDEX = 1
_ETH_ALEN = 6

_MESSAGE = struct.Struct("=BxxxiHBB")


def read_neighbours() -> list[Neighbour]:
    """Return the fixed entries of the host's own namespace.

    Raises UnreadableError when the kernel refuses, and where there are more than MOST_NEIGHBOURS of them.
    """
    found = listed("neighbours", neighbours_of)
    if found is None:
        raise UnreadableError(ERROR, f"the neighbour tables have more than {MOST_NEIGHBOURS} permanent entries")
    return found


def neighbours_of(route: Netlink) -> Optional[list[Neighbour]]:
    """Return the fixed entries of the namespace that a route netlink socket belongs to.

    Those for a single machine on a link with hardware addresses: others the kernel makes itself.
    None where there are more than MOST_NEIGHBOURS. Raises OSError.
    """
    found: list[Neighbour] = []
    # Tables can have very many entries of the moment, so they are not kept; that one of them changes does not matter.
    for message in route.messages(_RTM_GETNEIGH, _MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        family, index, state, dummy, kind = _MESSAGE.unpack_from(message)
        if not state & _FIXED or kind != _RTN_UNICAST or index == _LOOPBACK_IFINDEX:
            continue
        values = attributes(message, _MESSAGE.size)
        neighbour, hardware = values.get(_NDA_DST), values.get(_NDA_LLADDR, b"")
        if family not in (socket.AF_INET, socket.AF_INET6) or neighbour is None or len(hardware) != _ETH_ALEN:
            continue
        if len(found) == MOST_NEIGHBOURS:
            return None
        found.append(Neighbour(address(neighbour), index, hardware.hex(":")))
    return found
