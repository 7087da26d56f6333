"""A short run of `make hostile`."""

from __future__ import annotations

import pytest

from tests.hostile.__main__ import prepare, run
from tests.hostile.case import healthy
from tests.hostile.hosts import NAMES, NEIGHBOUR

CASES = 300
JOBS = 2


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    prepare()


@pytest.mark.parametrize("name", NAMES)
def test_the_fault_is_found_on_a_host_that_nobody_spoilt(name: str) -> None:
    found = {check for check, dummy, resource, outcome in healthy(name).findings if NEIGHBOUR in resource}
    assert "publish.wildcard" in found
    assert ("hairpin.missing" in found) == (name == "iptables without docker-proxy")


def test_hosts_that_do_all_they_can(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = run(seed=1, numbers=list(range(CASES)), jobs=JOBS)
    assert not wrong, capsys.readouterr().out
