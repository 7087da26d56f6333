"""What the machine must have left for one more host."""

from __future__ import annotations

import ctypes
import os

from tests.lab.proc import LabError

# A host's systemd, udev and D-Bus watch files with about seven; without them its units fail in puzzling ways.
INOTIFY_PER_HOST = 8
INOTIFY_LIMIT = "fs.inotify.max_user_instances"


def require_root() -> None:
    """Raise LabError for anybody else."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes network namespaces and privileged containers")


def require_inotify() -> None:
    """Raise LabError unless this user can have as many inotify instances as a host needs (inotify(7))."""
    libc = ctypes.CDLL(None)
    instances = [libc.inotify_init1(os.O_CLOEXEC) for dummy in range(INOTIFY_PER_HOST)]
    had = [descriptor for descriptor in instances if descriptor >= 0]
    for descriptor in had:
        os.close(descriptor)
    if len(had) < INOTIFY_PER_HOST:
        raise LabError(
            f"no room for one more host: only {len(had)} inotify instances are left, and it needs {INOTIFY_PER_HOST}. "
            f"Take other labs down, or raise the limit: sysctl -w {INOTIFY_LIMIT}=512"
        )
