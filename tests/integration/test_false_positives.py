# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where other auditors of Docker hosts are wrong, and this one must not be.

Each test is a verdict that one of them gives on such a host and that an operator reported, or would report, as false:
docker-bench-security, docker-bench, and the InSpec profiles for the CIS Docker Benchmark.
"""

from __future__ import annotations

import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.integration.catalogue.case import Step
from tests.integration.catalogue.reading import read
from tests.lab.breaks import DAEMON_JSON, DROP_IN
from tests.lab.host import Host
from tests.lab.scenario import NetworkSpec, Scenario, Workload

DOCKERD = "/usr/sbin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock"
CIS_WISHES = {"userland-proxy": False, "icc": False}


def verdicts(snapshot: HostSnapshot, check: str) -> dict[str, str]:
    """What a check says when the baseline of the CIS is wanted: outcomes by the name of the resource."""
    settings = Settings(userland_proxy="disabled", checks=(check,))
    return {item.resource.name: item.outcome for item in run_checks(AuditContext(snapshot, settings))}


# ---- a host whose daemon.json was written, and not taken up ----------------------------------------------------------


def configured_only(host: Host) -> None:
    """daemon.json says all that the CIS wants, and dockerd was not restarted since; three ports are published."""
    host.write(DAEMON_JSON, json.dumps(CIS_WISHES))
    host.deploy(
        Scenario(
            [NetworkSpec("front", ipv6_subnet="fd88:1::/64")],
            [
                Workload("six", ["front"], publish=["[::]:8081:80"]),
                Workload("below", ["front"], publish=["127.0.0.1:1023:80"]),
                Workload("above", ["front"], publish=["127.0.0.1:1024:80"]),
            ],
        )
    )


@pytest.fixture
def not_in_force(engine_host: Host) -> HostSnapshot:
    return read(engine_host, configured_only)


def test_a_port_published_for_ipv6_alone_is_published_on_all_addresses(not_in_force: HostSnapshot) -> None:
    """docker-bench-security cuts "[::]:8081" at the first colon and finds no wildcard in it."""
    assert verdicts(not_in_force, "publish.wildcard") == {"six:80/tcp": "fail"}


def test_port_1024_is_not_privileged(not_in_force: HostSnapshot) -> None:
    """docker-bench-security and dev-sec's profile take it for one; ip_unprivileged_port_start says 1024."""
    assert verdicts(not_in_force, "publish.privileged") == {"below:80/tcp": "fail"}


def test_an_unused_docker0_is_fine(not_in_force: HostSnapshot) -> None:
    """docker-bench fails for the bridge that every daemon makes."""
    assert any(network.is_default_bridge for network in not_in_force.networks)
    assert set(verdicts(not_in_force, "network.default-bridge").values()) == {"pass"}


def test_icc_is_what_the_network_has_and_not_what_the_file_says(not_in_force: HostSnapshot) -> None:
    """All who read daemon.json pass this host, whose default network was made with icc on."""
    assert set(verdicts(not_in_force, "network.icc").values()) == {"fail"}


def test_docker_proxy_is_what_runs_and_not_what_the_file_says(not_in_force: HostSnapshot) -> None:
    """All who read daemon.json pass this host, which runs the proxies of its ports."""
    assert not_in_force.proxies
    assert verdicts(not_in_force, "proxy.enabled") == {"dockerd": "fail"}


# ---- the same value, given in each way that there is -----------------------------------------------------------------


def as_flags(host: Host) -> None:
    flags = " ".join(f"--{key}={json.dumps(value)}" for key, value in CIS_WISHES.items())
    host.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={DOCKERD} {flags}\n")
    host.run(["systemctl", "daemon-reload"])
    host.restart_docker()


def in_the_file(host: Host) -> None:
    host.write(DAEMON_JSON, json.dumps(CIS_WISHES))
    host.restart_docker()


def by_default(dummy: Host) -> None:
    """As it was installed."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(as_flags, "pass", id="flag"),
        pytest.param(in_the_file, "pass", id="file"),
        pytest.param(by_default, "fail", id="default"),
    ],
)
def test_a_value_counts_however_it_was_given(engine_host: Host, given: Step, expected: str) -> None:
    """Some ask the file alone; docker-bench-security takes the newest process with "dockerd" in its command line."""
    snapshot = read(engine_host, given)
    assert set(verdicts(snapshot, "proxy.enabled").values()) == {expected}
    assert set(verdicts(snapshot, "network.icc").values()) == {expected}
