# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Connection tracking, and address translation: what the first packet of a connection decides for all others.

The kernel's side of it is nf_conntrack_core.c (nf_conntrack_in) and nf_nat_core.c (nf_nat_inet_fn, nf_nat_setup_info,
get_unique_tuple, nf_nat_packet).
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ACK,
    FIN,
    ICMP,
    ICMPV6,
    RST,
    SYN,
    TCP,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_RELATED,
    CT_UNTRACKED,
    DNAT,
    INPUT,
    MASQUERADE,
    NETMAP,
    OUTPUT,
    POSTROUTING,
    REDIRECT,
    SNAT,
    Nat,
)

# Echo, timestamp, information and address mask requests (nf_conntrack_proto_icmp.c); echo requests of ICMPv6, whose
# types of neighbour and listener discovery are never tracked (nf_conntrack_proto_icmpv6.c).
_ICMP_REQUESTS = {ICMP: (8, 13, 15, 17), ICMPV6: (128,)}
# Errors belong to the connection of the packet that they quote (nf_conntrack_inet_error() and its callers).
ICMP_ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: range(128)}
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
    if flight.icmp_type is not None and flight.icmp_type in ICMP_ERRORS.get(flight.protocol, ()):
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


MOST_ADDRESSES = 16
"""A range of more addresses is not followed one by one."""

_LOOPBACK = {4: 0x7F000001, 6: 1}


class CannotTell(Exception):
    """The translation cannot be told; the message says why."""


def changes_source(hook: str) -> bool:
    """Whether translation at this hook is that of the source (HOOK2MANIP of nf_nat.h)."""
    return hook in (POSTROUTING, INPUT)


def is_decided(connection: Connection, hook: str) -> bool:
    """Whether the connection's translation of this kind is settled (nf_nat_initialized)."""
    return connection.snat_decided if changes_source(hook) else connection.dnat_decided


def settle(flight: Flight, hook: str) -> None:
    """Settle it where no rule did: nothing changes but a source port that is taken (nf_nat_alloc_null_binding)."""
    if changes_source(hook) and is_taken(flight):
        setup(flight, hook, Nat(SNAT), flight.saddr)
    else:
        _decided(_connection(flight), hook)


def is_taken(flight: Flight) -> bool:
    """Whether answers would be those of another connection, too (nf_nat_used_tuple)."""
    return _connection(flight).reply in flight.taken


def _decided(connection: Connection, hook: str) -> None:
    if changes_source(hook):
        connection.snat_decided = True
    else:
        connection.dnat_decided = True


def _connection(flight: Flight) -> Connection:
    if flight.connection is None:
        raise CannotTell("there is no connection to translate")
    return flight.connection


def apply_known(flight: Flight, hook: str) -> bool:
    """Give a packet the translation of its connection (nf_nat_packet); returns whether it changed."""
    connection = _connection(flight)
    before = (flight.saddr, flight.sport, flight.daddr, flight.dport)
    if changes_source(hook):
        if flight.reply and connection.dnat:
            flight.saddr, flight.sport = connection.original[2:]
        elif not flight.reply and connection.snat:
            flight.saddr, flight.sport = connection.reply[2:]
    elif flight.reply and connection.snat:
        flight.daddr, flight.dport = connection.original[:2]
    elif not flight.reply and connection.dnat:
        flight.daddr, flight.dport = connection.reply[:2]
    return before != (flight.saddr, flight.sport, flight.daddr, flight.dport)


def possible_addresses(nat: Nat, flight: Flight, hook: str, around: Surroundings) -> list[int]:
    """The addresses that a statement could choose; several only for a range. CannotTell when they are not known."""
    _connection(flight)
    old = flight.saddr if changes_source(hook) else flight.daddr
    if nat.kind == MASQUERADE:
        towards = flight.next_hop or flight.daddr
        return [_own(around.own_address(flight.family, flight.oif, towards), flight.oif)]
    if nat.kind == REDIRECT:
        if hook == OUTPUT:
            return [_LOOPBACK[flight.family]]
        return [_own(around.first_address(flight.family, flight.iif, flight.saddr), flight.iif)]
    if nat.addresses is None:
        return [old]
    first, last = nat.addresses
    if nat.kind == NETMAP:
        return [first | (old & (first ^ last))]
    if last - first >= MOST_ADDRESSES:
        raise CannotTell(f"the address is one of {last - first + 1} that the kernel chooses from")
    return list(range(first, last + 1))


def _own(address: int | None, device: str) -> int:
    if address is None:
        raise CannotTell(f"the address of {device or 'the device'} is not known")
    return address


def setup(flight: Flight, hook: str, nat: Nat, address: int) -> None:
    """Decide the translation of a connection by its first packet, and translate that packet.

    What is_taken() after that of the source cannot be kept (__nf_conntrack_confirm of nf_conntrack_core.c).
    """
    connection = _connection(flight)
    reply_source, reply_sport, reply_destination, reply_dport = connection.reply
    if changes_source(hook):
        port = _source_port(flight.sport, nat)
        if (reply_source, reply_sport, address, port) in flight.taken and not _is_one_port(nat):
            port = None
        connection.snat = (address, port) != (flight.saddr, flight.sport)
        connection.reply = (reply_source, reply_sport, address, port)
    else:
        port = _destination_port(flight.dport, nat)
        connection.dnat = (address, port) != (flight.daddr, flight.dport)
        connection.reply = (address, port, reply_destination, reply_dport)
    _decided(connection, hook)
    apply_known(flight, hook)


def _source_port(port: int | None, nat: Nat) -> int | None:
    """It stays if it can; out of a range that does not hold it the kernel takes one at random.

    So it does instead of one that is taken, if it may (nf_nat_l4proto_unique_tuple).
    """
    if nat.random_port or port is None:
        return None
    if nat.ports is None or nat.ports[0] <= port <= nat.ports[1]:
        return port
    return nat.ports[0] if _is_one_port(nat) else None


def _is_one_port(nat: Nat) -> bool:
    return nat.ports is not None and nat.ports[0] == nat.ports[1]


def _destination_port(port: int | None, nat: Nat) -> int | None:
    """The first of a range that does not hold it (nf_nat_l4proto_unique_tuple starts there for destinations)."""
    if nat.ports is None:
        return port
    first, last = nat.ports
    if first == last:
        return first
    if nat.random_port or port is None:
        return None
    return port if first <= port <= last else first


def word(nat: Nat, hook: str) -> str:
    """What a translation is called in a path."""
    if nat.kind == NETMAP:
        return SNAT if changes_source(hook) else DNAT
    return nat.kind
