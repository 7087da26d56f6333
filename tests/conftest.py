# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage the collection before tests are collected, so that they never run against yesterday's copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import stage


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stage once, in the process that started the run, unless the tests run inside a copy (as under ansible-test)."""
    is_worker = hasattr(session.config, "workerinput")
    is_copy = Path(__file__).resolve().parents[3].name == "ansible_collections"
    if not is_worker and not is_copy:
        stage.make_stage()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep tests of one lab host in one worker.

    pytest-xdist 3.8 marks the groups of --dist loadgroup in an attribute that pytest 9.2 no longer looks at, and so
    spreads them over all workers without a word.
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

    from tests.lab.kinds import KINDS

    class HostScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            """The host among the parameters of a test, else its file."""
            path, dummy, parameters = nodeid.partition("[")
            words = f"-{parameters.partition(']')[0]}-"
            hosts = [kind for kind in KINDS if f"-{kind}-" in words]
            return max(hosts, key=len) if hosts else path.partition("::")[0]

    return HostScheduling(config, log)
