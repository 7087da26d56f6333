# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of daemon.json brought into force: the plan. Pure.

The file alone, a reload, or a restart: that depends on the keys, see daemon_effect.py. A restart is planned in this
order: live-restore by a reload where it must carry containers, the restart, what dockerd then leaves undone on the
containers that it kept, and last what a reload takes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.boot_unit_plan import UnitState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    BACKEND,
    LIVE_RESTORE,
    LiveRestore,
    RestartImpact,
    ServiceTraits,
    closed_forward,
    closing_warnings,
    cut_off,
    default_network_anew,
    impact,
    in_force,
    live_restore,
    moved_state,
    note_of,
    of_default_bridge,
    others_in_file,
    proxy_warnings,
    refuse_impossible,
    refused_bindings,
    reloadable,
    written_out,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    ConfigTarget,
    CurrentConfig,
    Goal,
    changed_keys,
    file_actions,
    file_diff,
    parse_text,
    read_config,
    refuse_unstartable,
    values_of,
    with_key,
    without_key,
    without_reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    UNIT,
    GuardPlan,
    loopback_routes,
    plan_guard_of_switch,
    port_changes,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Disruption,
    FileState,
    Outline,
    PortChange,
    Refusal,
    SysctlChange,
    demand,
    port_actions,
    port_diff,
    sysctl_actions,
    sysctl_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall, current_policy
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import attachments, running

PORTS, LOOPBACK, NEW_PORTS = "ports", "loopback", "new_ports"
"""What a change of daemon.json may bring into line with docker-proxy along: hairpin of ports, the routing of 127/8."""
WRITE, RELOAD, RESTART = "write", "reload", "restart"
_WAITS = "dockerd ignores it at a start with running containers; it takes effect at a start without any"
_NOT_KNOWN = (
    "the file was changed after dockerd started, and nothing shows whether this key was changed then; restart dockerd "
    "to make it effective"
)


@dataclass(frozen=True)
class Consent:
    """What the caller agrees to."""

    disruption: bool = False
    live_restore: bool = False
    """That live-restore is turned on, and stays on, to carry containers over the restart."""


@dataclass(frozen=True)
class Unfinished:
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
    unfinished: Unfinished = field(default_factory=Unfinished)
    """What a run that was killed has left to be done."""
    firewall: Firewall = field(default_factory=Firewall)
    guard: UnitState = field(default_factory=lambda: UnitState(UNIT))
    """The unit that guards the loopback, as it is now."""


@dataclass(frozen=True)
class DaemonStep:
    """daemon.json as it must be for one step that dockerd is asked to do."""

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
    start_ticks: int = 0
    """When that was started, in clock ticks since boot."""
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
    """The mode of docker-proxy that must be in force after the restart; None: it is not known."""
    has_follow_up: bool = False
    """Whether ports and bridges must be brought into line with that mode."""
    ports: list[PortChange] = field(default_factory=list)
    sysctls: list[SysctlChange] = field(default_factory=list)
    guard: GuardPlan = field(default_factory=GuardPlan)
    """What becomes of the guard of the host's loopback."""


@dataclass(frozen=True)
class DaemonContext:
    """All that a plan is made of."""

    snapshot: HostSnapshot
    config: CurrentConfig
    target: ConfigTarget
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

    @property
    def start_ticks(self) -> int:
        """When it was started, in clock ticks since boot."""
        return self.snapshot.daemon.start_ticks if self.snapshot.daemon else 0


@dataclass(frozen=True)
class KeyOutcome:
    """What becomes of one key."""

    name: str
    change: str
    """``set``, ``removed`` or ``unchanged``."""
    effect: str
    note: str


@dataclass(frozen=True)
class CarryOver:
    """How live-restore carries the containers over the restart."""

    carries: bool
    prepare: bool = False
    """A reload must bring it into force first."""
    write: bool = False
    """It must be written into the file, and stays there."""
    take_back: bool = False
    """It must be in the file for the restart, and goes by a reload behind it."""


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
            f"nothing was changed: dockerd runs as user {snapshot.daemon.uid}, and its files belong to that user"
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
            f"nothing was changed: the engine is part of a swarm, where dockerd does not start with {LIVE_RESTORE}"
        )
    context = DaemonContext(snapshot, config, target, consent, facts, settings)
    context = replace(context, pending=_pending(context))
    due = frozenset(name for name in context.pending if not reloadable(name))
    keeps = bool(running(snapshot)) and _carried_over(context).carries
    ignored = frozenset(name for name in due if keeps and of_default_bridge(name))
    if due - ignored or target.restart:
        return _plan_restart(context, ignored)
    return _without_restart(context, ignored)


def _pending(context: DaemonContext) -> frozenset[str]:
    """What is not in force. The daemon's own word counts where it has one, else what changes in the file."""
    changed = {*changed_keys(context.config.text, context.target.text), *(_unread(context) & context.target.keys)}
    found = set()
    for name in {*changed, *context.target.keys}:
        known = in_force(context.snapshot, name, context.settings.get(name)) if _reported(context, name) else None
        # Secrets are not shown, so a daemon that reports them says nothing of which they are.
        shown = known is not None and not holds_secrets({name: context.settings.get(name)})
        if known is False or (name in changed and not shown):
            found.add(name)
    return frozenset(found)


def _unread(context: DaemonContext) -> frozenset[str]:
    """Keys of the file that dockerd has not read, since the run that wrote them was killed."""
    unfinished = context.facts.unfinished
    return frozenset(changed_keys(unfinished.text, context.config.text)) if unfinished.unread else frozenset()


def _reported(context: DaemonContext, name: str) -> bool:
    """Whether the daemon itself shows what it has in force."""
    engine = context.snapshot.engine
    return name in (KEY, LIVE_RESTORE) or (engine is not None and name in engine.settings)


def _without_restart(context: DaemonContext, ignored: frozenset[str]) -> DaemonPlan:
    snapshot, config, target = context.snapshot, context.config, context.target
    reloaded = context.pending - ignored
    final, steps, undo = target.text, [], []
    if reloaded:
        if not target.exact:
            final = without_reload_blockers(final, config.release)
        steps = _reload_steps(context, final, set(reloaded))
        undo = _reload_undo(config, set(reloaded))
    elif final != config.text:
        steps = [DaemonStep(final)]
    # A run that was killed behind the restart may have left ports, bridges and the guard as they were.
    guard = GuardPlan()
    kept: list[Container] = []
    ports: list[PortChange] = []
    sysctls: list[SysctlChange] = []
    if KEY in target.keys:
        demand(snapshot, SYSCTL)
        kept = [container for container in running(snapshot) if container.name in context.facts.unfinished.ported]
        if kept:
            demand(snapshot, NAMESPACES, LINKS)
        enabled = context.settings.get(KEY, proxy_default())
        ports, sysctls = follow_up(snapshot, kept, enabled=enabled)
        if not target.exact:
            guard = plan_guard_of_switch(snapshot, context.facts.firewall, context.facts.guard, enabled=enabled)
    keys = _outcomes(context, final, RELOAD if reloaded else WRITE, ignored)
    actions = file_actions(config.path, config.text, final)
    if reloaded:
        actions.append(f"reload {config.starter} and wait until dockerd confirms {', '.join(sorted(reloaded))}")
    outline = Outline(
        actions + port_actions(ports) + sysctl_actions(sysctls) + guard.actions,
        file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls) + guard.diffs,
        warnings=_pending_warnings(keys) + guard.warnings,
        results={"settings": keys, "follows": [LOOPBACK] if KEY in target.keys and not target.exact else []},
    )
    return DaemonPlan(
        outline,
        context.facts.config,
        unit=context.unit,
        pid=context.pid,
        start_ticks=context.start_ticks,
        docker_host=context.snapshot.docker_host,
        steps=steps,
        undo=undo,
        fallback=config.text,
        kept=kept,
        proxy=proxy_in_force(snapshot).value,
        has_follow_up=bool(ports or sysctls or guard.actions),
        ports=ports,
        sysctls=sysctls,
        guard=guard,
    )


def _reload_steps(context: DaemonContext, final: str | None, reloaded: set[str]) -> list[DaemonStep]:
    config = context.config
    text = without_reload_blockers(written_out(config, final, reloaded), config.release)
    _refuse_live_conflict(context.snapshot, config, text)
    step = DaemonStep(text, RELOAD, {name: value for name, value in context.expected.items() if name in reloaded})
    return [step] if text == final else [step, DaemonStep(final)]


def _refuse_live_conflict(snapshot: HostSnapshot, config: CurrentConfig, text: str | None) -> None:
    """A reload compares the file with the flags of the process that runs, which the unit may not give any more."""
    parsed = parse_text(text)
    flags = parse_flags(snapshot.daemon.argv) if snapshot.daemon else {}
    found = problems_in(parsed.values, parsed.positions, flags, config.release)
    clashes = [problem.message for problem in found if problem.accepted_from is None]
    if clashes:
        raise Refusal(
            f"nothing was changed: the running dockerd would reject {config.path}, because it was started with other "
            f"flags than {config.starter} has now: {'; '.join(clashes)}. Restart it first"
        )


def _plan_restart(context: DaemonContext, ignored: frozenset[str]) -> DaemonPlan:
    """Plan the restart; ignored: keys that it does not bring into force.

    Raises Refusal where it cannot be done from here, would not work, or takes consent that was not given.
    """
    snapshot, config, consent = context.snapshot, context.config, context.consent
    demand(snapshot, NAMESPACES, LINKS, SYSCTL)
    _refuse_unmanaged(snapshot)
    enabled = context.settings.get(KEY, proxy_default())
    proxy = proxy_in_force(snapshot).value
    switched = proxy is not None and proxy != enabled
    if switched and not enabled:
        refuse_impossible(snapshot, bridge_netfilter=context.facts.bridge_netfilter)
    moved = moved_state(snapshot, context.pending)
    carried = _carried_over(context)
    felt = impact(snapshot, context.facts.traits, carried_over=carried.carries)
    disruptions = moved + felt.disruptions
    disruptions += cut_off(snapshot, context.settings) if switched and not enabled else []
    disruptions += refused_bindings(snapshot, context.settings) if switched or BACKEND in context.pending else []
    disruptions += closed_forward(snapshot, context.settings) if BACKEND in context.pending else []
    if disruptions and not consent.disruption:
        raise _refusal(context, carried, felt, disruptions)
    steps, final = _steps(context, carried)
    ports, sysctls = follow_up(snapshot, felt.kept, enabled=enabled) if switched else ([], [])
    guard = _guard(context, enabled=enabled) if switched else GuardPlan()
    actions = file_actions(config.path, config.text, final) + _service_actions(context, felt, carried, ignored)
    keys = _outcomes(context, final, RESTART, ignored)
    # Where no container runs on, dockerd makes all ports anew, as it wants them.
    follows = [*([LOOPBACK, PORTS] if switched else []), *([] if felt.kept else [NEW_PORTS])]
    outline = Outline(
        actions + port_actions(ports) + sysctl_actions(sysctls) + guard.actions,
        file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls) + guard.diffs,
        disruptions,
        [
            *_pending_warnings(keys),
            *others_in_file(snapshot, context.target.keys),
            *closing_warnings(snapshot, current_policy(snapshot, context.facts.firewall, "ipv4")),
            *(proxy_warnings(snapshot, felt.kept, enabled=enabled) if switched else []),
            *guard.warnings,
        ],
        results={"settings": keys, "follows": follows},
    )
    fallback, fallback_name = _fallback(context, carried)
    return DaemonPlan(
        outline,
        context.facts.config,
        unit=context.unit,
        pid=context.pid,
        start_ticks=context.start_ticks,
        docker_host=context.snapshot.docker_host,
        steps=steps,
        undo=_reload_undo(config, {LIVE_RESTORE}) if carried.prepare else [],
        fallback=fallback,
        fallback_name=fallback_name,
        kept=felt.kept,
        proxy=None if proxy is None else enabled,
        has_follow_up=switched,
        ports=ports,
        sysctls=sysctls,
        guard=guard,
    )


def _carried_over(context: DaemonContext) -> CarryOver:
    """Return how live-restore would carry what runs over a restart."""
    state = _state(context)
    if not running(context.snapshot) or state.carries:
        return CarryOver(state.carries)
    if state.obstacle:
        return CarryOver(carries=False)
    if state.next_start:
        # A file that asks for it is consent enough: only the reload is missing.
        return CarryOver(carries=True, prepare=True)
    if context.consent.live_restore:
        # A goal that live-restore goes is not overruled by the consent to turn it on: it goes behind the restart.
        gives_up = LIVE_RESTORE in context.target.keys
        return CarryOver(carries=True, prepare=not state.in_force, write=not gives_up, take_back=gives_up)
    return CarryOver(carries=state.in_force, take_back=state.in_force)


def _guard(context: DaemonContext, *, enabled: bool) -> GuardPlan:
    facts = context.facts
    return plan_guard_of_switch(context.snapshot, facts.firewall, facts.guard, enabled=enabled)


def _state(context: DaemonContext) -> LiveRestore:
    return live_restore(context.snapshot, values_of(context.target.text), context.config.flags)


def _steps(context: DaemonContext, carried: CarryOver) -> tuple[list[DaemonStep], str | None]:
    """The steps, and what the file is at last."""
    config, final = context.config, context.target.text
    if carried.write:
        final = with_key(final or "", LIVE_RESTORE, value=True)
    if carried.prepare and not context.target.exact:
        final = without_reload_blockers(final, config.release)
    start = final
    if carried.take_back:
        start = with_key(start or "", LIVE_RESTORE, value=True)
    steps = []
    if carried.prepare:
        start = without_reload_blockers(start, config.release)
        steps.append(DaemonStep(start, RELOAD, {LIVE_RESTORE: True}))
    expected = {name: value for name, value in context.expected.items() if name != LIVE_RESTORE}
    steps.append(DaemonStep(start, RESTART, expected))
    if carried.take_back:
        # Only a false that is written out turns it off in a reload.
        off = with_key(final or "", LIVE_RESTORE, value=False)
        steps.append(DaemonStep(without_reload_blockers(off, config.release), RELOAD, {LIVE_RESTORE: False}))
    if steps[-1].text != final:
        steps.append(DaemonStep(final))
    return steps, final


def _reload_undo(config: CurrentConfig, names: set[str]) -> list[DaemonStep]:
    """Return the steps that take a reload of these keys back."""
    text = without_reload_blockers(written_out(config, config.text, names), config.release)
    step = DaemonStep(text, RELOAD)
    return [step] if text == config.text else [step, DaemonStep(config.text)]


def _fallback(context: DaemonContext, carried: CarryOver) -> tuple[str | None, str]:
    """What the file becomes when dockerd does not start, and what to call that."""
    old = context.config.text
    proxy = proxy_in_force(context.snapshot).value
    text, name = old, "the previous file"
    if old == context.target.text and context.facts.unfinished.unread:
        text, name = context.facts.unfinished.text, "the file as it was before a run that was killed"
    elif old == context.target.text and proxy is not None:
        # The file was ahead of the daemon; what was in force until now is known to work.
        text = without_key(old or "", KEY) if proxy else with_key(old or "", KEY, value=False)
        name = f"the file with {KEY} as it was effective before"
    if carried.carries and values_of(text).get(LIVE_RESTORE) is not True and LIVE_RESTORE not in context.config.flags:
        # A start without it would kill the containers that it has let survive.
        text = with_key(text or "", LIVE_RESTORE, value=True)
        name = f"{name} and live-restore, without which that start would have stopped the containers"
    return text, name


def _refuse_unmanaged(snapshot: HostSnapshot) -> None:
    manager = snapshot.service.manager if snapshot.service else "none"
    if manager != "systemd":
        kind = "an init script" if manager == "sysvinit" else "something other than a service"
        raise Refusal(
            f"nothing was changed: dockerd was started by {kind}, and a restart can be verified and undone only with "
            "systemd. Edit its configuration and restart it manually"
        )


def _refusal(context: DaemonContext, carried: CarryOver, felt: RestartImpact, disruptions: list[Disruption]) -> Refusal:
    who = "; ".join(f"{item.label} {item.how}" for item in disruptions)
    needing = ", ".join(sorted(name for name in context.pending if not reloadable(name)))
    cause = f"{needing} needs a restart of dockerd" if needing else "dockerd must be restarted"
    text = f"nothing was changed: {cause}, which would affect: {who}. To allow it, set on_disruption: allow"
    consents = [{"on_disruption": "allow"}]
    state = _state(context)
    if carried.carries or not felt.disruptions:
        return Refusal(text, disruptions, consents=consents)
    if state.obstacle:
        return Refusal(
            f"{text}. Live-restore cannot keep them running: {state.obstacle}", disruptions, consents=consents
        )
    if needing and all(of_default_bridge(name) or reloadable(name) for name in context.pending):
        text += (
            f". Live-restore does not help: with running containers, dockerd ignores {needing}. With live_restore: "
            "enabled, the file is written and takes effect at a start without running containers"
        )
    else:
        text += ", or keep the containers running with live_restore: enabled"
    return Refusal(text, disruptions, consents=[*consents, {"live_restore": "enabled"}])


def _service_actions(
    context: DaemonContext, felt: RestartImpact, carried: CarryOver, ignored: frozenset[str]
) -> list[str]:
    unit = context.config.starter
    taken = frozenset(name for name in context.pending - ignored if of_default_bridge(name))
    keeping = f"; live-restore keeps {len(felt.kept)} containers running" if felt.kept else ""
    actions = [f"reload {unit} and wait until dockerd reports live-restore"] if carried.prepare else []
    actions.append(f"restart {unit}{keeping}{default_network_anew(context.snapshot, taken, context.settings)}")
    if carried.take_back:
        actions.append(f"reload {unit} and wait until dockerd reports live-restore off")
    return actions


def follow_up(
    snapshot: HostSnapshot, kept: list[Container], *, enabled: bool
) -> tuple[list[PortChange], list[SysctlChange]]:
    """Return the ports and sysctls that must change for the mode: hairpin of kept containers, 127/8 of bridges."""
    ids = {container.id for container in kept}
    chosen = [item for item in attachments(snapshot) if item.container.id in ids]
    ports = port_changes(chosen, wanted=not enabled)
    return ports, loopback_routes(snapshot) if enabled else []


def _outcomes(context: DaemonContext, final: str | None, action: str, ignored: frozenset[str]) -> list[KeyOutcome]:
    """Return for each key that changes or was asked for what is done to it, and how that comes into force.

    action: what dockerd is asked to do (reload, restart, write for nothing). ignored: keys that it does not heed yet.
    """
    return [_outcome(context, name, final, action, ignored) for name in _names(context, final)]


def _pending_warnings(found: Sequence[KeyOutcome]) -> list[str]:
    """One sentence for what is written and not in force."""
    names = [item.name for item in found if item.effect == "pending"]
    return [f"written, but not effective yet: {', '.join(names)}; {_WAITS}"] if names else []


def _names(context: DaemonContext, final: str | None) -> Iterator[str]:
    changed = changed_keys(context.config.text, final)
    yield from changed
    for name in sorted(context.target.keys):
        # A whole text names all its keys; those that stay as they are need no word.
        if name not in changed and (not context.target.exact or name in context.pending):
            yield name


def _outcome(context: DaemonContext, name: str, final: str | None, action: str, ignored: frozenset[str]) -> KeyOutcome:
    change = "unchanged"
    if name in changed_keys(context.config.text, final):
        change = "set" if name in values_of(final) else "removed"
    effect, note = _effect(context, name, action, ignored)
    return KeyOutcome(name, change, effect, note)


def _effect(context: DaemonContext, name: str, action: str, ignored: frozenset[str]) -> tuple[str, str]:
    if name in ignored:
        return "pending", _WAITS
    if name in context.pending:
        return action, note_of(name)
    known = in_force(context.snapshot, name, context.settings.get(name))
    if known is None and action != RESTART:
        return "unknown", _NOT_KNOWN
    return "none", note_of(name)
