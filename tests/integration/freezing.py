# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Freezes and thaws a container behind the engine's back, by its control group of whichever version."""

from __future__ import annotations

from tests.lab.host import Host


def freezer(host: Host, name: str) -> tuple[str, str, str]:
    """The file that freezes a container, and the words that freeze and thaw."""
    lines = host.read(f"/proc/{host.container(name).pid}/cgroup").splitlines()
    old = next((line.partition(":freezer:")[2] for line in lines if ":freezer:" in line), None)
    if old is not None:
        return (f"/sys/fs/cgroup/freezer{old}/freezer.state", "FROZEN", "THAWED")
    return (f"/sys/fs/cgroup{lines[0].partition('::')[2]}/cgroup.freeze", "1", "0")


def freeze(host: Host, name: str) -> None:
    """Freeze all processes of a container."""
    file, value, dummy = freezer(host, name)
    host.run(f"echo {value} > {file}")


def thaw(host: Host, name: str) -> None:
    """Have them run again."""
    file, dummy, value = freezer(host, name)
    host.run(f"echo {value} > {file}")
