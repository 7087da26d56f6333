# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The sets of ipset(8) and what is in them, asked of the kernel in the words of ``ipset save``.

Docker Engine 28.0.0 makes sets without that program, and hosts need not have it. Attributes: linux/netfilter/ipset/
ip_set.h; which of them each type fills in: net/netfilter/ipset/ip_set_*.c of Linux 6.12.
"""

from __future__ import annotations

import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Netlink,
    address,
    attribute,
    attributes,
    each_attribute,
    text,
)

_LIST = 6 << 8 | 7
_PROTOCOL, _NAME, _TYPE, _FAMILY, _DATA, _ADT = 1, 2, 3, 5, 7, 8
# Every kernel since 2.6.39 takes this version of the protocol for a list.
_VERSION = bytes([6])
_HEADER = struct.Struct("=BBH")
_FAMILIES: dict[int, str] = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}

# Of a set or an element.
_PORT, _PROTO, _FLAGS, _MARK, _MARKMASK, _BITMASK = 4, 7, 8, 10, 11, 12
_NETMASK = 20
# Address and length of its prefix, of the first and of the second address of an element.
_ADDRESSES = ((1, 3), (20, 21))
_ETHER, _ELEMENT_NAME, _IFACE = 17, 18, 23
_PHYSDEV, _NOMATCH, _WILDCARD = 1 << 1, 1 << 2, 1 << 7
# Their ports hold a type and a code.
_ICMP = (1, 58)


def read_ipsets() -> str:
    """All sets of this thread's namespace. Raises OSError, and ValueError for a name that such a text cannot hold.

    Asks only where sets are known to exist: otherwise the kernel would load the module for them.
    """
    with Netlink(NETFILTER) as netlink:
        messages = netlink.dump(_LIST, _HEADER.pack(socket.AF_UNSPEC, 0, 0) + attribute(_PROTOCOL, _VERSION))
    lines: list[str] = []
    kind = ""
    for message in messages:
        found = attributes(message, _HEADER.size)
        name = _word(text(found[_NAME]))
        if _TYPE in found:
            # The first message of a set; more come where its elements do not fit into one.
            kind = text(found[_TYPE])
            lines.append(f"create {name} {kind}{_options(found)}")
        elements = (value for number, value in each_attribute(found.get(_ADT, b"")) if number == _DATA)
        lines += [f"add {name} {_element(kind, attributes(element))}" for element in elements]
    return "".join(f"{line}\n" for line in lines)


def _options(found: dict[int, bytes]) -> str:
    """Those that decide over matches."""
    made = attributes(found.get(_DATA, b""))
    family = _FAMILIES.get(found[_FAMILY][0]) if text(found[_TYPE]).startswith("hash:") else None
    words = [f"family {family}"] if family else []
    words += [f"netmask {made[_NETMASK][0]}"] if _NETMASK in made else []
    words += [f"markmask 0x{_number(made[_MARKMASK]):08x}"] if _MARKMASK in made else []
    words += [f"bitmask {_address(made[_BITMASK])}"] if _BITMASK in made else []
    return "".join(f" {word}" for word in words)


def _element(kind: str, found: dict[int, bytes]) -> str:
    """One element as ``ipset save`` prints it, with numbers for protocols."""
    flags = _number(found.get(_FLAGS, b""))
    addresses = iter(_ADDRESSES)
    parts = []
    for dimension in kind.partition(":")[2].split(","):
        if dimension in ("ip", "net"):
            at, length = next(addresses)
            prefix = f"/{found[length][0]}" if dimension == "net" and length in found else ""
            parts.append(_address(found[at]) + prefix)
        elif dimension == "port":
            parts.append(_port(found[_PORT], found.get(_PROTO)))
        elif dimension == "iface":
            parts.append(("physdev:" if flags & _PHYSDEV else "") + _word(text(found[_IFACE])))
        elif dimension == "mark":
            parts.append(f"0x{_number(found[_MARK]):08x}")
        elif dimension == "mac":
            parts.append(found.get(_ETHER, b"").hex(":"))
        elif dimension == "set":
            parts.append(_word(text(found[_ELEMENT_NAME])))
        else:
            raise ValueError(f"a set of the unknown type {kind[:60]!r}")
    return ",".join(parts) + (" nomatch" if flags & _NOMATCH else "") + (" wildcard" if flags & _WILDCARD else "")


def _port(port: bytes, protocol: Optional[bytes]) -> str:
    number = _number(port)
    if protocol is None:
        return str(number)
    return f"{protocol[0]}:{number >> 8}/{number & 0xFF}" if protocol[0] in _ICMP else f"{protocol[0]}:{number}"


def _address(nest: bytes) -> str:
    """The one of either family that a nest holds."""
    return address(next((value for dummy, value in each_attribute(nest)), b""))


def _number(value: bytes) -> int:
    """In network byte order."""
    return int.from_bytes(value, "big")


def _word(name: str) -> str:
    """A name, which can be any bytes, unless it would read as something else. Blanks are known to whoever reads it."""
    if not name.isprintable() or '"' in name:
        raise ValueError(f"the name {name[:60]!r}")
    return name
