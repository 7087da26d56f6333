# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks and their addresses: the checks, in the order in which reports show them."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.network import (
    default_bridge,
    divided,
    endpoint,
    icc,
    internal,
    ipv6_unfiltered,
    overlap,
    overlay_plain,
    pools,
)

CHECKS: tuple[Check, ...] = (
    default_bridge.DEFAULT_BRIDGE,
    icc.ICC,
    endpoint.ENDPOINT,
    divided.DIVIDED,
    internal.INTERNAL_OPEN,
    overlap.OVERLAP,
    pools.POOLS,
    ipv6_unfiltered.IPV6_UNFILTERED,
    overlay_plain.OVERLAY_PLAIN,
)
