# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Linux capabilities (capabilities(7)): their numbers, and which of them a container has."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container

# linux/capability.h, from 0.
_NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip

BITS = {name: number for number, name in enumerate(_NAMES)}
"""Number by name, without ``CAP_``."""

_ALL = "ALL"
BY_DEFAULT = frozenset(
    {
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "NET_RAW",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    }
)
"""What Docker gives to every container (moby, oci/caps/defaults.go, the same in all releases)."""


def allowed(bounding: int, name: str) -> bool:
    """Whether a bounding set has a capability. Raises KeyError for a name that is none."""
    return bool(bounding >> BITS[name] & 1)


def holds(container: Container, name: str) -> bool:
    """Whether a process in a container can have a capability, NET_RAW say, by its name without ``CAP_``.

    The bounding set of its first process tells; where that was not read, what it was started with.
    """
    if container.bounding is not None:
        return allowed(container.bounding, name)
    return _given(container, name)


def _given(container: Container, name: str) -> bool:
    """What moby makes of the options (oci/caps/utils.go, TweakCapabilities())."""
    added, dropped = _names(container.cap_add), _names(container.cap_drop)
    if container.privileged:
        return True
    if _ALL in added:
        return name not in dropped
    if _ALL in dropped:
        return name in added
    return name in added or (name in BY_DEFAULT and name not in dropped)


def _names(given: Iterable[str]) -> set[str]:
    """Names without the prefix that they may be written with, in any case."""
    return {item.upper().replace("CAP_", "", 1) for item in given}
