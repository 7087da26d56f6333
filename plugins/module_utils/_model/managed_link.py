# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Interfaces that a network manager takes care of."""

from __future__ import annotations

from dataclasses import dataclass

NETWORKD = "systemd-networkd"
NETWORK_MANAGER = "NetworkManager"


@dataclass(frozen=True)
class ManagedLink:
    """What a running network manager says of one interface."""

    manager: str
    """``systemd-networkd`` or ``NetworkManager``."""
    interface: str
    state: str
    """In its own words."""
    managed: bool
    """Whether it configures the interface. NetworkManager shows what others configured as connected externally, and
    leaves it alone."""
    by: str = ""
    """The file or connection that says so, where it names one."""
