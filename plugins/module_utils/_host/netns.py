# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Enters network namespaces to ask the kernel in there (setns(2)). Starts no program and leaves no trace in them."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, TypeVar

from ansible_collections.dockernet.baseline.plugins.module_utils._host import procfs

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
