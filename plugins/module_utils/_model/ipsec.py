# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""IPsec policies: which packets the kernel blocks, or sends and wants as IPsec (ip-xfrm(8))."""

from __future__ import annotations

from dataclasses import dataclass, field

# Directions, as ip-xfrm(8) calls them.
IN = "in"
FORWARDED = "fwd"
OUT = "out"

ALLOW = "allow"
BLOCK = "block"


@dataclass(frozen=True)
class IpsecTemplate:
    """What a policy makes of a packet that leaves, and what one that comes in has to have been."""

    mode: str
    """``tunnel``, ``transport``, ``beet``..., the number where ip-xfrm(8) has no name for it."""
    optional: bool = False
    """``level use``: what comes in need not have been it."""
    source: str = ""
    """Of a tunnel, its ends; empty for none in particular."""
    destination: str = ""


@dataclass(frozen=True)
class IpsecPolicy:
    """A policy for packets of all sockets (XFRM_MSG_GETPOLICY)."""

    direction: str
    """``in``, ``fwd`` or ``out``."""
    family: int
    """4 or 6."""
    source: str
    """With prefix length."""
    destination: str
    action: str = ALLOW
    """``allow`` or ``block``."""
    priority: int = 0
    """Of several that match, the lowest number decides; of equal ones the oldest."""
    index: int = 0
    """The kernel's number of it, which grows with each that is made."""
    protocol: int = 0
    """0 for any."""
    source_port: int = 0
    source_port_mask: int = 0
    """Which bits of the port count; 0 for any port. ICMP has its type here, and its code in place of the other one."""
    destination_port: int = 0
    destination_port_mask: int = 0
    interface: int = 0
    """Index of the link that the packet leaves by; 0 for any."""
    mark: int = 0
    mask: int = 0
    """0 when the policy does not ask for a mark."""
    if_id: int = 0
    """Not 0: only for what goes through an interface of the kind xfrm with that number."""
    templates: list[IpsecTemplate] = field(default_factory=list)


@dataclass(frozen=True)
class Ipsec:
    """The IPsec policies of a network namespace."""

    policies: list[IpsecPolicy] = field(default_factory=list)
    """In the order in which the kernel asks them."""
    blocked: list[str] = field(default_factory=list)
    """Directions in which what no policy matches is blocked (``ip xfrm policy setdefault``)."""
    exempt: list[str] = field(default_factory=list)
    """Settings that are on which take interfaces out of it, ``net.ipv4.conf.lo.disable_policy`` say; read only where
    there is a policy, or a direction is blocked."""
