# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether packets as large as the interface sends arrive: echo requests of many sizes that no router may fragment.

A black hole is where small ones are answered and large ones vanish without a word.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import EchoSocket, error_name, since

_SMALL = 128
# What tunnels and encapsulations leave of 1500: PPPoE, GRE, IPsec, VXLAN, WireGuard; the least that IPv6 has.
_SIZES = (8996, 8946, 4000, 1500, 1492, 1480, 1476, 1460, 1450, 1440, 1420, 1400, 1380, 1350, 1320, 1280, 1000, 576)


@dataclass(frozen=True)
class MtuAnswer:
    """What came of it."""

    largest: int = 0
    """The largest packet, in bytes with its headers, that was answered; 0 where nothing was."""
    reported: int = 0
    """The path MTU that a router reported; 0 for none."""
    detail: str = ""
    """Who reported it."""
    error: str = ""
    milliseconds: float = 0.0


def measure(address: str, mtu: int, seconds: float) -> MtuAnswer:
    """Return what of packets up to so many bytes arrives, within so many seconds. Needs CAP_NET_RAW."""
    began = time.monotonic()
    try:
        with EchoSocket(address) as asking:
            asking.never_fragment()
            return _Measurement(asking, began, seconds).result(mtu)
    except OSError as error:
        return MtuAnswer(error=error_name(error), milliseconds=since(began))


class _Measurement:
    def __init__(self, asking: EchoSocket, began: float, seconds: float) -> None:
        self._asking = asking
        self._began = began
        self._seconds = seconds
        self._answered: set[int] = set()
        self._reported = 0
        self._detail = ""

    def result(self, mtu: int) -> MtuAnswer:
        """What was found; the sequence number of a request is its size."""
        self._ask([mtu, _SMALL], mtu, self._seconds / 2)
        if mtu not in self._answered and self._answered and not self._reported:
            # Once more, for one packet can be lost.
            self._ask([mtu, *(size for size in _SIZES if _SMALL < size < mtu)], mtu, self._seconds / 2)
        return MtuAnswer(max(self._answered, default=0), self._reported, self._detail, "", since(self._began))

    def _ask(self, sizes: Sequence[int], wanted: int, seconds: float) -> None:
        until = time.monotonic() + seconds
        for size in sizes:
            self._take(partial(self._asking.send, size, size))
        while until > time.monotonic() and wanted not in self._answered:
            if self._reported and self._answered:
                return
            self._take(partial(self._receive, until))

    def _receive(self, until: float) -> None:
        size = self._asking.receive(until - time.monotonic())
        if size is not None:
            self._answered.add(size)

    def _take(self, call: Callable[[], None]) -> None:
        """Do it, and note what a router reports meanwhile."""
        try:
            call()
        except OSError as error:
            mtu, detail = self._asking.reported()
            if error.errno != errno.EMSGSIZE:
                raise
            self._reported, self._detail = mtu or self._reported, detail or self._detail
