# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running values set, read back, and set back: sysctls, and the policy of FORWARD by the host's own iptables."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    CHAIN,
    ChangeFailed,
    PolicyChange,
    SysctlChange,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import (
    PROGRAM_PATH,
    Run,
    run_command,
)

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


_PROGRAMS = {"ipv4": "iptables", "ipv6": "ip6tables"}
# Seconds to wait for another program that holds the lock of xtables (iptables(8), -w).
_LOCK_WAIT = "10"


def _read_policies(families: list[str], run: Run = run_command) -> dict[str, str]:
    """Return the policy of FORWARD by family, as the kernel has it; a family whose program is missing is left out.

    Raises ChangeFailed when a program does not answer. With legacy iptables, reading makes the kernel register the
    table, so this is for hosts on which a policy was or is to be set.
    """
    policies = {}
    for family in families:
        program = shutil.which(_PROGRAMS[family], path=PROGRAM_PATH)
        if program is None:
            continue
        code, out, err = run([program, "-w", _LOCK_WAIT, "-S", CHAIN])
        words = out.partition("\n")[0].split()
        if code != 0 or words[:2] != ["-P", CHAIN] or len(words) < 3:
            raise ChangeFailed(f"{program} -S {CHAIN} does not show a policy: {err.strip() or out.strip() or code}")
        policies[family] = words[2]
    return policies


def set_policies(changes: list[PolicyChange], run: Run = run_command) -> None:
    """Set the policies in order and read them back.

    Raises ChangeFailed; what was set until then stays, and reset_policies takes it back.
    """
    for change in changes:
        _set(change.family, change.after, run)
    now = _read_policies([change.family for change in changes], run)
    for change in changes:
        if now.get(change.family) != change.after:
            raise ChangeFailed(
                f"the policy of {CHAIN} ({change.family}) was set to {change.after}, but the kernel shows "
                f"{now.get(change.family)}"
            )


def reset_policies(changes: list[PolicyChange], run: Run = run_command) -> list[str]:
    """Set the old policies again, last one first; return those that are not what they were."""
    stuck = []
    for change in reversed(changes):
        try:
            _set(change.family, change.before, run)
            now = _read_policies([change.family], run).get(change.family)
        except ChangeFailed:
            now = None
        if now != change.before:
            stuck.append(f"policy of {CHAIN} ({change.family})")
    return stuck


def _set(family: str, policy: str, run: Run) -> None:
    program = shutil.which(_PROGRAMS[family], path=PROGRAM_PATH)
    if program is None:
        raise ChangeFailed(f"there is no {_PROGRAMS[family]} on this host")
    code, dummy, err = run([program, "-w", _LOCK_WAIT, "-P", CHAIN, policy])
    if code != 0:
        raise ChangeFailed(f"{program} -P {CHAIN} {policy} failed: {err.strip() or code}")
