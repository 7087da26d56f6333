# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The Engine API on TCP: who may use it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    changed_since_start,
    start_flags,
    start_values,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import HIGH, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    LISTENERS,
    PROCESSES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_PLAIN, _WITH_TLS = 2375, 2376
_OF_A_SWARM = frozenset({2377, 7946})


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    if snapshot.daemon is None:
        return [unknown(resources.daemon(), "dockerd was not seen running")]
    values = start_values(snapshot)
    told = values.get("hosts")
    hosts = [str(host) for host in told] if told and isinstance(told, list) else ["unix:///var/run/docker.sock"]
    open_ports = _listening(snapshot)
    wanted = {port for port in map(_tcp_port, hosts) if port}
    sockets = [item for item in open_ports if item.port in wanted]
    explained = wanted | _explained(snapshot, values)
    others = [item for item in open_ports if item.pid is not None and item.port not in explained]
    if snapshot.daemon.sockets_handed > 1 and any(host.startswith("fd://") for host in hosts):
        # A further ListenStream of docker.socket.
        sockets, others = sockets + others, []
    evidence: dict[str, Any] = {
        "listens at": hosts,
        "TCP sockets of dockerd for it": [socket_name(item.address, item.port) for item in sockets],
        "tlsverify": values.get("tlsverify", False),
    }
    from_file = "hosts" not in start_flags(snapshot) or "tlsverify" not in start_flags(snapshot)
    stale = from_file and changed_since_start(snapshot) is True
    if sockets and values.get("tlsverify") is True:
        return [_verified(evidence, sockets, stale=stale)]
    if sockets:
        return [_open(evidence, sockets)]
    if others and stale and "hosts" not in start_flags(snapshot):
        places = ", ".join(socket_name(item.address, item.port) for item in others)
        reason = f"dockerd listens at {places}, and daemon.json was changed since it started: what for, nothing says"
        return [unknown(resources.daemon(), reason, evidence)]
    return [passed(resources.daemon(), "The Engine API is not on TCP", evidence)]


def _listening(snapshot: HostSnapshot) -> list[Listener]:
    """TCP sockets that dockerd holds, and those whose holder could not be seen."""
    own = (None, snapshot.daemon.pid if snapshot.daemon else None)
    return [item for item in snapshot.listeners if item.protocol == "tcp" and item.pid in own]


def _explained(snapshot: HostSnapshot, values: dict[str, Any]) -> set[int]:
    """Ports that dockerd holds for something else: published ones without docker-proxy, metrics, a swarm."""
    ports = {port.host_port for item in snapshot.containers for port in item.published if port.protocol == "tcp"}
    metrics = str(values.get("metrics-addr", "")).rpartition(":")[2]
    ports |= {int(metrics)} if metrics.isdecimal() else set()
    diagnostic = values.get("network-diagnostic-port")
    ports |= {diagnostic} if isinstance(diagnostic, int) else set()
    return ports | (_OF_A_SWARM if snapshot.engine is not None and snapshot.engine.swarm else set())


def _tcp_port(host: str) -> int | None:
    """Port of an address that dockerd is told to listen at (``-H``); None where that is no TCP."""
    if "://" not in host:
        # tcp is what dockerd takes it for (moby opts/hosts.go).
        host = f"tcp://{host}"
    try:
        parts = urlsplit(host)
        return parts.port or _PLAIN if parts.scheme == "tcp" else None
    except ValueError:
        return None


def _open(evidence: dict[str, Any], sockets: list[Listener]) -> Verdict:
    places = ", ".join(socket_name(item.address, item.port) for item in sockets)
    local = all(item.address == "::1" or item.address.startswith("127.") for item in sockets)
    who = (
        "Every user and program of this host, and every container in its network namespace,"
        if local
        else "Every machine that reaches this port"
    )
    return failed(
        resources.daemon(),
        f"The Engine API is at {places} and asks nobody for a certificate",
        evidence,
        f"{who} is root on this host: it can run a container that mounts / .",
        Remedy(
            "Take the tcp address out (hosts in daemon.json, -H, docker.socket) and use ssh:// from afar, or ask for "
            "certificates: tlsverify with tlscacert, tlscert and tlskey"
        ),
    )


def _verified(evidence: dict[str, Any], sockets: list[Listener], *, stale: bool) -> Verdict:
    places = ", ".join(socket_name(item.address, item.port) for item in sockets)
    if stale:
        reason = f"the Engine API is at {places}; daemon.json, where tlsverify stands, was changed since"
        return unknown(resources.daemon(), reason, evidence)
    return passed(resources.daemon(), f"The Engine API at {places} lets in who has a certificate", evidence)


CHECK = Check(
    id="daemon.tcp",
    severity=HIGH,
    title="The Engine API is not on TCP without TLS verification",
    rationale=(
        "Who may use the API is root. Encryption alone (tls) keeps nobody out: only tlsverify asks clients for a "
        "certificate. The sockets of the running dockerd count, not the file."
    ),
    needs=(ENGINE, PROCESSES, LISTENERS, DAEMON_CONFIG),
    judge=_judge,
    cis=cis.TLS,
    of_daemon=True,
)
