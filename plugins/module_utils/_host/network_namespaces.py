# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Network namespaces: which one a container is in, the id that the host has for it, and how to ask the kernel inside.

To enter one (setns(2)) starts no program and leaves no trace in it. Its id (rtnetlink(7), RTM_GETNSID) needs no
privilege and no entering.
"""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import os
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Callable, Optional, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs
from ansible_collections.dockernet.baseline.plugins.module_utils._host.netlink import (
    ROUTE,
    Netlink,
    attribute,
    attributes,
    understood,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container


def with_namespaces(containers: list[Container]) -> list[Container]:
    """Return the containers with inode number and id of their namespaces and with their bounding sets.

    To be called after links were listed. A container that ended meanwhile keeps None. Raises OSError where the kernel
    refuses (PermissionError without root).
    """
    with NamespaceIds() as ids:
        return [_with_namespace(container, ids) for container in containers]


def _with_namespace(container: Container, ids: NamespaceIds) -> Container:
    if container.pid is None:
        return container
    netns = procfs.namespace(container.pid, "net")
    return dataclasses.replace(
        container,
        netns=netns,
        nsid=None if netns is None else ids.of(container.pid),
        bounding=procfs.bounding_set(container.pid),
    )


_RTM_GETNSID = 90
_NETNSA_NSID = 1
_NETNSA_PID = 2
_NOT_ASSIGNED = -1

_FAMILY = struct.Struct("=Bxxx")


class NamespaceIds:
    """A route netlink socket that answers which id a process's network namespace has. Use it with ``with``."""

    def __init__(self) -> None:
        self._netlink = Netlink(ROUTE)

    def __enter__(self) -> NamespaceIds:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._netlink.__exit__(kind, error, trace)

    def of(self, pid: int) -> Optional[int]:
        """Return the id of the namespace of process pid; None when it has none (as our own) or the process is gone.

        The kernel gives ids out when links are listed: list them first. Raises TimeoutError when it does not answer.
        """
        body = _FAMILY.pack(socket.AF_UNSPEC) + attribute(_NETNSA_PID, struct.pack("=I", pid))
        try:
            answer = self._netlink.ask(_RTM_GETNSID, body)
        except TimeoutError:
            raise
        except OSError:
            return None
        with understood():
            (found,) = struct.unpack("=i", attributes(answer, _FAMILY.size)[_NETNSA_NSID])
        return None if found == _NOT_ASSIGNED else int(found)


T = TypeVar("T")

_CLONE_NEWNET = 0x40000000


def read_in_namespaces(pids: Mapping[int, int], read: Callable[[int], T]) -> dict[int, T]:
    """Return by inode number of the namespaces what read, called in each with that number, returns.

    pids has a process for each inode number. A namespace whose process has ended or moved meanwhile is left out. Raises
    OSError where the kernel refuses (PermissionError without CAP_SYS_ADMIN and CAP_SYS_PTRACE), and what read raises.
    """
    # The namespace is one of the thread, not of the process: a thread of its own that ends need not find its way back.
    with ThreadPoolExecutor(max_workers=1) as traveller:
        return traveller.submit(_visit, pids, read).result()


def in_namespace(pid: int, call: Callable[[], T]) -> T:
    """Return what call returns in the network namespace of process pid.

    Raises OSError as read_in_namespaces() does, ProcessLookupError when the process is gone, and what call raises.
    """
    inode = procfs.namespace(pid, "net")
    found = {} if inode is None else read_in_namespaces({inode: pid}, lambda dummy: call())
    for result in found.values():
        return result
    raise ProcessLookupError(errno.ESRCH, f"process {pid} is gone")


def _visit(pids: Mapping[int, int], read: Callable[[int], T]) -> dict[int, T]:
    found = {}
    for inode, pid in pids.items():
        try:
            descriptor = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, ProcessLookupError):
            continue
        try:
            # The process may be another one by now.
            if os.fstat(descriptor).st_ino != inode:
                continue
            _enter(descriptor)
        finally:
            os.close(descriptor)
        found[inode] = read(inode)
    return found


def _enter(descriptor: int) -> None:
    # os.setns() is there from Python 3.12 on.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
