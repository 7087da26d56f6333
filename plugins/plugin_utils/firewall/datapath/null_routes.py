# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Routes and policy rules that refuse or discard packets: what is said of them, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import TABLE_NAMES
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import MAIN_TABLE, PolicyRule
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import NullRoute
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import NULL_KINDS, Decision

_ROUTE, _RULE = "route", "rule"


def null_route_of(stack: Stack, decision: Decision, family: int) -> NullRoute | None:
    """What ended the lookup in a stack; None where something else did."""
    rule, place = decision.rule, stack.container or ""
    if rule is not None and rule.action in NULL_KINDS:
        return NullRoute(_RULE, rule.action, f"policy rule {rule.priority}", _selector(rule), family, place)
    if decision.kind not in NULL_KINDS:
        return None
    table = TABLE_NAMES.get(decision.table, decision.table)
    metric = f" metric {decision.metric}" if decision.metric else ""
    selector = f"{decision.kind} {decision.destination} table {table}{metric}"
    name = f"the route to {decision.destination}"
    if decision.table != MAIN_TABLE:
        name += f" in table {table}"
    return NullRoute(_ROUTE, decision.kind, name, selector, family, place)


def _selector(rule: PolicyRule) -> str:
    """What ip-rule(8) chooses it by: its priority may be that of others as well."""
    parts = [f"priority {rule.priority}"]
    parts += ["not"] if rule.inverted else []
    asked = {"from": rule.source, "to": rule.destination, "iif": rule.incoming, "oif": rule.outgoing}
    parts += [f"{word} {value}" for word, value in asked.items() if value]
    parts += [f"fwmark {rule.mark:#x}/{rule.mask:#x}"] if rule.mask else []
    return " ".join([*parts, rule.action])


def null_route_in_words(found: NullRoute, towards: str) -> str:
    """What it does, a clause; towards: ``to 203.0.113.9``."""
    verb = "discards" if found.kind == "blackhole" else "refuses"
    return f"{found.name} of {_place(found)} ({found.kind}) {verb} packets {towards}"


def _place(found: NullRoute) -> str:
    return f"container {found.container}" if found.container else "the host"


def without(found: NullRoute, containers: Iterable[Container]) -> Remediation:
    """How to look at it, and how packets pass again."""
    pids = (item.pid for item in containers if item.name == found.container)
    inside = f"nsenter -n -t {next(pids, None) or 'PID'} " if found.container else ""
    of_family = f"{inside}ip{' -6' if found.family == 6 else ''} {found.sort}"
    show = f"{of_family} show" if found.sort == _RULE else f"{of_family} show table all type {found.kind}"
    origin = "a program of the container with NET_ADMIN, or one of the host" if found.container else "a VPN, a script"
    return Remediation(
        f"Decide whether {found.name} of {_place(found)} is meant ({show}). If not, delete it: {of_family} delete "
        f"{found.selector}. Then {inside}ip route get ADDRESS shows a way again. Find out what set it ({origin})"
    )


def restoring_route(container: str, address: str) -> Remediation:
    """How a stack gets a route that it lacks; container: empty for the host."""
    if container:
        return Remediation(f"Restart the container, which restores its routes: docker restart {container}")
    return Remediation(f"Restore the host's route to {address} (ip route get {address} shows what it has)")
