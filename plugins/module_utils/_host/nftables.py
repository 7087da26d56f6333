# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the kernel says of nftables: tables, the generation of its ruleset, and the expressions of rules.

The rules as text come from programs, see ruleset.py. Two things need the expressions. iptables-nft-save misprints
rules that iptables did not make (``ip protocol > 5`` becomes ``-p 5``). Without nft they are at least told from what
the installed iptables makes: conditions, a counter, and what to do (iptables/nft-shared.c, nft-ipv4.c, nft-ipv6.c).

And nft leaves out a condition for family or protocol that it takes the rest to imply, at times wrongly: 0.9.8 prints
``meta protocol ip6 tcp dport 22`` without its first half.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Allowance,
    Netlink,
    attributes,
    each_attribute,
    text,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import RuleNeed

# linux/netfilter/nfnetlink.h and nf_tables.h: the subsystem stands in the upper byte of the type.
_SUBSYSTEM = 10 << 8
_NFT_MSG_GETTABLE = _SUBSYSTEM | 1
_NFT_MSG_GETCHAIN = _SUBSYSTEM | 4
_NFT_MSG_GETRULE = _SUBSYSTEM | 7
_NFT_MSG_GETGEN = _SUBSYSTEM | 16
_NFTA_TABLE_NAME = 1
_NFTA_CHAIN_TABLE = 1
_NFTA_CHAIN_NAME = 3
_NFTA_CHAIN_POLICY = 5
_NFTA_RULE_TABLE = 1
_NFTA_RULE_CHAIN = 2
_NFTA_RULE_HANDLE = 3
_NFTA_RULE_EXPRESSIONS = 4
_NFTA_GEN_ID = 1
# linux/netfilter.h, by the names of nft(8).
_NFPROTO_INET = 1
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

_NF_DROP = bytes(4)

# struct nfgenmsg: family, version, and here nothing.
_HEADER = struct.Struct("=BBH")

_MODULE = "nf_tables"
_LOADED = Path("/proc/modules")
_MODULES = Path("/lib/modules")


def nftables_is_there() -> bool:
    """Whether this kernel has nftables ready; to ask one that has not would make it load the module.

    Also true where that cannot be told: a kernel without a list loads none.
    """
    try:
        loaded = {line.partition(" ")[0] for line in _LOADED.read_text(encoding="ascii").splitlines()}
        built_in = read_regular(_MODULES / os.uname().release / "modules.builtin").text
    except (OSError, UnicodeDecodeError):
        return True
    return _MODULE in loaded or f"/{_MODULE}.ko\n" in built_in


def read_generation() -> int:
    """Number of the ruleset's generation in this thread's namespace: each change adds one.

    Raises OSError, PermissionError among them without CAP_NET_ADMIN.
    """
    with Netlink(NETFILTER) as netlink:
        answer = netlink.ask(_NFT_MSG_GETGEN, _HEADER.pack(socket.AF_UNSPEC, 0, 0))
        return int.from_bytes(attributes(answer, _HEADER.size)[_NFTA_GEN_ID], "big")


def read_tables() -> list[str]:
    """Tables of nftables in this thread's namespace, ``ip filter`` say. Raises OSError as read_generation() does."""
    with Netlink(NETFILTER) as netlink:
        return [_named(message, _NFTA_TABLE_NAME) for message in _dump(netlink, _NFT_MSG_GETTABLE)]


def read_rules() -> Iterator[tuple[str, int, bytes]]:
    """Of each rule its table, ``ip filter`` say, the number of its family, and its expressions as the kernel has them.

    Raises OSError as read_generation() does.
    """
    with Netlink(NETFILTER) as netlink:
        for message in _dump(netlink, _NFT_MSG_GETRULE):
            expressions = attributes(message, _HEADER.size).get(_NFTA_RULE_EXPRESSIONS, b"")
            yield _named(message, _NFTA_RULE_TABLE), message[0], expressions


def read_inet_rules() -> Iterator[tuple[str, int, bytes]]:
    """Of each rule in a table of family inet that table, its handle, and its expressions as the kernel has them.

    Raises OSError as read_generation() does.
    """
    with Netlink(NETFILTER) as netlink:
        for message in _dump(netlink, _NFT_MSG_GETRULE, _NFPROTO_INET):
            found = attributes(message, _HEADER.size)
            handle = int.from_bytes(found.get(_NFTA_RULE_HANDLE, b""), "big")
            yield _named(message, _NFTA_RULE_TABLE), handle, found.get(_NFTA_RULE_EXPRESSIONS, b"")


def read_chains_with_effect(allowance: Optional[Allowance] = None) -> dict[str, int]:
    """Number of rules of the chains that have some or whose policy is to drop, by ``ip filter INPUT`` say.

    allowance is for a namespace of strangers. Raises OSError as read_generation() does.
    """
    with Netlink(NETFILTER, allowance) as netlink:
        if not _dump(netlink, _NFT_MSG_GETTABLE):
            return {}
        dropping = [item for item in _dump(netlink, _NFT_MSG_GETCHAIN) if _policy(item) == _NF_DROP]
        found = {_named(item, _NFTA_CHAIN_TABLE, _NFTA_CHAIN_NAME): 0 for item in dropping}
        for rule in _dump(netlink, _NFT_MSG_GETRULE):
            chain = _named(rule, _NFTA_RULE_TABLE, _NFTA_RULE_CHAIN)
            found[chain] = found.get(chain, 0) + 1
    return found


def _dump(netlink: Netlink, kind: int, family: int = socket.AF_UNSPEC) -> list[bytes]:
    return netlink.dump(kind, _HEADER.pack(family, 0, 0))


def _policy(message: bytes) -> Optional[bytes]:
    return attributes(message, _HEADER.size).get(_NFTA_CHAIN_POLICY)


def _named(message: bytes, *kinds: int) -> str:
    """Family and names from the attributes of these numbers."""
    found = attributes(message, _HEADER.size)
    return " ".join([_FAMILIES.get(message[0], str(message[0])), *(text(found.get(kind)) for kind in kinds)])


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
_META_KEYS_OF_IPTABLES = (4, 5, 6, 7, 16)
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

    ``rules``: table, number of its family and NFTA_RULE_EXPRESSIONS of each; ``versions``: of iptables for each table
    that is looked at.
    """
    return list(
        dict.fromkeys(
            table
            for table, family, expressions in rules
            if table in versions and not _is_of_iptables(family, expressions, versions[table])
        )
    )


def _is_of_iptables(family: int, expressions: bytes, version: tuple[int, ...]) -> bool:
    found = [_expression(element) for dummy, element in each_attribute(expressions)]
    names = [name for name, dummy in found]
    if "counter" not in names[-_LONGEST_TARGET - 1 :]:
        return False
    at = len(names) - 1 - names[::-1].index("counter")
    return _are_conditions(family, found[:at], version) and all(_is_target(*each) for each in found[at + 1 :])


def _expression(element: bytes) -> _Expression:
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
        known = key in _META_KEYS_OF_IPTABLES or (key == _META_MARK and version >= _ASKS_FOR_PORTS)
        return known and _NFTA_META_SREG not in data
    return name in ("match", "limit")


def _number(data: dict[int, bytes], kind: int) -> int:
    """Numbers of nftables are in network byte order; 0 is what a missing one stands for."""
    return int(struct.unpack_from(">I", data.get(kind, bytes(4)))[0])


# linux/netfilter/nf_tables.h
_NFTA_CMP_SREG = 1
_NFTA_CMP_DATA = 3
_NFTA_DATA_VALUE = 1
_NFTA_META_DREG = 1
_NFTA_CT_DREG = 1
_NFTA_CT_KEY = 2
_NFTA_CT_SREG = 4
_NFT_CMP_EQ = bytes(4)
_CT_MARK = 3
_META_NAMES = {1: "meta protocol", 15: "meta nfproto", 16: "meta l4proto"}
_CT_NAMES = {7: "ct l3proto"}


def needs_of_rules(rules: Iterable[tuple[str, int, bytes]]) -> list[RuleNeed]:
    """The comparisons with one value, in their order.

    ``rules``: table, handle and NFTA_RULE_EXPRESSIONS of each rule.
    """
    return [need for table, handle, expressions in rules for need in _needs(table, handle, expressions)]


def _needs(table: str, handle: int, expressions: bytes) -> Iterator[RuleNeed]:
    changes = 0
    loaded: dict[bytes, str] = {}
    for dummy, element in each_attribute(expressions):
        name, data = _expression(element)
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


def _loaded(name: str, data: dict[int, bytes]) -> dict[bytes, str]:
    """What the comparison that follows is of, by its register."""
    if name == "meta" and _NFTA_META_DREG in data:
        return {data[_NFTA_META_DREG]: _META_NAMES.get(_number(data, _NFTA_META_KEY), "")}
    if name == "ct" and _NFTA_CT_DREG in data:
        return {data[_NFTA_CT_DREG]: _CT_NAMES.get(_number(data, _NFTA_CT_KEY), "")}
    return {}


def _changes(name: str, data: dict[int, bytes]) -> bool:
    """Whether it sets a mark, or stops tracking."""
    if name == "meta":
        return _NFTA_META_SREG in data and _number(data, _NFTA_META_KEY) == _META_MARK
    if name == "ct":
        return _NFTA_CT_SREG in data and _number(data, _NFTA_CT_KEY) == _CT_MARK
    return name == "notrack"
