"""A short run of `make hostile`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.__main__ import prepare
from tests.hostile.case import healthy
from tests.hostile.hosts import NAMES, NEIGHBOUR

ROOT = Path(__file__).resolve().parents[2]
CASES = 50
LIMIT = 600.0
"""Seconds; the machine may have other things to do."""


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()


@pytest.mark.parametrize("name", NAMES)
def test_the_fault_is_found_on_a_host_that_nobody_spoilt(name: str) -> None:
    found = {check for check, dummy, resource, outcome in healthy(name).findings if NEIGHBOUR in resource}
    assert "publish.wildcard" in found
    assert ("hairpin.missing" in found) == (name == "iptables without docker-proxy")


def test_hosts_that_do_all_they_can() -> None:
    # A program of its own: processes that it starts begin with its main module, which here would be the test runner's.
    command = [sys.executable, "-m", "tests.hostile", "--cases", str(CASES), "--seed", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".build")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
