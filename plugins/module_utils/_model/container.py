# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A container, as far as the network is concerned."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import (
    Endpoint,
    Network,
    PublishedPort,
    RoutedPort,
)

_LARGEST_PID = (1 << 31) - 1
_LARGEST_PORT = (1 << 16) - 1


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


def require_sense(item: Union[Network, Container]) -> None:
    """Raise ValueError for what is no address or number of its kind. Empty texts say that there is none."""
    if isinstance(item, Network):
        # Some releases show a gateway with a prefix length.
        for text in (text for subnet in item.subnets for text in (subnet.subnet, subnet.gateway, subnet.ip_range)):
            if text:
                ipaddress.ip_interface(text)
        return
    for text in (text for end in item.endpoints for text in (end.address, end.address6, end.gateway)):
        if text:
            ipaddress.ip_address(text)
    if item.pid is not None and not 0 < item.pid <= _LARGEST_PID:
        raise ValueError(f"process {item.pid}")
    for port in item.published:
        if not port.address or port.host_port > _LARGEST_PORT or port.container_port > _LARGEST_PORT:
            raise ValueError(f"published as {port}")
