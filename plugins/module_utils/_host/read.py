# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Reads a whole host. What cannot be read is recorded with its reason, and the rest is read all the same."""

from __future__ import annotations

import datetime
import os
import time
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Tell, Told, apart
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import (
    SECONDS,
    Run,
    deadline,
    run_command,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.conntrack import read_conntrack
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_churn import (
    LinkNotices,
    Motion,
    motion_of,
    without_moving,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.container_namespaces import (
    Inside,
    read_container_namespaces,
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
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import read_ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import read_listeners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.managed_links import read_managed_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nameservers import read_nameservers
from ansible_collections.dockernet.baseline.plugins.module_utils._host.neighbours import read_neighbours
from ansible_collections.dockernet.baseline.plugins.module_utils._host.network_namespaces import with_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.proxies import read_proxies
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_policy_rules, read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import read_service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.source_readings import (
    Fields,
    Ledger,
    Part,
    Reading,
    merged,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import read_traffic_control
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

_ATTEMPTS = 3
# Seconds for the end of waits before the deadline, so that what waited can still say what it has; and after it for
# whoever collects.
_MARGIN = 1.0
_GRACE = 2.0


def read_snapshot(
    run: Run = run_command,
    docker_host: str = DEFAULT_SOCKET,
    config_path: Optional[str] = None,
    seconds: float = SECONDS,
) -> model.HostSnapshot:
    """Return the snapshot of this host.

    run executes the programs that are needed; docker_host says where the engine listens; config_path is the
    configuration file, by default the one that dockerd uses; what was not read after so many seconds is left. Changes
    nothing; above all it does not start a dockerd that systemd would start at the first connection to its socket.
    Raises nothing for what cannot be read.

    Where containers start or stop meanwhile, all is read again, since what the engine said of them and what the kernel
    showed would not belong together. Those that do so time and again count as not looked into. So it is where dockerd
    was starting: what the kernel showed can be what the dockerd before it left.
    """
    began = time.monotonic()
    wish = _Wish(run, docker_host, config_path, seconds)
    told = apart(lambda tell: _read_repeatedly(wish, tell), seconds + _GRACE)
    parts: list[Part] = []
    moved = Motion()
    for item in told.items:
        if isinstance(item, _Again):
            parts = []
        elif isinstance(item, Part):
            parts.append(item)
        else:
            moved = item
    taken = _snapshot(wish, [*parts, *_missing(parts, told)])
    taken = replace(taken, defects=[*taken.defects, *told.defects], seconds=round(time.monotonic() - began, 6))
    return without_moving(taken, moved) if moved else taken


@dataclass(frozen=True)
class _Wish:
    """What read_snapshot() was given."""

    run: Run
    docker_host: str
    config_path: Optional[str]
    seconds: float


@dataclass(frozen=True)
class _Again:
    """What was told so far counts no longer."""


def _missing(parts: list[Part], told: Told) -> list[Part]:
    """The sources of which a child that ended too early told nothing."""
    known = {part.name for part in parts}
    kind = DEFECT if told.defects else DEADLINE
    source = model.Source(False, kind, f"not read: {told.problem}")
    return [Part(name, source) for name in model.SOURCES if name not in known]


def _snapshot(wish: _Wish, parts: list[Part]) -> model.HostSnapshot:
    return model.HostSnapshot(
        hostname=os.uname().nodename,
        taken_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        kernel=os.uname().release,
        docker_host=wish.docker_host,
        **merged(parts),
    )


def _read_repeatedly(wish: _Wish, tell: Tell) -> None:
    """Read until nothing moves, and tell each part as it comes, and at the end what moved all the same."""
    until = time.monotonic() + wish.seconds
    with deadline(wish.seconds - min(_MARGIN, wish.seconds / 10)), LinkNotices() as notices:
        for attempt in range(_ATTEMPTS):
            began, since = time.monotonic(), time.time()
            ledger = Ledger(until, wish.seconds, tell)
            _read(wish, ledger)
            ledger.close()
            taken = _snapshot(wish, ledger.parts)
            moved = motion_of(taken, since, time.time(), notices.arrived())
            if not moved and not _came_up(taken):
                return
            # Another reading takes as long as this one did.
            if attempt == _ATTEMPTS - 1 or until - time.monotonic() < 2 * (time.monotonic() - began):
                tell(moved)
                return
            tell(_Again())


@dataclass(frozen=True)
class _Running:
    """The processes of the host, and who of them is the dockerd in question."""

    processes: list[procfs.Process] = field(default_factory=list)
    dockerds: Dockerds = field(default_factory=Dockerds)
    dockerd: Optional[procfs.Process] = None
    daemon: Optional[DaemonProcess] = None


def _running(wish: _Wish) -> _Running:
    processes = procfs.processes()
    dockerds = find_dockerds(processes, wish.docker_host, wish.run)
    dockerd = dockerds.serving
    return _Running(processes, dockerds, dockerd, describe_daemon(dockerd) if dockerd else None)


def _read(wish: _Wish, ledger: Ledger) -> None:
    # What others need as well; of its own it is no source.
    found = ledger.take("", lambda: _running(wish), lambda value: {"daemon": value.daemon})

    def running() -> _Running:
        return found.get(_Running())

    def beside(name: str, read: Callable[[], T], fields: Optional[Callable[[T], Fields]] = None) -> Reading[T]:
        """Read what belongs to the network namespace that dockerd is in."""
        return ledger.take(name, lambda: _beside(running().daemon, read), fields or (lambda value: {name: value}))

    def hidden() -> bool:
        seen = running()
        return seen.dockerd is None and not seen.dockerds.elsewhere and _is_active(service.get(None))

    def names() -> dict[int, str]:
        return {link.index: link.name for link in links.get([])}

    # The programs that show the rules are waited for while everything else is read.
    ledger.begin(
        model.RULESET,
        lambda: _beside(running().daemon, lambda: read_ruleset(wish.run)),
        lambda value: {"ruleset": value},
    )
    service: Reading[Optional[ServiceUnit]] = ledger.take(
        model.SERVICE, lambda: read_service(wish.run, running().dockerd), lambda value: {"service": value}
    )
    ledger.take(model.PROCESSES, lambda: _proxies(found.need(), hidden=hidden()), lambda value: {"proxies": value})
    # Before the namespaces: the kernel gives ids to namespaces when it lists the links that lead into them.
    links = beside(model.LINKS, read_links)
    declared = ledger.take(model.ENGINE, lambda: _declared(wish, found, service, hidden), _fields_of_declared)
    placed = ledger.take(model.NAMESPACES, lambda: _placed(declared, links), lambda value: {"containers": value})
    beside(model.CONTAINER_NAMESPACES, lambda: read_container_namespaces(placed.need()), _fields_of_inside)
    beside(model.ROUTES, read_routes)
    beside(model.POLICY_RULES, read_policy_rules)
    beside(model.NEIGHBOURS, read_neighbours)
    beside(model.TRAFFIC_CONTROL, read_traffic_control)
    beside(model.IPSEC, read_ipsec)
    beside(model.LISTENERS, lambda: read_listeners(names()))
    ledger.take(model.NAMESERVERS, read_nameservers, lambda value: {"nameservers": value})
    beside(model.SYSCTL, read_sysctls, lambda value: {"sysctls": value})
    ledger.take(model.BOOT, read_boot, lambda value: {"boot": value})
    ledger.take(
        model.DAEMON_CONFIG,
        lambda: _config(wish, running(), service.get(None)),
        lambda value: {"daemon_config": value},
    )
    beside(model.CONNTRACK, read_conntrack)
    beside(model.MANAGED_LINKS, lambda: read_managed_links(wish.run, running().processes, names()))


def _fields_of_declared(value: Declared) -> Fields:
    return {
        "engine": value.engine,
        "networks": value.networks,
        "containers": value.containers,
        "gaps": value.gaps,
    }


def _fields_of_inside(value: Inside) -> Fields:
    return {"container_namespaces": value.namespaces, "gaps": value.gaps, "defects": value.defects}


def _declared(
    wish: _Wish, found: Reading[_Running], service: Reading[Optional[ServiceUnit]], hidden: Callable[[], bool]
) -> Declared:
    try:
        seen = found.need()
    except UnreadableError as error:
        raise UnreadableError(error.kind, f"whether a dockerd runs is not known: {error.reason}") from error
    return read_declared(wish.docker_host, service.get(None), seen.dockerds, runs=seen.dockerd is not None or hidden())


def _config(wish: _Wish, seen: _Running, service: Optional[ServiceUnit]) -> DaemonConfig:
    daemon = seen.daemon
    path = wish.config_path or find_config_path(seen.dockerd, service.argv if service else [])
    named_by = daemon.uid if daemon and daemon.uid and not wish.config_path else procfs.ROOT
    return read_daemon_config(path, named_by)


def _came_up(taken: model.HostSnapshot) -> bool:
    """Whether dockerd was starting when the reading began, and answered before it ended."""
    return taken.service is not None and taken.service.active == "activating" and taken.was_read(model.ENGINE)


def _is_active(service: Optional[ServiceUnit]) -> bool:
    return service is not None and service.active in ("active", "reloading")


def _proxies(seen: _Running, *, hidden: bool) -> list[ProxyProcess]:
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
