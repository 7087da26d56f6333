# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker Engine as it reports itself, its process, and the service that starts it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Optional

DOCKER = "docker"
SNAP = "snap"
PODMAN = "podman"


@dataclass(frozen=True)
class ConfiguredPool:
    """One of default-address-pools."""

    base: str
    size: int
    """Length of the prefix of a subnet."""


@dataclass(frozen=True)
class Engine:
    """What GET /version and GET /info say. ``/info`` caches forwarding, so nothing about sysctls is taken from it."""

    version: str
    api_version: str
    operating_system: str = ""
    live_restore: bool = False
    swarm: bool = False
    rootless: bool = False
    root_dir: str = ""
    flavor: str = ""
    """``docker``, ``snap``, or ``podman`` for Podman's imitation of the Engine API; empty in older snapshots."""
    firewall_driver: Optional[str] = None
    """``iptables``, ``nftables``, with ``+firewalld`` where it is used; engines from 28.1 report it."""
    userland_proxy: Optional[bool] = None
    """The proxy setting as the daemon reports it; only engines from 29.5 do."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What GET /info shows to be in force, by keys of daemon.json, secrets masked; only what compares with them."""
    address_pools: list[ConfiguredPool] = field(default_factory=list)
    """The pools for new networks that are in force (GET /info), empty where nobody configured any."""

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor number of the version, (0, 0) where it does not begin with numbers."""
        return self.full_release[:2]

    @property
    def full_release(self) -> tuple[int, int, int]:
        """All three numbers of the version, zeros where it does not begin with numbers."""
        found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.version)
        return (int(found.group(1)), int(found.group(2)), int(found.group(3) or 0)) if found else (0, 0, 0)


@dataclass(frozen=True)
class DaemonProcess:
    """The running dockerd."""

    pid: int
    argv: list[str]
    started_at: float
    """Seconds since the epoch."""
    netns: Optional[int] = None
    """Inode number of its network namespace: what ``host`` means for this engine's containers."""
    uid: Optional[int] = None
    """Real user id that it runs under."""
    sockets_handed: int = 0
    """How many sockets the service manager gave it at its start (LISTEN_FDS, see sd_listen_fds(3)); one, that of
    docker.socket, where its packages are as they come."""
    start_ticks: int = 0
    """When it was started, in clock ticks since boot, which no step of the wall clock moves (proc_pid_stat(5), 22);
    0 where that was not read."""


@dataclass(frozen=True)
class ServiceUnit:
    """How dockerd is started, as the service manager has it loaded."""

    manager: str
    """``systemd``, ``sysvinit`` or ``none``."""
    name: str = ""
    active: str = ""
    """systemd's ActiveState; empty where nobody could be asked."""
    argv: list[str] = field(default_factory=list)
    """The command line that the next start will use, variables expanded where that can be known."""
    fragment: str = ""
    drop_ins: list[str] = field(default_factory=list)
    starts_at_boot: Optional[bool] = None
    """Whether boot starts it, be it by its own unit or for another; None where that was not asked."""
