# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers that start, stop or change networks while a host is read.

dockerd makes a veth for each and takes it away, of which the kernel gives notice (rtnetlink(7), RTMGRP_LINK). It makes
the rules and starts docker-proxy before it says that the container was started: what was read before that moment can
lack them. And it takes the network of a process that has ended apart before it says that it ended.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import re
import socket
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import link_in
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import ROUTE, messages_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

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

    One that was started in the future was so by a clock that was put right since.
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
        # Whoever can make them as fast as they are read must not keep us here.
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
