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
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.boot import read_boot
from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run, run_command
from ansible_collections.dockernet.baseline.plugins.module_utils._host.conntrack import read_conntrack
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
from ansible_collections.dockernet.baseline.plugins.module_utils._host.declared import Declared, read_declared
from ansible_collections.dockernet.baseline.plugins.module_utils._host.inner import Inside, read_inner
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ipsec import read_ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import read_listeners
from ansible_collections.dockernet.baseline.plugins.module_utils._host.managed_links import read_managed_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.motion import motion_of, without_moving
from ansible_collections.dockernet.baseline.plugins.module_utils._host.nameservers import read_nameservers
from ansible_collections.dockernet.baseline.plugins.module_utils._host.namespaces import with_namespaces
from ansible_collections.dockernet.baseline.plugins.module_utils._host.neighbours import read_neighbours
from ansible_collections.dockernet.baseline.plugins.module_utils._host.notices import LinkNotices
from ansible_collections.dockernet.baseline.plugins.module_utils._host.policy_rules import read_policy_rules
from ansible_collections.dockernet.baseline.plugins.module_utils._host.proxies import read_proxies
from ansible_collections.dockernet.baseline.plugins.module_utils._host.routes import read_routes
from ansible_collections.dockernet.baseline.plugins.module_utils._host.ruleset import read_ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._host.service import read_service
from ansible_collections.dockernet.baseline.plugins.module_utils._host.sysctls import read_sysctls
from ansible_collections.dockernet.baseline.plugins.module_utils._host.traffic_control import read_traffic_control
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import (
    DENIED,
    ERROR,
    UnreadableError,
    from_os_error,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model import snapshot as model
from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.defect import DEFECT, Defect, defect_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import (
    DaemonProcess,
    ServiceUnit,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.ipsec import Ipsec
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Neighbour,
    PolicyRule,
    ProxyProcess,
    Route,
    Ruleset,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.managed_link import ManagedLink
from ansible_collections.dockernet.baseline.plugins.module_utils._model.sockets import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.traffic_control import TrafficControl

T = TypeVar("T")

_ATTEMPTS = 3


class _Ledger:
    """Keeps book of which sources were read, and why others were not."""

    def __init__(self) -> None:
        self.sources: dict[str, model.Source] = {}
        self.defects: list[Defect] = []

    def take(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        """Return what read returns; if it cannot, record the reason and return otherwise."""
        began = time.monotonic()
        try:
            value = read()
        except UnreadableError as error:
            self.sources[name] = model.Source(False, error.kind, error.reason, _since(began))
            return otherwise
        except OSError as error:
            problem = from_os_error(error, str(error.filename or name))
            self.sources[name] = model.Source(False, problem.kind, problem.reason, _since(began))
            return otherwise
        except Exception as error:  # noqa: BLE001 (what nobody foresaw has no type, and the other sources are read all the same)
            self.defects.append(defect_of(f"source {name}", error))
            self.sources[name] = model.Source(False, DEFECT, str(self.defects[-1]), _since(began))
            return otherwise
        self.sources[name] = model.Source(True, seconds=_since(began))
        return value


def _since(began: float) -> float:
    """Seconds, to the microsecond."""
    return round(time.monotonic() - began, 6)


def read_snapshot(
    run: Run = run_command, docker_host: str = DEFAULT_SOCKET, config_path: Optional[str] = None
) -> model.HostSnapshot:
    """Return the snapshot of this host.

    run executes the programs that are needed; docker_host says where the engine listens; config_path is the
    configuration file, by default the one that dockerd uses. Changes nothing; above all it does not start a dockerd
    that systemd would start at the first connection to its socket. Raises nothing for what cannot be read.

    Where containers start or stop meanwhile, all is read again, since what the engine said of them and what the kernel
    showed would not belong together. Those that do so time and again count as not looked into. So it is where dockerd
    was starting: what the kernel showed can be what the dockerd before it left.
    """
    began = time.monotonic()
    wish = _Wish(run, docker_host, config_path)
    # The programs that show the rules are waited for while everything else is read.
    with ThreadPoolExecutor(max_workers=1) as waiting, LinkNotices() as notices:
        for dummy in range(_ATTEMPTS):
            ledger, since = _Ledger(), time.time()
            taken = _read(wish, ledger, waiting)
            moved = motion_of(taken, since, time.time(), notices.arrived())
            if not moved and not _came_up(taken.service, ledger):
                break
        else:
            if moved:
                taken = without_moving(taken, moved)
    sources = {name: ledger.sources[name] for name in sorted(ledger.sources)}
    defects = [*ledger.defects, *taken.defects]
    return replace(taken, sources=sources, defects=defects, seconds=_since(began))


@dataclass(frozen=True)
class _Wish:
    """What read_snapshot() was given."""

    run: Run
    docker_host: str
    config_path: Optional[str]


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


def _declared(
    docker_host: str, running: _Running, found_out: model.Source, service: Optional[ServiceUnit], *, hidden: bool
) -> Declared:
    if not found_out.read:
        raise UnreadableError(found_out.kind, f"whether a dockerd runs is not known: {found_out.reason}")
    return read_declared(docker_host, service, running.dockerds, runs=bool(running.dockerd or hidden))


def _config(wish: _Wish, running: _Running, service: Optional[ServiceUnit]) -> DaemonConfig:
    daemon = running.daemon
    path = wish.config_path or find_config_path(running.dockerd, service.argv if service else [])
    named_by = daemon.uid if daemon and daemon.uid and not wish.config_path else procfs.ROOT
    return read_daemon_config(path, named_by)


def _read(wish: _Wish, ledger: _Ledger, waiting: Executor) -> model.HostSnapshot:
    running = ledger.take(model.PROCESSES, lambda: _running(wish), _Running())
    found_out = ledger.sources[model.PROCESSES]
    processes, dockerds, dockerd, daemon = running.processes, running.dockerds, running.dockerd, running.daemon
    no_rules: Optional[Ruleset] = None
    ruleset = waiting.submit(
        ledger.take, model.RULESET, lambda: _beside(daemon, lambda: read_ruleset(wish.run)), no_rules
    )
    service = ledger.take(model.SERVICE, lambda: read_service(wish.run, dockerd), None)
    hidden = dockerd is None and not dockerds.elsewhere and _is_active(service)
    no_proxies: list[ProxyProcess] = []
    if found_out.read:
        proxies = ledger.take(model.PROCESSES, lambda: _proxies(processes, dockerd, hidden=hidden), no_proxies)
    else:
        proxies = no_proxies
    # Before the namespaces: the kernel gives ids to namespaces when it lists the links that lead into them.
    no_links: list[Link] = []
    links = ledger.take(model.LINKS, lambda: _beside(daemon, read_links), no_links)
    names = {link.index: link.name for link in links}
    no_routes: list[Route] = []
    no_policy_rules: list[PolicyRule] = []
    no_neighbours: list[Neighbour] = []
    no_traffic_control: list[TrafficControl] = []
    no_listeners: list[Listener] = []
    no_nameservers: list[str] = []
    no_managed_links: list[ManagedLink] = []
    declared = ledger.take(
        model.ENGINE,
        lambda: _declared(wish.docker_host, running, found_out, service, hidden=hidden),
        Declared(),
    )
    containers = ledger.take(
        model.NAMESPACES, lambda: _placed(declared, ledger.sources[model.ENGINE]), declared.containers
    )
    inside = ledger.take(model.INNER, lambda: _beside(daemon, lambda: _inside(containers, ledger.sources)), Inside())
    return model.HostSnapshot(
        hostname=os.uname().nodename,
        taken_at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        sources=ledger.sources,
        kernel=os.uname().release,
        docker_host=wish.docker_host,
        engine=declared.engine,
        daemon=daemon,
        service=service,
        networks=declared.networks,
        containers=containers,
        links=links,
        routes=ledger.take(model.ROUTES, lambda: _beside(daemon, read_routes), no_routes),
        policy_rules=ledger.take(model.POLICY_RULES, lambda: _beside(daemon, read_policy_rules), no_policy_rules),
        neighbours=ledger.take(model.NEIGHBOURS, lambda: _beside(daemon, read_neighbours), no_neighbours),
        traffic_control=ledger.take(
            model.TRAFFIC_CONTROL, lambda: _beside(daemon, read_traffic_control), no_traffic_control
        ),
        ipsec=ledger.take(model.IPSEC, lambda: _beside(daemon, read_ipsec), Ipsec()),
        listeners=ledger.take(model.LISTENERS, lambda: _beside(daemon, lambda: read_listeners(names)), no_listeners),
        inner=inside.namespaces,
        gaps=[*declared.gaps, *inside.gaps],
        defects=inside.defects,
        nameservers=ledger.take(model.NAMESERVERS, read_nameservers, no_nameservers),
        sysctls=ledger.take(model.SYSCTL, lambda: _beside(daemon, read_sysctls), {}),
        boot=ledger.take(model.BOOT, read_boot, None),
        proxies=proxies,
        daemon_config=ledger.take(model.DAEMON_CONFIG, lambda: _config(wish, running, service), None),
        ruleset=ruleset.result(),
        conntrack=ledger.take(model.CONNTRACK, lambda: _beside(daemon, read_conntrack), None),
        managed_links=ledger.take(
            model.MANAGED_LINKS,
            lambda: _beside(daemon, lambda: read_managed_links(wish.run, processes, names)),
            no_managed_links,
        ),
    )


def _came_up(service: Optional[ServiceUnit], ledger: _Ledger) -> bool:
    """Whether dockerd was starting when the reading began, and answered before it ended."""
    return service is not None and service.active == "activating" and ledger.sources[model.ENGINE].read


def _is_active(service: Optional[ServiceUnit]) -> bool:
    return service is not None and service.active in ("active", "reloading")


def _proxies(processes: list[procfs.Process], dockerd: Optional[procfs.Process], *, hidden: bool) -> list[ProxyProcess]:
    if hidden:
        # As hidepid=2 does it to the processes of other users (proc(5)).
        raise UnreadableError(DENIED, "dockerd runs, and its process is not visible; run with become (as root)")
    return read_proxies(processes, dockerd)


def _placed(declared: Declared, engine: model.Source) -> list[Container]:
    if not engine.read:
        raise UnreadableError(engine.kind, engine.reason)
    return with_namespaces(declared.containers)


def _inside(containers: list[Container], sources: dict[str, model.Source]) -> Inside:
    placed = sources[model.NAMESPACES]
    if not placed.read:
        raise UnreadableError(placed.kind, placed.reason)
    return read_inner(containers)


def _beside(daemon: Optional[DaemonProcess], read: Callable[[], T]) -> T:
    """Read what belongs to this network namespace, if dockerd is in it as well (a rootless one is not)."""
    own = procfs.namespace("self", "net")
    if daemon is not None and daemon.netns is not None and daemon.netns != own:
        reason = f"dockerd (process {daemon.pid}) is in a network namespace of its own, net:[{daemon.netns}]"
        raise UnreadableError(ERROR, f"{reason}; what this host's namespace shows says nothing about it")
    return read()
