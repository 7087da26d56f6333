# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Messages of neighbour discovery (RFC 4861)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ICMPV6
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import CT_INVALID

HOPS = 255
"""Hop limit of neighbour discovery; with another one it is not listened to (RFC 4861, 7.1)."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SOLICITED_NODE = 0xFF02_0000_0000_0000_0000_0001_FF00_0000


def solicitation(asking: int, asked: int) -> Flight:
    """A question of neighbour discovery."""
    flight = _message(asking, _SOLICITED_NODE | (asked & 0xFFFFFF), _SOLICITATION)
    flight.pkttype = "multicast"
    return flight


def advertisement(asked: int, asking: int) -> Flight:
    """The answer."""
    return _message(asked, asking, _ADVERTISEMENT)


def _message(source: int, destination: int, kind: int) -> Flight:
    flight = Flight(6, ICMPV6, source, None, destination, None)
    flight.icmp_type, flight.icmp_code = kind, 0
    flight.state = CT_INVALID
    flight.ttl = HOPS
    return flight
