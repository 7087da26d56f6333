"""Processes that a host's own engine has paused: no signal ends them until they are thawed.

Source: Linux Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst and cgroup-v2.rst (cgroup.freeze).
"""

from __future__ import annotations

import contextlib

from tests.lab.orphans import control_groups

_SWITCHES = {"freezer.state": "THAWED", "cgroup.freeze": "0"}


def thaw(container: str) -> None:
    """Thaw every control group below that of the container with this full id."""
    for folder in control_groups(container):
        for switch, thawed in _SWITCHES.items():
            if (folder / switch).exists():
                with contextlib.suppress(OSError):
                    (folder / switch).write_text(thawed)
