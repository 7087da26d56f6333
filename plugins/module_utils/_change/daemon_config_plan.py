# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A change of daemon.json brought into force: the plan. Pure.

In order: live-restore by a reload where it must carry containers, the restart, what dockerd then leaves undone on the
containers that it kept, and last what a reload takes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_hairpin_plan import (
    PortChange,
    port_actions,
    port_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_effect import (
    LIVE_RESTORE,
    in_force_differs,
    reloadable,
    written_out,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_file import (
    CurrentConfig,
    changed_keys,
    file_actions,
    file_diff,
    read_config,
    refuse_unstartable,
    values_of,
    without_reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon_goal import Goal, Target
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Diff,
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.proxy_preflight import (
    proxy_warnings,
    refuse_impossible,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.restart_impact import (
    LiveRestore,
    RestartImpact,
    ServiceTraits,
    impact,
    live_restore,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.sysctl import (
    SysctlChange,
    sysctl_actions,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.userland_proxy_care import after_care
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
    NAMESPACES,
    PROCESSES,
    SERVICE,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running

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


@dataclass(frozen=True)
class DaemonStep:
    """daemon.json as it must be for one thing that dockerd is told."""

    text: str | None
    """None: no file."""
    action: str = WRITE
    live_restore: bool | None = None
    """What the daemon must report after the reload; None: it does not matter."""


@dataclass(frozen=True)
class DaemonPlan:
    """What to do, in order."""

    outline: Outline
    config: FileState
    unit: str = ""
    steps: list[DaemonStep] = field(default_factory=list)
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


def plan_daemon_config(snapshot: HostSnapshot, goal: Goal, consent: Consent, facts: DaemonFacts) -> DaemonPlan:
    """Plan what brings goal into force.

    Raises Refusal for a broken file (with line and column), a conflict with a flag, what cannot be known, a
    configuration with which the engine would not start, and whatever would stop a container without consent.
    """
    demand(snapshot, ENGINE, PROCESSES, SERVICE, DAEMON_CONFIG)
    mode = proxy_in_force(snapshot)
    config = read_config(snapshot, facts.config)
    target = goal(config)
    refuse_unstartable(config, target.text)
    if mode.value is None and KEY in target.keys:
        raise Refusal(f"nothing shows whether docker-proxy is in use: {mode.evidence}")
    settings = {**values_of(target.text), **config.flags}
    touched = {*changed_keys(config.text, target.text), *target.keys}
    differing = {name for name in touched if in_force_differs(snapshot, name, settings)}
    changed = {*changed_keys(config.text, target.text), *_unread(facts, config)}
    pending = _pending(touched, differing, changed)
    request = _Request(snapshot, config, target, consent, facts, settings)
    if any(not reloadable(name) for name in pending):
        return _with_restart(request)
    return _without_restart(request, reload=bool(pending))


@dataclass(frozen=True)
class _Request:
    """All that a plan is made of."""

    snapshot: HostSnapshot
    config: CurrentConfig
    target: Target
    consent: Consent
    facts: DaemonFacts
    settings: dict[str, Any]
    """What the next start will have, file and flags together."""


def _unread(facts: DaemonFacts, config: CurrentConfig) -> list[str]:
    """Keys of the file that dockerd has not read, since the run that wrote them was killed."""
    return changed_keys(facts.left.text, config.text) if facts.left.unread else []


def _pending(touched: set[str], differing: set[str], changed: set[str]) -> set[str]:
    """What is not in force. The daemon's own word counts where it has one, else what changes in the file."""
    return {name for name in touched if name in differing or (name in changed and name not in (KEY, LIVE_RESTORE))}


# ---- the file, or a reload -------------------------------------------------------------------------------------------


def _without_restart(request: _Request, *, reload: bool) -> DaemonPlan:
    snapshot, config, target = request.snapshot, request.config, request.target
    final = target.text
    steps = []
    if reload:
        told = without_reload_blockers(written_out(target.text, config.text), config.release)
        if not target.exact:
            final = without_reload_blockers(final, config.release)
        wanted = request.settings.get(LIVE_RESTORE) is True if LIVE_RESTORE in target.keys else None
        steps.append(DaemonStep(told, RELOAD, wanted))
    if final != (steps[-1].text if steps else config.text):
        steps.append(DaemonStep(final))
    # A run that was killed behind the restart may have left ports and bridges as they were.
    kept: list[Container] = []
    ports: list[PortChange] = []
    sysctls: list[SysctlChange] = []
    if KEY in target.keys:
        demand(snapshot, SYSCTL)
        kept = [container for container in running(snapshot) if container.name in request.facts.left.ported]
        if kept:
            demand(snapshot, NAMESPACES, LINKS)
        ports, sysctls = after_care(snapshot, kept, enabled=request.settings.get(KEY, proxy_default()))
    actions = file_actions(config.path, config.text, final)
    actions += [f"reload {config.starter}"] if reload else []
    actions += port_actions(ports) + sysctl_actions(sysctls)
    diffs = file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls)
    return DaemonPlan(
        Outline(actions, diffs),
        request.facts.config,
        config.starter,
        steps,
        fallback=config.text,
        kept=kept,
        ports=ports,
        sysctls=sysctls,
        care=bool(ports or sysctls),
        proxy=proxy_in_force(snapshot).value,
    )


# ---- the restart -----------------------------------------------------------------------------------------------------


def _with_restart(request: _Request) -> DaemonPlan:
    snapshot, config, target, consent = request.snapshot, request.config, request.target, request.consent
    demand(snapshot, NAMESPACES, LINKS, SYSCTL)
    _refuse_unmanaged(snapshot)
    in_force = proxy_in_force(snapshot).value
    enabled = request.settings.get(KEY, proxy_default())
    switched = in_force is not None and in_force != enabled
    if switched and not enabled:
        refuse_impossible(
            snapshot,
            request.settings,
            bridge_netfilter=request.facts.bridge_netfilter,
            disruption_allowed=consent.disruption,
        )
    state = live_restore(snapshot, values_of(target.text), config.flags)
    carried = _carried(request, state)
    felt = impact(snapshot, request.facts.traits, carried_over=carried.carries)
    if felt.disruptions and not consent.disruption:
        raise Refusal(_disruption_text(state, felt), felt.disruptions)
    steps, final = _steps(request, carried)
    ports, sysctls = after_care(snapshot, felt.kept, enabled=enabled) if switched else ([], [])
    actions = file_actions(config.path, config.text, final) + _service_actions(config, felt, carried)
    actions += port_actions(ports) + sysctl_actions(sysctls)
    diffs: list[Diff] = file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls)
    warnings = proxy_warnings(snapshot, felt.kept, enabled=enabled) if switched else []
    fallback, fallback_name = _fallback(request, carried)
    return DaemonPlan(
        Outline(actions, diffs, felt.disruptions, warnings),
        request.facts.config,
        config.starter,
        steps,
        fallback=fallback,
        fallback_name=fallback_name,
        kept=felt.kept,
        proxy=None if in_force is None else enabled,
        care=switched,
        ports=ports,
        sysctls=sysctls,
    )


@dataclass(frozen=True)
class _Carried:
    """How live-restore carries the containers over the restart."""

    carries: bool
    prepare: bool = False
    """A reload must bring it into force first."""
    write: bool = False
    """It must be written into the file, and stays there."""
    take_back: bool = False
    """It must be in the file for the restart, and goes by a reload behind it."""


def _carried(request: _Request, state: LiveRestore) -> _Carried:
    if not running(request.snapshot) or state.carries:
        return _Carried(state.carries)
    if state.obstacle:
        return _Carried(carries=False)
    if state.next_start:
        # A file that asks for it is consent enough: only the reload is missing.
        return _Carried(carries=True, prepare=True)
    if request.consent.live_restore and not _gives_it_up(request):
        return _Carried(carries=True, prepare=not state.in_force, write=True)
    return _Carried(carries=state.in_force, take_back=state.in_force)


def _gives_it_up(request: _Request) -> bool:
    """Whether the goal itself is that live-restore goes."""
    return LIVE_RESTORE in request.target.keys


def _steps(request: _Request, carried: _Carried) -> tuple[list[DaemonStep], str | None]:
    """The steps, and what the file is at last."""
    config, final = request.config, request.target.text
    if carried.write:
        final = json_text.with_key(final or "", LIVE_RESTORE, value=True)
    if carried.prepare and not request.target.exact:
        final = without_reload_blockers(final, config.release)
    start = final
    if carried.take_back:
        start = json_text.with_key(start or "", LIVE_RESTORE, value=True)
    steps = []
    if carried.prepare:
        start = without_reload_blockers(start, config.release)
        steps.append(DaemonStep(start, RELOAD, live_restore=True))
    steps.append(DaemonStep(start, RESTART))
    if carried.take_back:
        off = json_text.with_key(final or "", LIVE_RESTORE, value=False)
        steps.append(DaemonStep(without_reload_blockers(off, config.release), RELOAD, live_restore=False))
    if steps[-1].text != final:
        steps.append(DaemonStep(final))
    return steps, final


def _fallback(request: _Request, carried: _Carried) -> tuple[str | None, str]:
    """What the file becomes when dockerd does not start, and what to call that."""
    old = request.config.text
    in_force = proxy_in_force(request.snapshot).value
    text, name = old, "the previous file"
    if old == request.target.text and request.facts.left.unread:
        text, name = request.facts.left.text, "the file as it was before a run that was killed"
    elif old == request.target.text and in_force is not None:
        # The file was ahead of the daemon; what was in force until now is known to work.
        text = json_text.without_key(old or "", KEY) if in_force else json_text.with_key(old or "", KEY, value=False)
        name = f"the file with {KEY} as it was in force before"
    if carried.carries and values_of(text).get(LIVE_RESTORE) is not True and LIVE_RESTORE not in request.config.flags:
        # A start without it would kill the containers that it has let survive.
        text = json_text.with_key(text or "", LIVE_RESTORE, value=True)
        name = f"{name} and live-restore, without which that start would have stopped the containers"
    return text, name


def _refuse_unmanaged(snapshot: HostSnapshot) -> None:
    if snapshot.engine is not None and snapshot.engine.rootless:
        raise Refusal("the engine is rootless: its service belongs to a user, and is not restarted from here")
    manager = snapshot.service.manager if snapshot.service else "none"
    if manager != "systemd":
        kind = "an init script" if manager == "sysvinit" else "something other than a service"
        raise Refusal(
            f"dockerd was started by {kind}, and only systemd lets a restart be watched and undone; nothing was "
            "changed. Edit its configuration and restart it by hand"
        )


def _disruption_text(state: LiveRestore, felt: RestartImpact) -> str:
    who = "; ".join(f"{item.container} {item.how}" for item in felt.disruptions)
    text = (
        "nothing was changed: it takes a restart of dockerd, "
        f"and that would be felt: {who}. Consent with on_disruption: allow"
    )
    if state.carries:
        return text
    if state.obstacle:
        return f"{text}. Live-restore cannot carry them over it: {state.obstacle}"
    return f"{text}, or let live-restore carry the containers over it with live_restore: enable"


def _service_actions(config: CurrentConfig, felt: RestartImpact, carried: _Carried) -> list[str]:
    unit = config.starter
    keeping = f"; {len(felt.kept)} running containers are kept by live-restore" if felt.kept else ""
    actions = [f"reload {unit} and wait until dockerd reports live-restore"] if carried.prepare else []
    actions.append(f"restart {unit}{keeping}")
    if carried.take_back:
        actions.append(f"reload {unit} and wait until dockerd reports live-restore off")
    return actions
