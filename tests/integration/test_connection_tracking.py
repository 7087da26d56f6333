# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections whose answers are lost because connection tracking has forgotten them by then."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    ANSWERED,
    CONTAINER,
    UNKNOWN,
    Origin,
    Packet,
    Path,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.differential.reachability_machines import prepare
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload
from tests.lab.vantage import enough

PORTS = {"tcp": 80, "udp": 53}


@pytest.fixture
def host(fresh_host: Host, lab: Lab) -> Host:
    prepare(lab)
    install_readers(fresh_host)
    fresh_host.deploy(Scenario([NetworkSpec("app", "10.88.8.0/24")], [Workload("c1", ["app"])]))
    return fresh_host


@pytest.mark.parametrize(
    ("protocol", "setting"),
    [
        ("tcp", "tcp_timeout_syn_sent"),
        pytest.param("tcp", "tcp_timeout_established", marks=pytest.mark.long),
        pytest.param("tcp", "tcp_timeout_unacknowledged", marks=pytest.mark.long),
        pytest.param("tcp", "tcp_timeout_max_retrans", marks=pytest.mark.long),
        ("udp", "udp_timeout"),
    ],
)
def test_an_entry_that_ends_at_once_takes_the_answer(host: Host, lab: Lab, protocol: str, setting: str) -> None:
    key = f"net.netfilter.nf_conntrack_{setting}"
    packet = Packet(Origin(CONTAINER, "c1"), lab.internet_address, protocol, PORTS[protocol])

    def predicted() -> Path:
        return predict(HostView.of(read_host(host)), packet)

    def observed(expected: str) -> str:
        place = host.container("c1")
        probe = place.tcp if protocol == "tcp" else place.udp
        return probe(lab.internet_address, PORTS[protocol], enough(expected))

    host.set_sysctl(key, "1")
    assert (predicted().observed, observed(ANSWERED)) == (ANSWERED, ANSWERED)
    host.set_sysctl(key, "0")
    path = predicted()
    assert path.verdict == UNKNOWN
    assert f"{key} is 0" in path.because
    assert observed("timed out") == "timed out"
