# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A later release of the engine on paper: its rules in place of those of the one that runs. Pure.

A dockerd that starts empties its own chains, and takes away what an older layout of its rules left in others: a host
that was upgraded from 20.10.24 to 26.1.5 and on to 28.5.2 had the rules of the new release alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_orders import rule_making
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ANYWHERE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import (
    NEEDS_BRIDGE_NETFILTER,
    PUBLISHES_ON_IPV6,
    has,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import BadChangeError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.dockerd_rules import (
    OWN_CHAINS,
    DockerdRule,
    Mode,
    mode_of,
    place_for,
    rewrite,
    rules_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_ports import (
    BRIDGE_NETFILTER,
    proxy_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import (
    PaperRules,
    UndeterminedError,
)


def upgraded(snapshot: HostSnapshot, version: str) -> HostSnapshot:
    """The host with a later release of its engine, its containers started again.

    Raises BadChangeError for an earlier one, UndeterminedError.
    """
    engine = snapshot.engine
    if engine is None:
        raise UndeterminedError("the engine was not read")
    later = replace(engine, version=version)
    if later.full_release <= engine.full_release:
        raise BadChangeError(f"Engine {engine.version} runs on this host, and {version} is not later")
    _require_same_addresses(snapshot, later.full_release)
    after = replace(snapshot, engine=later)
    if not proxy_of(snapshot) and has(later, NEEDS_BRIDGE_NETFILTER):
        after = replace(after, sysctls={**after.sysctls, BRIDGE_NETFILTER: "1"})
    for family in (4, 6):
        after = _with_rules(snapshot, after, family)
    return after


def _require_same_addresses(snapshot: HostSnapshot, later: tuple[int, int, int]) -> None:
    """Raise UndeterminedError where a start of a container would publish its ports on IPv6 for the first time."""
    if snapshot.engine is None or snapshot.engine.full_release >= PUBLISHES_ON_IPV6 or later < PUBLISHES_ON_IPV6:
        return
    wide = [item.name for item in snapshot.containers if any(port.address == ANYWHERE[4] for port in item.published)]
    if wide:
        raise UndeterminedError(
            f"whether the ports of {wide[0]}, and of others, would be published on IPv6 as well depends on how the "
            "containers were made: see docker inspect, HostConfig.PortBindings"
        )


def _with_rules(before: HostSnapshot, after: HostSnapshot, version: int) -> HostSnapshot:
    makes, would_make = rule_making(before, version).value, rule_making(after, version).value
    ruleset = after.ruleset
    if ruleset is None or would_make is False:
        return after
    mode, then = mode_of(before, version), _later(mode_of(before, version), after)
    earlier, later = rules_of(before, mode), rules_of(after, then)
    # Without a network of that IP version no packet meets what is there once for all.
    if not any(rule.of for rule in (*earlier, *later)):
        return after
    if makes is False:
        raise UndeterminedError(
            f"the later engine makes rules for IPv{version} by default, and this one makes none: upgrade a host of its "
            "kind, and compare two audits"
        )
    rules = PaperRules(ruleset, version)
    if then.layout == mode.layout:
        rewrite(rules, earlier, later)
    else:
        _replace_all(rules, earlier, later, (mode.layout, then.layout))
    return replace(after, ruleset=rules.written_to(ruleset))


def _later(mode: Mode, after: HostSnapshot) -> Mode:
    """The mode with the layout of the later release; that of docker-proxy stays, whatever shows it now."""
    return replace(mode_of(after, mode.version), proxy=mode.proxy)


def _replace_all(
    rules: PaperRules, earlier: Sequence[DockerdRule], later: Sequence[DockerdRule], layouts: tuple[str, str]
) -> None:
    for rule in earlier:
        for place in reversed(range(len(rules.rules(rule.table, rule.chain)))):
            if rules.rules(rule.table, rule.chain)[place] == rule.text:
                rules.remove(rule.table, rule.chain, place)
    for layout in layouts:
        for table, chains in OWN_CHAINS[layout].items():
            for chain in chains:
                for place in reversed(range(len(rules.rules(table, chain)))):
                    rules.remove(table, chain, place)
    for rule in later:
        rules.insert(rule.table, rule.chain, place_for(rules, rule), rule.text)
