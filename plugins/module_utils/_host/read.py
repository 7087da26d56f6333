# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a host as far as every module asks: the engine and its daemon, links, kernel settings and rules.

What cannot be read is recorded with its reason, and the rest is read all the same. A caller that asks for more says by
what reader; read_whole.py has those for the way of packets.
"""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import (
    ChildResult,
    HandOver,
    run_in_child,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import (
    SECONDS,
    Run,
    deadline,
    run_command,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_churn import (
    Churn,
    LinkNotices,
    churn_of,
    without_moved,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_config import (
    config_path as find_config_path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_config import read_daemon_config
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
    DEFAULT_SOCKET,
    Dockerds,
    describe_daemon,
    find_dockerds,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import Declared, read_declared
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.network_namespaces import with_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.proxies import read_proxies
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import read_service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.source_readings import (
    Fields,
    Part,
    Reading,
    SourceReadings,
    merged,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    DEADLINE,
    DENIED,
    ERROR,
    UnreadableError,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import DEFECT
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    DaemonProcess,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    ProxyProcess,
)

T = TypeVar("T")

_SOURCES = (
    model.RULESET,
    model.SERVICE,
    model.PROCESSES,
    model.LINKS,
    model.ENGINE,
    model.NAMESPACES,
    model.SYSCTL,
    model.BOOT,
    model.DAEMON_CONFIG,
)
"""Those that every module asks."""
_ATTEMPTS = 3
# Seconds for the end of waits before the deadline, so that what waited can still say what it has; and after it for
# whoever collects.
_MARGIN = 1.0
_GRACE = 2.0


@dataclass(frozen=True)
class Running:
    """The processes of the host, and who of them is the dockerd in question."""

    processes: list[procfs.Process] = field(default_factory=list)
    dockerds: Dockerds = field(default_factory=Dockerds)
    dockerd: Optional[procfs.Process] = None
    daemon: Optional[DaemonProcess] = None


@dataclass(frozen=True)
class Known:
    """What a further source can build on."""

    run: Run
    running: Callable[[], Running]
    links: Callable[[], list[Link]]
    containers: Callable[[], list[Container]]
    """Those that run, with their namespaces. Raises UnreadableError where they could not be read."""

    def beside(self, read: Callable[[], T]) -> T:
        """Read what belongs to the network namespace that dockerd is in. Raises UnreadableError where we are not."""
        return _beside(self.running().daemon, read)

    def names(self) -> dict[int, str]:
        """Interfaces by index."""
        return {link.index: link.name for link in self.links()}

    def processes(self) -> list[procfs.Process]:
        """Those of the host."""
        return self.running().processes


@dataclass(frozen=True)
class FurtherSource:
    """A source that not every module asks, and its reader, which gives fields of the snapshot."""

    name: str
    read: Callable[[Known], Fields]


def read_snapshot(
    run: Run = run_command,
    docker_host: str = DEFAULT_SOCKET,
    config_path: Optional[str] = None,
    seconds: float = SECONDS,
    further: Sequence[FurtherSource] = (),
) -> model.HostSnapshot:
    """Return the snapshot of this host, with those further sources.

    run executes the programs that are needed; docker_host says where the engine listens; config_path is the
    configuration file, by default the one that dockerd uses; what was not read after so many seconds is left. Changes
    nothing; above all it does not start a dockerd that systemd would start at the first connection to its socket.
    Raises nothing for what cannot be read.

    Where containers start or stop meanwhile, all is read again, since what the engine said of them and what the kernel
    showed would not belong together. Those that do so time and again count as not looked into. So it is where dockerd
    was starting: what the kernel showed can be what the dockerd before it left.
    """
    began = time.monotonic()
    request = _Request(run, docker_host, config_path, seconds, further)
    result = run_in_child(lambda hand_over: _read_repeatedly(request, hand_over), seconds + _GRACE)
    parts: list[Part] = []
    moved = Churn()
    for item in result.items:
        if isinstance(item, _StartOver):
            parts = []
        elif isinstance(item, Part):
            parts.append(item)
        else:
            moved = item
    taken = _snapshot(request, [*parts, *_missing(request, parts, result)])
    taken = replace(taken, defects=[*taken.defects, *result.defects], seconds=round(time.monotonic() - began, 6))
    return without_moved(taken, moved) if moved else taken


@dataclass(frozen=True)
class _Request:
    """What read_snapshot() was given."""

    run: Run
    docker_host: str
    config_path: Optional[str]
    seconds: float
    further: Sequence[FurtherSource]


@dataclass(frozen=True)
class _StartOver:
    """What was handed over so far counts no longer."""


def _missing(request: _Request, parts: list[Part], result: ChildResult) -> list[Part]:
    """The sources of which a child that ended too early handed over nothing."""
    known = {part.name for part in parts}
    kind = DEFECT if result.defects else DEADLINE
    source = model.Source(False, kind, f"not read: {result.problem}")
    wanted = [*_SOURCES, *(further.name for further in request.further)]
    return [Part(name, source) for name in wanted if name not in known]


def _snapshot(request: _Request, parts: list[Part]) -> model.HostSnapshot:
    return model.HostSnapshot(
        hostname=os.uname().nodename,
        taken_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        kernel=os.uname().release,
        docker_host=request.docker_host,
        **merged(parts),
    )


def _read_repeatedly(request: _Request, hand_over: HandOver) -> None:
    """Read until nothing moves, and hand over each part as it comes, and at the end what moved all the same."""
    until = time.monotonic() + request.seconds
    with deadline(request.seconds - min(_MARGIN, request.seconds / 10)), LinkNotices() as notices:
        for attempt in range(_ATTEMPTS):
            began, since = time.monotonic(), time.time()
            readings = SourceReadings(until, request.seconds, hand_over)
            _read(request, readings)
            readings.close()
            taken = _snapshot(request, readings.parts)
            moved = churn_of(taken, since, time.time(), notices.arrived())
            if not moved and not _came_up(taken):
                return
            # Another reading takes as long as this one did.
            if attempt == _ATTEMPTS - 1 or until - time.monotonic() < 2 * (time.monotonic() - began):
                hand_over(moved)
                return
            hand_over(_StartOver())


def _running(request: _Request) -> Running:
    processes = procfs.processes()
    dockerds = find_dockerds(processes, request.docker_host, request.run)
    dockerd = dockerds.serving
    return Running(processes, dockerds, dockerd, describe_daemon(dockerd) if dockerd else None)


def _read(request: _Request, readings: SourceReadings) -> None:
    # What others need as well; of its own it is no source.
    found = readings.take("", lambda: _running(request), lambda value: {"daemon": value.daemon})

    def running() -> Running:
        return found.get(Running())

    def beside(name: str, read: Callable[[], T], fields: Optional[Callable[[T], Fields]] = None) -> Reading[T]:
        """Read what belongs to the network namespace that dockerd is in."""
        return readings.take(name, lambda: _beside(running().daemon, read), fields or (lambda value: {name: value}))

    def hidden() -> bool:
        seen = running()
        return seen.dockerd is None and not seen.dockerds.elsewhere and _is_active(service.get(None))

    # The programs that show the rules are waited for while everything else is read.
    readings.begin(
        model.RULESET,
        lambda: _beside(running().daemon, lambda: read_ruleset(request.run)),
        lambda value: {"ruleset": value},
    )
    service: Reading[Optional[ServiceUnit]] = readings.take(
        model.SERVICE, lambda: read_service(request.run, running().dockerd), lambda value: {"service": value}
    )
    readings.take(model.PROCESSES, lambda: _proxies(found.need(), hidden=hidden()), lambda value: {"proxies": value})
    # Before the namespaces: the kernel gives ids to namespaces when it lists the links that lead into them.
    links = beside(model.LINKS, read_links)
    declared = readings.take(model.ENGINE, lambda: _declared(request, found, service, hidden), _fields_of_declared)
    placed = readings.take(model.NAMESPACES, lambda: _placed(declared, links), lambda value: {"containers": value})
    known = Known(request.run, running, lambda: links.get([]), placed.need)
    for further in request.further:
        readings.take(further.name, partial(further.read, known), lambda fields: fields)
    beside(model.SYSCTL, read_sysctls, lambda value: {"sysctls": value})
    readings.take(model.BOOT, read_boot, lambda value: {"boot": value})
    readings.take(
        model.DAEMON_CONFIG,
        lambda: _config(request, running(), service.get(None)),
        lambda value: {"daemon_config": value},
    )


def _fields_of_declared(value: Declared) -> Fields:
    return {
        "engine": value.engine,
        "networks": value.networks,
        "containers": value.containers,
        "gaps": value.gaps,
    }


def _declared(
    request: _Request, found: Reading[Running], service: Reading[Optional[ServiceUnit]], hidden: Callable[[], bool]
) -> Declared:
    try:
        seen = found.need()
    except UnreadableError as error:
        raise UnreadableError(error.kind, f"whether a dockerd runs is not known: {error.reason}") from error
    return read_declared(
        request.docker_host, service.get(None), seen.dockerds, runs=seen.dockerd is not None or hidden()
    )


def _config(request: _Request, seen: Running, service: Optional[ServiceUnit]) -> DaemonConfig:
    daemon = seen.daemon
    path = request.config_path or find_config_path(seen.dockerd, service.argv if service else [])
    named_by = daemon.uid if daemon and daemon.uid and not request.config_path else procfs.ROOT
    return read_daemon_config(path, named_by)


def _came_up(taken: model.HostSnapshot) -> bool:
    """Whether dockerd was starting when the reading began, and answered before it ended."""
    return taken.service is not None and taken.service.active == "activating" and taken.was_read(model.ENGINE)


def _is_active(service: Optional[ServiceUnit]) -> bool:
    return service is not None and service.active in ("active", "reloading")


def _proxies(seen: Running, *, hidden: bool) -> list[ProxyProcess]:
    if hidden:
        # As hidepid=2 does it to the processes of other users (proc(5)).
        raise UnreadableError(DENIED, "dockerd runs, and its process is not visible; run with become (as root)")
    return read_proxies(seen.processes, seen.dockerd)


def _placed(declared: Reading[Declared], links: Reading[list[Link]]) -> list[Container]:
    links.get([])
    return with_namespaces(declared.need().containers)


def _beside(daemon: Optional[DaemonProcess], read: Callable[[], T]) -> T:
    """Read what belongs to this network namespace, if dockerd is in it as well (a rootless one is not)."""
    own = procfs.namespace("self", "net")
    if daemon is not None and daemon.netns is not None and daemon.netns != own:
        reason = f"dockerd (process {daemon.pid}) is in a network namespace of its own, net:[{daemon.netns}]"
        raise UnreadableError(ERROR, f"{reason}; what this host's namespace shows says nothing about it")
    return read()
