# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode foretells what the real run does, on hosts broken at random; `make check-mode` breaks more of them."""

from __future__ import annotations

import zlib

import pytest

from tests.differential.broken_hosts import broken_host
from tests.differential.check_mode import run_case
from tests.lab.host import Host
from tests.lab.lab import Lab

SEED = 1
CASES = 2


@pytest.mark.long
def test_what_check_mode_foretells_becomes_true_and_nothing_else(engine_host: Host, lab: Lab) -> None:
    first = zlib.crc32(engine_host.kind.encode()) % 1000
    for number in range(first, first + CASES):
        engine_host.reset()
        verdict = run_case(lab, engine_host, broken_host(SEED, number))
        assert not verdict.void, verdict.void
        assert not verdict.complaints, str(verdict)
