# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The left side of a condition of nft: which fields of a packet it looks at (nft(8), PRIMARY EXPRESSIONS)."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import ARP, FRAME_FIELDS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import NUMBERS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.values import (
    ARP_OPERATION,
    CT_DIRECTION,
    CT_STATE,
    CT_STATUS,
    DEVICE,
    DEVICE_INDEX,
    FAMILY,
    HOPS,
    ICMP_CODE,
    ICMP_TYPE,
    ICMPV6_CODE,
    ICMPV6_TYPE,
    IPV4,
    IPV6,
    MARK,
    PACKET_TYPE,
    PORT,
    PROTOCOL,
    ROUTE_DEVICE,
    TCP_FLAGS,
    USER,
    WORD,
    Datatype,
    number_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_INVALID,
    CT_UNTRACKED,
    AnyBit,
    InRanges,
    Match,
    OneOf,
)


class OperandPart(NamedTuple):
    """One field, and how its values are written."""

    field: str
    datatype: Datatype
    mask: int | None = None


class Operand(NamedTuple):
    """Fields that are compared together, and the conditions that nft implies by naming them and does not print."""

    parts: tuple[OperandPart, ...]
    needs: tuple[Match, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields."""
        return tuple(part.field for part in self.parts)


_FRAGMENT = "fragment"
_NO_DATATYPE = WORD

_IPV4 = Match(("family",), OneOf(frozenset({4})), text="meta nfproto ipv4")
_IPV6 = Match(("family",), OneOf(frozenset({6})), text="meta nfproto ipv6")
_ARP = Match(("family",), OneOf(frozenset({ARP})), text="meta protocol arp")
_NO_ARP = replace(_ARP, negated=True, text="meta protocol != arp")
_TRACKED = Match(("ct_state",), AnyBit(CT_INVALID | CT_UNTRACKED), negated=True, text="tracked")
"""The kernel ends a rule that asks an untracked packet for its connection (nft_ct_get_eval: NFT_BREAK)."""


def _protocol(name: str) -> Match:
    return Match(("protocol",), OneOf(frozenset({NUMBERS[name]})), text=f"meta l4proto {name}")


def _sender(field: str) -> Match:
    """The kernel ends a rule that asks for the user of what no local socket sends (nft_meta_get_eval_skugid)."""
    return Match((field,), InRanges(((0, USER.highest),)), text=f"meta {field} of a local socket")


_ICMP = _protocol("icmp")
_ICMPV6 = _protocol("ipv6-icmp")
_TCP = _protocol("tcp")

_PAYLOAD: dict[tuple[str, str], Operand] = {
    ("ip", "saddr"): Operand((OperandPart("saddr", IPV4),), (_IPV4,)),
    ("ip", "daddr"): Operand((OperandPart("daddr", IPV4),), (_IPV4,)),
    ("ip", "ttl"): Operand((OperandPart("ttl", HOPS),), (_IPV4,)),
    ("ip6", "hoplimit"): Operand((OperandPart("ttl", HOPS),), (_IPV6,)),
    ("ip", "protocol"): Operand((OperandPart("protocol", PROTOCOL),), (_IPV4,)),
    ("ip6", "saddr"): Operand((OperandPart("saddr", IPV6),), (_IPV6,)),
    ("ip6", "daddr"): Operand((OperandPart("daddr", IPV6),), (_IPV6,)),
    ("ip6", "nexthdr"): Operand((OperandPart("protocol", PROTOCOL),), (_IPV6,)),
    ("ether", "saddr"): Operand((OperandPart("smac", WORD),)),
    ("ether", "daddr"): Operand((OperandPart("dmac", WORD),)),
    ("ether", "type"): Operand((OperandPart("family", FAMILY),)),
    ("arp", "operation"): Operand((OperandPart("arp_operation", ARP_OPERATION),), (_ARP,)),
    ("arp", "saddr ip"): Operand((OperandPart("saddr", IPV4),), (_ARP,)),
    ("arp", "daddr ip"): Operand((OperandPart("daddr", IPV4),), (_ARP,)),
    ("arp", "saddr ether"): Operand((OperandPart("smac", WORD),), (_ARP,)),
    ("th", "sport"): Operand((OperandPart("sport", PORT),)),
    ("th", "dport"): Operand((OperandPart("dport", PORT),)),
    ("tcp", "flags"): Operand((OperandPart("tcp_flags", TCP_FLAGS),), (_TCP,)),
    ("icmp", "type"): Operand((OperandPart("icmp_type", ICMP_TYPE),), (_IPV4, _ICMP)),
    ("icmp", "code"): Operand((OperandPart("icmp_code", ICMP_CODE),), (_IPV4, _ICMP)),
    ("icmpv6", "type"): Operand((OperandPart("icmp_type", ICMPV6_TYPE),), (_IPV6, _ICMPV6)),
    ("icmpv6", "code"): Operand((OperandPart("icmp_code", ICMPV6_CODE),), (_IPV6, _ICMPV6)),
}
for _name in ("tcp", "udp", "udplite", "sctp", "dccp"):
    for _port in ("sport", "dport"):
        _PAYLOAD[_name, _port] = Operand((OperandPart(_port, PORT),), (_protocol(_name),))

_META: dict[str, Operand] = {
    "nfproto": Operand((OperandPart("family", FAMILY),)),
    "protocol": Operand((OperandPart("family", FAMILY),)),
    "l4proto": Operand((OperandPart("protocol", PROTOCOL),)),
    "iif": Operand((OperandPart("iif", DEVICE_INDEX),)),
    "iifname": Operand((OperandPart("iif", DEVICE),)),
    "oif": Operand((OperandPart("oif", DEVICE_INDEX),)),
    "oifname": Operand((OperandPart("oif", DEVICE),)),
    "ibrname": Operand((OperandPart("ibr", DEVICE),)),
    "obrname": Operand((OperandPart("obr", DEVICE),)),
    "mark": Operand((OperandPart("mark", MARK),)),
    "pkttype": Operand((OperandPart("pkttype", PACKET_TYPE),)),
    "skuid": Operand((OperandPart("skuid", USER),), (_sender("skuid"),)),
    "skgid": Operand((OperandPart("skgid", USER),), (_sender("skgid"),)),
}

_CT: dict[str, OperandPart] = {
    "state": OperandPart("ct_state", CT_STATE),
    "status": OperandPart("ct_status", CT_STATUS),
    "direction": OperandPart("ct_direction", CT_DIRECTION),
    "mark": OperandPart("ct_mark", MARK),
    "protocol": OperandPart("ct_protocol", PROTOCOL),
    "l3proto": OperandPart("family", FAMILY),
}

_CT_TUPLE = {"saddr": "saddr", "daddr": "daddr", "proto-src": "sport", "proto-dst": "dport"}
_CT_DIRECTION = {"original": "orig", "reply": "reply"}

# Whether there are extension headers or options: no packet that is asked about has any, nor is it a fragment.
_HEADERS = {
    "exthdr": Operand((OperandPart(_FRAGMENT, _NO_DATATYPE),), (_IPV6,)),
    "ip option": Operand((OperandPart(_FRAGMENT, _NO_DATATYPE),), (_IPV4,)),
}

_FIB_TYPES = {
    ("daddr",): "fib_daddr_type",
    ("saddr",): "fib_saddr_type",
    ("daddr", "iif"): "fib_daddr_type_iif",
    ("saddr", "iif"): "fib_saddr_type_iif",
    ("daddr", "oif"): "fib_daddr_type_oif",
    ("saddr", "oif"): "fib_saddr_type_oif",
}


def operand_of(node: object) -> Operand | None:
    """What an expression looks at; None where no field of rules.FIELDS says it."""
    if not isinstance(node, dict) or len(node) != 1:
        return None
    kind, body = next(iter(node.items()))
    if kind == "&":
        return _masked(body)
    if kind == "concat":
        return _concatenated(body)
    if not isinstance(body, dict):
        return None
    if kind == "payload":
        return _payload(body)
    if kind == "meta":
        return _META.get(str(body.get("key")))
    if kind == "ct":
        return _ct(body)
    if kind == "fib":
        return _fib(body)
    if kind in _HEADERS and "field" not in body:
        return _HEADERS[kind]
    return None


def _payload(body: dict[str, object]) -> Operand | None:
    if "base" in body:
        place = (body.get("base"), body.get("offset"), body.get("len"))
        return next((operand for known, operand in _RAW if known == place), None)
    return _PAYLOAD.get((str(body.get("protocol")), str(body.get("field"))))


# Ports by their place are printed so by older nft (0.9.x) for `th`.
# Base, offset and length in bits.
_RAW = (
    (("th", 0, 16), _PAYLOAD["th", "sport"]),
    (("th", 16, 16), _PAYLOAD["th", "dport"]),
)


def _masked(body: object) -> Operand | None:
    if not isinstance(body, list) or len(body) != 2:
        return None
    if body[0] == {"payload": {"protocol": "ip", "field": "frag-off"}} and body[1] == 0x1FFF:
        return Operand((OperandPart(_FRAGMENT, _NO_DATATYPE),), (_IPV4,))
    inner = operand_of(body[0])
    if inner is None or len(inner.parts) != 1:
        return None
    part = inner.parts[0]
    mask = number_of(part.datatype, body[1]) if part.datatype.width else None
    if mask is None or part.mask is not None:
        return None
    return Operand((part._replace(mask=mask),), inner.needs)


def _concatenated(body: object) -> Operand | None:
    if not isinstance(body, list):
        return None
    parts: list[OperandPart] = []
    needs: list[Match] = []
    for node in body:
        inner = operand_of(node)
        if inner is None or len(inner.parts) != 1 or inner.parts[0].mask is not None:
            return None
        if inner.parts[0].field == _FRAGMENT:
            return None
        parts.extend(inner.parts)
        needs.extend(need for need in inner.needs if need not in needs)
    return Operand(tuple(parts), tuple(needs)) if parts else None


def _ct(body: dict[str, object]) -> Operand | None:
    key = str(body.get("key"))
    direction = _CT_DIRECTION.get(str(body.get("dir")))
    part = _CT.get(key)
    if part is not None:
        return Operand((part,), () if key == "state" else (_TRACKED,))
    *before, short = key.split(" ")
    family = before[0] if before else str(body.get("family", ""))
    name = _CT_TUPLE.get(short)
    if name is None or direction is None:
        return None
    field = f"ct_{direction}_{name}"
    if name in ("sport", "dport"):
        return Operand((OperandPart(field, PORT),), (_TRACKED,))
    datatypes = {"ip": (IPV4, _IPV4), "ip6": (IPV6, _IPV6)}
    if family not in datatypes:
        return None
    datatype, need = datatypes[family]
    return Operand((OperandPart(field, datatype),), (_TRACKED, need))


def _fib(body: dict[str, object]) -> Operand | None:
    flags = body.get("flags")
    asked = flags if isinstance(flags, list) else [flags]
    key: tuple[str, ...] = tuple(sorted((str(flag) for flag in asked if flag != "mark"), key=_by_address_first))
    if body.get("result") == "type" and key in _FIB_TYPES:
        field = _FIB_TYPES[key] + ("_mark" if "mark" in asked else "")
        return Operand((OperandPart(field, WORD),))
    if body.get("result") in ("oif", "oifname", "check") and key == ("saddr", "iif"):
        field = "saddr_route_iif_mark" if "mark" in asked else "saddr_route_iif"
        return Operand((OperandPart(field, ROUTE_DEVICE),))
    return None


def _by_address_first(flag: str) -> tuple[bool, str]:
    return (flag not in ("saddr", "daddr"), flag)


_OF_FRAMES = frozenset(
    (*FRAME_FIELDS, "family", "protocol", "saddr", "daddr", "sport", "dport", "icmp_type", "icmp_code", "tcp_flags")
) | {"iif", "oif", "mark", "ttl"}
"""What is known of a frame on a bridge. Whether it has a connection there hangs on the kernel."""


def operand_in(family: str, node: object) -> Operand | None:
    """The same in a table of a family."""
    operand = operand_of(node)
    if operand is None or family != "bridge":
        return operand
    if not _OF_FRAMES.issuperset(operand.fields):
        return None
    # Of ARP the kernel ends a rule that asks for a protocol of the transport (nft_meta_get_eval()).
    by_protocol = "protocol" in operand.fields and not operand.needs
    return operand._replace(needs=(_NO_ARP,)) if by_protocol else operand


def needs_in(family: str, needs: tuple[Match, ...]) -> tuple[Match, ...]:
    """Those that are not already certain in a table of this family."""
    certain = {"ip": _IPV4, "ip6": _IPV6}.get(family)
    return tuple(need for need in needs if need != certain)


def family_need(family: str | None) -> tuple[Match, ...]:
    """What ``dnat ip to``, ``snat ip6 to`` and the kinds of reject ask for."""
    return {"ip": (_IPV4,), "ip6": (_IPV6,)}.get(family or "", ())


TCP_NEED = _TCP
