# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy processes that serve no published port."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import ProxyProcess
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LISTENERS,
    PROCESSES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check, Verdict, failed, passed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_Binding = tuple[str, str, int, int]


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    targets = dict(_targets(snapshot))
    listening = {item.pid for item in snapshot.listeners}
    # Listeners were read after the containers: a docker-proxy that went with its container has none.
    live = [proxy for proxy in snapshot.proxies if proxy.pid in listening or proxy.protocol == "sctp"]
    verdicts = [verdict for proxy in live for verdict in _judge_process(snapshot, proxy, targets)]
    if verdicts:
        return verdicts
    count = len(snapshot.proxies)
    words = f"Each of {count} docker-proxy processes serves a published port" if count else "No docker-proxy runs"
    return [passed(resources.daemon(), words, {"processes": count})]


def _targets(snapshot: HostSnapshot) -> Iterator[tuple[_Binding, set[str]]]:
    """Where the published ports of running containers lead, by what docker-proxy is told of them."""
    for container in running(snapshot):
        addresses = {text for item in container.endpoints for text in (item.address, item.address6) if text}
        for port in container.published:
            yield _binding(port), addresses


def _binding(port: PublishedPort) -> _Binding:
    """What dockerd shows of a port is what it hands to docker-proxy, but for an address left empty."""
    return port.protocol, port.address or port.host_ip, port.host_port, port.container_port


def _judge_process(snapshot: HostSnapshot, proxy: ProxyProcess, targets: dict[_Binding, set[str]]) -> list[Verdict]:
    outside = socket_name(proxy.host_ip, proxy.host_port)
    inside = socket_name(proxy.container_ip, proxy.container_port)
    addresses = targets.get(
        _binding(PublishedPort(proxy.protocol, proxy.container_port, proxy.host_ip, proxy.host_port))
    )
    dockerd = snapshot.daemon.pid if snapshot.daemon else None
    if addresses is None:
        what = "no running container publishes that"
    elif proxy.container_ip not in addresses and not _in_swarm(snapshot):
        what = f"the container that publishes it has {', '.join(sorted(addresses)) or 'no address'}"
    elif dockerd is not None and proxy.ppid != dockerd:
        what = f"dockerd (process {dockerd}) did not start it"
    else:
        return []
    evidence = {
        f"process {proxy.pid}": f"docker-proxy {outside} -> {inside}/{proxy.protocol}, child of {proxy.ppid}",
        "dockerd": dockerd,
    }
    return [
        failed(
            resources.host_port(outside, proxy.protocol),
            f"docker-proxy (process {proxy.pid}) leads from {outside} to {inside}, and {what}",
            evidence,
            "It holds the port, so that no container can publish it (port is already allocated, address already in "
            "use), and whoever connects waits for an address that may belong to another container by now.",
            Remedy(
                f"End it (kill {proxy.pid}) when nothing of value runs through it. If dockerd still does not give the "
                "port away, restart dockerd with live-restore in force"
            ),
        )
    ]


def _in_swarm(snapshot: HostSnapshot) -> bool:
    """Ports of tasks lead to addresses on docker_gwbridge, which the Engine API does not show."""
    return snapshot.engine is not None and snapshot.engine.swarm


CHECK = Check(
    id="proxy.orphan",
    severity=MEDIUM,
    title="Each docker-proxy serves a published port",
    rationale=(
        "A docker-proxy that outlives its container, or the dockerd that started it, keeps its port and leads nowhere."
    ),
    needs=(ENGINE, PROCESSES, LISTENERS),
    judge=_judge,
    leftovers=True,
)
