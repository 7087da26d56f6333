# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The routing policy database: which table is asked for which packet (ip-rule(8)), by one rtnetlink dump."""

from __future__ import annotations

import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    address,
    attributes,
    listed,
    text,
    u32,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import PolicyRule

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
