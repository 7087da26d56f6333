# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""All that a host is asked for: what can be unread."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    CONNTRACK,
    CONTAINER_NAMESPACES,
    DAEMON_CONFIG,
    ENGINE,
    IPSEC,
    LINKS,
    LISTENERS,
    MANAGED_LINKS,
    NAMESERVERS,
    NAMESPACES,
    NEIGHBOURS,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SERVICE,
    SYSCTL,
    TRAFFIC_CONTROL,
)

SOURCES = (
    ENGINE,
    NAMESPACES,
    LINKS,
    ROUTES,
    POLICY_RULES,
    NEIGHBOURS,
    TRAFFIC_CONTROL,
    IPSEC,
    LISTENERS,
    CONTAINER_NAMESPACES,
    NAMESERVERS,
    SYSCTL,
    BOOT,
    PROCESSES,
    DAEMON_CONFIG,
    SERVICE,
    RULESET,
    CONNTRACK,
    MANAGED_LINKS,
)
