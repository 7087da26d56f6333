# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The bindings of containers, by the port inside that they lead to."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running


def published_ports(snapshot: HostSnapshot) -> list[tuple[Container, list[PublishedPort]]]:
    """Each published port of a running container with its bindings, both families together."""
    return [(container, ports) for container in running(snapshot) for ports in _by_container_port(container)]


def _by_container_port(container: Container) -> list[list[PublishedPort]]:
    groups: dict[tuple[int, str], list[PublishedPort]] = {}
    for port in container.published:
        groups.setdefault((port.container_port, port.protocol), []).append(port)
    return list(groups.values())


def places_of(ports: list[PublishedPort]) -> str:
    """Where they are published, for people: ``0.0.0.0:80 and [::]:80``."""
    return " and ".join(str(port).partition("->")[0] for port in ports)


def counted(snapshot: HostSnapshot) -> dict[str, int]:
    """Evidence of a pass: how many there are."""
    return {"published ports of running containers": sum(len(item.published) for item in running(snapshot))}
