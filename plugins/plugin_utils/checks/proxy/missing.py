# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Published ports that nobody holds on the host."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    INNER,
    LISTENERS,
    NAMESPACES,
    PROCESSES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import bound_address, socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_Sockets = dict[tuple[str, str, int], list[Listener]]

_SEEN = ("tcp", "udp")
"""Listeners of SCTP are not read."""


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    # Namespaces were looked into last: a container whose namespace was not there any more ended meanwhile.
    lasting = {namespace.inode for namespace in snapshot.inner}
    published = [
        (container, [port for port in container.published if port.protocol in _SEEN and port.host_port])
        for container in running(snapshot)
        if container.netns in lasting
    ]
    count = sum(len(ports) for dummy, ports in published)
    if not count:
        return [not_applicable(resources.host(snapshot), "No running container publishes a port")]
    sockets = _sockets(snapshot)
    ours = _holders(snapshot)
    verdicts = [
        verdict for container, ports in published for verdict in _judge_container(container, ports, sockets, ours)
    ]
    words = f"Each of {count} bindings is held on the host, by docker-proxy or by dockerd itself"
    return verdicts or [passed(resources.host(snapshot), words, {"bindings": count})]


def _sockets(snapshot: HostSnapshot) -> _Sockets:
    found: _Sockets = {}
    for item in snapshot.listeners:
        found.setdefault((item.protocol, item.address, item.port), []).append(item)
    return found


def _holders(snapshot: HostSnapshot) -> set[int]:
    """Processes that hold ports for containers: dockerd's own docker-proxy, and without it dockerd itself."""
    dockerd = snapshot.daemon.pid if snapshot.daemon else None
    return {item.pid for item in snapshot.proxies if item.ppid == dockerd} | ({dockerd} if dockerd else set())


def _judge_container(
    container: Container, ports: list[PublishedPort], sockets: _Sockets, ours: set[int]
) -> list[Verdict]:
    missing: dict[tuple[int, str], list[str]] = {}
    for port in ports:
        held = _held(port, sockets)
        if any(item.pid is None or item.pid in ours for item in held):
            continue
        by = f" (held by {held[0].owner}, process {held[0].pid})" if held else ""
        where = socket_name(port.address or port.host_ip, port.host_port)
        missing.setdefault((port.container_port, port.protocol), []).append(f"{where}{by}")
    return [
        failed(
            resources.port(container, number, protocol),
            f"{container.name} publishes {number}/{protocol} on {', '.join(places)}, and neither docker-proxy nor "
            "dockerd holds it",
            {"published on": places, "listening on the host": False},
            "Who is led there by no rule of the kernel is refused: the host itself at 127.0.0.1 and ::1, containers of "
            "the same network, IPv6 clients of a container without IPv6. Any program can take the port meanwhile.",
            Remedy(f"Restart the container ({container.name}), so that dockerd opens its ports anew"),
        )
        for (number, protocol), places in missing.items()
    ]


def _held(port: PublishedPort, sockets: _Sockets) -> list[Listener]:
    try:
        address = str(bound_address(port))
    except ValueError:
        return []
    held = sockets.get((port.protocol, address, port.host_port), [])
    if ":" not in address:
        both = sockets.get((port.protocol, "::", port.host_port), [])
        held = held + [item for item in both if not item.only_ipv6]
    return held


CHECK = Check(
    id="proxy.missing",
    severity=MEDIUM,
    title="Each published port is held on the host",
    rationale=(
        "For each binding docker-proxy listens, or dockerd itself where docker-proxy is off. Rules of the kernel serve "
        "most clients without it, so that its loss shows only for some."
    ),
    needs=(ENGINE, NAMESPACES, PROCESSES, LISTENERS, INNER),
    judge=_judge,
)
