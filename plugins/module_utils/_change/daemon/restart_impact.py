# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a restart of dockerd would do to the containers that run. Pure.

Source: moby daemon/daemon.go (Shutdown, restore): with live-restore in force dockerd leaves containers alone when it
ends, and takes them up again when it starts *if live-restore is configured then, too*; else it kills what it finds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Disruption, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running

LIVE_RESTORE = "live-restore"
# Before this release a start removes containers with --rm that live-restore kept (moby #46308; seen on 20.10.24).
KEEPS_AUTO_REMOVE = (25, 0)
# Where dockerd keeps, and looks for, what it knows of its containers.
MOVES_STATE = frozenset(
    {"containerd", "containerd-namespace", "data-root", "exec-root", "graph", "storage-driver", "userns-remap"}
)
# process start times are known to a second only.
_CLOCK_SLACK = 1.0


@dataclass(frozen=True)
class ServiceTraits:
    """What decides whether a restart of the service stops more than dockerd."""

    kill_mode: str = ""
    """systemd.kill(5); anything but ``process`` also kills what else lives in the service's control group."""
    dependents: list[str] = field(default_factory=list)
    """Active units that systemd restarts along with it (Requires=, BindsTo= or PartOf= this one)."""


@dataclass(frozen=True)
class LiveRestore:
    """Whether live-restore carries the containers over the restart, and what it takes to get there."""

    in_force: bool
    """As the daemon reports it."""
    next_start: bool
    """As the file and the flags of the unit will have it."""
    obstacle: str = ""
    """Why it cannot be brought into force; empty when it can."""

    @property
    def carries(self) -> bool:
        """Whether containers survive as things stand."""
        return self.in_force and self.next_start


@dataclass(frozen=True)
class RestartImpact:
    """Who would feel the restart."""

    disruptions: list[Disruption] = field(default_factory=list)
    kept: list[Container] = field(default_factory=list)
    """Containers that must run on, with the same start time."""


def live_restore(snapshot: HostSnapshot, values: dict[str, Any], flags: dict[str, Any]) -> LiveRestore:
    """Judge live-restore by the daemon's report, the file's values and the flags of the next start."""
    engine = snapshot.engine
    in_force = bool(engine and engine.live_restore)
    next_start = (flags[LIVE_RESTORE] if LIVE_RESTORE in flags else values.get(LIVE_RESTORE)) is True
    obstacle = ""
    if engine is not None and engine.swarm:
        obstacle = "the engine is part of a swarm, which cannot be combined with live-restore"
    elif LIVE_RESTORE in flags and not (in_force and next_start):
        obstacle = f"live-restore is given on the command line of {_unit(snapshot)}, where only a restart changes it"
    return LiveRestore(in_force, next_start, obstacle)


def impact(snapshot: HostSnapshot, traits: ServiceTraits, *, carried_over: bool) -> RestartImpact:
    """Return who feels a restart when live-restore does, or does not, carry the containers over it."""
    alive = running(snapshot)
    bound = f"is restarted, since it is bound to {_unit(snapshot)}"
    others = [Disruption(f"service {name}", bound) for name in traits.dependents]
    if not carried_over or _kills_shims(snapshot, traits):
        return RestartImpact([Disruption(container.name, _fate(container)) for container in alive] + others)
    removed = [container for container in alive if container.auto_remove] if _removes_kept(snapshot) else []
    how = "is stopped and removed (--rm), which Docker Engine does before release 25 in spite of live-restore"
    felt = [Disruption(container.name, how) for container in removed]
    return RestartImpact(felt + others, [container for container in alive if container not in removed])


def moved_state(snapshot: HostSnapshot, changing: frozenset[str]) -> list[Disruption]:
    """Return the containers that a dockerd with these keys changed would not find again.

    Raises Refusal when one of them runs: it would run on, and no daemon would know it.
    """
    keys = ", ".join(sorted(changing & MOVES_STATE))
    if not keys or not snapshot.containers:
        return []
    alive = ", ".join(sorted(container.name for container in running(snapshot)))
    if alive:
        raise Refusal(
            f"nothing was changed: with another {keys}, dockerd looks for its containers elsewhere, and these would "
            f"run on with no daemon that knows them: {alive}. Stop them first"
        )
    how = f"is not found any more by a dockerd with another {keys}, nor are its image, volumes and networks"
    return [Disruption(container.name, how) for container in snapshot.containers]


def others_in_file(snapshot: HostSnapshot, wished: frozenset[str]) -> list[str]:
    """Return a warning, if need be, of what else a restart may bring into force: the file is newer than dockerd."""
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or config.mtime is None or config.mtime <= daemon.started_at + _CLOCK_SLACK:
        return []
    others = sorted(key for key in config.values if key not in {*wished, LIVE_RESTORE})
    if not others:
        return []
    return [
        (
            f"{config.path} was changed after dockerd had started: the restart also brings into force what else was "
            f"changed in it since (keys in it: {', '.join(others)})"
        )
    ]


def _fate(container: Container) -> str:
    if container.auto_remove:
        return "is stopped and removed (--rm)"
    policy = container.restart_policy or "no"
    if policy in ("always", "unless-stopped"):
        return f"is stopped and started again (restart policy {policy})"
    if policy == "on-failure":
        return "is stopped, and started again only if it ends with an error (restart policy on-failure)"
    return "is stopped and stays stopped (restart policy no)"


def _removes_kept(snapshot: HostSnapshot) -> bool:
    return snapshot.engine is None or snapshot.engine.release < KEEPS_AUTO_REMOVE


def _kills_shims(snapshot: HostSnapshot, traits: ServiceTraits) -> bool:
    """Whether systemd would kill the containers' shims along with dockerd (systemd.kill(5)).

    That is so when dockerd runs its own containerd, whose children then live in the service's control group.
    """
    argv = snapshot.daemon.argv if snapshot.daemon else []
    separate = any(word == "--containerd" or word.startswith("--containerd=") for word in argv)
    return traits.kill_mode not in ("", "process") and not separate


def _unit(snapshot: HostSnapshot) -> str:
    return snapshot.service.name if snapshot.service and snapshot.service.name else "docker.service"


def default_network_anew(snapshot: HostSnapshot, taken: frozenset[str], settings: Mapping[str, Any]) -> str:
    """What a start does besides to the network that these keys are about, in words that go behind those of the restart.

    taken: keys of the default network that the start brings into force; settings: what it will use, by key.
    """
    default = next((item for item in snapshot.networks if item.is_default_bridge), None)
    if not taken or default is None:
        return ""
    values = [f"{name} {json.dumps(settings[name])}" for name in sorted(taken) if name in settings]
    return f"; it makes network {default.name} ({default.bridge}) anew{' with ' if values else ''}{', '.join(values)}"
