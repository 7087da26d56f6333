# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks on the recorded hosts of engine 29, both backends, docker-proxy on and off."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.runner import run_checks

from tests.unit.recorded_host import NAMES, recorded_host

# What was done to the host on purpose, or comes with an engine that nobody configured. Only web listens, on port 80.
FAULTS = {
    "publish.wildcard": 3,
    "publish.dead": 3,
    "network.default-bridge": 1,
    "network.icc": 1,
    "mode.host": 1,
    "mode.container": 1,
    "mode.none": 1,
    "daemon.live-restore": 1,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_host_of_engine_29_fails_for_its_faults_and_nothing_else(name: str) -> None:
    found: dict[str, int] = {}
    for item in run_checks(Examined(recorded_host(name), Settings())):
        if item.outcome == "fail":
            found[item.check] = found.get(item.check, 0) + 1
    # Every bridge routes 127.0.0.0/8 without docker-proxy; two still do from before it was turned on again.
    assert found == {**FAULTS, "bridge.route-localnet": 2 if name.endswith("proxy-on") else 4}
