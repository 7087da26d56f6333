# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""All checks, in the order in which reports show them."""

from __future__ import annotations

import fnmatch
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import (
    daemon,
    forwarding,
    hairpin,
    mode,
    network,
    proxy,
    publish,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Check

CHECKS: tuple[Check, ...] = (
    forwarding.IPV4,
    forwarding.PERSISTENT,
    hairpin.MISSING,
    hairpin.STALE,
    proxy.IN_FORCE,
    proxy.PENDING,
    proxy.MEMORY,
    publish.WILDCARD,
    network.DEFAULT_BRIDGE,
    mode.HOST,
    mode.CONTAINER,
    mode.NONE,
    daemon.CONFIG,
    daemon.RELOAD_BLOCKED,
    daemon.LIVE_RESTORE,
)


class UnknownCheckError(ValueError):
    """A pattern that matches no check; the message names it and what there is."""


def select(patterns: tuple[str, ...]) -> list[Check]:
    """Return the checks whose id matches one of the patterns (as in a shell), in the order of the registry.

    Raises UnknownCheckError for a pattern that matches none, and for no patterns: an audit of nothing finds nothing.
    """
    unmatched = [pattern for pattern in patterns if not any(fnmatch.fnmatchcase(check.id, pattern) for check in CHECKS)]
    if unmatched or not patterns:
        problem = f"no check matches {', '.join(map(repr, unmatched))}" if unmatched else "no check was asked for"
        raise UnknownCheckError(f"{problem}. There are: {', '.join(check.id for check in CHECKS)}")
    return [check for check in CHECKS if any(fnmatch.fnmatchcase(check.id, pattern) for pattern in patterns)]


def describe(check: Check) -> dict[str, Any]:
    """Return a check's metadata as plain data."""
    return {
        "id": check.id,
        "severity": check.severity,
        "title": check.title,
        "rationale": check.rationale,
        "cis": check.cis,
    }
