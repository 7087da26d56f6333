# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What connection tracking remembers of translated datagrams."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrackedFlow:
    """A flow of UDP whose destination was translated (IPS_DST_NAT), as ctnetlink lists it.

    While it lives, and each datagram gives it new life, no rule of table nat is asked for it again.
    """

    source: str
    source_port: int
    destination: str
    """Where the first datagram was sent."""
    destination_port: int
    translated: str
    """Where they all are delivered: the source of what the reply is expected to be."""
    translated_port: int
    timeout: int
    """Seconds that it lives if nothing more comes."""


@dataclass(frozen=True)
class Conntrack:
    """The translated flows of UDP of the host's namespace."""

    flows: list[TrackedFlow] = field(default_factory=list)
    complete: bool = True
    """False where there were more than a reading takes."""
