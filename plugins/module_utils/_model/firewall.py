# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What fills and keeps the host's packet filter, beside the rules themselves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional


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
