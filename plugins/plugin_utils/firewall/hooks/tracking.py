# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What connection tracking makes of a packet when it first sees it (nf_conntrack_core.c, nf_conntrack_in)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Connection, Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import (
    ACK,
    FIN,
    ICMP,
    ICMPV6,
    RST,
    SYN,
    TCP,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_RELATED,
    CT_UNTRACKED,
)

# Echo, timestamp, information and address mask requests (nf_conntrack_proto_icmp.c); echo requests of ICMPv6, whose
# types of neighbour and listener discovery are never tracked (nf_conntrack_proto_icmpv6.c).
_ICMP_REQUESTS = {ICMP: (8, 13, 15, 17), ICMPV6: (128,)}
# Errors belong to the connection of the packet that they quote (nf_conntrack_inet_error() and its callers).
_ICMP_ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: range(128)}
_NEVER_TRACKED = range(130, 138)


def track(flight: Flight) -> None:
    """Give a flight its connection and state; what has its state already (on loopback, say) keeps it."""
    if not flight.tracked or (flight.protocol == ICMPV6 and flight.icmp_type in _NEVER_TRACKED):
        untrack(flight)
        return
    if flight.state != CT_INVALID:
        return
    connection = flight.connection
    if connection is None:
        if _opens_connection(flight):
            tuple_ = (flight.saddr, flight.sport, flight.daddr, flight.dport)
            flight.connection = Connection(flight.protocol, tuple_)
            flight.state = CT_NEW
        return
    if flight.icmp_type is not None and flight.icmp_type in _ICMP_ERRORS.get(flight.protocol, ()):
        flight.state = CT_RELATED
        return
    if _continues_unanswered(flight, connection):
        return
    connection.seen_reply = connection.seen_reply or flight.reply
    flight.state = CT_ESTABLISHED if connection.seen_reply else CT_NEW


def _continues_unanswered(flight: Flight, connection: Connection) -> bool:
    """Whether it goes on though the answer to its SYN went another way: from SYN_SENT to sIV (tcp_conntracks)."""
    if flight.protocol != TCP or flight.reply or connection.seen_reply or flight.tcp_flags is None:
        return False
    return flight.tcp_flags & (SYN | FIN | RST | ACK) == ACK


def untrack(flight: Flight) -> None:
    """Let connection tracking leave a packet alone."""
    flight.tracked = False
    flight.connection = None
    flight.state = CT_UNTRACKED


def _opens_connection(flight: Flight) -> bool:
    """Whether a packet without a connection makes one; otherwise it is invalid."""
    if flight.protocol == TCP:
        # tcp_new: the table of states knows SYN, and ACK of what began before (nf_conntrack_tcp_loose is 1).
        flags = flight.tcp_flags
        return flags is None or flags & (SYN | FIN | RST | ACK) in (SYN, ACK)
    if flight.protocol in _ICMP_REQUESTS:
        return flight.icmp_type is None or flight.icmp_type in _ICMP_REQUESTS[flight.protocol]
    return True
