# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How rules read a packet, and how they change its marks and hops: rules.FIELDS as functions of a flight."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    FRAME_FIELDS,
    Connection,
    Flight,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMPS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_INVALID,
    CT_NEW,
    CT_STATUS_CONFIRMED,
    CT_STATUS_DNAT,
    CT_STATUS_SEEN_REPLY,
    CT_STATUS_SNAT,
    SetHops,
    SetMark,
)

Reader = Callable[[Flight], Any]
"""Value of a field: None for what is not known, ABSENT for what the packet has not."""


class _Absent:
    """What a packet has not: a connection before it is tracked."""


ABSENT = _Absent()
NO_SOCKET = -1
"""User and group of a packet that no local socket sends: ``! --uid-owner`` holds for it (owner_mt of xt_owner.c)."""

ATTRIBUTES = frozenset(
    (
        "family",
        "protocol",
        "saddr",
        "daddr",
        "sport",
        "dport",
        "icmp_type",
        "icmp_code",
        "tcp_flags",
        "iif",
        "oif",
        "physin",
        "physout",
        "mark",
        "ttl",
        "pkttype",
    )
)
"""Fields that a flight has by that name."""

ALWAYS_KNOWN = frozenset(("family", "protocol", "saddr", "daddr", "iif", "oif", "physin", "physout", "pkttype"))
"""Those that are never None."""


# Field, tuple of the connection, place in it.
_TUPLES = {
    f"ct_{name}_{part}": (attribute, place)
    for name, attribute in (("orig", "original"), ("reply", "reply"))
    for place, part in enumerate(("saddr", "sport", "daddr", "dport"))
}


def tracked_connection(flight: Flight) -> Connection | None:
    """The connection as rules see it: none before connection tracking at priority -200, none for invalid packets."""
    return None if flight.state == CT_INVALID else flight.connection


def reader(field: str, around: Surroundings) -> Reader:
    """How to read a field of rules.FIELDS; KeyError for any other name."""
    if field in ATTRIBUTES:
        return attrgetter(field)
    if field in _TUPLES:
        return _tuple_reader(*_TUPLES[field])
    if field.startswith(("saddr_type", "daddr_type")):
        return _type_reader(field, around)
    if field.startswith("fib_"):
        return _fib_reader(field, around)
    if field == "saddr_route_iif":
        return lambda flight: _device_back(flight, around, 0)
    if field == "saddr_route_iif_mark":
        return lambda flight: _device_back(flight, around, flight.mark)
    return _READERS[field]


def _tuple_reader(attribute: str, place: int) -> Reader:
    def read(flight: Flight) -> Any:
        connection = tracked_connection(flight)
        if connection is None:
            return ABSENT
        value = getattr(connection, attribute)[place]
        # An echo has its type and identifier in the place of ports: none that a rule would name.
        return 0 if value is None and connection.protocol in ICMPS else value

    return read


def _type_reader(field: str, around: Surroundings) -> Reader:
    address = attrgetter(field[:5])
    device: Reader = attrgetter(field[-3:]) if field.endswith("if") else lambda dummy: ""
    return lambda flight: around.address_type(flight.family, address(flight), device(flight))


def _fib_reader(field: str, around: Surroundings) -> Reader:
    dummy, name, dummy2, *flags = field.split("_")
    address, peer = attrgetter(name), attrgetter("daddr" if name == "saddr" else "saddr")
    device: Reader = next((attrgetter(flag) for flag in flags if flag != "mark"), lambda dummy: "")
    mark: Reader = attrgetter("mark") if "mark" in flags else lambda dummy: 0
    return lambda flight: around.fib_type(flight, address(flight), peer(flight), device(flight), mark(flight))


def _ct_direction(flight: Flight) -> Any:
    return ABSENT if tracked_connection(flight) is None else int(flight.reply)


def _ct_mark(flight: Flight) -> Any:
    connection = tracked_connection(flight)
    return ABSENT if connection is None else connection.mark


def _ct_protocol(flight: Flight) -> Any:
    connection = tracked_connection(flight)
    return ABSENT if connection is None else connection.protocol


def _ct_status(flight: Flight) -> Any:
    """Bits that are certain; whether the connection is assured is not known once there was a reply."""
    connection = tracked_connection(flight)
    if connection is None:
        return ABSENT
    bits = CT_STATUS_SNAT * connection.snat | CT_STATUS_DNAT * connection.dnat
    if connection.seen_reply:
        bits |= CT_STATUS_SEEN_REPLY
    # nf_confirm runs last in INPUT and POSTROUTING: the first packet finds its connection unconfirmed until then, but
    # what comes in by the loopback has been through POSTROUTING.
    if connection.seen_reply or flight.reply or flight.state != CT_NEW or flight.iif == "lo":
        bits |= CT_STATUS_CONFIRMED
    return bits


def _socket_reader(field: str) -> Reader:
    read = attrgetter(field)

    def find(flight: Flight) -> Any:
        # What came in by a device was sent by no socket of this host (skb->sk is NULL).
        return NO_SOCKET if flight.iif else read(flight)

    return find


def _frame_reader(field: str) -> Reader:
    """None for a packet that is no frame: rules of IP see hardware addresses, too."""
    return lambda flight: getattr(flight, field, None)


_READERS: dict[str, Reader] = {
    "ct_state": attrgetter("state"),
    "ct_status": _ct_status,
    "ct_direction": _ct_direction,
    "ct_mark": _ct_mark,
    "ct_protocol": _ct_protocol,
    "fragment": lambda dummy: False,
    **{name: _frame_reader(name) for name in FRAME_FIELDS},
    "skuid": _socket_reader("skuid"),
    "skgid": _socket_reader("skgid"),
}


def _device_back(flight: Flight, around: Surroundings, mark: int | None) -> str | None:
    """Of what comes in by the loopback it is that device, whatever the routes say (nft_fib_is_loopback())."""
    if flight.iif == "lo":
        return "lo"
    return around.device_towards(flight.family, flight.saddr, flight.daddr, flight.iif, mark)


def set_mark(change: SetMark, flight: Flight) -> bool:
    """Change a mark; False when there is no connection to read its mark from (nft_ct_get_eval: NFT_BREAK).

    Without one to write to the rule goes on (nft_ct_set_eval).
    """
    connection = tracked_connection(flight)
    source = change.copied_from or change.field
    if connection is None and source == "ct_mark" and change.keep:
        return False
    marks = {"mark": flight.mark, "ct_mark": connection.mark if connection is not None else None}
    kept = _masked(marks[source], change.keep)
    own = _masked(marks[change.field], change.own)
    new = None if kept is None or own is None else own ^ kept ^ change.flip
    if change.field == "mark":
        flight.mark = new
    elif connection is not None:
        connection.mark = new
    return True


def _masked(mark: int | None, mask: int) -> int | None:
    if mask == 0:
        return 0
    return None if mark is None else mark & mask


_MOST = 255


def set_hops(change: SetHops, flight: Flight) -> None:
    """Change the TTL or the hop limit."""
    if change.fixed is not None:
        flight.ttl = change.fixed
    elif flight.ttl is not None:
        flight.ttl = min(max(flight.ttl + change.added, 0), _MOST)
