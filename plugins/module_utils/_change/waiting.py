# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Waiting for a condition, with a limit."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.2


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask until condition holds or the time is over; return whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True
