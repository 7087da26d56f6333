# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where people put rules of their own about containers, in words for remedies."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import NFTABLES, layout_of


def place_of_own_rules(engine: Optional[Engine]) -> str:
    """The end of a sentence: dockerd leaves a chain to people with iptables, and none with nftables.

    Docker's documentation of both: packet-filtering-firewalls, firewall-nftables.
    """
    if layout_of(engine) == NFTABLES:
        return "a chain at the hook forward of a table of your own (dockerd's tables docker-bridges are its own)"
    return "DOCKER-USER"


def match_of_published_port(engine: Optional[Engine]) -> str:
    """What matches, in such a place, the port of the host that a packet was sent to."""
    return "ct original proto-dst" if layout_of(engine) == NFTABLES else "-m conntrack --ctorigdstport"
