# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a whole host: beside what every module asks, what the way of packets hangs on."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import SECONDS, Run, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.conntrack import read_conntrack
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import DEFAULT_SOCKET
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import read_ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.managed_links import (
    read_managed_links,
    read_nameservers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import (
    Fields,
    FurtherSource,
    Known,
    read_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import (
    read_neighbours,
    read_policy_rules,
    read_routes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_owners import read_listeners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import read_traffic_control
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model


def read_whole(
    run: Run = run_command,
    docker_host: str = DEFAULT_SOCKET,
    config_path: Optional[str] = None,
    seconds: float = SECONDS,
) -> model.HostSnapshot:
    """Return the snapshot of this host with all sources, see read_snapshot()."""
    return read_snapshot(run, docker_host, config_path, seconds, _FOR_PACKETS)


def _container_namespaces(known: Known) -> Fields:
    found = known.beside(lambda: read_container_namespaces(known.containers()))
    return {"container_namespaces": found.namespaces, "gaps": found.gaps, "defects": found.defects}


def _listeners(known: Known) -> Fields:
    def processes() -> list[procfs.Process]:
        return procfs.processes(known.processes())

    return {"listeners": known.beside(lambda: read_listeners(known.names(), processes))}


def _managed_links(known: Known) -> Fields:
    return {"managed_links": known.beside(lambda: read_managed_links(known.run, known.processes(), known.names()))}


_FOR_PACKETS = (
    FurtherSource(model.CONTAINER_NAMESPACES, _container_namespaces),
    FurtherSource(model.ROUTES, lambda known: {"routes": known.beside(read_routes)}),
    FurtherSource(model.POLICY_RULES, lambda known: {"policy_rules": known.beside(read_policy_rules)}),
    FurtherSource(model.NEIGHBOURS, lambda known: {"neighbours": known.beside(read_neighbours)}),
    FurtherSource(model.TRAFFIC_CONTROL, lambda known: {"traffic_control": known.beside(read_traffic_control)}),
    FurtherSource(model.IPSEC, lambda known: {"ipsec": known.beside(read_ipsec)}),
    FurtherSource(model.LISTENERS, _listeners),
    FurtherSource(model.NAMESERVERS, lambda dummy: {"nameservers": read_nameservers()}),
    FurtherSource(model.CONNTRACK, lambda known: {"conntrack": known.beside(read_conntrack)}),
    FurtherSource(model.MANAGED_LINKS, _managed_links),
)
