# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a program sees of an error that comes back to it (icmp_err_convert of net/ipv4/icmp.c, net/ipv6/icmp.c)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.protocols import ACK, ICMP, ICMPV6, RST
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.values import CT_INVALID, CT_RELATED
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    REFUSED,
    TIMED_OUT,
    UNREACHABLE,
)

_RESET = "reset"
_PORT = "port-unreach"
# Errors that the kernel takes for passing ones: a connected UDP socket does not hear of them (__udp4_lib_err()).
_PASSING = ("net-unreach", "host-unreach", "no-route", "addr-unreach")


def is_reset(error: str) -> bool:
    """Whether it is a TCP reset; all others are ICMP errors."""
    return _RESET in error


def seen_as(error: str, protocol: str) -> str:
    """``refused``, ``unreachable`` or ``timed out``, for an error in the words of reject (nft(8))."""
    if is_reset(error):
        return REFUSED
    if _PORT in error:
        return REFUSED
    if protocol == "udp" and any(word in error for word in _PASSING):
        return TIMED_OUT
    return UNREACHABLE


# Type and code by the words that tell errors apart; the first that is in the name counts.
_TYPES = {
    4: {
        _PORT: (3, 3),
        "host-unreach": (3, 1),
        "net-unreach": (3, 0),
        "prot": (3, 2),
        "net-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "": (3, 13),
    },
    6: {
        _PORT: (1, 4),
        "no-route": (1, 0),
        "addr-unreach": (1, 3),
        "policy-fail": (1, 5),
        "reject-route": (1, 6),
        "": (1, 1),
    },
}


def error_for(flight: Flight, error: str, source: int) -> Flight:
    """The packet that the host sends back for one that it rejects: RELATED to it (nf_reject_ipv4.c, icmp_glue_bits()).

    An ICMP error comes from source and keeps the ports of what it quotes; a reset comes from where the packet
    was going.
    """
    reset = is_reset(error)
    reply = Flight(
        flight.family, flight.protocol, flight.daddr if reset else source, flight.dport, flight.saddr, flight.sport
    )
    if reset:
        reply.tcp_flags = RST | ACK
    else:
        types = _TYPES[flight.family]
        reply.protocol = ICMP if flight.family == 4 else ICMPV6
        reply.icmp_type, reply.icmp_code = next(found for word, found in types.items() if word in error)
        reply.tcp_flags = 0
    reply.skuid = reply.skgid = NO_SOCKET
    reply.connection = None if flight.connection is None else flight.connection.copy()
    reply.reply = reply.connection is not None and not flight.reply
    reply.state = CT_INVALID if reply.connection is None else CT_RELATED
    return reply
