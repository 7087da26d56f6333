# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a container's processes run, and what of its sockets waits for them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.listeners import (
    InodeListener,
    listening_sockets,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import Allowance, in_namespace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Listener
from ansible_collections.dockernet.baseline.plugins.module_utils._model.probe import (
    EXITED,
    PAUSED,
    RUNNING,
    STOPPED,
    TRACED,
    ListeningSocket,
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.resolver import DOCKERS_OWN

_MOST_BYTES = 1 << 22
_MOST_SOCKETS = 500
# What stops a process, and what continues it, by its state in proc_pid_stat(5).
_STATES = {
    "T": (STOPPED, "SIGSTOP; kill -CONT {0} continues it"),
    "t": (TRACED, "by a debugger, TracerPid in /proc/{0}/status"),
}
# Seconds for which a tracer may stop a process at a system call.
_MOMENT = 0.05


def process_state(container: Container) -> ProcessState:
    """Return how the processes of a container are. What cannot be read is left out."""
    if container.pid is None:
        return ProcessState(EXITED, 0, container.name, f"it does not run ({container.status or 'no process'})")
    sockets = _sockets(container.pid)
    state, reason, halted = _state(container, container.pid, sockets)
    return ProcessState(
        state,
        container.pid,
        container.name,
        reason,
        listening=list(dict.fromkeys(str(_socket(item.listener)) for item in sockets)),
        queue_full=list(dict.fromkeys(_socket(item.listener) for item in sockets if is_full(item))),
        halted=halted,
    )


def _state(container: Container, pid: int, sockets: Sequence[InodeListener]) -> tuple[str, str, Optional[int]]:
    if container.paused:
        return PAUSED, "the engine paused it (docker unpause continues it)", None
    frozen = procfs.freezer(pid)
    if frozen:
        return PAUSED, f"its cgroup is frozen ({shortened(frozen)})", None
    first = procfs.read_process(pid)
    if first is None:
        return EXITED, f"its process {pid} has ended", None
    stopped = _standing_still([first, *_of_namespace(pid, sockets)])
    if stopped is None:
        return RUNNING, "", None
    state, how = _STATES[stopped.state]
    name = shortened(stopped.name)
    return state, f"process {stopped.pid} ({name}) is stopped ({how.format(stopped.pid)})", stopped.pid


def _standing_still(processes: Sequence[procfs.Process]) -> Optional[procfs.Process]:
    """The first that is stopped for more than a moment."""
    stopped = [item for item in processes if item.is_stopped]
    before = {item.pid: _switches(item.pid) for item in stopped if _STATES[item.state][0] == TRACED}
    if before:
        time.sleep(_MOMENT)
    for item in stopped:
        now = procfs.read_process(item.pid)
        if now is not None and now.is_stopped and before.get(item.pid) in (None, _switches(item.pid)):
            return item
    return None


def _switches(pid: int) -> bytes:
    """How often a process left its processor, as it does to be stopped again."""
    return procfs.read_status(pid).partition(b"\nvoluntary_ctxt_switches:")[2]


def _of_namespace(pid: int, sockets: Sequence[InodeListener]) -> list[procfs.Process]:
    """Other processes of its PID namespace that are stopped and hold a socket that listens."""
    inodes = {item.inode for item in sockets}
    own = _pid_namespace(pid)
    if own is None or not inodes:
        return []
    return [
        process
        for process in procfs.processes()
        if process.pid != pid
        and process.is_stopped
        and _pid_namespace(process.pid) == own
        and procfs.sockets(process.pid) & inodes
    ]


def _pid_namespace(pid: int) -> object:
    try:
        return procfs.namespace(pid, "pid")
    except PermissionError:
        return None


def _sockets(pid: int) -> list[InodeListener]:
    """Those that wait in its network namespace, without those of Docker's resolver in there."""
    allowance = Allowance(_MOST_BYTES, _MOST_BYTES, [0])
    try:
        found = in_namespace(pid, lambda: listening_sockets({}, allowance))
    except OSError:
        return []
    return [item for item in found if item.listener.address != DOCKERS_OWN][:_MOST_SOCKETS]


def _socket(listener: Listener) -> ListeningSocket:
    return ListeningSocket(listener.protocol, listener.address, listener.port)


def is_full(item: InodeListener) -> bool:
    """Whether a listening socket takes no further connection, since nothing accepts those that wait."""
    return item.listener.protocol == "tcp" and item.waiting > item.room
