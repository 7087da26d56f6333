# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluator against the kernel on a recorded host of engine 29 with nftables; `make recorded` asks more of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPARISONS = 300
SEED = 2


def test_the_kernel_does_what_is_predicted_of_a_recorded_host() -> None:
    # In a process of its own: it moves from one network namespace to another.
    done = subprocess.run(
        [sys.executable, "-m", "tests.differential.recorded", f"--cases={COMPARISONS}", f"--seed={SEED}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / ".build")},
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
