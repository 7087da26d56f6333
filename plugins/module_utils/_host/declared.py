# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the engine says of itself, and of the networks and containers that it keeps."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from typing import NoReturn, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import PROGRAM_PATH
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
    Dockerds,
    addresses_served,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import (
    parse_container,
    parse_engine,
    parse_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_address import parse_engine_address
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import fetch
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_gaps import (
    STRANGE,
    checked,
    on_lost_networks,
    understood,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import unit_of
from ansible_collections.dockernet.baseline.plugins.module_utils._host.socket_holders import SocketHolders
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    ABSENT,
    DENIED,
    ERROR,
    STOPPED,
    UnreadableError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import CONTAINER, NETWORK, Gap, shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, Engine, ServiceUnit
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import Network


@dataclass(frozen=True)
class Declared:
    """What the engine says of itself and of what it keeps."""

    engine: Optional[Engine] = None
    networks: list[Network] = field(default_factory=list)
    containers: list[Container] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    """Networks and containers of which it says what cannot be understood."""


def read_declared(docker_host: str, service: Optional[ServiceUnit], dockerds: Dockerds, *, runs: bool) -> Declared:
    """Ask the engine at docker_host, unless no dockerd runs there. Raises UnreadableError.

    dockerds: those that can be seen on the host; runs: whether one serves docker_host, be it seen or not.
    """
    address = parse_engine_address(docker_host)
    if not runs and PODMAN not in SocketHolders(address).programs():
        # To connect to the socket of a dockerd that does not run would make systemd start it.
        _refuse(docker_host, service, dockerds)
    return _ask(docker_host)


def _ask(docker_host: str) -> Declared:
    answers = fetch(docker_host)
    try:
        engine = checked(parse_engine(answers.version, answers.info))
    except STRANGE as error:
        words = shortened(f"{type(error).__name__}: {error}")
        raise UnreadableError(ERROR, f"{docker_host} does not answer like a Docker Engine: {words}") from error
    if engine.flavor == PODMAN:
        # What it says of networks and containers has the form of Docker's, and not the meaning.
        return Declared(engine)
    networks, lost_networks = understood(NETWORK, parse_network, answers.networks)
    containers, lost_containers = understood(CONTAINER, parse_container, answers.containers)
    beside = on_lost_networks(containers, lost_networks, answers.networks)
    return Declared(engine, networks, containers, [*answers.gaps, *lost_networks, *lost_containers, *beside])


def _refuse(docker_host: str, service: Optional[ServiceUnit], dockerds: Dockerds) -> NoReturn:
    """Say why the engine at docker_host is not asked."""
    if dockerds.unclear:
        pids = ", ".join(str(process.pid) for process in dockerds.unclear)
        reason = f"whether dockerd (process {pids}) serves {docker_host} is not visible; run with become (as root)"
        raise UnreadableError(DENIED, reason)
    others = ", ".join(addresses_served([*dockerds.elsewhere, *dockerds.strangers]))
    hint = f" (a dockerd serves {others}: set docker_host if that is meant)" if others else ""
    if service is not None and any(service.name == unit_of(process.pid) for process in dockerds.elsewhere):
        raise UnreadableError(ERROR, f"dockerd runs ({service.name}), and not at {docker_host}; set docker_host{hint}")
    # A package that was removed and not purged leaves its init script, of which systemd makes a unit.
    installed = _is_program(service) or shutil.which("dockerd", path=PROGRAM_PATH) is not None
    if installed and service is not None and service.manager == "systemd":
        name = service.name
        raise UnreadableError(STOPPED, f"dockerd does not run ({name} is {service.active}); start it{hint}")
    if installed:
        raise UnreadableError(STOPPED, f"dockerd is installed and does not run for {docker_host}; start it{hint}")
    path = docker_host.partition("unix://")[2] or docker_host
    state = "does not exist"
    if os.path.exists(path):
        to_podman = PODMAN in os.path.realpath(path).split(os.sep)
        state = "leads to Podman, which does not run" if to_podman else "is not served by this host"
    raise UnreadableError(ABSENT, f"no Docker Engine: {path} {state} and no dockerd runs{hint}")


def _is_program(service: Optional[ServiceUnit]) -> bool:
    """Whether the service starts a dockerd that lies where the path does not lead."""
    program = service.argv[0] if service is not None and service.argv else ""
    return os.path.basename(program).startswith("dockerd") and os.path.exists(program)
