# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a trace leaves in the kernel that does not vanish with its process, and how each is taken back."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import NETFILTER, Netlink, attribute
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.identity import ECHO, protocol_number
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.owner_table import nest

# linux/netfilter/nfnetlink_conntrack.h
_DELETE = (1 << 8) | 2
_ORIGINAL, _ADDRESSES, _PROTOCOL = 1, 1, 2
_ADDRESS_KINDS = {4: (1, 2), 6: (3, 4)}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
_ECHO_KINDS = {4: (4, 5, 6), 6: (7, 8, 9)}


@dataclass(frozen=True)
class Connection:
    """The probe's connection, as its first packet has it."""

    version: int
    protocol: str
    source: str
    destination: str
    ports: tuple[int, int]
    """Source and destination; of an echo request its identifier twice."""


def forget(connection: Connection) -> None:
    """Delete its entry of connection tracking, if there is one. Raises OSError."""
    family = socket.AF_INET if connection.version == 4 else socket.AF_INET6
    ends = zip(_ADDRESS_KINDS[connection.version], (connection.source, connection.destination))
    addresses = [attribute(kind, socket.inet_pton(family, address)) for kind, address in ends]
    number = protocol_number(connection.protocol, connection.version)
    protocol = [attribute(_NUMBER, bytes([number]))]
    first, second = (struct.pack(">H", port) for port in connection.ports)
    if connection.protocol == "icmp":
        identifier, kind, code = _ECHO_KINDS[connection.version]
        protocol.append(attribute(identifier, first))
        protocol.append(attribute(kind, bytes([ECHO[connection.version][0]])))
        protocol.append(attribute(code, b"\0"))
    else:
        protocol += [attribute(_SOURCE_PORT, first), attribute(_DESTINATION_PORT, second)]
    body = struct.pack("=BBH", family, 0, 0) + nest(_ORIGINAL, nest(_ADDRESSES, *addresses), nest(_PROTOCOL, *protocol))
    with Netlink(NETFILTER) as netlink:
        try:
            netlink.order(_DELETE, body)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
