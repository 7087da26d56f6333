# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A missing library is told while nothing is changed yet, and only where it is needed."""

from __future__ import annotations

import sys

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.libraries import lacking


def test_only_changes_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking(["a port"]) == {}
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    assert lacking([]) == {}
    found = lacking(["a port"])
    assert list(found) == ["pyroute2"]
    assert "install python3-pyroute2" in found["pyroute2"]
