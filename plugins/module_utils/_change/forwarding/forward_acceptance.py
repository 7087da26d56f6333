# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Which packets the rules of FORWARD accept whatever its policy is, as far as that can be told from them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._change.iptables_save import Rule, Table


def accepted(table: Table, interface: str, subnets: list[str]) -> bool:
    """Whether rules reached from FORWARD accept all that comes in by the interface, and all answers to it."""
    ways = (("-i", "-s"), ("-o", "-d"))
    return all(_accepts(table, "FORWARD", interface, subnets, way, set()) for way in ways)


def _accepts(
    table: Table, chain: str, interface: str, subnets: list[str], way: tuple[str, str], seen: set[str]
) -> bool:
    if chain in seen:
        return False
    seen.add(chain)
    for rule in table.of(chain):
        if not _matches(rule, interface, subnets, way):
            continue
        if rule.target == "ACCEPT":
            return True
        if rule.target in table.chains and _accepts(table, rule.target, interface, subnets, way, seen):
            return True
    return False


def _matches(rule: Rule, interface: str, subnets: list[str], way: tuple[str, str]) -> bool:
    """Whether every packet of the interface that goes this way matches; answers do where only their state is asked."""
    by, address = way
    other = "-o" if by == "-i" else "-i"
    judged: dict[str, Callable[[str], bool]] = {
        by: lambda value: value == interface or (value.endswith("+") and interface.startswith(value[:-1])),
        address: lambda value: bool(subnets) and all(within(subnet, value) for subnet in subnets),
        # "! -o virbr0": all that leaves the interface's own network.
        f"! {other}": lambda value: value == interface,
        "--ctstate": lambda value: by == "-o" and _is_answer(value),
        "--state": lambda value: by == "-o" and _is_answer(value),
        "--comment": lambda dummy: True,
    }
    return all(option in judged and judged[option](value) for option, value in rule.matches.items())


def _is_answer(states: str) -> bool:
    return {"RELATED", "ESTABLISHED"} <= set(states.split(","))


def within(subnet: str, value: str) -> bool:
    """Whether a subnet lies in what a rule names; text that is no address lies nowhere."""
    try:
        inner, outer = ipaddress.ip_network(subnet), ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def accepts_everything(table: Table) -> str | None:
    """The rule that accepts every packet before the policy is asked, None where there is none."""
    for rule in table.of("FORWARD"):
        if rule.target == "ACCEPT" and not set(rule.matches) - {"--comment"}:
            return rule.text
    return None
