# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""All checks, in the order in which reports show them."""

from __future__ import annotations

import difflib
import fnmatch
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import (
    bridge,
    conntrack,
    contract,
    daemon,
    forwarding,
    hairpin,
    mode,
    network,
    proxy,
    publish,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.docker_rules import (
    DISABLED,
    FLUSHED,
    MIXED,
    STALE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.egress import EGRESS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.isolation import ISOLATION
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.publish import BYPASS, PUBLISH

CHECKS: tuple[Check, ...] = (
    *forwarding.CHECKS,
    *bridge.CHECKS,
    *hairpin.CHECKS,
    *proxy.CHECKS,
    FLUSHED,
    EGRESS,
    PUBLISH,
    ISOLATION,
    STALE,
    MIXED,
    DISABLED,
    BYPASS,
    *publish.CHECKS,
    *network.CHECKS,
    *mode.CHECKS,
    *daemon.CHECKS,
    *conntrack.CHECKS,
    *contract.CHECKS,
)
OF_EVERY_AUDIT = tuple(check for check in CHECKS if not check.of_contract)
"""Those that run without a contract."""


class UnknownCheckError(ValueError):
    """A pattern that matches no check; the message names it and what there is."""


ALL = ("*",)


def select(
    patterns: tuple[str, ...],
    exclude: tuple[str, ...] = (),
    within: tuple[str, ...] = ALL,
    *,
    has_contract: bool = False,
) -> list[Check]:
    """Return the checks whose id matches one of the patterns (as in a shell) and none of exclude, in their order.

    within: patterns of those that the profile has; has_contract: whether there is a contract to judge by. Raises
    UnknownCheckError for a pattern that matches no check, and when nothing is left: an audit of nothing finds nothing.
    """
    wanted = {check.id for pattern in patterns for check in matching(pattern)}
    unwanted = {check.id for pattern in exclude for check in matching(pattern)}
    there = {check.id for pattern in within for check in matching(pattern)}
    idle = set() if has_contract else {check.id for check in CHECKS} - {check.id for check in OF_EVERY_AUDIT}
    asked = wanted - unwanted
    chosen = [check for check in CHECKS if check.id in asked & there - idle]
    if asked and asked <= idle:
        raise UnknownCheckError("no check is left to run: those that judge by a contract take the option contract")
    if not chosen:
        reason = "all selected checks are excluded" if patterns else "none was selected"
        if asked:
            known = ", ".join(check.id for check in CHECKS if check.id in there)
            raise UnknownCheckError(f"no check is left to run: the profile contains none of them. It contains: {known}")
        raise UnknownCheckError(f"no check is left to run: {reason}. {_there_are()}")
    return chosen


def matching(pattern: str) -> list[Check]:
    """Return the checks whose id matches a pattern, one at least; raises UnknownCheckError when there is none."""
    # Profiles name single checks, and each of these would be a regular expression that is compiled for one host.
    found = [check for check in CHECKS if check.id == pattern]
    found = found or [check for check in CHECKS if fnmatch.fnmatchcase(check.id, pattern)]
    if not found:
        areas = dict.fromkeys(f"{check.id.partition('.')[0]}.*" for check in CHECKS)
        raise UnknownCheckError(f"no check matches {pattern!r}{_near(pattern, [*_ids(), *areas])}. {_there_are()}")
    return found


def near_id(name: str) -> str:
    """Words that propose the id which a name that is none was perhaps meant to be; empty where none is like it."""
    return _near(name, _ids())


def _near(text: str, candidates: list[str]) -> str:
    found = difflib.get_close_matches(text, candidates, n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def _ids() -> list[str]:
    return [check.id for check in CHECKS]


def _there_are() -> str:
    return f"There are: {', '.join(_ids())}"


def describe(check: Check) -> dict[str, Any]:
    """Return of a check what a document says of it; the rest is in the catalogue, by its id."""
    found = {"id": check.id, "severity": check.severity, "title": check.title}
    return {**found, "cis": check.cis} if check.cis else found
