# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Tables of ip_tables and ip6_tables in a namespace, by what iptables-legacy(8) itself asks for them.

Only tables that are registered already are asked for: to ask for another one would register it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

# /proc/net is that of the process's first thread, this is that of the one who asks.
_NAMES = Path("/proc/thread-self/net")
# linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h
_GET_INFO = 64
_GET_ENTRIES = 65
_ERROR_ENTRIES = 1
_NF_ACCEPT = -2  # As a verdict in a table: -NF_ACCEPT - 1.
# struct xt_entry_target before the verdict of a standard one.
_TARGET = 32

# struct ipt_getinfo: name, valid hooks, first entries, policies (offsets by hook), number of entries and their size.
_INFO = struct.Struct("=32sI5I5III")
# struct ipt_get_entries, aligned for the entries that follow.
_ENTRIES = struct.Struct("=32sI4x")
_VERDICT = struct.Struct("=i")


@dataclass(frozen=True)
class _Family:
    name: str
    """As nft(8) names it."""
    names: str
    family: socket.AddressFamily
    level: int
    target_offset: int
    """Where an entry says at which offset its target begins."""


_FAMILIES = (
    _Family("ip", "ip_tables_names", socket.AF_INET, socket.IPPROTO_IP, 88),
    _Family("ip6", "ip6_tables_names", socket.AF_INET6, socket.IPPROTO_IPV6, 140),
)


def read_legacy_tables_with_effect() -> dict[str, int]:
    """Number of entries beside the policies of tables that have some or another policy than ACCEPT, by ``ip nat`` say.

    An entry is a rule, and each chain of a user's has two of its own. The tables are of this thread's namespace.
    Raises OSError, PermissionError among them without CAP_NET_ADMIN.
    """
    counts = {f"{family.name} {name}": _entries(family, name) for family in _FAMILIES for name in _registered(family)}
    return {table: count for table, count in counts.items() if count is not None}


def _registered(family: _Family) -> list[str]:
    try:
        return (_NAMES / family.names).read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []


def _entries(family: _Family, name: str) -> Optional[int]:
    """None for a table that decides nothing."""
    with socket.socket(family.family, socket.SOCK_RAW, socket.IPPROTO_RAW) as asked:
        info = _INFO.unpack(_get(asked, family.level, _GET_INFO, _INFO.pack(name.encode(), *[0] * 13)))
        hooks, policies, (entries, size) = info[1], info[7:12], info[12:]
        chains = [policies[hook] for hook in range(len(policies)) if hooks & 1 << hook]
        if entries > len(chains) + _ERROR_ENTRIES:
            return int(entries - len(chains) - _ERROR_ENTRIES)
        table = _get(asked, family.level, _GET_ENTRIES, _ENTRIES.pack(name.encode(), size) + bytes(size))
    return 0 if any(_verdict(table[_ENTRIES.size :], at, family) != _NF_ACCEPT for at in chains) else None


def _verdict(entries: bytes, at: int, family: _Family) -> int:
    target = int.from_bytes(entries[at + family.target_offset : at + family.target_offset + 2], sys.byteorder)
    (verdict,) = _VERDICT.unpack_from(entries, at + target + _TARGET)
    return int(verdict)


def _get(asked: socket.socket, level: int, option: int, question: bytes) -> bytes:
    """getsockopt(2) with a question in the buffer for the answer, which Python's own has no way for."""
    buffer = ctypes.create_string_buffer(question, len(question))
    length = ctypes.c_uint32(len(question))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.getsockopt(asked.fileno(), level, option, buffer, ctypes.byref(length)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return buffer.raw
