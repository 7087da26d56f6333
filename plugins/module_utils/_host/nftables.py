# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the kernel says of nftables: which tables there are, and of which generation its ruleset is.

The rules themselves come from programs, see ruleset.py.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Allowance,
    Netlink,
    attributes,
    text,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular

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

    Also true where that cannot be told: a kernel that lists no modules does not load any either.
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
