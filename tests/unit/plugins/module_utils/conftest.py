# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

# What the libraries of managed hosts do that pytest would take for a fault of ours.
LIBRARIES = (
    # The docker SDK does not close a socket that it could not connect.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
USERS = ("test_engine_api.py", "test_network_api.py", "test_read.py", "test_rollback.py")


@pytest.fixture(autouse=True)
def _on_a_managed_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ansible.module_utils take the process for a module's.

    Tests of plugins in the same run import the controller's half of ansible-core, and warnings then go to its display
    instead of into the module's result.
    """
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)


# pyroute2 0.5.14 and docker 4.1.0, when they are loaded: by whichever test is the first to need them.
LOADING = "ignore:distutils Version classes:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(LOADING))
        if item.path.name in USERS:
            for warning in LIBRARIES:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave no such socket to the next test's garbage collector."""
    yield
    if request.path.name in USERS:
        gc.collect()
