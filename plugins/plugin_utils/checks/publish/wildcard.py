# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Where ports are published."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.bindings import bound_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.own_rules import place_of_own_rules
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.bindings_by_port import (
    counted,
    places_of,
    published_ports,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.publish.swarm_ports import swarm_ports


def _judge_wildcard(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    place = place_of_own_rules(snapshot.engine)
    found = [
        verdict for container, ports in published_ports(snapshot) for verdict in _judge_port(container, ports, place)
    ]
    found += swarm_ports(examined)
    return found or [
        passed(resources.host(snapshot), "No port is published on all addresses of the host", counted(snapshot))
    ]


def _judge_port(container: Container, ports: list[PublishedPort], place: str) -> list[Verdict]:
    resource = resources.port(container, ports[0].container_port, ports[0].protocol)
    evidence = {"container": container.name, "bindings": [str(port) for port in ports]}
    try:
        wide = [port for port in ports if bound_address(port).is_unspecified]
    except ValueError as error:
        return [unknown(resource, f"a binding has no address that can be read: {error}", evidence)]
    if not wide:
        return []
    port = f"{ports[0].container_port}/{ports[0].protocol}"
    summary = f"{container.name} publishes {port} on all addresses: {places_of(wide)}"
    impact = (
        "Whoever reaches any address of this host reaches the service. Rules of a host firewall for incoming traffic "
        "(ufw, chain INPUT) do not stop what is forwarded to the container."
    )
    remedy = Remedy(
        "A human decides who needs it. Publish on one address of the host (-p ADDRESS:PORT:PORT), or make that the "
        "default (key ip of daemon.json for the default network, option com.docker.network.bridge.host_binding_ipv4 "
        f"for others), or filter in {place}"
    )
    return [failed(resource, summary, evidence, impact, remedy)]


WILDCARD = Check(
    id="publish.wildcard",
    severity=MEDIUM,
    title="Ports are published on chosen addresses",
    rationale=(
        "Without an address, -p publishes on every address that the host has or will get, for IPv4 and IPv6, past "
        "the host firewall."
    ),
    needs=(ENGINE,),
    judge=_judge_wildcard,
    cis=cis.BOUND_TO_INTERFACE,
)
