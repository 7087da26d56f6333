# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listening sockets of the host, and the processes that hold them, as far as that can be seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Callable, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import InodeListener, listening_sockets
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

# Of processes in other namespaces.
_MOST_OPEN_FILES = 200_000

_OF_DOCKER = ("dockerd", "docker-proxy")


def read_listeners(
    links: Mapping[int, str], processes: Callable[[], list[procfs.Process]] = procfs.processes
) -> list[Listener]:
    """Return the listeners of the host's namespace with their owners, as far as those can be seen.

    links has the names of the namespace's links by index; processes lists those to look for owners among. Raises
    UnreadableError when the kernel refuses.
    """
    try:
        found = listening_sockets(links)
    except OSError as error:
        raise UnreadableError(ERROR, f"the kernel did not list the listening sockets: {error}") from error
    # Listed behind the sockets: a docker-proxy that has just been given one is among them.
    owners = _owners({item.inode for item in found}, processes())
    names = {pid: _name(pid) for pid in set(owners.values())}
    return [_with_owner(item, owners, names) for item in found]


def _owners(inodes: set[int], processes: list[procfs.Process]) -> dict[int, int]:
    """Process id by inode number of the sockets that processes we may look into hold.

    A socket that was handed down (by systemd to a service, by dockerd to docker-proxy) is held by the giver, too; who
    accepts is the youngest. Those in other namespaces come last, and only so many of their open files are looked at:
    a process there can open a million.
    """
    owners: dict[int, int] = {}
    own = _namespace("self")
    left = _MOST_OPEN_FILES
    by_age = sorted(processes, key=lambda item: item.start_ticks, reverse=True)
    here = [item for item in by_age if _namespace(item.pid) == own]
    for process in here:
        if len(owners) == len(inodes):
            break
        _look_into(process, procfs.open_files(process.pid), inodes, owners)
    known = {item.pid for item in here}
    for process in (item for item in by_age if item.pid not in known):
        if len(owners) == len(inodes) or left <= 0:
            break
        left -= _look_into(process, islice(procfs.open_files(process.pid), left), inodes, owners)
    return owners


def _look_into(
    process: procfs.Process, files: Iterable[Optional[int]], inodes: set[int], owners: dict[int, int]
) -> int:
    """Note which of the sockets a process holds, unless a younger one does; return how many files were looked at."""
    count = 0
    for inode in files:
        count += 1
        if inode in inodes:
            owners.setdefault(inode, process.pid)
    return count


def _namespace(pid: Union[int, str]) -> Optional[int]:
    try:
        return procfs.namespace(pid, "net")
    except PermissionError:
        return None


def _name(pid: int) -> str:
    """Name of a process's program. A stranger's by one of Docker's names, which mean something here, says whose it is.

    Nor is one in a container, be it of root, this host's dockerd or a helper of it.
    """
    program = procfs.program(pid)
    process = None if program else procfs.read_process(pid)
    name = os.path.basename(program) if program else process.name if process else ""
    if name not in _OF_DOCKER:
        return name
    status = procfs.read_status(pid)
    if procfs.is_nested(pid, status):
        return f"{name} in a container"
    uid = procfs.uid(pid, status)
    return f"{name} of user {uid}" if uid else name


def _with_owner(found: InodeListener, owners: Mapping[int, int], names: Mapping[int, str]) -> Listener:
    pid = owners.get(found.inode)
    return found.listener if pid is None else replace(found.listener, owner=names[pid], pid=pid)
