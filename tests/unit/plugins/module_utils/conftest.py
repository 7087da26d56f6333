# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _on_a_managed_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ansible.module_utils take the process for a module's.

    Tests of plugins in the same run import the controller's half of ansible-core, and warnings then go to its display
    instead of into the module's result.
    """
    monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)


# pyroute2 0.5.14, when it is loaded: by whichever test is the first to need it.
LOADING = "ignore:distutils Version classes:DeprecationWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(LOADING))
