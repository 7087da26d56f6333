# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A host with changes applied on paper. Pure.

What the kernel and the engine would show is changed first: links, sockets, processes, settings. Then dockerd's rules
are rewritten from those that it writes for the host as it is to those that it would write (dockerd_rules.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import RULESET, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import (
    AddNetwork,
    Change,
    Connect,
    Disconnect,
    EngineVersion,
    FirewallBackend,
    Icc,
    Publish,
    Unpublish,
    UserlandProxy,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.dockerd_rules import (
    Mode,
    mode_of,
    rewrite,
    rules_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_networks import (
    connected,
    disconnected,
    with_icc,
    with_network,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_ports import (
    published,
    unpublished,
    with_userland_proxy,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import (
    PaperRules,
    UndeterminedError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_upgrade import upgraded

_FACTS: Mapping[type[Any], Callable[[HostSnapshot, Any], HostSnapshot]] = {
    Publish: published,
    Unpublish: unpublished,
    AddNetwork: with_network,
    Connect: connected,
    Disconnect: disconnected,
    Icc: with_icc,
    UserlandProxy: with_userland_proxy,
}


def with_changes(snapshot: HostSnapshot, changes: Iterable[Change]) -> HostSnapshot:
    """Return the host as it would be after the changes, one after the other.

    Raises BadChangeError for what no engine would do on this host, UndeterminedError where what it would do cannot be
    told.
    """
    for change in changes:
        snapshot = _with_change(snapshot, change)
    return snapshot


def _with_change(snapshot: HostSnapshot, change: Change) -> HostSnapshot:
    if snapshot.ruleset is None or not snapshot.was_read(RULESET):
        raise UndeterminedError("the rules of this host were not read: see its audit")
    if isinstance(change, EngineVersion):
        return upgraded(snapshot, change.version)
    if isinstance(change, FirewallBackend):
        raise UndeterminedError(
            f"rules of the backend {change.backend} cannot be written on paper: change it on a host of this kind, and "
            "compare two audits"
        )
    after = _FACTS[type(change)](snapshot, change)
    for version in (4, 6):
        after = _with_rules(snapshot, after, version, change)
    return after


def _with_rules(before: HostSnapshot, after: HostSnapshot, version: int, change: Change) -> HostSnapshot:
    """The host after a change with the rules of one IP version that dockerd would then have."""
    making, ruleset = rule_making(before, version), after.ruleset
    if making.value is False or ruleset is None:
        return after
    mode = mode_of(before, version)
    # What shows the mode of docker-proxy, its rules among it, is not all changed yet.
    then: Mode = replace(mode, proxy=change.enabled) if isinstance(change, UserlandProxy) else mode
    earlier, later = rules_of(before, mode), rules_of(after, then)
    try:
        rules = PaperRules(ruleset, version)
    except UndeterminedError:
        # Of what is there once for all networks nothing depends on the change where there is no network.
        if version == 6 and not any(rule.of for rule in (*earlier, *later)):
            return after
        raise
    rewrite(rules, earlier, later)
    return replace(after, ruleset=rules.written_to(ruleset))
