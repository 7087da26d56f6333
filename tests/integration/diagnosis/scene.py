# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host on which faults are injected: healthy, and asked in a few ways that all work."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from tests.integration.catalogue.scenario import release
from tests.integration.snapshots import install_readers
from tests.lab.breaks import DAEMON_JSON
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.scenario import NetworkSpec, Scenario, Workload, wait_for_servers

if TYPE_CHECKING:
    from tests.integration.diagnosis.name_server import NameServer

BRIDGE = "com.docker.network.bridge."
APP = NetworkSpec("app", "10.77.1.0/24", options={f"{BRIDGE}name": "app0"})
"""Of ``web``, which is published, and of ``client``, which asks."""
OTHER = NetworkSpec("other", "10.77.2.0/24", options={f"{BRIDGE}name": "other0"})
"""Of ``rival``, which answers like ``web``, and of the pair that is moved."""
DUAL = NetworkSpec("dual", "10.77.3.0/24", ipv6_subnet="fd77:3::/64", options={f"{BRIDGE}name": "dual0"})
"""Of ``six``, which asks over IPv6."""
INNER = NetworkSpec("inner", "10.77.4.0/24", internal=True, options={f"{BRIDGE}name": "inner0"})
QUIET = NetworkSpec("quiet", "10.77.5.0/24", options={f"{BRIDGE}name": "quiet0", f"{BRIDGE}enable_icc": "false"})
NETWORKS = (APP, OTHER, DUAL, INNER, QUIET)

PORT, UDP_PORT = 8080, 5353
UNUSED = "10.77.1.222"
"""An address of the network app that no container has."""
GATEWAY = "10.77.1.1"
"""Of the network app."""


class Scene:
    """A lab host with its containers, and the machines around it."""

    def __init__(self, host: Host, lab: Lab) -> None:
        self.host = host
        self.lab = lab
        self.names: NameServer | None = None
        """The name server outside, while there is one."""

    @property
    def resolver(self) -> str:
        """The address of the name server outside that containers of this host are configured with."""
        return f"192.0.2.{self.host.host_name.place}"

    @functools.cached_property
    def workloads(self) -> list[Workload]:
        """The containers of the healthy host."""
        published = [f"{PORT}:80", f"{UDP_PORT}:{UDP_PORT}/udp"]
        return [
            Workload("web", ["app"], publish=published),
            Workload("client", ["app"], options=[f"--dns={self.resolver}"]),
            Workload("rival", ["other"]),
            Workload("mover", ["other"]),
            Workload("six", ["dual"]),
        ]

    def build(self, *, userland_proxy: bool) -> None:
        """Make the healthy host of one that was reset."""
        settings: dict[str, Any] = {} if userland_proxy else {"userland-proxy": False}
        if release(self.host) < (27, 0):
            settings |= {"ip6tables": True, "experimental": True}
        self.host.set_sysctl("net.ipv6.conf.all.forwarding", "1")
        if settings:
            self.host.write(DAEMON_JSON, json.dumps(settings))
            self.host.restart_docker()
        install_readers(self.host)
        self.host.deploy(Scenario(NETWORKS, self.workloads))
        # A table stays, empty, where a rule was in it.
        for table in ("raw", "mangle"):
            for verb in ("-I", "-D"):
                self.host.run(["iptables", "-t", table, verb, "PREROUTING", "-j", "ACCEPT"])
                self.host.run(["iptables", "-t", table, verb, "OUTPUT", "-j", "ACCEPT"])

    def restart(self, name: str) -> None:
        """Restart a container, and wait until it answers again."""
        self.host.docker("restart", "--time", "0", name)
        wait_for_servers(self.host, next(item for item in self.workloads if item.name == name))

    def inside(self, container: str, *argv: str, check: bool = True) -> str:
        """Run one of the machine's programs in a container's network namespace."""
        return self.host.container(container).net(argv, check=check).out

    def port_of(self, container: str) -> str:
        """The bridge port of a container with one network."""
        index = self.inside(container, "ip", "-o", "link", "show", "eth0").partition("@if")[2].partition(":")[0]
        links = self.host.run(["ip", "-o", "link", "show"]).out.splitlines()
        return next(line.split(": ")[1].partition("@")[0] for line in links if line.startswith(f"{index}: "))

    def forget_neighbours(self) -> None:
        """Make host and containers ask again for the hardware addresses of each other."""
        for place in (self.host, self.host.container("web"), self.host.container("client")):
            place.net(["ip", "neighbour", "flush", "all"], check=False)
