# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What it takes to say where a packet goes."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    LINKS,
    LISTENERS,
    NAMESPACES,
    POLICY_RULES,
    PROCESSES,
    ROUTES,
    RULESET,
    SYSCTL,
)

PACKETS = (ENGINE, NAMESPACES, LINKS, ROUTES, POLICY_RULES, SYSCTL, RULESET, LISTENERS, INNER, PROCESSES)
"""Sources that a check needs which follows packets."""
