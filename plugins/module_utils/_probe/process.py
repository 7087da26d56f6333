# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a container's processes run, and what of its sockets waits for them."""

from __future__ import annotations

from collections.abc import Sequence

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
    ProcessState,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import shortened
from ansible_collections.dockernet.baseline.plugins.module_utils._probe.resolver import DOCKERS_OWN

_MOST_BYTES = 1 << 22
_MOST_SOCKETS = 500
# proc_pid_stat(5): stopped on a signal.
_STOPPED_STATE = "T"


def process_state(container: Container) -> ProcessState:
    """Return how the processes of a container are. What cannot be read is left out."""
    if container.pid is None:
        return ProcessState(EXITED, 0, container.name, f"it does not run ({container.status or 'no process'})")
    sockets = _sockets(container.pid)
    state, reason = _state(container, container.pid, sockets)
    return ProcessState(
        state,
        container.pid,
        container.name,
        reason,
        listening=list(dict.fromkeys(shown(item.listener) for item in sockets)),
        queue_full=list(dict.fromkeys(shown(item.listener) for item in sockets if is_full(item))),
    )


def _state(container: Container, pid: int, sockets: Sequence[InodeListener]) -> tuple[str, str]:
    if container.paused:
        return PAUSED, "the engine paused it (docker unpause continues it)"
    frozen = procfs.freezer(pid)
    if frozen:
        return PAUSED, f"its cgroup is frozen ({shortened(frozen)})"
    if procfs.read_process(pid) is None:
        return EXITED, f"its process {pid} has ended"
    stopped = next((found for found in [pid, *_of_namespace(pid, sockets)] if _is_stopped(found)), None)
    if stopped is not None:
        return STOPPED, f"process {stopped} ({_name(stopped)}) is stopped (SIGSTOP; kill -CONT {stopped} continues it)"
    return RUNNING, ""


def _name(pid: int) -> str:
    process = procfs.read_process(pid)
    return shortened(process.name) if process else "ended"


def _is_stopped(pid: int) -> bool:
    process = procfs.read_process(pid)
    return process is not None and process.state == _STOPPED_STATE


def _of_namespace(pid: int, sockets: Sequence[InodeListener]) -> list[int]:
    """Other processes of its PID namespace that are stopped and hold a socket that listens."""
    inodes = {item.inode for item in sockets}
    own = _pid_namespace(pid)
    if own is None or not inodes:
        return []
    return [
        process.pid
        for process in procfs.processes()
        if process.pid != pid
        and _is_stopped(process.pid)
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


def shown(listener: Listener) -> str:
    """Return a socket as ``tcp 0.0.0.0:80``."""
    address = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"{listener.protocol} {address}:{listener.port}"


def is_full(item: InodeListener) -> bool:
    """Whether a listening socket takes no further connection, since nothing accepts those that wait."""
    return item.listener.protocol == "tcp" and item.waiting > item.room
