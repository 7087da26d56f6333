# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sysctls of the running kernel, read, set and set back."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, SysctlChange

PROC_SYS = Path("/proc/sys")


def sysctl_path(key: str, root: Path = PROC_SYS) -> Path:
    """Where the kernel shows the key."""
    return root / key.translate(str.maketrans("./", "/."))


def read_sysctl(key: str, root: Path = PROC_SYS) -> str | None:
    """Return the running value, None where the kernel has no such key."""
    try:
        return sysctl_path(key, root).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None


def set_sysctls(changes: list[SysctlChange], root: Path = PROC_SYS) -> None:
    """Write all values in order and read them back from the kernel, which is what counts.

    Raises ChangeFailed; what was written until then stays, and reset_sysctls takes it back.
    """
    for change in changes:
        try:
            sysctl_path(change.key, root).write_text(f"{change.after}\n", encoding="ascii")
        except OSError as error:
            raise ChangeFailed(f"{change.key} could not be set: {error}") from error
    for change in changes:
        value = read_sysctl(change.key, root)
        if value != change.after:
            raise ChangeFailed(f"{change.key} was set to {change.after}, but the kernel shows {value}")


def reset_sysctls(changes: list[SysctlChange], root: Path = PROC_SYS) -> list[str]:
    """Write the old values back, last one first; return the keys that do not have them again."""
    for change in reversed(changes):
        # Whether it worked is read below.
        with contextlib.suppress(OSError):
            sysctl_path(change.key, root).write_text(f"{change.before}\n", encoding="ascii")
    return [change.key for change in changes if read_sysctl(change.key, root) != change.before]
