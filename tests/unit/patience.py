"""Limits of time that hold on every machine: one that is busy, or slow, is no fault of what is tested."""

from __future__ import annotations

import time

import pytest

SECONDS = 120.0
"""The limit of a wait that ends as soon as what is waited for is there: this long it takes a test to fail."""
EVER = 1000.0
"""More than any limit of a test."""


class Clock:
    """The clock of this process. A limit passes when a test says so, and until then no machine is too slow for it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real = time.monotonic
        patch.setattr(time, "monotonic", lambda: real() + self._ahead)

    def go_on(self) -> None:
        """Let all limits pass that began before."""
        self._ahead += EVER
