# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets, as sock_diag(7) lists them.

The kernel may load tcp_diag and udp_diag for it, as for ss(8); nothing else says which IPv6 sockets take IPv4 as well.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import NamedTuple, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    SOCK_DIAG,
    Allowance,
    Netlink,
    address,
    attributes,
    flag,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener

# linux/sock_diag.h, linux/inet_diag.h
_SOCK_DIAG_BY_FAMILY = 20
_INET_DIAG_SKV6ONLY = 11
# net/tcp_states.h: a UDP socket that is not connected is in state CLOSE.
_WAITING = {socket.IPPROTO_TCP: 10, socket.IPPROTO_UDP: 7}
_NAMES = {socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp"}


_REQUEST = struct.Struct("=BBBxI48x")
# struct inet_diag_msg: family, state; of inet_diag_sockid the port, the address and the device; both queues; the inode.
_ANSWER = struct.Struct("=BBxx2s2x16s16xI8x4xII4xI")


# What an IPv4 address is written behind as one of IPv6 (RFC 4291, section 2.5.5.2).
_MAPPED = bytes(10) + b"\xff\xff"


class InodeListener(NamedTuple):
    """A socket that waits, and its inode number, by which its holders are found."""

    inode: int
    listener: Listener
    waiting: int = 0
    """Of TCP: connections that nothing accepted yet (net/ipv4/tcp_diag.c, tcp_diag_get_info)."""
    room: int = 0
    """Of TCP: how many may wait; one more than these and the kernel takes none (sk_acceptq_is_full)."""


def listening_at(protocol: str, port: int) -> set[int]:
    """Inode numbers of the sockets that wait at a port in the namespace of this thread. Raises OSError."""
    return {
        item.inode for item in listening_sockets({}) if (item.listener.protocol, item.listener.port) == (protocol, port)
    }


def listening_sockets(links: Mapping[int, str], allowance: Optional[Allowance] = None) -> list[InodeListener]:
    """Return the sockets that wait in the namespace of this thread. Raises OSError."""
    found = []
    with Netlink(SOCK_DIAG, allowance) as netlink:
        for protocol, state in _WAITING.items():
            for family in (socket.AF_INET, socket.AF_INET6):
                request = _REQUEST.pack(family, protocol, 0, 1 << state)
                found += [
                    _parse(message, _NAMES[protocol], links) for message in netlink.dump(_SOCK_DIAG_BY_FAMILY, request)
                ]
    return found


def _parse(message: bytes, protocol: str, links: Mapping[int, str]) -> InodeListener:
    family, dummy, port, bound, device, waiting, room, inode = _ANSWER.unpack_from(message)
    only_ipv6 = flag(attributes(message, _ANSWER.size).get(_INET_DIAG_SKV6ONLY))
    listener = Listener(
        protocol=protocol,
        address=_address(family, bound),
        port=int.from_bytes(port, "big"),
        only_ipv6=bool(only_ipv6),
        device=links.get(device, f"if{device}") if device else "",
    )
    return InodeListener(inode, listener, waiting, room)


def _address(family: int, bound: bytes) -> str:
    """The IPv4 address alone of ``::ffff:192.0.2.1``: a socket bound to it takes no IPv6 (ipv6(7))."""
    if family != socket.AF_INET6:
        return address(bound[:4])
    return address(bound[len(_MAPPED) :] if bound.startswith(_MAPPED) else bound)
