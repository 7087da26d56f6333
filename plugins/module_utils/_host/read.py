# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a host as far as every module asks: the engine and its daemon, links, kernel settings and rules.

What cannot be read is recorded with its reason, and the rest is read all the same. Further readers are in
read_for_packets.py and read_whole.py.

Sources are read one after another, each in a thread of its own. A slow one goes on beside the others.

Containers come and go meanwhile. The kernel gives notice of their veths (rtnetlink(7), RTMGRP_LINK). dockerd makes
rules and docker-proxy before it says that a container was started, and takes its network apart before its end.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Callable, Generic, NamedTuple, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import (
    SECONDS,
    ChildResult,
    HandOver,
    Run,
    deadline,
    run_command,
    run_in_child,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.daemon_process import (
    DEFAULT_SOCKET,
    Dockerds,
    describe_daemon,
    find_dockerds,
    read_proxies,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.engine import Declared, read_declared
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import link_in, read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    messages_in,
    with_namespaces,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.plausibility import (
    ImplausibleError,
    require_plausible_fields,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import (
    config_path as find_config_path,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import read_daemon_config, read_service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_boot, read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    Container,
    DaemonProcess,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    ProxyProcess,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import (
    DEADLINE,
    DEFECT,
    DENIED,
    ERROR,
    UnreadableError,
    defect_of,
    from_os_error,
    place_in,
)

# RFC 3339, with as many digits of a second as there are (Go's time.RFC3339Nano).
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", re.ASCII)

_RESTLESS = "containers started or ended each time that the host was read"


@dataclass(frozen=True)
class Churn:
    """What moved while a host was read."""

    containers: frozenset[str] = frozenset()
    """Ids of containers that started or ended."""
    links: frozenset[int] = frozenset()
    """Indexes of veths that came, went or changed."""
    namespaces: frozenset[int] = frozenset()
    """Ids of the namespaces at their other ends."""
    everything: bool = False
    """So much that not all of it could be taken note of."""

    def __bool__(self) -> bool:
        return bool(self.everything or self.containers or self.links)


def churn_of(snapshot: HostSnapshot, since: float, until: float, noticed: Optional[list[Link]]) -> Churn:
    """Return what moved during a reading between these times, in seconds since the epoch.

    noticed is what the kernel gave notice of since then, None where that is not complete.
    """
    veths = [link for link in noticed or [] if link.kind == "veth"]
    return Churn(
        frozenset(item.id for item in snapshot.containers if _changed(item, since, until)),
        frozenset(link.index for link in veths),
        frozenset(link.peer_nsid for link in veths if link.peer_nsid is not None),
        everything=noticed is None,
    )


def _changed(container: Container, since: float, until: float) -> bool:
    """Whether a container whose namespace was found was started, or ended, in that time.

    One that was started in the future was so by a clock that was wrong.
    """
    if container.pid is None or container.netns is None:
        return False
    return since <= started_at(container) <= until or procfs.namespace(container.pid, "net") != container.netns


def started_at(container: Container) -> float:
    """When it was started, in seconds since the epoch; 0.0 where the engine gives no time."""
    found = _MOMENT.fullmatch(container.started_at)
    if found is None:
        return 0.0
    try:
        second = datetime.datetime.fromisoformat(f"{found[1]}+00:00").timestamp()
    except ValueError:
        return 0.0
    return second + float(found[2] or 0)


def without_moved(snapshot: HostSnapshot, moved: Churn) -> HostSnapshot:
    """The snapshot, marked as restless, with the containers that moved as ones whose namespace was not read."""
    behind = {link.peer_nsid for link in snapshot.links if link.index in moved.links} | moved.namespaces

    def has_moved(item: Container) -> bool:
        return moved.everything or item.id in moved.containers or (item.nsid is not None and item.nsid in behind)

    containers = [replace(item, netns=None, nsid=None) if has_moved(item) else item for item in snapshot.containers]
    known = {item.netns for item in containers}
    inner = [space for space in snapshot.container_namespaces if space.inode in known]
    return replace(snapshot, containers=containers, container_namespaces=inner, container_churn=_RESTLESS)


# linux/rtnetlink.h
_RTMGRP_LINK = 1
_RTM_NEWLINK = 16
_RTM_DELLINK = 17

_RECEIVED = 1 << 17
_QUEUED = 1 << 21
"""Bytes that may wait for us, of some 1,500 for each notice; less where net.core.rmem_max says so (socket(7))."""

_MOST = 20_000


class LinkNotices:
    """Notices of the network namespace of the thread that makes it, from then on. Use it with ``with``."""

    def __init__(self) -> None:
        self._socket: Optional[socket.socket] = None
        with contextlib.suppress(OSError):
            self._socket = _subscribed()

    def __enter__(self) -> LinkNotices:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def arrived(self) -> Optional[list[Link]]:
        """Return the links of the notices since the last call; None where not all of them could be received."""
        if self._socket is None:
            return None
        found: list[Link] = []
        complete = True
        # A container that makes them as fast as they are read must not keep us here.
        for dummy in range(_MOST):
            try:
                data = self._socket.recv(_RECEIVED)
            except BlockingIOError:
                return found if complete else None
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    return None
                complete = False
                continue
            for kind, dummy2, dummy3, payload in messages_in(data):
                link = link_in(payload) if kind in (_RTM_NEWLINK, _RTM_DELLINK) else None
                if link is not None:
                    found.append(link)
        return None


def _subscribed() -> socket.socket:
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    listening = socket.socket(socket.AF_NETLINK, flags, ROUTE)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUED)
    listening.bind((0, _RTMGRP_LINK))
    return listening


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


class Known(NamedTuple):
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


class FurtherSource(NamedTuple):
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

    run executes programs; docker_host says where the engine listens; config_path is the configuration file, by default
    the one that dockerd uses; what was not read after so many seconds is left. Changes nothing, and does not start a
    dockerd that systemd would start at the first connection. Raises nothing for what cannot be read.

    Where containers start or stop meanwhile, or dockerd was starting, all is read again: what the engine said and what
    the kernel showed would not belong together. Those that do so time and again count as not looked into.
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


class _Request(NamedTuple):
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
    # The engine is waited for as well.
    declared = readings.begin(model.ENGINE, lambda: _declared(request, found, service, hidden), _fields_of_declared)
    readings.take(model.PROCESSES, lambda: _proxies(found.need(), hidden=hidden()), lambda value: {"proxies": value})
    # Before the namespaces: the kernel gives ids to namespaces when it lists the links that lead into them.
    links = beside(model.LINKS, read_links)
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
        raise UnreadableError(DENIED, "dockerd runs, but its process is not visible without root; run with become")
    return read_proxies(seen.processes, seen.dockerd)


def _placed(declared: Reading[Declared], links: Reading[list[Link]]) -> list[Container]:
    links.get([])
    return with_namespaces(declared.need().containers)


def _beside(daemon: Optional[DaemonProcess], read: Callable[[], T]) -> T:
    """Read what belongs to this network namespace, if dockerd is in it as well (a rootless one is not)."""
    own = procfs.namespace("self", "net")
    if daemon is not None and daemon.netns is not None and daemon.netns != own:
        reason = f"dockerd (process {daemon.pid}) is in a network namespace of its own, net:[{daemon.netns}]"
        raise UnreadableError(ERROR, f"{reason}; the host's own namespace does not show its networks")
    return read()


Fields = dict[str, Any]
"""Values by the name of a snapshot's field."""

# Seconds for which nothing else is begun: most sources take milliseconds, and the kernel's are best read at once.
_PATIENCE = 2.0


@dataclass(frozen=True)
class Part:
    """What one source gives to the snapshot."""

    name: str
    """Of the source; empty for what is none of its own."""
    source: model.Source
    fields: Fields = field(default_factory=dict)
    """Of ``gaps`` and ``defects`` those that come with it."""


class Reading(Generic[T]):
    """A source that is read, or was."""

    def __init__(self, name: str, wait: Callable[[threading.Event], bool]) -> None:
        self.name = name
        self.done = threading.Event()
        self.source: Optional[model.Source] = None
        self._wait = wait
        self._found: list[T] = []

    def end(self, source: model.Source, found: list[T]) -> None:
        """Note what came of it: at most one value."""
        self.source, self._found = source, found
        self.done.set()

    def get(self, otherwise: T) -> T:
        """Return what was read, or otherwise where it could not be, once that is known."""
        return self._found[0] if self._wait(self.done) and self._found else otherwise

    def need(self) -> T:
        """Return what was read, once it was. Raises UnreadableError where it could not be."""
        if not self._wait(self.done):
            raise UnreadableError(DEADLINE, f"not read: the time limit was reached after {_doing(self.name, '')}")
        if not self._found:
            source = self.source or model.Source(False)
            raise UnreadableError(source.kind, source.reason)
        return self._found[0]


class SourceReadings:
    """Begins readings and collects what comes of them until the time is over."""

    def __init__(self, until: float, seconds: float, hand_over: Callable[[Part], None]) -> None:
        """Take the end, by time.monotonic(), of how many seconds, and what takes each part as it comes."""
        self.parts: list[Part] = []
        self._until = until
        self._seconds = seconds
        self._hand_over = hand_over
        self._open: dict[threading.Thread, Reading[Any]] = {}
        self._closed = False
        self._one_at_a_time = threading.Lock()

    def take(self, name: str, read: Callable[[], T], fields: Callable[[T], Fields]) -> Reading[T]:
        """Begin to read a source, and wait for it a while. fields says what its value is for the snapshot."""
        reading = self.begin(name, read, fields)
        reading.done.wait(min(_PATIENCE, self._seconds / 20, max(0.0, self._until - time.monotonic())))
        return reading

    def begin(self, name: str, read: Callable[[], T], fields: Callable[[T], Fields]) -> Reading[T]:
        """Begin to read a source, and do not wait for it."""
        reading: Reading[T] = Reading(name, self._in_time)
        thread = threading.Thread(target=self._read, args=(reading, read, fields), daemon=True)
        self._open[thread] = reading
        thread.start()
        return reading

    def close(self) -> None:
        """Wait for what is still being read until the time is over, and take down what is not done by then."""
        for reading in self._open.values():
            self._in_time(reading.done)
        with self._one_at_a_time:
            self._closed = True
            late = [(thread, reading) for thread, reading in self._open.items() if not reading.done.is_set()]
            frames = sys._current_frames()  # noqa: SLF001 (documented for this)
            for thread, reading in late:
                frame = frames.get(thread.ident or 0)
                place = place_in(frame) if frame is not None else ""
                reason = (
                    f"not read: the deadline of {self._seconds:g} seconds passed while {_doing(reading.name, place)}"
                )
                self._note(Part(reading.name, model.Source(False, DEADLINE, reason, self._seconds)))

    def _in_time(self, done: threading.Event) -> bool:
        return done.wait(max(0.0, self._until - time.monotonic()))

    def _read(self, reading: Reading[T], read: Callable[[], T], fields: Callable[[T], Fields]) -> None:
        began = time.monotonic()
        found: list[T] = []
        given: Fields = {}
        try:
            value = read()
            told = fields(value)
            require_plausible_fields(told)
            given, found = told, [value]
            source = model.Source(True)
        except ImplausibleError as error:
            source = model.Source(False, ERROR, f"what was read is not plausible: {error}")
        except UnreadableError as error:
            source = model.Source(False, error.kind, error.reason)
        except OSError as error:
            problem = from_os_error(error, str(error.filename or reading.name))
            source = model.Source(False, problem.kind, problem.reason)
        except Exception as error:  # noqa: BLE001 (what was not foreseen has no type; the other sources are read all the same)
            defect = defect_of(f"source {reading.name}" if reading.name else "looking for dockerd", error)
            source, given = model.Source(False, DEFECT, str(defect)), {"defects": [defect]}
        seconds = round(time.monotonic() - began, 6)
        with self._one_at_a_time:
            if not self._closed:
                self._note(Part(reading.name, replace(source, seconds=seconds), given))
                reading.end(source, found)

    def _note(self, part: Part) -> None:
        self.parts.append(part)
        self._hand_over(part)


def _doing(name: str, place: str) -> str:
    what = f"the source {name} was read" if name else "dockerd was looked for"
    return f"{what} ({place})" if place else what


def merged(parts: list[Part]) -> Fields:
    """Return the fields of a snapshot out of all parts: a later one goes before an earlier one, lists of lacks grow."""
    found: Fields = {"gaps": [], "defects": []}
    for part in parts:
        for name, value in part.fields.items():
            found[name] = [*found[name], *value] if name in ("gaps", "defects") else value
    found["sources"] = {part.name: part.source for part in sorted(parts, key=lambda item: item.name) if part.name}
    return found
