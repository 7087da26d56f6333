# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Ports of the host that only root may open (5.8 of the CIS benchmark)."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    INTEGER,
    Check,
    Parameter,
    Verdict,
    failed,
    passed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.bindings_by_port import (
    counted,
    places_of,
    published_ports,
)

BELOW = "below"


def _judge_privileged(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    limit = int(examined.parameter(PRIVILEGED, BELOW))
    found = []
    for container, ports in published_ports(snapshot):
        low = [port for port in ports if port.host_port < limit]
        if low:
            found.append(_on_low_port(container, low, limit))
    return found or [
        passed(resources.host(snapshot), f"No port of the host below {limit} is published", counted(snapshot))
    ]


def _on_low_port(container: Container, ports: list[PublishedPort], limit: int) -> Verdict:
    port = ports[0]
    return failed(
        resources.port(container, port.container_port, port.protocol),
        f"{container.name} publishes {port.container_port}/{port.protocol} on a port below {limit}: {places_of(ports)}",
        {"bindings": [str(item) for item in ports], BELOW: limit},
        "Clients take what answers on such a port for a service that root of this host has set up. dockerd opens it "
        "for whoever may start a container.",
        Remedy(
            f"A human decides whether the service belongs there, as a web server may on 80 and 443. Else publish on a "
            f"port from {limit} on (-p ADDRESS:PORT:{port.container_port})"
        ),
    )


PRIVILEGED = Check(
    id="publish.privileged",
    severity=LOW,
    title="Containers publish no privileged ports of the host",
    rationale=(
        "Ports below 1024 are for root to open (ip(7), net.ipv4.ip_unprivileged_port_start); dockerd opens them for "
        "any container. Port 1024 itself is none of them."
    ),
    needs=(ENGINE,),
    judge=_judge_privileged,
    cis=cis.PRIVILEGED_PORTS,
    parameters=(Parameter(BELOW, INTEGER, 1024, "The lowest port of the host that containers may publish.", 1, 65536),),
)
