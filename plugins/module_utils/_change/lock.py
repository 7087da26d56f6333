# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""One change of a host at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal

LOCK_PATH = "/run/dockernet-baseline.lock"
WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.2


@contextlib.contextmanager
def exclusive(path: str = LOCK_PATH, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of all changes while the body runs; wait so many seconds for another holder to finish.

    The kernel lets go of the lock when the holder dies (flock(2)), so a killed run blocks nobody. Raises Refusal when
    another run still holds it after that time.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refusal(f"nothing was changed, since the lock against other runs cannot be had: {error}") from error
    try:
        _acquire(descriptor, path, time.monotonic() + wait)
        with contextlib.suppress(OSError):
            # For the message of whoever waits in vain; where there is no space left, the lock holds all the same.
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: str, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
                raise Refusal(
                    f"another run is changing this host (process {holder} holds {path}); "
                    "nothing was changed, run again when it has finished"
                ) from None
            time.sleep(_PAUSE_SECONDS)
