# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What files of the host declare that it will forward for, whether it is up now or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True)
class DeclaredForwarder:
    """A VPN, a tunnel or a network of virtual machines that some file declares."""

    name: str
    """``interface wg0``, ``IPsec connection office``..."""
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
    unread: list[str] = field(default_factory=list)
    """A sentence for each file that could not be read, though the software that it belongs to is on."""
