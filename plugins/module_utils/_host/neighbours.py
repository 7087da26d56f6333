# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Neighbour tables of a namespace: the entries that the kernel never asks for again, by one rtnetlink dump."""

from __future__ import annotations

import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    Netlink,
    address,
    attributes,
    listed,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import ERROR, UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Neighbour

MOST = 4096
"""Entries of one namespace; the kernel itself has no limit for these."""

# linux/rtnetlink.h, linux/neighbour.h
_RTM_GETNEIGH = 30
_RTN_UNICAST = 1
_NDA_DST = 1
_NDA_LLADDR = 2
# NUD_NOARP and NUD_PERMANENT: the states that no timer and no answer changes. All others, failed ones too, are the
# kernel's knowledge of the moment.
_FIXED = 0x40 | 0x80
# include/net/flow.h
_LOOPBACK_IFINDEX = 1
_ETH_ALEN = 6

_MESSAGE = struct.Struct("=BxxxiHBB")


def read_neighbours() -> list[Neighbour]:
    """Return the fixed entries of the host's own namespace.

    Raises UnreadableError when the kernel refuses, and where there are more than MOST of them.
    """
    found = listed("neighbours", neighbours_of)
    if found is None:
        raise UnreadableError(ERROR, f"the neighbour tables have more than {MOST} permanent entries")
    return found


def neighbours_of(route: Netlink) -> Optional[list[Neighbour]]:
    """Return the fixed entries of the namespace that a route netlink socket belongs to.

    Those for a single machine on a link with hardware addresses: the kernel itself makes entries without a question for
    multicast and for the loopback. None where there are more than MOST. Raises OSError.
    """
    found: list[Neighbour] = []
    # Tables can have very many entries of the moment, so they are not kept; that one of them changes does not matter.
    for message in route.messages(_RTM_GETNEIGH, _MESSAGE.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        family, index, state, dummy, kind = _MESSAGE.unpack_from(message)
        if not state & _FIXED or kind != _RTN_UNICAST or index == _LOOPBACK_IFINDEX:
            continue
        values = attributes(message, _MESSAGE.size)
        neighbour, hardware = values.get(_NDA_DST), values.get(_NDA_LLADDR, b"")
        if family not in (socket.AF_INET, socket.AF_INET6) or neighbour is None or len(hardware) != _ETH_ALEN:
            continue
        if len(found) == MOST:
            return None
        found.append(Neighbour(address(neighbour), index, hardware.hex(":")))
    return found
