# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads a file that ought to be a regular one, whatever really lies there.

To open a FIFO waits for a writer, a device can act on it, and ``/dev/zero`` has no end. So the place is looked at
first, by a descriptor that cannot be exchanged (open(2), O_PATH), and what is read has a limit.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

LARGEST = 1 << 20
"""Bytes; nobody's configuration comes near it."""

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_READ = 1 << 16


class RegularFile(NamedTuple):
    """What was read, and the state of the very file that it was read from."""

    data: bytes
    status: os.stat_result

    @property
    def text(self) -> str:
        """Its text as UTF-8, with a mark for what is none."""
        return self.data.decode("utf-8", "replace")


def read_regular(path: str | os.PathLike[str], largest: int = LARGEST) -> RegularFile:
    """Return the regular file that path leads to, symbolic links followed.

    Raises OSError: as open(2) does, and for what is no regular file or has more than largest bytes.
    """
    with opened(path) as (descriptor, status):
        return RegularFile(content(descriptor, path, largest), status)


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[int, os.stat_result]]:
    """Give the body a descriptor to read from, and the state of the file. Raises OSError as read_regular() does."""
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        status = os.fstat(place)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", os.fspath(path))
        try:
            descriptor = os.open(f"/proc/self/fd/{place}", _OPEN)
        except OSError as error:
            error.filename = os.fspath(path)
            raise
    finally:
        os.close(place)
    try:
        yield descriptor, status
    finally:
        os.close(descriptor)


def content(descriptor: int, path: str | os.PathLike[str], largest: int) -> bytes:
    """Return what descriptor, opened at path, still has to give. Raises OSError where that is more than largest."""
    parts: list[bytes] = []
    left = largest + 1
    while left and (part := os.read(descriptor, min(left, _READ))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise OSError(errno.EFBIG, f"it has more than {largest} bytes, which are not read", os.fspath(path))
    return b"".join(parts)
