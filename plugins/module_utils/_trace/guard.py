# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes back what does not vanish with a process, also where that process is killed: by a child that waits for its end.

All is taken back by that child, whether the process ends as it should or not.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Callable, Optional

_READY = b"."
_MOST_SAID = 1 << 12


@dataclass(frozen=True)
class Undo:
    """One thing to take back."""

    what: str
    """In words, for the operator who has to do it where it fails."""
    call: Callable[[], None]
    """Raises OSError."""


class Guard:
    """A child that takes things back once this process has closed its end of a pipe. Use it with ``with``.

    Made before anything is changed, since it has the list from its beginning.
    """

    def __init__(self, undos: Sequence[Undo]) -> None:
        """Start the child, if there is anything to take back. Raises OSError."""
        self.left_behind: list[str] = []
        """What could not be taken back, once it has ended."""
        self._child = 0
        if undos:
            self._start(undos)

    def _start(self, undos: Sequence[Undo]) -> None:
        waiting, self._alive = os.pipe()
        self._said, saying = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self._child = os.fork()
        if self._child == 0:
            try:
                _be_guard(waiting, saying, undos)
            finally:
                os._exit(0)
        os.close(waiting)
        os.close(saying)
        # Before this it could be ended together with its parent.
        os.read(self._said, len(_READY))

    def __enter__(self) -> Guard:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if not self._child:
            return
        os.close(self._alive)
        said = os.read(self._said, _MOST_SAID)
        os.close(self._said)
        os.waitpid(self._child, 0)
        self.left_behind = said.decode("utf-8", "replace").splitlines()


def _be_guard(waiting: int, saying: int, undos: Sequence[Undo]) -> None:
    # A session of its own: what ends the group of its parent does not end it.
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    # Among them may be the socket that owns the table, which would live on here, and the pipes of those who wait for
    # the module's output.
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in (waiting, saying):
            with contextlib.suppress(OSError):
                os.close(int(name))
    os.write(saying, _READY)
    os.read(waiting, 1)
    failed = []
    for undo in undos:
        try:
            undo.call()
        except OSError as error:
            failed.append(f"{undo.what} ({error.strerror or error})")
    with contextlib.suppress(OSError):
        os.write(saying, "\n".join(failed).encode()[:_MOST_SAID])
