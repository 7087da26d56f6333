# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A restart of dockerd that brings daemon.json into force: the plan. Pure.

In order: live-restore by a reload where it must carry containers, the restart, what dockerd then leaves undone on the
containers that it kept, and last what a reload takes back.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.backend_preflight import (
    BACKEND,
    closed_forward,
    refused_bindings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_effect import (
    LIVE_RESTORE,
    of_default_bridge,
    reloadable,
    written_out,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_file import (
    CurrentConfig,
    file_actions,
    file_diff,
    values_of,
    without_reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_outcome import (
    outcomes,
    pending_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.daemon_plan import (
    LOOPBACK,
    PORTS,
    RELOAD,
    RESTART,
    DaemonPlan,
    DaemonStep,
    Request,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.proxy_preflight import (
    cut_off,
    proxy_warnings,
    refuse_impossible,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.restart_impact import (
    LiveRestore,
    RestartImpact,
    default_network_anew,
    impact,
    live_restore,
    moved_state,
    others_in_file,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.daemon.userland_proxy_care import after_care
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import (
    closing_warnings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_policy_plan import (
    current_policy,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.bridge_hairpin_plan import (
    port_actions,
    port_diff,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.hairpin.loopback_guard_plan import (
    GuardPlan,
    plan_guard_of_switch,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.own_sysctls import sysctl_actions, sysctl_diff
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import (
    Disruption,
    Outline,
    Refusal,
    demand,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    LINKS,
    NAMESPACES,
    SYSCTL,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running


@dataclass(frozen=True)
class Carried:
    """How live-restore carries the containers over the restart."""

    carries: bool
    prepare: bool = False
    """A reload must bring it into force first."""
    write: bool = False
    """It must be written into the file, and stays there."""
    take_back: bool = False
    """It must be in the file for the restart, and goes by a reload behind it."""


def carried_over(request: Request) -> Carried:
    """Return how live-restore would carry what runs over a restart."""
    state = _state(request)
    if not running(request.snapshot) or state.carries:
        return Carried(state.carries)
    if state.obstacle:
        return Carried(carries=False)
    if state.next_start:
        # A file that asks for it is consent enough: only the reload is missing.
        return Carried(carries=True, prepare=True)
    if request.consent.live_restore:
        # A goal that live-restore goes is not overruled by the consent to turn it on: it goes behind the restart.
        gives_up = LIVE_RESTORE in request.target.keys
        return Carried(carries=True, prepare=not state.in_force, write=not gives_up, take_back=gives_up)
    return Carried(carries=state.in_force, take_back=state.in_force)


def reload_undo(config: CurrentConfig, names: set[str]) -> list[DaemonStep]:
    """Return the steps that take a reload of these keys back."""
    text = without_reload_blockers(written_out(config, config.text, names), config.release)
    step = DaemonStep(text, RELOAD)
    return [step] if text == config.text else [step, DaemonStep(config.text)]


def plan_restart(request: Request, ignored: frozenset[str]) -> DaemonPlan:
    """Plan the restart; ignored: keys that it does not bring into force.

    Raises Refusal where it cannot be done from here, would not work, or takes consent that was not given.
    """
    snapshot, config, consent = request.snapshot, request.config, request.consent
    demand(snapshot, NAMESPACES, LINKS, SYSCTL)
    _refuse_unmanaged(snapshot)
    enabled = request.settings.get(KEY, proxy_default())
    in_force = proxy_in_force(snapshot).value
    switched = in_force is not None and in_force != enabled
    if switched and not enabled:
        refuse_impossible(snapshot, bridge_netfilter=request.facts.bridge_netfilter)
    moved = moved_state(snapshot, request.pending)
    carried = carried_over(request)
    felt = impact(snapshot, request.facts.traits, carried_over=carried.carries)
    disruptions = moved + felt.disruptions
    disruptions += cut_off(snapshot, request.settings) if switched and not enabled else []
    disruptions += refused_bindings(snapshot, request.settings) if switched or BACKEND in request.pending else []
    disruptions += closed_forward(snapshot, request.settings) if BACKEND in request.pending else []
    if disruptions and not consent.disruption:
        raise Refusal(_disruption_text(request, carried, felt, disruptions), disruptions)
    steps, final = _steps(request, carried)
    ports, sysctls = after_care(snapshot, felt.kept, enabled=enabled) if switched else ([], [])
    guard = _guard(request, enabled=enabled) if switched else GuardPlan()
    actions = file_actions(config.path, config.text, final) + _service_actions(request, felt, carried, ignored)
    keys = outcomes(request, final, RESTART, ignored)
    outline = Outline(
        actions + port_actions(ports) + sysctl_actions(sysctls) + guard.actions,
        file_diff(config.path, config.text, final) + port_diff(ports) + sysctl_diff(sysctls) + guard.diffs,
        disruptions,
        [
            *pending_warnings(keys),
            *others_in_file(snapshot, request.target.keys),
            *closing_warnings(snapshot, current_policy(snapshot, request.facts.firewall, "ipv4")),
            *(proxy_warnings(snapshot, felt.kept, enabled=enabled) if switched else []),
            *guard.warnings,
        ],
        results={"settings": keys, "follows": [LOOPBACK, PORTS] if switched else []},
    )
    fallback, fallback_name = _fallback(request, carried)
    return DaemonPlan(
        outline,
        request.facts.config,
        unit=request.unit,
        pid=request.pid,
        docker_host=request.snapshot.docker_host,
        steps=steps,
        undo=reload_undo(config, {LIVE_RESTORE}) if carried.prepare else [],
        fallback=fallback,
        fallback_name=fallback_name,
        kept=felt.kept,
        proxy=None if in_force is None else enabled,
        care=switched,
        ports=ports,
        sysctls=sysctls,
        guard=guard,
    )


def _guard(request: Request, *, enabled: bool) -> GuardPlan:
    facts = request.facts
    return plan_guard_of_switch(request.snapshot, facts.firewall, facts.guard, enabled=enabled)


def _state(request: Request) -> LiveRestore:
    return live_restore(request.snapshot, values_of(request.target.text), request.config.flags)


def _steps(request: Request, carried: Carried) -> tuple[list[DaemonStep], str | None]:
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
        steps.append(DaemonStep(start, RELOAD, {LIVE_RESTORE: True}))
    expected = {name: value for name, value in request.expected.items() if name != LIVE_RESTORE}
    steps.append(DaemonStep(start, RESTART, expected))
    if carried.take_back:
        # Only a false that is written out turns it off in a reload.
        off = json_text.with_key(final or "", LIVE_RESTORE, value=False)
        steps.append(DaemonStep(without_reload_blockers(off, config.release), RELOAD, {LIVE_RESTORE: False}))
    if steps[-1].text != final:
        steps.append(DaemonStep(final))
    return steps, final


def _fallback(request: Request, carried: Carried) -> tuple[str | None, str]:
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
    manager = snapshot.service.manager if snapshot.service else "none"
    if manager != "systemd":
        kind = "an init script" if manager == "sysvinit" else "something other than a service"
        raise Refusal(
            f"dockerd was started by {kind}, and only systemd lets a restart be watched and undone; nothing was "
            "changed. Edit its configuration and restart it by hand"
        )


def _disruption_text(request: Request, carried: Carried, felt: RestartImpact, disruptions: list[Disruption]) -> str:
    who = "; ".join(f"{item.container} {item.how}" for item in disruptions)
    needing = ", ".join(sorted(name for name in request.pending if not reloadable(name)))
    cause = f"{needing} needs a restart of dockerd" if needing else "dockerd is to be restarted"
    text = f"nothing was changed: {cause}, and that would be felt: {who}. Consent with on_disruption: allow"
    state = _state(request)
    if carried.carries or not felt.disruptions:
        return text
    if state.obstacle:
        return f"{text}. Live-restore cannot carry them over it: {state.obstacle}"
    if needing and all(of_default_bridge(name) or reloadable(name) for name in request.pending):
        return (
            f"{text}. Live-restore is no way: where it keeps containers over a restart, dockerd ignores {needing}. "
            "With live_restore: enable the file is written, and waits for a start that finds no container running"
        )
    return f"{text}, or let live-restore carry the containers over it with live_restore: enable"


def _service_actions(request: Request, felt: RestartImpact, carried: Carried, ignored: frozenset[str]) -> list[str]:
    unit = request.config.starter
    taken = frozenset(name for name in request.pending - ignored if of_default_bridge(name))
    keeping = f"; {len(felt.kept)} running containers are kept by live-restore" if felt.kept else ""
    actions = [f"reload {unit} and wait until dockerd reports live-restore"] if carried.prepare else []
    actions.append(f"restart {unit}{keeping}{default_network_anew(request.snapshot, taken, request.settings)}")
    if carried.take_back:
        actions.append(f"reload {unit} and wait until dockerd reports live-restore off")
    return actions
