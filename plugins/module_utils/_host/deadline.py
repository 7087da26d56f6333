# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.
"""The time until which everything that is read of a host must have been read.

One for the whole process, since whatever waits (for the kernel, a program, the engine) waits for the same reading.
Without one, as in a change, the limits of each wait hold.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Optional

SECONDS = 60.0
"""By default. A host with 1,000 containers takes two or three."""

_ends: Optional[float] = None


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let all waits of the body end within so many seconds from now."""
    global _ends  # noqa: PLW0603 (see above)
    before, _ends = _ends, time.monotonic() + seconds
    try:
        yield
    finally:
        _ends = before


def within(limit: float) -> float:
    """Return the seconds that a wait may take whose own limit is given; 0 or less where there is no time left."""
    return limit if _ends is None else min(limit, _ends - time.monotonic())
