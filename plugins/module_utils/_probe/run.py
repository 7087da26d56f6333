# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Probes targets from a container's network namespace, or from the host, in a child process that leaves nothing.

The child asks the engine and the kernel, goes into the namespace with a thread of its own (setns(2)), makes its sockets
there and hands over what it finds. Its sockets and threads end with it, whatever ends it.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import (
    HandOver,
    deadline,
    run_command,
    run_in_child,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import Dockerds, find_dockerds
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import Declared, read_declared
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine_api import api_of, asking
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import (
    config_path,
    read_daemon_config,
    read_service,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container_names import (
    NoSuchContainerError,
    container_named,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PODMAN, Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import BEYOND_ADDRESSES, UNREACHABLE
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    EXITED,
    FAILED,
    LAYERS,
    PROCESS,
    SKIPPED,
    Probe,
    ProbeLayer,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import UnreadableError, from_os_error
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.attempt import together
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.namespace import (
    NamespaceView,
    address_of,
    route_to,
    view,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.near import process_layer
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.prober import Prober
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.process import process_state
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.question import Question
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.resolver import (
    DOCKERS_OWN,
    ResolverSettings,
    parse_nameservers,
    read_settings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.scene import Scene

_FOR_THE_ENGINE = 30.0
_ENGINE_LIMIT = 20.0
_PHASES = 10
"""Times that a probe waits, one after the other, with some to spare: twice for the name, for those that Docker's
resolver asks, the target, its service, sizes of packets, and twice for a large request."""
_PIECE_OF_ENGINE = 1 << 21


class CannotProbeError(Exception):
    """Why nothing could be probed; the message names the option where one is wrong."""


@dataclass(frozen=True)
class Wanted:
    """What is to be done."""

    origin: str
    """A container's name, id or service; empty for the host."""
    questions: Sequence[Question]
    docker_host: str
    seconds: float
    """To wait for each answer."""
    all_layers: bool = True


@dataclass
class Found:
    """What came of it."""

    probes: list[Probe] = field(default_factory=list)
    process: Optional[ProcessState] = None
    """Of the container that the probes start from."""
    target_processes: list[ProcessState] = field(default_factory=list)
    """Of containers that targets belong to."""


def run_probes(wanted: Wanted) -> Found:
    """Return what was found. Changes nothing. Raises CannotProbeError."""
    limit = _FOR_THE_ENGINE + _PHASES * wanted.seconds
    result = run_in_child(lambda hand_over: _work(wanted, limit, hand_over), limit + 1)
    for item in result.items:
        if isinstance(item, Found):
            return item
        raise CannotProbeError(str(item))
    raise CannotProbeError(f"nothing was probed: {result.problem}")


def _work(wanted: Wanted, seconds: float, hand_over: HandOver) -> None:
    try:
        with deadline(seconds):
            hand_over(_found(wanted))
    except CannotProbeError as error:
        hand_over(str(error))
    except UnreadableError as error:
        hand_over(error.reason)
    except OSError as error:
        hand_over(from_os_error(error, "the sender's network namespace").reason)


def _found(wanted: Wanted) -> Found:
    dockerd = find_dockerds(procfs.processes(), wanted.docker_host, run_command)
    declared = _declared(wanted, dockerd)
    try:
        origin = container_named(declared.containers, wanted.origin) if wanted.origin else None
    except NoSuchContainerError as error:
        raise CannotProbeError(f"from: {error}; allowed are host, or a container's name or id") from None
    process = process_state(origin) if origin is not None else None
    host = view()
    scene = Scene(
        container=origin,
        process=process,
        containers=declared.containers,
        networks={network.id: network for network in declared.networks},
        host=host,
        host_addresses=_host_addresses(host, {network.bridge for network in declared.networks}),
        in_host_namespace=origin is None,
    )
    if process is not None and process.state == EXITED:
        return Found([_without_namespace(scene, question) for question in wanted.questions], process)
    pid = os.getpid() if origin is None or origin.pid is None else origin.pid
    probes = _probed(wanted, scene, pid, dockerd.serving)
    behind = {probe.container for probe in probes} - {""}
    targets = [item for item in declared.containers if item.name in behind]
    return Found(probes, process, [process_state(item) for item in targets])


def _declared(wanted: Wanted, dockerd: Dockerds) -> Declared:
    """What the engine says. From the host it need not run; what is known of containers is then missing."""
    service = read_service(run_command, dockerd.serving) if dockerd.serving is None else None
    try:
        declared = read_declared(wanted.docker_host, service, dockerd, runs=dockerd.serving is not None)
    except UnreadableError:
        if wanted.origin:
            raise
        return Declared()
    if declared.engine is not None and declared.engine.flavor == PODMAN and wanted.origin:
        raise CannotProbeError("from: this is Podman, whose containers are not read; allowed is host")
    return declared


def _host_addresses(seen: NamespaceView, bridges: Collection[Optional[str]]) -> dict[int, str]:
    """Address that the host sends to others from, by IP version; without a default route that of any uplink."""
    found = {}
    for version, beyond in BEYOND_ADDRESSES.items():
        route = route_to(beyond)
        by_route = seen.link(route.interface)
        sources = [(route.route.source if route.route is not None else None) or ""]
        links = [link for link in seen.outer if link.up and link.name not in bridges and link.master is None]
        sources += [address_of(link, version) for link in ([by_route] if by_route is not None else links)]
        source = next((item for item in sources if item and not item.lower().startswith("fe80:")), "")
        if source:
            found[version] = source
    return found


def _probed(wanted: Wanted, scene: Scene, pid: int, dockerd: Optional[procfs.Process]) -> list[Probe]:
    # Before there are threads: it forks.
    settings = _settings(wanted, scene, pid, dockerd)
    own = procfs.namespace("self", "net")
    in_host = procfs.namespace(pid, "net") == own

    def inside() -> list[Probe]:
        seen = Scene(**{**vars(scene.with_own(view(), settings)), "in_host_namespace": in_host})
        prober = Prober(seen, wanted.seconds, all_layers=wanted.all_layers)
        pairs = [(each, question) for question in wanted.questions for each in prober.expanded(question)]
        return together([partial(prober.probe, each, _shown(each, question)) for each, question in pairs])

    try:
        return in_namespace(pid, inside)
    except ProcessLookupError:
        raise CannotProbeError(f"from: the container {scene.name} ended meanwhile") from None


def _shown(each: Question, question: Question) -> str:
    return question.to if each.to == question.to or not each.to else f"{question.to} ({each.to})"


def _settings(wanted: Wanted, scene: Scene, pid: int, dockerd: Optional[procfs.Process]) -> ResolverSettings:
    settings = read_settings("/" if scene.container is None else f"/proc/{pid}/root")
    if scene.container is None or DOCKERS_OWN not in settings.nameservers or settings.upstreams is not None:
        return settings
    # Engines before 25.0 note nothing in resolv.conf.
    found = _nameservers_of_container(wanted, scene.container) or _nameservers_of_daemon(dockerd)
    if not found:
        # Those of the host; where all are of its loopback, the engine takes others.
        found = [item for item in read_settings("/").nameservers if not ipaddress.ip_address(item).is_loopback]
    upstreams = [(address, False) for address in found]
    return ResolverSettings(**{**vars(settings), "upstreams": upstreams or None})


def _nameservers_of_container(wanted: Wanted, container: Container) -> list[str]:
    """Those that it was started with (``docker run --dns``)."""
    try:
        with asking(wanted.docker_host, _ENGINE_LIMIT) as engine:
            api = api_of(engine.get("/version"))
            said: Any = engine.get(f"{api}/containers/{container.id}/json", _PIECE_OF_ENGINE)
            return parse_nameservers(said["HostConfig"].get("Dns") or [])
    except UnreadableError:
        return []


def _nameservers_of_daemon(dockerd: Optional[procfs.Process]) -> list[str]:
    """Those of dockerd's command line or its configuration file, of which only one may name them (dockerd(8))."""
    named = parse_flags(procfs.argv(dockerd.pid)).get("dns") if dockerd is not None else None
    try:
        values = read_daemon_config(
            config_path(dockerd, []), (procfs.uid(dockerd.pid) if dockerd else None) or 0
        ).values
    except UnreadableError:
        values = {}
    found = named or values.get("dns")
    return parse_nameservers(found) if isinstance(found, list) else []


def _without_namespace(scene: Scene, question: Question) -> Probe:
    """A probe of a container that does not run: there is no place to ask from."""
    skipped = [
        ProbeLayer(layer, "", SKIPPED, "", "not asked: the container has no network namespace")
        for layer in LAYERS
        if layer != PROCESS
    ]
    layers = [process_layer(scene), *skipped]
    return Probe(scene.name, question.to, question.protocol, question.port, "", UNREACHABLE, layers)


# ---- for people ------------------------------------------------------------------------------------------------------

_MARKS = {FAILED: "X", SKIPPED: "-"}


def line_of(probe: Probe) -> str:
    """Return one line: who asked whom, and what came of it."""
    port = f":{probe.port}" if probe.port else ""
    target = f"[{probe.target}]{port}" if ":" in probe.target and port else f"{probe.target}{port}"
    first = probe.first_failed
    why = f"; the first layer that failed is {first.layer}: {first.detail or first.error}" if first is not None else ""
    return f"{probe.origin} to {target}/{probe.protocol}: {probe.observed}{why}"


def listing_of(probes: Sequence[Probe]) -> str:
    """Return a line for each layer below a line for each probe."""
    lines = []
    for probe in probes:
        lines.append(safe(line_of(probe)))
        for layer in probe.layers:
            took = f" {layer.milliseconds:.1f} ms" if layer.milliseconds is not None else ""
            words = " ".join(filter(None, (layer.target, layer.error)))
            detail = f" ({layer.detail})" if layer.detail else ""
            lines.append(safe(f"  {_MARKS.get(layer.outcome, '+')} {layer.layer:<12} {words}{detail}{took}"))
    return "\n".join(lines)
