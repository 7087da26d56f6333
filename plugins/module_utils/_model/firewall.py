# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fills and keeps the host's packet filter, for whom files declare that it will forward, and the rules themselves.

Those are as iptables-save prints them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


@dataclass(frozen=True)
class BootOrder:
    """Where a unit that touches the packet filter stands at boot without making a cycle of the order of units."""

    after: list[str] = field(default_factory=list)
    """Units that load rulesets, and what comes before those."""
    before: list[str] = field(default_factory=list)
    """``network-pre.target`` and ``docker.service``, unless one of the loaders comes after it."""
    late: list[str] = field(default_factory=list)
    """Those that load a ruleset of their own once the network is up."""


@dataclass(frozen=True)
class Firewall:
    """The programs that set rules, and the software that sets policies at boot or later."""

    programs: dict[str, str] = field(default_factory=dict)
    """Path of iptables (``ipv4``) and ip6tables (``ipv6``), the ones that dockerd uses; absent where not installed."""
    backends: dict[str, str] = field(default_factory=dict)
    """``nft`` or ``legacy``: what those programs write to."""
    systemd: bool = True
    """Whether systemd runs this host."""
    ufw: dict[str, str] = field(default_factory=dict)
    """Policy of FORWARD by family that ufw sets at each start and reload; empty where it is not enabled."""
    firewalld: bool = False
    """Whether firewalld runs or is enabled."""
    boot_order: Optional[BootOrder] = None
    """None where systemd does not run, or does not tell."""
    ipvs_services: int = 0
    """Virtual services of IPVS in the host's namespace."""


FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True)
class DeclaredForwarder:
    """A VPN, a tunnel or a network of virtual machines that some file declares."""

    kind: Literal["connection", "interface", "tunnel"]
    name: str
    what: str
    """What it is, and the file that says so; nothing else of that file."""
    interface: str = ""
    """Name of its interface; a pattern where the file has one, empty where it is not known or there is none."""
    subnets: list[str] = field(default_factory=list)
    """Networks that it leads to, as far as the file names them; empty: not known."""
    starts: bool = True
    """Whether boot starts it."""
    accepts: tuple[str, ...] = ()
    """Families whose traffic it accepts in FORWARD, both ways, by rules that it brings along."""
    families: Optional[tuple[str, ...]] = None
    """``ipv4``, ``ipv6``; None where it may be either."""


@dataclass(frozen=True)
class DeclaredForwarders:
    """All that was found, and why the rest could not be read."""

    found: list[DeclaredForwarder] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """What was wrong with each file or folder that was not read whole, though the software that it belongs to is on."""


@dataclass(frozen=True)
class SavedRule:
    """One ``-A`` line."""

    chain: str
    matches: dict[str, str]
    """Option to value as printed; a negated one has the key ``! -s``. Several of a name: the last one."""
    target: str
    """Of ``-j`` or ``-g``; empty where there is none."""
    text: str


@dataclass(frozen=True)
class SavedTable:
    """One table: policies of its built-in chains, its rules in order, all its chains."""

    policies: dict[str, str] = field(default_factory=dict)
    chains: list[str] = field(default_factory=list)
    rules: list[SavedRule] = field(default_factory=list)

    def of(self, chain: str) -> list[SavedRule]:
        """The rules of one chain."""
        return [rule for rule in self.rules if rule.chain == chain]


def parse_table(save: str, name: str) -> SavedTable:
    """Return the table of that name in the output of a save command; an empty one where it is not in it."""
    policies: dict[str, str] = {}
    chains: list[str] = []
    rules: list[SavedRule] = []
    for line in _lines_of(save, name):
        if line.startswith(":"):
            chain, policy = [*line[1:].split(), "", ""][:2]
            chains.append(chain)
            if policy not in ("-", ""):
                policies[chain] = policy
        elif line.startswith("-A "):
            rules.append(_rule(line))
    return SavedTable(policies, chains, rules)


def _lines_of(save: str, name: str) -> Iterator[str]:
    inside = False
    for line in save.splitlines():
        if line.startswith("*"):
            inside = line[1:].strip() == name
        elif inside and line.strip():
            yield line.strip()


def _rule(line: str) -> SavedRule:
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    matches: dict[str, str] = {}
    target = ""
    at = 2
    while at < len(words):
        key = words[at]
        if key == "!" and at + 1 < len(words):
            at += 1
            key = f"! {words[at]}"
        values = []
        while at + 1 < len(words) and not _is_option(words[at + 1]):
            at += 1
            values.append(words[at])
        at += 1
        if key in ("-j", "-g"):
            target = values[0] if values else ""
        elif key != "-m":
            matches[key] = " ".join(values)
    return SavedRule(words[1] if len(words) > 1 else "", matches, target, line)


def _is_option(word: str) -> bool:
    return word == "!" or (word.startswith("-") and len(word) > 1)


def filter_save(snapshot: HostSnapshot, firewall: Firewall, family: str) -> str:
    """The rules that dockerd's own iptables shows: only in its backend is a policy set, and rules that count for it."""
    saves = snapshot.ruleset.save if snapshot.ruleset else {}
    prefix = "iptables" if family == "ipv4" else "ip6tables"
    backend = firewall.backends.get(family, "nft")
    return saves.get(f"{prefix}-{backend}-save") or saves.get(f"{prefix}-save") or ""


def current_policy(snapshot: HostSnapshot, firewall: Firewall, family: str) -> str:
    """The policy of FORWARD that a packet meets now; a chain that does not exist accepts."""
    return parse_table(filter_save(snapshot, firewall, family), "filter").policies.get("FORWARD", "ACCEPT")
