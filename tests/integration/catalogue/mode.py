# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area mode."""

from __future__ import annotations

from tests.integration.catalogue.case import Case, as_it_is
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload


def in_the_hosts_namespace(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("agent", network_mode="host", serve=[9100])]))


def in_anothers_namespace(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("sidecar", network_mode="container:api", serve=[81])]))


def without_network(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("lonely", network_mode="none")]))


def with_the_right_to_change_its_network(host: Host) -> None:
    # A privileged one cannot start here: its bounding set would be larger than that of the host itself.
    router = Workload("router", ["front"], serve=[], options=["--cap-add", "NET_ADMIN"])
    host.deploy(Scenario(containers=[router]))


FORBIDDEN = {"parameters": {"mode.capabilities": {"forbidden": ["NET_ADMIN", "NET_RAW"]}}}

CASES: tuple[Case, ...] = (
    Case("mode.host", in_the_hosts_namespace, "agent", "workload"),
    Case("mode.container", in_anothers_namespace, "sidecar", "workload"),
    Case("mode.none", without_network, "lonely", "workload"),
    Case("mode.capabilities", with_the_right_to_change_its_network, "router", "workload"),
    # One finding for all of them, about the host.
    Case("mode.capabilities", as_it_is, "", "workload", options=FORBIDDEN),
)
