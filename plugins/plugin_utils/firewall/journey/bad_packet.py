# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The error for a packet that nobody can send."""

from __future__ import annotations


class BadPacketError(ValueError):
    """The message names the part of the packet, its value, and what is allowed."""

    def __init__(self, part: str, problem: str) -> None:
        """Take the name of the packet's field, and what is wrong with it."""
        super().__init__(f"{part}: {problem}")
        self.part = part
        self.problem = problem
