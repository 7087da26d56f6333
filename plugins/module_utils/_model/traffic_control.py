# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What tc(8), and programs of bpf(2), have put on network interfaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

# Directions, as tc(8) calls them.
INGRESS = "ingress"
EGRESS = "egress"
ROOT = "root"
"""Of filters of the queueing discipline that what leaves by the link goes through, after those of egress."""

# What there is.
FILTER = "filter"
QDISC = "qdisc"
PROGRAM = "program"

ETH_P_ALL = 0x0003
"""Protocol of a filter that sees all frames (linux/if_ether.h)."""

# Actions of which it is known what they do; others are under their kinds: ``mirred``, ``police``, ``nat``...
PASS = "pass"  # noqa: S105
CONTINUE = "continue"
DROP = "drop"
MIRROR = "mirror"
"""A copy leaves by another device, and the frame itself goes on."""


@dataclass(frozen=True)
class TrafficControl:
    """A filter, a queueing discipline or a program of a network interface."""

    interface: int
    """Index of the link."""
    direction: str
    """``ingress`` for what comes in by the link, ``egress`` or ``root`` for what leaves by it."""
    sort: str
    """``filter``, ``qdisc`` or ``program``."""
    kind: str
    """As tc(8) calls it: ``u32``, ``flower``, ``bpf``..., of a queueing discipline ``netem``, ``tbf``...; of a program
    ``tcx``."""
    protocol: int = ETH_P_ALL
    """Of the frames that a filter sees, as an Ethernet type."""
    actions: Optional[list[str]] = field(default_factory=list)
    """Of a filter, in their order; None where nobody knows, as for filters that are programs."""
