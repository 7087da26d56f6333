# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the kernel module br_netfilter is there, which a dockerd needs that has its bridges filtered."""

from __future__ import annotations

import platform
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._host.child_process import Run
from ansible_collections.dockernet.baseline.plugins.module_utils._host.procfs import environment

_OF_BRIDGES = Path("/proc/sys/net/bridge")
_BUILT_IN = Path("/sys/module/br_netfilter")
# From moby 27.5.1 on: start in spite of a missing br_netfilter.
_IGNORE_MISSING = "DOCKER_IGNORE_BR_NETFILTER_ERROR"


def has_bridge_netfilter(run: Run, dockerd: int | None) -> bool:
    """Whether it is loaded, built in, there to be loaded, or not missed by the dockerd of that process id."""
    if _OF_BRIDGES.exists() or _BUILT_IN.exists():
        return True
    if dockerd is not None and environment(dockerd).get(_IGNORE_MISSING) == "1":
        return True
    code, dummy, dummy2 = run(["modprobe", "--dry-run", "--quiet", "br_netfilter"])
    return code == 0 and Path(f"/lib/modules/{platform.release()}").is_dir()
