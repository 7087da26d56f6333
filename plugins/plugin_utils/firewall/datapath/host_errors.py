# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Errors that the host sends about packets: what they look like, and which route is asked for them."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import is_reset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import Asked, asked
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import NO_SOCKET
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ACK, ICMP, ICMPV6, RST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import CT_INVALID, CT_RELATED

# Type and code by the words that tell errors apart; the first that is in the name counts.
_TYPES = {
    4: {
        "port-unreach": (3, 3),
        "host-unreach": (3, 1),
        "net-unreach": (3, 0),
        "prot": (3, 2),
        "net-prohibited": (3, 9),
        "host-prohibited": (3, 10),
        "": (3, 13),
    },
    6: {
        "port-unreach": (1, 4),
        "no-route": (1, 0),
        "addr-unreach": (1, 3),
        "policy-fail": (1, 5),
        "reject-route": (1, 6),
        "": (1, 1),
    },
}


class HostError(NamedTuple):
    """An error on its way out of the host."""

    flight: Flight
    """It is RELATED to the connection of the packet that it is about (nf_ct_attach())."""
    asked: Asked
    """For its route."""


def error_about(host: Stack, flight: Flight, error: str) -> HostError:
    """The reset or ICMP error for a packet that the host turns away, in the words of reject (nft(8))."""
    return _reset(host, flight) if is_reset(error) else _icmp_error(host, flight, error)


def _reset(host: Stack, flight: Flight) -> HostError:
    """It comes from where the packet was going (nf_reject_ipv4.c, nf_reject_ipv6.c)."""
    reset = Flight(flight.family, flight.protocol, flight.daddr, flight.dport, flight.saddr, flight.sport)
    reset.tcp_flags = RST | ACK
    question = asked(_related(host, reset, flight))
    # nf_send_reset6() says the protocol and the ports, nf_send_reset() has nothing but the packet.
    return HostError(reset, question if flight.family == 6 else host.fib.as_read(question))


def _icmp_error(host: Stack, flight: Flight, error: str) -> HostError:
    """It has the ports of what it quotes, which connection tracking knows it by."""
    family = flight.family
    protocol = ICMP if family == 4 else ICMPV6
    question = Asked(family, flight.saddr, _asked_source(host, flight), protocol=protocol)
    question = question._replace(mark=host.settings.mark_of_reply(family, flight.mark))
    source = question.source or host.source_for(question, host.fib.lookup(question)) or 0
    reply = Flight(family, protocol, source, flight.dport, flight.saddr, flight.sport)
    reply.icmp_type, reply.icmp_code = next(found for word, found in _TYPES[family].items() if word in error)
    return HostError(_related(host, reply, flight), question)


def _asked_source(host: Stack, flight: Flight) -> int:
    """The source that its route is asked with; 0 where the route has to choose it.

    It is the address that was asked, where that is the host's (__icmp_send()); of IPv6 otherwise one of the device that
    the packet came in by, unless the route has one of its own (icmp6_send()).
    """
    family = flight.family
    if host.has_address(family, flight.daddr):
        return flight.daddr
    if family == 4 or not flight.iif:
        return 0
    if host.fib.lookup(Asked(6, flight.saddr, protocol=ICMPV6)).source:
        return 0
    return host.select_source(6, flight.saddr, _noted_device(flight)) or 0


def _noted_device(flight: Flight) -> str:
    """The device that IPv6 notes a packet to have come in by (ip6_rcv_core()).

    Of a frame that a bridge port has translated, and routed for it, that is the one it leaves by
    (br_nf_pre_routing_finish_ipv6()).
    """
    connection = flight.connection
    translated = connection is not None and (connection.snat if flight.reply else connection.dnat)
    return flight.oif if translated and flight.physin else flight.iif


def _related(host: Stack, reply: Flight, flight: Flight) -> Flight:
    reply.mark = host.settings.mark_of_reply(flight.family, flight.mark)
    reply.skuid = reply.skgid = NO_SOCKET
    reply.connection = None if flight.connection is None else flight.connection.copy()
    reply.reply = reply.connection is not None and not flight.reply
    reply.state = CT_INVALID if reply.connection is None else CT_RELATED
    return reply
