# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in a process of its own, for which the parent waits no longer than it is given.

What hangs in the kernel (a file of a dead NFS server, a FUSE without an answer) can neither be interrupted nor killed,
and a process that has such a thread never ends for whoever waits for it. So the work that can hang must be somebody
else's child's: it hands over what it has found as it finds it, and is left where it hangs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import resource
import select
import signal
import struct
import threading
import time
import warnings
from dataclasses import dataclass, field
from typing import Any, Callable, NoReturn, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import Defect, defect_of

HandOver = Callable[[Any], None]
"""Hands an object over to the parent. From any thread."""

_LENGTH = struct.Struct("=Q")
_PIECE = 1 << 20
_PR_SET_PDEATHSIG = 1
# malloc.h
_M_ARENA_MAX = -8
# The kernel ends this one first where memory runs out (proc(5)).
_OOM_SCORE = "1000"
# Seconds for a child that has handed over all to end.
_PATIENCE = 1.0
_PAUSE = 0.002


@dataclass
class ChildResult:
    """What a child handed over."""

    items: list[Any] = field(default_factory=list)
    problem: str = ""
    """Why it handed over no more, in words that follow a name; empty where the work was done."""
    defects: list[Defect] = field(default_factory=list)


@dataclass(frozen=True)
class _Ended:
    """The last that a child hands over."""

    defects: list[Defect] = field(default_factory=list)
    problem: str = ""


def run_in_child(work: Callable[[HandOver], None], seconds: float, memory: Optional[int] = None) -> ChildResult:
    """Have work done in a child of this process, and return what it handed over within so many seconds.

    memory: bytes that the child may take besides those that this process has. It has no standard streams and none of
    this process's files, so that nobody waits for it who waits for those. It dies with this process. Raises OSError
    where no process can be made.
    """
    until = time.monotonic() + seconds
    reading, writing = os.pipe()
    try:
        with warnings.catch_warnings():
            # Threads of whoever uses this as a library have no part in the work.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _be_child(work, writing, memory)
    finally:
        os.close(writing)
    try:
        return _listen(reading, until, seconds)
    finally:
        os.close(reading)
        _end_child(child)


def _be_child(work: Callable[[HandOver], None], writing: int, memory: Optional[int]) -> NoReturn:
    """Do the work and end, whatever becomes of it: nothing of the parent's may go on here."""
    try:
        _isolate(writing)
        sender = _Sender(writing)
        try:
            if memory is not None:
                _limit_memory(memory)
            work(sender.send)
        except MemoryError:
            sender.send(_Ended(problem="it needs more memory than its limit"))
        except Exception as error:  # noqa: BLE001 (the parent reports it)
            sender.send(_Ended([defect_of("reading the host", error)]))
        else:
            sender.send(_Ended())
    finally:
        # Without waiting for threads, as sys.exit() does.
        os._exit(0)


def _limit_memory(more: int) -> None:
    """Let the child have so many bytes more of address space than it has now (setrlimit(2), proc_pid_statm(5))."""
    with open("/proc/self/statm", "rb") as file:
        pages = int(file.read().split()[0])
    dummy_soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _isolate(writing: int) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Of glibc alone: memory of its own for each thread costs more time than threads ever wait for each other.
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, 1)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(_OOM_SCORE)
    # To search for garbage would copy what is shared with the parent, and a child that ends soon needs none of it.
    gc.disable()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != writing:
            # The one that listed them is closed already.
            with contextlib.suppress(OSError):
                os.close(int(name))


class _Sender:
    """Writes to the parent."""

    def __init__(self, writing: int) -> None:
        self._writing = writing
        self._one_at_a_time = threading.Lock()

    def send(self, item: Any) -> None:
        """Hand an object over."""
        content = pickle.dumps(item, protocol=pickle.HIGHEST_PROTOCOL)
        with self._one_at_a_time:
            for part in (_LENGTH.pack(len(content)), content):
                left = memoryview(part)
                while left:
                    left = left[os.write(self._writing, left) :]


def _listen(reading: int, until: float, seconds: float) -> ChildResult:
    result = ChildResult()
    received = bytearray()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while True:
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            result.problem = f"the deadline of {seconds:g} seconds passed"
            return result
        part = os.read(reading, _PIECE)
        if not part:
            result.problem = "its process was killed, possibly because memory ran out"
            return result
        received += part
        for item in _whole(received):
            if isinstance(item, _Ended):
                result.defects = item.defects
                result.problem = str(item.defects[0]) if item.defects else item.problem
                return result
            result.items.append(item)


def _whole(received: bytearray) -> list[Any]:
    """Take what is complete out of what was received."""
    found, at = [], 0
    while len(received) >= at + _LENGTH.size:
        (length,) = _LENGTH.unpack_from(received, at)
        end = at + _LENGTH.size + length
        if len(received) < end:
            break
        # It comes from this very program.
        found.append(pickle.loads(memoryview(received)[at + _LENGTH.size : end]))  # noqa: S301
        at = end
    del received[:at]
    return found


def _end_child(child: int) -> None:
    """Have the child end; where the kernel does not let it, it is left to init."""
    # One that has handed over all is ending already.
    if not _has_ended(child):
        os.kill(child, signal.SIGKILL)
        _has_ended(child)


def _has_ended(child: int) -> bool:
    until = time.monotonic() + _PATIENCE
    while os.waitpid(child, os.WNOHANG)[0] != child:
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True
