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
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Netlink,
    attributes,
    text,
)

# linux/netfilter/nfnetlink.h and nf_tables.h: the subsystem stands in the upper byte of the type.
_SUBSYSTEM = 10 << 8
_NFT_MSG_GETTABLE = _SUBSYSTEM | 1
_NFT_MSG_GETGEN = _SUBSYSTEM | 16
_NFTA_TABLE_NAME = 1
_NFTA_GEN_ID = 1
# linux/netfilter.h, by the names of nft(8).
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}

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
        built_in = (_MODULES / os.uname().release / "modules.builtin").read_text(encoding="ascii")
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
        messages = netlink.dump(_NFT_MSG_GETTABLE, _HEADER.pack(socket.AF_UNSPEC, 0, 0))
    return [_table(message) for message in messages]


def _table(message: bytes) -> str:
    family = _FAMILIES.get(message[0], str(message[0]))
    return f"{family} {text(attributes(message, _HEADER.size).get(_NFTA_TABLE_NAME))}"
