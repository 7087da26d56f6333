"""What is no regular file, or a strange one."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path


def make_special(path: Path, kind: str) -> None:
    """Make one of KINDS at path."""
    _MAKERS[kind](path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _to_fifo(path: Path) -> None:
    os.mkfifo(path.with_name(f".fifo-{path.name}"))
    path.symlink_to(f".fifo-{path.name}")


def _device(major: int, minor: int) -> Callable[[Path], None]:
    return lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(major, minor))


_MAKERS: dict[str, Callable[[Path], None]] = {
    "fifo": os.mkfifo,
    "zero": _device(1, 5),
    "tty": _device(5, 0),
    "folder": os.mkdir,
    "socket": _socket,
    "loop": lambda path: path.symlink_to(path.name),
    "to fifo": _to_fifo,
    "to zero": lambda path: path.symlink_to("/dev/zero"),
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
    "sparse": _sparse,
    "without permission": lambda path: path.touch(mode=0),
}
KINDS = tuple(_MAKERS)
