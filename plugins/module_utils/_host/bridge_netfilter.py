# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether dockerd will find the kernel module br_netfilter, which shows bridged packets to the ruleset."""

from __future__ import annotations

import platform
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.command import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import environment

_SYSCTLS = Path("/proc/sys/net/bridge")
_BUILT_IN = Path("/sys/module/br_netfilter")
# From moby 27.5.1 on: start in spite of a missing br_netfilter.
_IGNORE_MISSING = "DOCKER_IGNORE_BR_NETFILTER_ERROR"


def has_bridge_netfilter(run: Run, dockerd: int | None) -> bool:
    """Whether it is loaded, built in, there to be loaded, or not missed by the dockerd of that process id."""
    if _SYSCTLS.exists() or _BUILT_IN.exists():
        return True
    if dockerd is not None and environment(dockerd).get(_IGNORE_MISSING) == "1":
        return True
    code, dummy, dummy2 = run(["modprobe", "--dry-run", "--quiet", "br_netfilter"])
    return code == 0 and Path(f"/lib/modules/{platform.release()}").is_dir()
