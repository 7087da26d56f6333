# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The words in which a change of daemon.json is planned: what is consented to, known, asked for and done. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import CurrentConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_goal import Target
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.restart_impact import ServiceTraits
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import PortChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    UNIT,
    GuardPlan,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import SysctlChange
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import FileState, Outline
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

PORTS, LOOPBACK = "ports", "loopback"
"""What a change of daemon.json may bring into line with docker-proxy along: hairpin of ports, the routing of 127/8."""
WRITE, RELOAD, RESTART = "write", "reload", "restart"


@dataclass(frozen=True)
class Consent:
    """What the caller agrees to."""

    disruption: bool = False
    live_restore: bool = False
    """That live-restore is turned on, and stays on, to carry containers over the restart."""


@dataclass(frozen=True)
class Left:
    """What a run that was killed has left to be done."""

    unread: bool = False
    """Whether dockerd runs with the text below instead of the file."""
    text: str | None = None
    ported: frozenset[str] = frozenset()
    """Names of containers whose bridge ports may not be in line with the mode of docker-proxy."""


@dataclass(frozen=True)
class DaemonFacts:
    """What the plan needs beside the snapshot."""

    config: FileState
    traits: ServiceTraits = field(default_factory=ServiceTraits)
    bridge_netfilter: bool = True
    """Whether the kernel has br_netfilter, loaded or to be loaded."""
    left: Left = field(default_factory=Left)
    """What a run that was killed has left to be done."""
    firewall: Firewall = field(default_factory=Firewall)
    guard: UnitState = field(default_factory=lambda: UnitState(UNIT))
    """The unit that guards the loopback, as it is now."""


@dataclass(frozen=True)
class DaemonStep:
    """daemon.json as it must be for one thing that dockerd is told."""

    text: str | None
    """None: no file."""
    action: str = WRITE
    expected: dict[str, Any] = field(default_factory=dict)
    """What the daemon must report after a reload or restart, by key, as far as it reports that key."""


@dataclass(frozen=True)
class DaemonPlan:
    """What to do, in order."""

    outline: Outline
    config: FileState
    unit: str = ""
    """What systemd runs dockerd as; empty where it does not."""
    pid: int = 0
    """dockerd's process."""
    docker_host: str = ""
    """Where it listens."""
    steps: list[DaemonStep] = field(default_factory=list)
    undo: list[DaemonStep] = field(default_factory=list)
    """What takes a failed reload back, where there was no restart."""
    fallback: str | None = None
    """What the file becomes when dockerd does not start with the new one."""
    fallback_name: str = "the previous file"
    """What that is, in words."""
    kept: list[Container] = field(default_factory=list)
    """Containers that must run on through the restart."""
    proxy: bool | None = None
    """The mode of docker-proxy that must be in force after the restart; None: it cannot be told."""
    care: bool = False
    """Whether ports and bridges must be brought into line with that mode."""
    ports: list[PortChange] = field(default_factory=list)
    sysctls: list[SysctlChange] = field(default_factory=list)
    guard: GuardPlan = field(default_factory=GuardPlan)
    """What becomes of the guard of the host's loopback."""


@dataclass(frozen=True)
class Request:
    """All that a plan is made of."""

    snapshot: HostSnapshot
    config: CurrentConfig
    target: Target
    consent: Consent
    facts: DaemonFacts
    settings: dict[str, Any]
    """What the next start will have, file and flags together."""
    pending: frozenset[str] = frozenset()
    """Keys that are not in force."""

    @property
    def expected(self) -> dict[str, Any]:
        """What the daemon must report once everything is in force, by key; None for the default."""
        return {name: self.settings.get(name) for name in self.pending}

    @property
    def unit(self) -> str:
        """What systemd runs dockerd as; empty where it does not."""
        service = self.snapshot.service
        return service.name if service is not None and service.manager == "systemd" else ""

    @property
    def pid(self) -> int:
        """Dockerd's process, 0 where none was found."""
        return self.snapshot.daemon.pid if self.snapshot.daemon else 0
