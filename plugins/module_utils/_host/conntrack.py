# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Translated flows of UDP, as ctnetlink lists them (linux/netfilter/nfnetlink_conntrack.h)."""

from __future__ import annotations

import socket
import struct
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    NETFILTER,
    Netlink,
    address,
    attribute,
    attributes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Conntrack, TrackedFlow

MOST = 10_000
"""Flows that a reading keeps: a name server behind a published port can have hundreds of thousands."""

_GET = (1 << 8) | 1
_NESTED = 0x8000
_TUPLE_ORIG, _TUPLE_REPLY, _STATUS, _TIMEOUT, _FILTER, _STATUS_MASK = 1, 2, 3, 7, 25, 26
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_PROTO_NUM, _SRC_PORT, _DST_PORT = 1, 2, 3
_IP_SRC, _IP_DST = {4: 1, 6: 3}, {4: 2, 6: 4}
_FILTER_ORIG_FLAGS, _BY_PROTO_NUM = 1, 1 << 3
_DST_NAT = 1 << 5

_FAMILY = struct.Struct("=BBH")


def read_conntrack(most: int = MOST) -> Conntrack:
    """Return the translated flows of UDP of this namespace, the first where there are more than most.

    The kernel may load nf_conntrack_netlink for it. Where it tracks no connection, it is not asked.
    Raises OSError (PermissionError without CAP_NET_ADMIN).
    """
    try:
        count = procfs.read_whole(f"{procfs.PROC}/sys/net/netfilter/nf_conntrack_count").strip()
    except FileNotFoundError:
        return Conntrack()
    if count == b"0":
        return Conntrack()
    questions = _OF_FEW if count.isdigit() and int(count[:9]) <= _FEW else _OF_MANY
    flows: list[TrackedFlow] = []
    with Netlink(NETFILTER) as netlink:
        for family, wanted in questions:
            for message in netlink.messages(_GET, _FAMILY.pack(family, 0, 0) + wanted):
                flow = parse_flow(message)
                if flow is not None and len(flows) == most:
                    return Conntrack(flows, complete=False)
                if flow is not None:
                    flows.append(flow)
    return Conntrack(flows)


# A question can take the kernel 12 ms, since it looks through all 262,144 places of its table. What
# narrows the list: UDP (for one family alone) from Linux 5.8 on, translated destinations from 6.0 on.
# Older ones list all.
_FEW = 2_000
_TRANSLATED = attribute(_STATUS, struct.pack(">I", _DST_NAT)) + attribute(_STATUS_MASK, struct.pack(">I", _DST_NAT))
_UDP = attribute(
    _TUPLE_ORIG | _NESTED, attribute(_TUPLE_PROTO | _NESTED, attribute(_PROTO_NUM, bytes([socket.IPPROTO_UDP])))
) + attribute(_FILTER | _NESTED, attribute(_FILTER_ORIG_FLAGS, struct.pack("=I", _BY_PROTO_NUM)))
_OF_FEW = ((socket.AF_UNSPEC, _TRANSLATED),)
_OF_MANY = ((socket.AF_INET, _UDP + _TRANSLATED), (socket.AF_INET6, _UDP + _TRANSLATED))


def parse_flow(message: bytes) -> Optional[TrackedFlow]:
    """Return the flow in a message of ctnetlink; None where it is not UDP, or its destination is not translated."""
    found = attributes(message, _FAMILY.size)
    if not _number(found.get(_STATUS, b"")) & _DST_NAT:
        return None
    family = 4 if message[0] == socket.AF_INET else 6
    first, reply = attributes(found[_TUPLE_ORIG]), attributes(found[_TUPLE_REPLY])
    ports = attributes(first[_TUPLE_PROTO])
    if ports[_PROTO_NUM][0] != socket.IPPROTO_UDP:
        return None
    hosts, answering = attributes(first[_TUPLE_IP]), attributes(reply[_TUPLE_IP])
    return TrackedFlow(
        source=address(hosts.get(_IP_SRC[family])),
        source_port=_number(ports[_SRC_PORT]),
        destination=address(hosts.get(_IP_DST[family])),
        destination_port=_number(ports[_DST_PORT]),
        translated=address(answering.get(_IP_SRC[family])),
        translated_port=_number(attributes(reply[_TUPLE_PROTO])[_SRC_PORT]),
        timeout=_number(found.get(_TIMEOUT, b"")),
    )


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")
