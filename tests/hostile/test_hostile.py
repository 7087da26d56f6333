"""A short run of `make hostile`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile import __main__ as program
from tests.hostile.__main__ import prepare
from tests.hostile.case import Verdict, healthy
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


def test_a_case_that_is_not_clean_is_repeated_alone_and_counts_if_it_is_not_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs: list[int] = []

    def run_case(dummy_seed: int, number: int) -> Verdict:
        runs.append(number)
        is_clean = number == 0 or (number == 1 and runs.count(1) == 2)
        return Verdict(number, "a host", [] if is_clean else [f"the reason of {number}"])

    monkeypatch.setattr(program, "run_case", run_case)
    assert program.run(7, [0, 1, 2, 3], jobs=1) == 2
    assert runs == [0, 1, 2, 3, 1, 2, 3]
    told = capsys.readouterr().out
    assert "case 1 is to be repeated: a host: the reason of 1" in told
    assert "case 2, a host\n  the reason of 2\n  again: python -m tests.hostile --seed 7 --only 2" in told
    assert "4 hostile hosts (seed 7): 2 with defects (2, 3); 3 were not clean at first, 3 of them repeated" in told


def test_hosts_that_do_all_they_can() -> None:
    # A program of its own: processes that it starts begin with its main module, which here would be the test runner's.
    command = [sys.executable, "-m", "tests.hostile", "--cases", str(CASES), "--seed", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".build")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
