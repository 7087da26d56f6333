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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    FROZEN,
    STOPPED,
    TRACED,
    Halt,
    Listener,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import ERROR, UnreadableError

# Of processes in other namespaces.
_MOST_OPEN_FILES = 200_000

_OF_DOCKER = ("dockerd", "docker-proxy")
_GIVERS = ("dockerd", "systemd")

_STATES = {"T": STOPPED, "t": TRACED}

Halted = dict[int, tuple[int, Halt]]
"""By inode number of a socket the process that should accept there and lives without running."""


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
    listed = processes()
    owners = _owners({item.inode for item in found}, listed)
    return _owned(found, owners, halted_holders(listed, set(owners.values())))


def halted_holders(processes: list[procfs.Process], candidates: set[int]) -> Halted:
    """Return what sockets processes hold that are halted; none unless one of the candidates is.

    A younger process of the same program, which runs, accepts instead, as the workers of a server do. Any other that
    holds the socket might, but for those that only hand sockets down.
    """
    known: dict[bytes, str] = {}
    if not any(item.pid in candidates and _halt_of(item, known) for item in processes):
        return {}
    holders: dict[int, tuple[procfs.Process, Halt]] = {}
    awake = []
    for process in sorted(processes, key=_age, reverse=True):
        halt = _halt_of(process, known)
        if halt is None:
            awake.append(process)
            continue
        for inode in islice(procfs.open_files(process.pid), _MOST_OPEN_FILES):
            if inode is not None:
                holders.setdefault(inode, (process, halt))
    left = _MOST_OPEN_FILES
    for process in awake:
        for inode in islice(procfs.open_files(process.pid), left):
            left -= 1
            if inode is None or inode not in holders or process.name in _GIVERS:
                continue
            holder, halt = holders[inode]
            if _age(process) > _age(holder) and procfs.program(process.pid) == procfs.program(holder.pid):
                del holders[inode]
            else:
                holders[inode] = (holder, replace(halt, shared=True))
    return {
        inode: (holder.pid, halt if left else replace(halt, shared=True)) for inode, (holder, halt) in holders.items()
    }


def _age(process: procfs.Process) -> tuple[int, int]:
    """Greater for a younger one."""
    return process.start_ticks, process.pid


def halted_in_containers(processes: list[procfs.Process], first: set[Optional[int]]) -> Halted:
    """The same, where one is in a container, or stopped; first: the first processes of containers."""
    # All in a container descend from the one that started the first of them.
    within = {item.ppid for item in processes if item.pid in first}
    while more := {item.pid for item in processes if item.ppid in within} - within:
        within |= more
    return halted_holders(processes, within.union(item.pid for item in processes if item.is_stopped))


def with_halted(found: list[InodeListener], halted: Halted) -> list[Listener]:
    """Return listeners, with the owners of those alone that are halted."""
    return _owned(found, {inode: pid for inode, (pid, dummy) in halted.items()}, halted)


def _owners(inodes: set[int], processes: list[procfs.Process]) -> dict[int, int]:
    """Process id by inode number of the sockets that processes we may look into hold.

    A socket that was handed down (by systemd to a service, by dockerd to docker-proxy) is held by the giver, too; who
    accepts is the youngest. Those in other namespaces come last: a process there can open a million files.
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
    """Name of a process's program; one of Docker's names with whose it is, if it is a stranger's or in a container."""
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


def _owned(found: list[InodeListener], owners: Mapping[int, int], halted: Halted) -> list[Listener]:
    names = {pid: _name(pid) for pid in {owners[item.inode] for item in found if item.inode in owners}}
    listeners = []
    for item in found:
        pid = owners.get(item.inode)
        if pid is not None:
            # One that handed the socket down accepts nothing anyway.
            holder, halt = halted.get(item.inode, (pid, None))
            halt = halt if holder == pid else None
            listeners.append(replace(item.listener, owner=names[pid], pid=pid, halt=halt))
        else:
            listeners.append(item.listener)
    return listeners


def _halt_of(process: procfs.Process, known: dict[bytes, str]) -> Optional[Halt]:
    """What keeps it from running; known has the files that freeze, by the content of /proc/PID/cgroup."""
    groups = procfs.read_bytes(process.pid, "cgroup")
    if groups not in known:
        known[groups] = procfs.freezer_in(groups)
    if known[groups]:
        return Halt(FROZEN, known[groups])
    if not process.is_stopped:
        return None
    # A tracer stops a process for moments: only one that still stands still counts.
    now = procfs.read_process(process.pid)
    is_halted = now is not None and now.start_ticks == process.start_ticks and now.is_stopped
    return Halt(_STATES[process.state]) if is_halted else None
