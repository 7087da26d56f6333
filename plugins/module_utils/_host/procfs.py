# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes as /proc shows them (proc(5))."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
ROOT = 0
"""User id."""

# Bytes. Nearly all of these files have less, and the kernel makes room for as much as is asked for.
_READ = 1 << 12
# Bytes; the kernel takes at most 6 MiB of arguments and environment for a new program (exec(2)).
_LARGEST = 1 << 23

# What a link in /proc/PID/fd to a socket begins with; its number and a bracket follow.
_SOCKET = "socket:["


@dataclass(frozen=True)
class Process:
    """What /proc/PID/stat says."""

    pid: int
    name: str
    """At most 15 characters, and a process can change it: a first sieve, no proof."""
    ppid: int
    start_ticks: int
    """Time of its start, in clock ticks since boot."""
    state: str = ""
    """``T`` stopped by a signal, ``t`` by a tracer (proc_pid_stat(5))."""

    @property
    def is_stopped(self) -> bool:
        """By either."""
        return self.state in ("T", "t")


def processes(known: Iterable[Process] = ()) -> list[Process]:
    """All processes that can be seen; those that end meanwhile are left out.

    Of the known ones no more is asked than whether they are still there.
    """
    before = {process.pid: process for process in known}
    found = []
    for name in os.listdir(PROC):
        if name.isdecimal():
            pid = int(name)
            process = before.get(pid) or read_process(pid)
            if process is not None:
                found.append(process)
    return found


def read_process(pid: int) -> Optional[Process]:
    """One process, None when it is gone."""
    # The name stands in parentheses and can contain some itself.
    head, dummy, tail = read_bytes(pid, "stat").rpartition(b")")
    fields = tail.split(None, 20)
    if len(fields) < 20:
        return None
    name = head.partition(b"(")[2].decode("utf-8", "replace")
    return Process(pid, name, int(fields[1]), int(fields[19]), fields[0].decode("ascii", "replace"))


def argv(pid: int) -> list[str]:
    """Command line of a process; empty for a kernel thread, a zombie, or one that is gone."""
    raw = read_bytes(pid, "cmdline")
    return [word.decode("utf-8", "replace") for word in raw.split(b"\0")[:-1]]


def environment(pid: int) -> dict[str, str]:
    """Environment that a process was started with; empty when it is not ours to read."""
    words = read_bytes(pid, "environ").decode("utf-8", "replace").split("\0")
    return dict(word.partition("=")[::2] for word in words if "=" in word)


def is_nested(pid: int, status: Optional[bytes] = None) -> bool:
    """Whether a process lives in a PID namespace below ours, as all in a container do.

    The line NSpid has one number for each namespace from that of this /proc down. status is what read_status()
    returned, for who asks more than one thing of a process.
    """
    return len(_of_status(pid, b"NSpid", status)) > 1


def uid(pid: int, status: Optional[bytes] = None) -> Optional[int]:
    """Real user id of a process, None when it is gone; status as for is_nested()."""
    found = _of_status(pid, b"Uid", status)
    return int(found[0]) if found else None


def bounding_set(pid: int) -> Optional[int]:
    """Capability bounding set of a process, bits as in capabilities(7); None when it is gone or a zombie."""
    found = _of_status(pid, b"CapBnd", None)
    return int(found[0], 16) if found else None


def read_status(pid: int) -> bytes:
    """Content of /proc/PID/status; empty when the process is gone."""
    return read_bytes(pid, "status")


def _of_status(pid: int, name: bytes, status: Optional[bytes]) -> list[bytes]:
    """Words of a line that is not the first. The kernel escapes a newline in a process's name, which that one has."""
    content = read_status(pid) if status is None else status
    return content.partition(b"\n%b:" % name)[2].partition(b"\n")[0].split()


def namespace(pid: int | str, kind: str) -> Optional[int]:
    """Inode number of a process's namespace of that kind (``net``, ``mnt``...); None when the process is gone.

    Raises PermissionError where the kernel forbids it (ptrace(2), access mode checking).
    """
    try:
        return os.stat(f"{PROC}/{pid}/ns/{kind}").st_ino
    except (FileNotFoundError, ProcessLookupError):
        return None


def program(pid: int) -> Optional[str]:
    """Path of the program that a process runs, None when it is gone or not ours to see."""
    try:
        path = os.readlink(f"{PROC}/{pid}/exe")
    except OSError:
        return None
    # A program that was replaced by an upgrade.
    return path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path


def sockets(pid: int) -> set[int]:
    """Inode numbers of a process's sockets; none when it is gone or not ours to look into."""
    return {inode for inode in open_files(pid) if inode is not None}


def open_files(pid: int) -> Iterator[Optional[int]]:
    """Of each file that a process has open the inode number if it is a socket, None if it is none; see sockets().

    One by one, since somebody's can have a million.
    """
    with contextlib.suppress(OSError):
        folder = os.open(f"{PROC}/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        target = os.readlink(entry.name, dir_fd=folder)
                    except OSError:
                        # It was closed meanwhile.
                        target = ""
                    yield int(target[len(_SOCKET) : -1]) if target.startswith(_SOCKET) else None
        finally:
            os.close(folder)


def freezer(pid: int) -> str:
    """The file that freezes the control group of a process, or one above it (cgroups(7)); empty where none does."""
    return freezer_in(read_bytes(pid, "cgroup"))


def freezer_in(groups: bytes) -> str:
    """The same of the content of /proc/PID/cgroup."""
    for line in groups.decode("utf-8", "replace").split("\n"):
        number, dummy, rest = line.partition(":")
        controllers, dummy, path = rest.partition(":")
        place = path.strip("/")
        if number == "0":
            for root in (CGROUPS, CGROUPS / "unified"):
                if b"frozen 1" in _lines(root / place / "cgroup.events"):
                    return _set_in(root, place, "cgroup.freeze") + "/cgroup.freeze"
        elif "freezer" in controllers.split(","):
            root = CGROUPS / "freezer"
            if not _FREEZES.isdisjoint(_lines(root / place / "freezer.state")):
                return _set_in(root, place, "freezer.self_freezing") + "/freezer.state"
    return ""


_FREEZES = {b"FROZEN", b"FREEZING"}


def _set_in(root: Path, place: str, name: str) -> str:
    """The nearest group, from a place upwards, in which a setting is 1: those below it have what it has."""
    folder = root / place
    return str(next((up for up in (folder, *folder.parents) if _lines(up / name) == [b"1"]), folder))


def _lines(path: Path) -> list[bytes]:
    try:
        return read_whole(str(path)).splitlines()
    except OSError:
        return []


def started_at(process: Process) -> float:
    """Seconds since the epoch at which a process started, to a clock tick; btime of /proc/stat is whole seconds."""
    return time.time() - age(process)


def age(process: Process) -> float:
    """Seconds since a process started, exact to a clock tick."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.start_ticks / os.sysconf("SC_CLK_TCK")


def read_bytes(pid: int, name: str) -> bytes:
    """Content of /proc/PID/NAME; empty when the process is gone or the file is not ours to read."""
    try:
        return read_whole(f"{PROC}/{pid}/{name}")
    except OSError:
        return b""


def read_whole(path: str, folder: Optional[int] = None) -> bytes:
    """Content of a file of the kernel's, whose size says nothing; path can begin at an open folder.

    What is less than was asked for is the end. Raises OSError, also where there are more than 8 MiB.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        found = b""
        while part := os.read(descriptor, _READ):
            found += part
            if len(found) > _LARGEST:
                raise OSError(errno.EFBIG, f"it has more than {_LARGEST} bytes, which are not read", path)
            if len(part) < _READ:
                break
        return found
    finally:
        os.close(descriptor)
