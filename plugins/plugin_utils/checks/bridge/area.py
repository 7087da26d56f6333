# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Bridges and their links: the checks, in the order in which reports show them."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bridge import (
    capacity,
    link,
    managed,
    mtu,
    netfilter,
    route_localnet,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check

CHECKS: tuple[Check, ...] = (
    netfilter.NETFILTER,
    route_localnet.ROUTE_LOCALNET,
    link.LINK,
    managed.MANAGED,
    mtu.MTU,
    capacity.CAPACITY,
)
