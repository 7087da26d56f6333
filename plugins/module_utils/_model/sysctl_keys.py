# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Names of the kernel's settings."""

from __future__ import annotations


def sysctl_key(version: int, interface: str, name: str) -> str:
    """The dotted key of an interface's setting for IPv4 or IPv6; dots of its name become slashes, see sysctl.d(5)."""
    return f"net.ipv{version}.conf.{interface.replace('.', '/')}.{name}"
