# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Checks of hairpin mode of bridge ports."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container, PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Remediation
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    ENGINE,
    LINKS,
    NAMESPACES,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import Attachment, attachments
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import (
    LOOPBACK,
    outer_links,
    routed_addresses,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    BROKEN,
    HYGIENE,
    Check,
    Grade,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.resources import bound_address, socket_name
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.verdict import (
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)

_NEEDS = (ENGINE, LINKS, NAMESPACES)

_NAMED = 4
"""Places that a summary names; the rest is counted."""


def _judge_missing(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    proxy = proxy_in_force(snapshot)
    evidence = {"userland proxy": proxy.evidence}
    if proxy.value is None:
        return [_mode_unknown(snapshot, proxy.evidence)]
    if proxy.value:
        reason = "docker-proxy is enabled: it serves connections of a container to its own published port"
        return [not_applicable(resources.host(snapshot), reason, evidence)]
    addresses = {version: _host_addresses(snapshot, version) for version in (4, 6)}
    found = []
    for container, items in _by_container(snapshot):
        places = [place for port in container.published for place in _own_places(port, items, addresses)]
        if places:
            found += _judge_container(container, items, places, proxy.evidence)
    if found:
        return found
    return [
        passed(
            resources.host(snapshot),
            "Every container reaches its own published ports: hairpin mode is on",
            evidence,
        )
    ]


def _judge_container(container: Container, items: list[Attachment], places: list[str], proof: str) -> list[Verdict]:
    resource = resources.container(container)
    ports = {item.network.name: item.port for item in items}
    unseen = [name for name, port in ports.items() if port is None or port.hairpin is None]
    flags = {
        f"hairpin of {port.name} on {item.bridge}": "on" if port.hairpin else "off"
        for item in items
        for port in [item.port]
        if port is not None and port.hairpin is not None
    }
    evidence: dict[str, Any] = {
        "userland proxy": proof,
        "published": [str(port) for port in container.published],
        **flags,
    }
    off = [port.name for port in ports.values() if port is not None and port.hairpin is False]
    if not off:
        if not unseen:
            return []
        return [unknown(resource, f"its bridge port for network {', '.join(unseen)} was not found", evidence)]
    summary = (
        f"{container.name} cannot reach itself at {listed(places, _NAMED)}: hairpin mode is off on {', '.join(off)}"
    )
    impact = (
        f"Connections from {container.name} to its own published port, through any name or address of this host, time "
        "out. Other machines and other containers of its network are served."
    )
    remediation = Remediation(
        "Turn hairpin mode on for the bridge port of the running container; nothing is restarted",
        "bridge_hairpin",
        {"state": "auto"},
    )
    return [failed(resource, summary, evidence, impact, remediation)]


def _own_places(port: PublishedPort, items: list[Attachment], addresses: dict[int, list[str]]) -> list[str]:
    """Where the container would look for its own port: ADDRESS:PORT of the host, or none that hairpin could serve.

    127.0.0.1 is the container's own loopback, so a port published there is out of its reach in any case. Without
    docker-proxy a port published for IPv6 leads only to a container with an IPv6 address.
    """
    try:
        address = bound_address(port)
    except ValueError:
        return []
    if address.is_loopback or (address.version == 6 and not any(item.endpoint.address6 for item in items)):
        return []
    shown = (addresses[address.version] or [str(address)]) if address.is_unspecified else [str(address)]
    return [f"{socket_name(text, port.host_port)}/{port.protocol}" for text in shown]


def _host_addresses(snapshot: HostSnapshot, version: int) -> list[str]:
    links = [*outer_links(snapshot, version), *(link for link in snapshot.links if link.name == LOOPBACK)]
    return [text for link in links for text in routed_addresses(link, version)]


def _by_container(snapshot: HostSnapshot) -> list[tuple[Container, list[Attachment]]]:
    """Running containers with their endpoints on bridge networks that lead outside: only these can be published."""
    groups: dict[str, list[Attachment]] = {}
    for item in attachments(snapshot):
        if not item.network.internal:
            groups.setdefault(item.container.id, []).append(item)
    return [(items[0].container, items) for items in groups.values()]


def _judge_stale(context: AuditContext) -> list[Verdict]:
    snapshot = context.snapshot
    proxy = proxy_in_force(snapshot)
    evidence = {"userland proxy": proxy.evidence}
    if proxy.value is None:
        return [_mode_unknown(snapshot, proxy.evidence)]
    if not proxy.value:
        return [
            not_applicable(
                resources.host(snapshot), "docker-proxy is disabled, so bridge ports need hairpin mode", evidence
            )
        ]
    found = [_stale(item, proxy.evidence) for item in attachments(snapshot) if item.port and item.port.hairpin]
    return found or [passed(resources.host(snapshot), "No bridge port of a container has hairpin mode on", evidence)]


def _stale(item: Attachment, proof: str) -> Verdict:
    port = item.port.name if item.port else ""
    evidence = {"userland proxy": proof, f"hairpin of {port} on {item.bridge}": "on"}
    summary = (
        f"{port} (bridge port of {item.container.name} on {item.bridge}): hairpin mode is on, although docker-proxy is "
        "enabled"
    )
    impact = (
        f"{item.container.name} receives its own broadcasts and multicasts, which IPv6 duplicate address detection can "
        "mistake for another machine. Connections work."
    )
    remediation = Remediation(
        "Turn hairpin mode off, the engine's own setting for this port", "bridge_hairpin", {"state": "auto"}
    )
    return failed(resources.interface(port), summary, evidence, impact, remediation)


def _mode_unknown(snapshot: HostSnapshot, reason: str) -> Verdict:
    return unknown(resources.host(snapshot), f"it is not known whether docker-proxy is enabled: {reason}")


MISSING = Check(
    id="hairpin.missing",
    grades=(Grade(BROKEN, "a container does not reach its own published port"),),
    title="Every container reaches its own published ports",
    rationale=(
        "With docker-proxy off, a container reaches its own published port only if its bridge port is in hairpin mode. "
        "A restart of dockerd with live-restore turns the proxy off and leaves the bridge ports of running containers "
        "unchanged."
    ),
    needs=_NEEDS,
    judge=_judge_missing,
    remediated_by=("bridge_hairpin",),
)

STALE = Check(
    id="hairpin.stale",
    grades=(Grade(HYGIENE, "a setting remains that nothing needs"),),
    title="No bridge port has hairpin mode on without need",
    rationale=(
        "With docker-proxy on, dockerd creates bridge ports with hairpin mode off; a port with hairpin mode on is left "
        "from before."
    ),
    needs=_NEEDS,
    judge=_judge_stale,
    remediated_by=("bridge_hairpin",),
)

CHECKS: tuple[Check, ...] = (
    MISSING,
    STALE,
)
"""In the order in which reports show them."""
