# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage the collection before tests are collected, so that they never run against yesterday's copy of it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import stage

# A machine that is busy with labs is slow, which is no fault of what is tested.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stage once, in the process that started the run, unless the tests run inside a copy (as under ansible-test)."""
    is_worker = hasattr(session.config, "workerinput")
    is_copy = Path(__file__).resolve().parents[3].name == "ansible_collections"
    if not is_worker and not is_copy:
        stage.make_stage()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of collections of garbage: all of it stays to the end."""
    gc.collect()
    gc.freeze()
