"""`make harden` on a user's hosts does not succeed by having none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_an_inventory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yml"
    # What the make that started this test was given is not meant for this one.
    clean = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "EXTRA")}
    done = subprocess.run(
        ["make", "harden", f"INVENTORY={missing}"],
        cwd=ROOT,
        env=clean,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode != 0
    assert f"parse inventory source {missing}" in done.stdout + done.stderr
