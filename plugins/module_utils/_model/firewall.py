# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fills and keeps the host's packet filter beside the rules, and for whom files declare that it will forward."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Optional


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
