# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All checks on the recorded hosts of engine 29, both backends, docker-proxy on and off."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.recorded_host import NAMES, recorded_host

# What was done to the host on purpose, or comes with an engine that nobody configured. Only web listens, on port 80.
FAULTS = {
    "publish.wildcard": 3,
    "publish.no-listener": 3,
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
    for item in run_checks(AuditContext(recorded_host(name), Settings())):
        if item.outcome == "fail":
            found[item.check] = found.get(item.check, 0) + 1
    # Every bridge routes 127.0.0.0/8 without docker-proxy; two still do from before it was turned on again.
    faults = {**FAULTS, "bridge.route-localnet": 2 if name.endswith("proxy-on") else 4}
    if name.startswith("nftables"):
        # Its chain accepts what goes to published ports ahead of the drop for internal networks.
        faults["network.internal-open"] = 1
    assert found == faults


@pytest.mark.parametrize("name", NAMES)
def test_rules_of_ones_own_belong_where_the_engine_leaves_them_a_place(name: str) -> None:
    for item in run_checks(AuditContext(recorded_host(name), Settings(checks=("publish.wildcard",)))):
        assert item.remediation is not None
        assert ("DOCKER-USER" in item.remediation.text) is name.startswith("iptables")
        assert ("hook forward" in item.remediation.text) is name.startswith("nftables")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("nftables")])
def test_what_restarts_mend_of_the_nftables_backend(name: str) -> None:
    snapshot = recorded_host(name)
    assert snapshot.ruleset is not None
    web = next(item for item in snapshot.containers if item.name == "web")
    renamed = replace(web, endpoints=[replace(item, address="10.88.1.200") for item in web.endpoints])
    others = [item for item in snapshot.containers if item.name != "web"]
    moved = [replace(space, links=[]) if space.inode == web.netns else space for space in snapshot.container_namespaces]
    gone = replace(snapshot, containers=[renamed, *others], container_namespaces=moved)
    found = run_checks(AuditContext(gone, Settings(checks=("firewall.stale",))))
    remediations = [item.remediation.text for item in found if item.outcome == "fail" and item.remediation is not None]
    assert remediations
    assert all("Restart dockerd, which flushes" in text for text in remediations)
