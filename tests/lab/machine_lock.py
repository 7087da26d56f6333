"""What all labs of this machine share: a folder, and a lock around its use."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MACHINE_STATE = Path("/var/lib/dockernet-lab")
CACHE = Path("/var/cache/dockernet-lab")


def no_word() -> None:
    """Say nothing about having to wait."""


@contextmanager
def file_lock(path: Path, on_wait: Callable[[], None] = no_word) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it when the process dies, however it dies.

    `on_wait` is called when somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def machine_lock() -> Iterator[None]:
    """One lab at a time chooses numbers, installs packages and starts the engine."""
    with file_lock(MACHINE_STATE / "lock"):
        yield
