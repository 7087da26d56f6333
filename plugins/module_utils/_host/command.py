# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs programs of the host: no shell, limits of time and output, messages in English; and the deadline of a reading.

The deadline is one for the whole process, since whatever waits (for the kernel, a program, the engine) waits for the
same reading. Without one, as in a change, the limits of each wait hold.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import IO, Callable, Optional

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

_PIECE = 1 << 16
# Seconds between two looks at whether a program that says nothing has ended.
_LOOK = 0.25
# Seconds for what it left behind to close its output, and for the kernel to end what was killed.
_PATIENCE = 1.0


class _LimitError(Exception):
    """A program was ended; the status stands for why, the message says it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def run_command(argv: list[str], given: bytes = b"") -> tuple[int, str, str]:
    """Run a command, with what it is given as its input, and return its exit status, output and error output.

    The status is 127 when there is no such program, 124 when it was ended after TIME_LIMIT seconds or when the time for
    the whole reading was over, and 125 when it was ended after MOST_OUTPUT bytes. What it started is ended with it.
    Bytes that are not UTF-8 are replaced by U+FFFD. Raises nothing.
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
                piece = os.read(key.fd, _PIECE)
                key.data.append(piece)
                left -= len(piece)
                if not piece:
                    waiting.unregister(key.fileobj)
                if left < 0:
                    raise _LimitError(TOO_MUCH, f"it was ended, since it wrote more than {MOST_OUTPUT >> 20} MiB")
            if not ready and program.poll() is not None:
                # Somebody whom it left behind holds its output.
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
