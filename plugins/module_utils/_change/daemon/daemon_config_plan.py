# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A change of daemon.json brought into force: the plan. Pure.

The file alone, a reload, or a restart: that depends on the keys, see daemon_effect; the restart is planned in
daemon_restart_plan.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    LIVE_RESTORE,
    in_force,
    of_default_bridge,
    reloadable,
    written_out,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    changed_keys,
    file_actions,
    file_diff,
    parse_text,
    read_config,
    refuse_unstartable,
    values_of,
    without_reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_goal import Goal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_outcome import (
    outcomes,
    pending_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_plan import (
    LOOPBACK,
    RELOAD,
    WRITE,
    Consent,
    DaemonFacts,
    DaemonPlan,
    DaemonStep,
    Request,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_restart_plan import (
    carried_over,
    plan_restart,
    reload_undo,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.userland_proxy_care import after_care
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    PortChange,
    port_actions,
    port_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    GuardPlan,
    plan_guard_of_switch,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import (
    SysctlChange,
    sysctl_actions,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import holds_secrets
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


def plan_daemon_config(snapshot: HostSnapshot, goal: Goal, consent: Consent, facts: DaemonFacts) -> DaemonPlan:
    """Plan what brings goal into force.

    Raises Refusal for a broken file (with line and column), a conflict with a flag, what cannot be known, a
    configuration with which the engine would not start, and whatever would stop a container without consent.
    """
    demand(snapshot, ENGINE, PROCESSES, SERVICE, DAEMON_CONFIG)
    if snapshot.engine is not None and snapshot.engine.rootless:
        raise Refusal("nothing was changed: the engine is rootless, its configuration and service belong to a user")
    if snapshot.daemon is not None and snapshot.daemon.uid:
        # Whatever it says of itself: that user names the file that root would write.
        raise Refusal(
            f"nothing was changed: dockerd is run by user {snapshot.daemon.uid}, and its files are that user's"
        )
    config = read_config(snapshot, facts.config)
    target = goal(config)
    refuse_unstartable(config, target.text)
    mode = proxy_in_force(snapshot)
    if mode.value is None and KEY in target.keys:
        raise Refusal(f"nothing shows whether docker-proxy is in use: {mode.evidence}")
    settings = {**values_of(target.text), **config.flags}
    if snapshot.engine is not None and snapshot.engine.swarm and settings.get(LIVE_RESTORE) is True:
        raise Refusal(
            f"nothing was changed: the engine is part of a swarm, and dockerd does not start there with {LIVE_RESTORE}"
        )
    request = Request(snapshot, config, target, consent, facts, settings)
    request = replace(request, pending=_pending(request))
    due = frozenset(name for name in request.pending if not reloadable(name))
    keeps = bool(running(snapshot)) and carried_over(request).carries
    ignored = frozenset(name for name in due if keeps and of_default_bridge(name))
    if due - ignored or target.restart:
        return plan_restart(request, ignored)
    return _without_restart(request, ignored)


def _pending(request: Request) -> frozenset[str]:
    """What is not in force. The daemon's own word counts where it has one, else what changes in the file."""
    changed = {*changed_keys(request.config.text, request.target.text), *(_unread(request) & request.target.keys)}
    found = set()
    for name in {*changed, *request.target.keys}:
        known = in_force(request.snapshot, name, request.settings.get(name)) if _reported(request, name) else None
        # Of secrets nobody is shown which they are.
        told = known is not None and not holds_secrets({name: request.settings.get(name)})
        if known is False or (name in changed and not told):
            found.add(name)
    return frozenset(found)


def _unread(request: Request) -> frozenset[str]:
    """Keys of the file that dockerd has not read, since the run that wrote them was killed."""
    left = request.facts.left
    return frozenset(changed_keys(left.text, request.config.text)) if left.unread else frozenset()


def _reported(request: Request, name: str) -> bool:
    """Whether the daemon itself shows what it has in force."""
    engine = request.snapshot.engine
    return name in (KEY, LIVE_RESTORE) or (engine is not None and name in engine.settings)


def _without_restart(request: Request, ignored: frozenset[str]) -> DaemonPlan:
    snapshot, config, target = request.snapshot, request.config, request.target
    told = request.pending - ignored
    final, steps, undo = target.text, [], []
    if told:
        if not target.exact:
            final = without_reload_blockers(final, config.release)
        steps = _reload_steps(request, final, set(told))
        undo = reload_undo(config, set(told))
    elif final != config.text:
        steps = [DaemonStep(final)]
    # A run that was killed behind the restart may have left ports, bridges and the guard as they were.
    guard = GuardPlan()
    kept: list[Container] = []
    ports: list[PortChange] = []
    sysctls: list[SysctlChange] = []
    if KEY in target.keys:
        demand(snapshot, SYSCTL)
        kept = [container for container in running(snapshot) if container.name in request.facts.left.ported]
        if kept:
            demand(snapshot, NAMESPACES, LINKS)
        enabled = request.settings.get(KEY, proxy_default())
        ports, sysctls = after_care(snapshot, kept, enabled=enabled)
        if not target.exact:
            guard = plan_guard_of_switch(snapshot, request.facts.firewall, request.facts.guard, enabled=enabled)
    keys = outcomes(request, final, RELOAD if told else WRITE, ignored)
    actions = file_actions(config.path, config.text, final)
    if told:
        actions.append(f"reload {config.starter} and wait until dockerd confirms {', '.join(sorted(told))}")
    outline = Outline(
        actions + port_actions(ports) + sysctl_actions(sysctls) + guard.actions,
        file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls) + guard.diffs,
        warnings=pending_warnings(keys) + guard.warnings,
        results={"settings": keys, "follows": [LOOPBACK] if KEY in target.keys and not target.exact else []},
    )
    return DaemonPlan(
        outline,
        request.facts.config,
        unit=request.unit,
        pid=request.pid,
        docker_host=request.snapshot.docker_host,
        steps=steps,
        undo=undo,
        fallback=config.text,
        kept=kept,
        proxy=proxy_in_force(snapshot).value,
        care=bool(ports or sysctls or guard.actions),
        ports=ports,
        sysctls=sysctls,
        guard=guard,
    )


def _reload_steps(request: Request, final: str | None, told: set[str]) -> list[DaemonStep]:
    config = request.config
    text = without_reload_blockers(written_out(config, final, told), config.release)
    _refuse_live_conflict(request.snapshot, config, text)
    step = DaemonStep(text, RELOAD, {name: value for name, value in request.expected.items() if name in told})
    return [step] if text == final else [step, DaemonStep(final)]


def _refuse_live_conflict(snapshot: HostSnapshot, config: CurrentConfig, text: str | None) -> None:
    """A reload compares the file with the flags of the process that runs, which the unit may not give any more."""
    parsed = parse_text(text)
    flags = parse_flags(snapshot.daemon.argv) if snapshot.daemon else {}
    found = problems_in(parsed.values, parsed.positions, flags, config.release)
    clashes = [problem.message for problem in found if problem.accepted_from is None]
    if clashes:
        raise Refusal(
            f"nothing was changed: the dockerd that runs would reject {config.path}, since it was started with other "
            f"flags than {config.starter} gives now: {'; '.join(clashes)}. Restart it first"
        )
