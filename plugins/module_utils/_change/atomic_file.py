# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a file with all that belongs to it, and replacing it so that it is always whole.

A reader, or a machine that loses power, sees the old file or the new one (rename(2)). Mode, owner and extended
attributes (the SELinux label among them) are kept; a symbolic link keeps leading to the file, which is replaced where
it lies.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import LARGEST, content, opened

NEW_FOLDER_MODE = 0o755

# What root is refused for, and the kernel's word for it does not say why.
_HINTS = {
    errno.EPERM: "; lsattr shows whether the file or its folder is immutable",
    errno.EBUSY: "; it is a mount point, so it cannot be replaced",
}


def read_file(path: str) -> FileState:
    """Return the file at path; OSError for everything but its absence."""
    real_path = os.path.realpath(path)
    try:
        with opened(real_path) as (descriptor, status):
            xattrs = _xattrs(descriptor)
            data = content(descriptor, real_path, LARGEST)
    except FileNotFoundError:
        return FileState(path, real_path)
    return FileState(path, real_path, data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, xattrs)


def replace_file(before: FileState, data: bytes | None) -> None:
    """Give the file that before describes the content data; None removes it.

    Raises ChangeFailed, with the old file in place, when its content is no longer what before says, or when the file
    system refuses. Should it fail when the new content is already in place, the message says so.
    """
    try:
        if read_file(before.path).data != before.data:
            raise ChangeFailed(f"{before.path} was changed by another program in the meantime, and was left unchanged")
        if data is None:
            _remove(before.real_path)
        else:
            _replace(before, data)
    except OSError as error:
        reason = f"{error.strerror}{_HINTS.get(error.errno or 0, '')}"
        raise ChangeFailed(f"{before.path} could not be written, and is unchanged: {reason}") from error
    try:
        _sync_directory(os.path.dirname(before.real_path))
    except OSError as error:
        raise ChangeFailed(
            f"{before.path} has its new content, but a loss of power could undo that: {error.strerror}"
        ) from error


def _replace(before: FileState, data: bytes) -> None:
    directory, name = os.path.split(before.real_path)
    _make_folder(Path(directory))
    prefix = f".{name}.dockernet-"
    for leftover in Path(directory).glob(f"{glob.escape(prefix)}*"):
        # Of a run that was killed: a run that writes holds the lock, so no other is at work.
        leftover.unlink()
    with _scratch(directory, prefix) as (descriptor, scratch):
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        os.fchown(descriptor, before.uid, before.gid)
        os.fchmod(descriptor, before.mode)
        for key, value in before.xattrs.items():
            os.setxattr(descriptor, key, value)
        os.fsync(descriptor)
        os.replace(scratch, before.real_path)


def _make_folder(path: Path) -> None:
    """Make the folder and those above it, where they are missing, so that they outlive a loss of power."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=NEW_FOLDER_MODE, exist_ok=True)
        _sync_directory(str(folder.parent))


@contextlib.contextmanager
def _scratch(directory: str, prefix: str) -> Iterator[tuple[int, str]]:
    descriptor, path = tempfile.mkstemp(prefix=prefix, dir=directory)
    try:
        yield descriptor, path
    finally:
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _remove(real_path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(real_path)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _xattrs(descriptor: int) -> dict[str, bytes]:
    try:
        return {key: os.getxattr(descriptor, key) for key in os.listxattr(descriptor)}
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.ENOSYS):
            return {}
        raise
