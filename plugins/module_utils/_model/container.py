# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container, as far as the network is concerned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import (
    Endpoint,
    PublishedPort,
    RoutedPort,
)


@dataclass(frozen=True)
class Container:
    """What GET /containers/ID/json says, with the namespace that the kernel says its first process is in."""

    id: str
    name: str
    image: str = ""
    status: str = ""
    pid: Optional[int] = None
    """Process id on the host; None when it does not run."""
    started_at: str = ""
    restart_policy: str = "no"
    auto_remove: bool = False
    network_mode: str = ""
    """As declared: ``default``, ``bridge``, ``host``, ``none``, ``container:ID`` or the name of a network."""
    netns: Optional[int] = None
    """Inode number of its network namespace (/proc/PID/ns/net); None when it was not readable."""
    nsid: Optional[int] = None
    """Id of that namespace as seen from the host's (RTM_GETNSID); None when there is none, as for host mode."""
    endpoints: list[Endpoint] = field(default_factory=list)
    published: list[PublishedPort] = field(default_factory=list)
    """Bindings in force (NetworkSettings.Ports)."""
    routed: list[RoutedPort] = field(default_factory=list)
    """Those of them that take no port of the host."""
    labels: dict[str, str] = field(default_factory=dict)
    privileged: bool = False
    cap_add: list[str] = field(default_factory=list)
    cap_drop: list[str] = field(default_factory=list)
    bounding: Optional[int] = None
    """Capability bounding set of its first process (CapBnd of /proc/PID/status, bits as in capabilities(7)): what no
    process in it can get beyond. None when it was not readable."""

    @property
    def running(self) -> bool:
        """Whether it has a process (a paused container has one, too)."""
        return self.pid is not None
