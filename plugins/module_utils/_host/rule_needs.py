# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What rules of inet tables ask of the packet's family and protocol, by their expressions as the kernel lists them.

nft leaves such a condition out where it takes the rest of the rule to imply it, and is wrong at times (seen by loading
what it prints): 0.9.8 prints ``meta protocol ip6 tcp dport 22`` without its first half, 1.0.6 ``meta nfproto ipv4 ct
protocol tcp``, 1.1.3 ``meta nfproto ipv6 meta l4proto tcp reject with tcp reset``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import attributes, each_attribute, text
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed

# linux/netfilter/nf_tables.h
_NFTA_EXPR_NAME = 1
_NFTA_EXPR_DATA = 2
_NFTA_CMP_SREG = 1
_NFTA_CMP_OP = 2
_NFTA_CMP_DATA = 3
_NFTA_DATA_VALUE = 1
_NFTA_META_DREG = 1
_NFTA_META_KEY = 2
_NFTA_META_SREG = 3
_NFTA_CT_DREG = 1
_NFTA_CT_KEY = 2
_NFTA_CT_SREG = 4
_NFT_CMP_EQ = bytes(4)
_META_MARK = 3
_CT_MARK = 3
_META_KEYS = {1: "meta protocol", 15: "meta nfproto", 16: "meta l4proto"}
_CT_KEYS = {7: "ct l3proto"}

_Expression = tuple[str, dict[int, bytes]]


def needs_of_rules(rules: Iterable[tuple[str, int, bytes]]) -> list[RuleNeed]:
    """The comparisons with one value, in their order.

    ``rules``: table, handle and NFTA_RULE_EXPRESSIONS of each rule.
    """
    return [need for table, handle, expressions in rules for need in _needs(table, handle, expressions)]


def _needs(table: str, handle: int, expressions: bytes) -> Iterator[RuleNeed]:
    changes = 0
    loaded: dict[bytes, str] = {}
    for dummy, element in each_attribute(expressions):
        name, data = _read(element)
        if _changes(name, data):
            changes += 1
        elif name == "cmp":
            key = loaded.get(data.get(_NFTA_CMP_SREG, b""))
            if key and data.get(_NFTA_CMP_OP, _NFT_CMP_EQ) == _NFT_CMP_EQ:
                value = attributes(data.get(_NFTA_CMP_DATA, b"")).get(_NFTA_DATA_VALUE, b"")
                yield RuleNeed(table, handle, key, int.from_bytes(value, "big"), changes)
        else:
            # nft compares what it loaded at once; whatever else comes may use the register anew.
            loaded = _loaded(name, data)


def _read(element: bytes) -> _Expression:
    parts = attributes(element)
    return text(parts.get(_NFTA_EXPR_NAME)), attributes(parts.get(_NFTA_EXPR_DATA, b""))


def _loaded(name: str, data: dict[int, bytes]) -> dict[bytes, str]:
    """What the comparison that follows is of, by its register."""
    if name == "meta" and _NFTA_META_DREG in data:
        return {data[_NFTA_META_DREG]: _META_KEYS.get(_number(data, _NFTA_META_KEY), "")}
    if name == "ct" and _NFTA_CT_DREG in data:
        return {data[_NFTA_CT_DREG]: _CT_KEYS.get(_number(data, _NFTA_CT_KEY), "")}
    return {}


def _changes(name: str, data: dict[int, bytes]) -> bool:
    """Whether it sets a mark, or stops tracking."""
    if name == "meta":
        return _NFTA_META_SREG in data and _number(data, _NFTA_META_KEY) == _META_MARK
    if name == "ct":
        return _NFTA_CT_SREG in data and _number(data, _NFTA_CT_KEY) == _CT_MARK
    return name == "notrack"


def _number(data: dict[int, bytes], kind: int) -> int:
    """Numbers of nftables are in network byte order; 0 is what a missing one stands for."""
    return int(struct.unpack_from(">I", data.get(kind, bytes(4)))[0])
