# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Changes to how many hops a packet has left (xt_HL.c, nft_payload_set_eval())."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import SetHops

_MOST = 255


def set_hops(change: SetHops, flight: Flight) -> None:
    """Change the TTL or the hop limit."""
    if change.fixed is not None:
        flight.ttl = change.fixed
    elif flight.ttl is not None:
        flight.ttl = min(max(flight.ttl + change.added, 0), _MOST)
