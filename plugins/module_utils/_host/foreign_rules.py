# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Rules in tables of iptables-nft that other software made, by their expressions as the kernel lists them.

iptables-nft-save prints many of them as something else without a word: a set of ports is left out, ``ip protocol > 5``
becomes ``-p 5``; 1.8.7 leaves out the ports and marks of rules that a newer one made. Where there is no nft to show
them right, at least they are told from what the installed iptables makes itself: conditions, a counter, and what to do
(iptables/nft-shared.c, nft-ipv4.c and nft-ipv6.c; seen with 1.8.7, 1.8.9 and 1.8.11).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attributes, each_attribute, text

# linux/netfilter/nf_tables.h
_NFTA_EXPR_NAME = 1
_NFTA_EXPR_DATA = 2
_NFTA_CMP_OP = 2
_NFTA_RANGE_OP = 2
_NFTA_META_KEY = 2
_NFTA_META_SREG = 3
_NFTA_PAYLOAD_BASE = 2
_NFTA_PAYLOAD_OFFSET = 3
_NFTA_PAYLOAD_LEN = 4
_NFTA_PAYLOAD_SREG = 5
_NFTA_BITWISE_OP = 6
_EQUAL_OR_NOT = (0, 1)
_META_MARK = 3
# IIF, OIF, IIFNAME, OIFNAME, L4PROTO
_META_KEYS = (4, 5, 6, 7, 16)
_META_NFTRACE = 12
# That of TRACE: a value and its writing.
_LONGEST_TARGET = 2

_TRANSPORT = 2
# By the number of the table's family: header and offset of each field, and its length. iptables asks for no more than
# one at a time; nft for both addresses at once where it can.
_HEADERS: Mapping[int, Mapping[tuple[int, int], int]] = {
    2: {(1, 6): 2, (1, 9): 1, (1, 12): 4, (1, 16): 4},
    10: {(1, 6): 1, (1, 8): 16, (1, 24): 16},
}
_PORTS_AND_FLAGS: Mapping[tuple[int, int], int] = {(_TRANSPORT, 0): 2, (_TRANSPORT, 2): 2, (_TRANSPORT, 13): 1}
_ASKS_FOR_PORTS = (1, 8, 8)
"""Since then it asks for these, and for marks, in nftables' words."""

_Expression = tuple[str, dict[int, bytes]]


def tables_of_others(rules: Iterable[tuple[str, int, bytes]], versions: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Tables in which a rule is not as iptables makes it, each once.

    ``rules``: table, number of its family and NFTA_RULE_EXPRESSIONS of each rule; ``versions``: of the iptables that is
    asked for each table, others are not looked at.
    """
    return list(
        dict.fromkeys(
            table
            for table, family, expressions in rules
            if table in versions and not _is_of_iptables(family, expressions, versions[table])
        )
    )


def _is_of_iptables(family: int, expressions: bytes, version: tuple[int, ...]) -> bool:
    found = [_read(element) for dummy, element in each_attribute(expressions)]
    names = [name for name, dummy in found]
    if "counter" not in names[-_LONGEST_TARGET - 1 :]:
        return False
    at = len(names) - 1 - names[::-1].index("counter")
    return _are_conditions(family, found[:at], version) and all(_is_target(*each) for each in found[at + 1 :])


def _read(element: bytes) -> _Expression:
    parts = attributes(element)
    return text(parts.get(_NFTA_EXPR_NAME)), attributes(parts.get(_NFTA_EXPR_DATA, b""))


def _is_target(name: str, data: dict[int, bytes]) -> bool:
    if name == "meta":
        return _NFTA_META_SREG in data and _number(data, _NFTA_META_KEY) == _META_NFTRACE
    return name in ("immediate", "target", "log")


def _are_conditions(family: int, expressions: Sequence[_Expression], version: tuple[int, ...]) -> bool:
    """Nothing is asked for twice: of two conditions on one field the last is printed."""
    asked: list[tuple[int, int]] = []
    for name, data in expressions:
        if name == "payload":
            place = (_number(data, _NFTA_PAYLOAD_BASE), _number(data, _NFTA_PAYLOAD_OFFSET))
            if place in asked or not _is_field(family, place, data, version):
                return False
            asked.append(place)
        elif not _is_condition(name, data, asked, version):
            return False
    return True


def _is_field(family: int, place: tuple[int, int], data: dict[int, bytes], version: tuple[int, ...]) -> bool:
    ports = _PORTS_AND_FLAGS if version >= _ASKS_FOR_PORTS else {}
    length = {**_HEADERS.get(family, {}), **ports}.get(place, 0)
    return _NFTA_PAYLOAD_SREG not in data and _number(data, _NFTA_PAYLOAD_LEN) <= length


def _is_condition(
    name: str, data: dict[int, bytes], asked: Sequence[tuple[int, int]], version: tuple[int, ...]
) -> bool:
    if name == "cmp":
        return _number(data, _NFTA_CMP_OP) in _EQUAL_OR_NOT
    if name == "range":
        return bool(asked) and asked[-1][0] == _TRANSPORT and _number(data, _NFTA_RANGE_OP) in _EQUAL_OR_NOT
    if name == "bitwise":
        # The operation of mask and exclusive or is number 0.
        return _number(data, _NFTA_BITWISE_OP) == 0
    if name == "meta":
        key = _number(data, _NFTA_META_KEY)
        known = key in _META_KEYS or (key == _META_MARK and version >= _ASKS_FOR_PORTS)
        return known and _NFTA_META_SREG not in data
    return name in ("match", "limit")


def _number(data: dict[int, bytes], kind: int) -> int:
    """Numbers of nftables are in network byte order; 0 is what a missing one stands for."""
    return int(struct.unpack_from(">I", data.get(kind, bytes(4)))[0])
