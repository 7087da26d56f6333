# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of docs/operators.md: two networks, a sidecar and a container in the host's network."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    BootSysctls,
    SysctlAssignment,
    SysctlFile,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    DAEMON_CONFIG,
    PROCESSES,
    HostSnapshot,
    Source,
)

from tests.unit.docker_host import WILDCARD, DockerHost

_HOST_NETNS = 4026531840


def operators_host(**names: str) -> HostSnapshot:
    """The host as it would be read; names: other ones for ``web``, ``db``, ``sidecar`` and ``agent``."""
    host = DockerHost(layout=28)
    front, back = host.network(), host.network(internal=True)
    web = host.container(names.get("web", "web"), [front], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.container(names.get("db", "db"), [back], [], [("tcp", 5432)])
    joined = replace(web, endpoints=[], published=[])
    sidecar, agent = names.get("sidecar", "sidecar"), names.get("agent", "agent")
    host.containers.append(replace(joined, id="f" * 64, name=sidecar, network_mode=f"container:{web.name}"))
    host.containers.append(
        replace(joined, id="e" * 64, name=agent, network_mode="host", netns=_HOST_NETNS, nsid=None, pid=900)
    )
    host.sysctls["net.ipv6.conf.all.forwarding"] = "0"
    snapshot = host.snapshot()
    boot = SysctlFile("/etc/sysctl.d/50-forward.conf", [SysctlAssignment("net.ipv4.ip_forward", "1", 2)])
    return replace(
        snapshot,
        hostname="edge1",
        kernel="6.12.48",
        sources={**snapshot.sources, **{name: Source(read=True) for name in (BOOT, DAEMON_CONFIG, PROCESSES)}},
        engine=Engine("28.5.2", "1.51"),
        boot=BootSysctls("systemd-sysctl", [boot]),
        proxies=[replace(proxy, pss=1_782_579) for proxy in snapshot.proxies],
        daemon_config=DaemonConfig("/etc/docker/daemon.json", exists=False),
    )
