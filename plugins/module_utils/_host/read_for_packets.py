# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads of a host where packets go: beside what every module asks, what their way hangs on, and the nameservers.

Those are of resolv.conf(5), and behind the stub of systemd-resolved its own.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import SECONDS, Run, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    NamespaceReadings,
    read_container_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import DEFAULT_SOCKET
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import read_ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.read import (
    Fields,
    FurtherSource,
    Known,
    read_snapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import (
    read_neighbours,
    read_policy_rules,
    read_routes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_owners import (
    halted_in_containers,
    read_listeners,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import read_traffic_control
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model


def read_for_packets(
    run: Run = run_command,
    docker_host: str = DEFAULT_SOCKET,
    config_path: Optional[str] = None,
    seconds: float = SECONDS,
) -> model.HostSnapshot:
    """Return the snapshot of this host with what the evaluator asks, see read_snapshot()."""
    return read_snapshot(run, docker_host, config_path, seconds, FOR_PACKETS)


def _container_namespaces(known: Known) -> Fields:
    def read() -> NamespaceReadings:
        containers = known.containers()
        halted = halted_in_containers(known.processes(), {item.pid for item in containers})
        return read_container_namespaces(containers, halted)

    found = known.beside(read)
    return {"container_namespaces": found.namespaces, "gaps": found.gaps, "defects": found.defects}


def _listeners(known: Known) -> Fields:
    def processes() -> list[procfs.Process]:
        return procfs.processes(known.processes())

    return {"listeners": known.beside(lambda: read_listeners(known.names(), processes))}


# What systemd-resolved asks, where resolv.conf names only its stub (systemd-resolved.service(8)).
_PATHS = ("etc/resolv.conf", "run/systemd/resolve/resolv.conf")


def read_nameservers(root: Path = Path("/")) -> list[str]:
    """Return the addresses, each once, without zone. A file that is not there names none; OSError for others."""
    found: dict[str, None] = {}
    for path in _PATHS:
        try:
            text = read_regular(root / path).text
        except FileNotFoundError:
            continue
        found.update(dict.fromkeys(_addresses(text)))
    return list(found)


def _addresses(text: str) -> list[str]:
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        address = words[1].partition("%")[0]
        try:
            found.append(str(ipaddress.ip_address(address)))
        except ValueError:
            # The resolver passes it by, too.
            continue
    return found


FOR_PACKETS = (
    FurtherSource(model.CONTAINER_NAMESPACES, _container_namespaces),
    FurtherSource(model.ROUTES, lambda known: {"routes": known.beside(read_routes)}),
    FurtherSource(model.POLICY_RULES, lambda known: {"policy_rules": known.beside(read_policy_rules)}),
    FurtherSource(model.NEIGHBOURS, lambda known: {"neighbours": known.beside(read_neighbours)}),
    FurtherSource(model.TRAFFIC_CONTROL, lambda known: {"traffic_control": known.beside(read_traffic_control)}),
    FurtherSource(model.IPSEC, lambda known: {"ipsec": known.beside(read_ipsec)}),
    FurtherSource(model.LISTENERS, _listeners),
    FurtherSource(model.NAMESERVERS, lambda dummy: {"nameservers": read_nameservers()}),
)
