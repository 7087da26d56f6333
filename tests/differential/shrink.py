"""Makes a file that shows something as short as can be, while it goes on showing it."""

from __future__ import annotations

from collections.abc import Callable

QUESTIONS = 60


def shrink(raw: bytes, shows: Callable[[bytes], bool]) -> bytes:
    """The shortest file found by leaving out ever smaller pieces (delta debugging); at most QUESTIONS are asked."""
    asked = 0
    size = max(1, len(raw) // 2)
    while size:
        at = 0
        while at < len(raw):
            shorter = raw[:at] + raw[at + size :]
            asked += 1
            if asked > QUESTIONS:
                return raw
            if shows(shorter):
                raw = shorter
            else:
                at += size
        size //= 2
    return raw
