"""What is left of a container whose engine has lost sight of it: its runtime folder deleted, its shim killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.lab.proc import wait_for

CGROUPS = Path("/sys/fs/cgroup")
END_LIMIT = 120.0


def clear(container: str) -> None:
    """End every process that belongs to the container with this full id, and remove its control groups."""
    wait_for(lambda: not _end(container), END_LIMIT, f"the processes of the lost container {container[:12]} to end")
    for folder in reversed(control_groups(container)):
        with contextlib.suppress(OSError):
            folder.rmdir()


def control_groups(container: str) -> list[Path]:
    """The control groups of the container with this full id and all below them, outer ones first."""
    folders = [Path(folder) for folder, dummy, dummy_files in os.walk(CGROUPS) if container in folder]
    return sorted(folders, key=lambda path: len(path.parts))


def _end(container: str) -> list[int]:
    """Kill what there is, and say what it was."""
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    found = [int(process.name) for process in processes if _belongs(process, container)]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _belongs(process: Path, container: str) -> bool:
    """Whether a process runs in the container's control groups, or is its shim."""
    try:
        if container in (process / "cgroup").read_text():
            return True
        command = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"containerd-shim" in command[0] and container.encode() in command
