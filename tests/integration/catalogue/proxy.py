# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area proxy."""

from __future__ import annotations

from tests.integration.catalogue.case import Case, as_it_is
from tests.integration.catalogue.proxy_off import proxy_off_for_all
from tests.integration.catalogue.scenario import configure
from tests.lab.host import Host
from tests.lab.scenario import Scenario, Workload


def proxy_off_at_the_next_start(host: Host) -> None:
    configure(host, userland_proxy=False)


def proxy_of_a_container_that_never_was(host: Host) -> None:
    """A process of its own, so that no dockerd ends it; a reset of the host does."""
    # It tells its parent through descriptor 3 that it listens, and closes whatever that is.
    start = ["/bin/bash", "-c", 'exec docker-proxy "$@" 3>/dev/null', "bash", *words_of_docker_proxy(host)]
    host.run(["systemd-run", "--collect", *start])
    host.wait_for(lambda: "7002" in host.run(["ss", "-Hltn", "sport = 7002"]).out, 120, "docker-proxy to listen")


def words_of_docker_proxy(host: Host) -> list[str]:
    return [
        *("-proto", "tcp", "-host-ip", host.address, "-host-port", "7002"),
        *("-container-ip", "10.88.1.250", "-container-port", "80"),
    ]


def proxy_killed(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("held", ["front"], publish=[f"{host.address}:7001:80"])]))
    host.run(["pkill", "--signal", "KILL", "--full", "docker-proxy .*-host-port 7001 "])
    host.wait_for(lambda: "7001" not in host.run(["ss", "-Hltn", "sport = 7001"]).out, 120, "nobody to listen")


CASES: tuple[Case, ...] = (
    Case(
        "proxy.enabled",
        as_it_is,
        "dockerd",
        "pending",
        proxy_off_for_all,
        "proxy off",
        options={"userland_proxy": "disabled"},
    ),
    Case("proxy.pending", proxy_off_at_the_next_start, "dockerd", "pending"),
    Case("proxy.orphan", proxy_of_a_container_that_never_was, "", "workload"),
    Case("proxy.missing", proxy_killed, "held:80/tcp", "workload"),
    Case("proxy.memory", as_it_is, "dockerd", "pending", proxy_off_for_all, "proxy off"),
)
