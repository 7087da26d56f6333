# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Single values that a change sets, as they were and as they are to be, in words and as diffs. Pure.

Sysctls, the hairpin mode of bridge ports, and policies of iptables: the journal keeps them as they stand here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Diff

NAMES = {"ipv4": "IPv4", "ipv6": "IPv6"}
"""For people, of families as iptables has them."""


@dataclass(frozen=True)
class SysctlChange:
    """One key (dotted; dots inside an interface name written as slashes, see sysctl.d(5)) and its two values."""

    key: str
    before: str
    after: str


def sysctl_actions(changes: list[SysctlChange]) -> list[str]:
    """One sentence a change."""
    return [f"set {change.key} from {change.before} to {change.after}" for change in changes]


def sysctl_diff(changes: list[SysctlChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not changes:
        return []
    before = "".join(f"{change.key} = {change.before}\n" for change in changes)
    after = "".join(f"{change.key} = {change.after}\n" for change in changes)
    return [Diff("running sysctls", before, after)]


_WORDS = {True: "on", False: "off"}


@dataclass(frozen=True)
class PortChange:
    """One bridge port and its two modes."""

    index: int
    """Interface index of the host's veth."""
    port: str
    bridge: str
    network: str
    container: str
    before: bool
    after: bool


def port_actions(ports: list[PortChange]) -> list[str]:
    """One sentence a port."""
    return [
        f"turn hairpin {_WORDS[port.after]} for {port.port}, the port of container {port.container} on {port.bridge}"
        for port in ports
    ]


def port_diff(ports: list[PortChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not ports:
        return []
    return [
        Diff(
            "hairpin mode of bridge ports",
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.before]}\n" for port in ports),
            "".join(f"{port.bridge} {port.port} {port.container} {_WORDS[port.after]}\n" for port in ports),
        )
    ]


CHAIN = "FORWARD"


@dataclass(frozen=True)
class PolicyChange:
    """The policy of a built-in chain of table filter, in the backend that the host's own iptables writes to."""

    family: str
    before: str
    after: str
    chain: str = CHAIN


def policy_diff(policies: list[PolicyChange]) -> list[Diff]:
    """The changes as one small table, none for no changes."""
    if not policies:
        return []
    before = "".join(f"{item.family} {item.chain} {item.before}\n" for item in policies)
    after = "".join(f"{item.family} {item.chain} {item.after}\n" for item in policies)
    return [Diff("policies of table filter", before, after)]
