# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Programs of the host, and work of our own, each in a process of its own, with limits; and the deadline of a reading.

Programs run without a shell, with limits of time and output, and speak English. The deadline is one for the whole
process; without one the limits of each wait hold.

What hangs in the kernel (a file of a dead NFS server) cannot be killed. So work that can hang is a child's: it hands
over what it finds, and is left.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import resource
import select
import selectors
import signal
import struct
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Callable, NoReturn, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.unread import Defect, defect_of

SECONDS = 60.0
"""By default. A host with 1,000 containers takes two or three."""

_ends: Optional[float] = None


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let all waits of the body end within so many seconds from now."""
    global _ends  # noqa: PLW0603 (see above)
    before, _ends = _ends, time.monotonic() + seconds
    try:
        yield
    finally:
        _ends = before


def within(limit: float) -> float:
    """Return the seconds that a wait may take whose own limit is given; 0 or less where there is no time left."""
    return limit if _ends is None else min(limit, _ends - time.monotonic())


Run = Callable[[list[str]], tuple[int, str, str]]
"""Runs a command given as a list of words and returns its exit status, output and error output."""

TIME_LIMIT = 20.0
"""Seconds."""
MOST_OUTPUT = 1 << 26
"""Bytes of output and of error output together: a ruleset of 100,000 rules has some 20 MiB."""

NOT_FOUND = 127
NOT_RUN = 126
TOO_MUCH = 125
TIMED_OUT = 124

# Programs of the system lie in the sbin directories too, which the PATH of a plain user lacks.
PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"

_OUTPUT_PIECE = 1 << 16
# Seconds between two looks at whether a program that says nothing has ended.
_LOOK = 0.25


class _LimitError(Exception):
    """A program was ended; the status stands for why, the message says it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def run_command(argv: list[str], given: bytes = b"") -> tuple[int, str, str]:
    """Run a command, with what it is given as its input, and return its exit status, output and error output.

    The status is 127 when there is no such program, 124 when it was ended after TIME_LIMIT seconds or at the deadline,
    125 after MOST_OUTPUT bytes, and what it started is ended with it. Bytes that are no UTF-8 become U+FFFD.
    """
    environment = {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": PROGRAM_PATH}
    limit = within(TIME_LIMIT)
    if limit <= 0:
        return TIMED_OUT, "", f"{argv[0]}: not run, the time limit was reached"
    try:
        # There is no AnsibleModule here to ask: this is plain Python.
        with _input(given) as stream:
            program = subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
                argv,
                stdin=stream,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # A group of its own, which can be ended as a whole.
                start_new_session=True,
            )
    except FileNotFoundError:
        return NOT_FOUND, "", f"{argv[0]}: not found"
    except OSError as error:
        return NOT_RUN, "", f"{argv[0]}: {error.strerror}"
    try:
        output, problem = _drained(program, time.monotonic() + limit)
    except _LimitError as error:
        _end(program)
        seconds = f" after {limit:.3g} seconds" if error.status == TIMED_OUT else ""
        return error.status, "", f"{argv[0]}: {error}{seconds}"
    return program.returncode, output.decode("utf-8", "replace"), problem.decode("utf-8", "replace")


@contextlib.contextmanager
def _input(given: bytes) -> Iterator[int]:
    """A descriptor to read it from, in memory alone: it can hold secrets, and be more than a pipe takes at once."""
    if not given:
        yield subprocess.DEVNULL
        return
    descriptor = os.memfd_create("input")
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(given)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _drained(program: subprocess.Popen[bytes], until: float) -> tuple[bytes, bytes]:
    """What a program writes until it has ended. Raises _LimitError."""
    streams: list[IO[bytes]] = [item for item in (program.stdout, program.stderr) if item is not None]
    written: list[list[bytes]] = [[] for dummy in streams]
    with contextlib.ExitStack() as closing:
        waiting = closing.enter_context(selectors.DefaultSelector())
        for stream, pieces in zip(streams, written):
            waiting.register(closing.enter_context(stream), selectors.EVENT_READ, pieces)
        left = MOST_OUTPUT
        while waiting.get_map() and time.monotonic() < until:
            ready = waiting.select(min(_LOOK, max(0.0, until - time.monotonic())))
            for key, dummy in ready:
                piece = os.read(key.fd, _OUTPUT_PIECE)
                key.data.append(piece)
                left -= len(piece)
                if not piece:
                    waiting.unregister(key.fileobj)
                if left < 0:
                    raise _LimitError(TOO_MUCH, f"it was ended, since it wrote more than {MOST_OUTPUT >> 20} MiB")
            if not ready and program.poll() is not None:
                # A process that it left behind holds its output.
                until = min(until, time.monotonic() + _PATIENCE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(max(0.0, until - time.monotonic()))
    if program.returncode is None:
        raise _LimitError(TIMED_OUT, "no end")
    output, problem = (b"".join(pieces) for pieces in written)
    return output, problem


def _end(program: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started, without waiting for what the kernel does not let go."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_PATIENCE)


HandOver = Callable[[Any], None]
"""Hands an object over to the parent. From any thread."""

_LENGTH = struct.Struct("=Q")
_PIECE = 1 << 20
_PR_SET_PDEATHSIG = 1
# malloc.h
_M_ARENA_MAX = -8
# The kernel ends this one first where memory runs out (proc(5)).
_OOM_SCORE = "1000"
# Seconds for a child that has handed over all to end, for what a program left behind to close its output, and for the
# kernel to end what was killed.
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

    memory: bytes that the child may take besides those that this process has. It has none of this process's files, and
    dies with it. Raises OSError where no process can be made.
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
