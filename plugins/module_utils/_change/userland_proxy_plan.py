# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy on or off: the plan. Pure.

The mode is a matter of dockerd's start alone; no engine reloads it. So the plan is: the file, if need be live-restore
by a reload, the restart, and then what dockerd leaves undone on containers that it kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change import json_text
from ansible_collections.dockernet.baseline.plugins.module_utils._change.atomic_file import FileState
from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_hairpin_plan import (
    PortChange,
    port_actions,
    port_changes,
    port_diff,
)
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
    LIVE_RESTORE,
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
from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import ConfigProblem
from ansible_collections.dockernet.baseline.plugins.module_utils._model.container import Container
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import (
    ParsedConfig,
    flattened,
    parse,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import problems_in, reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY, proxy_in_force
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

_WORDS = {True: "on", False: "off"}


@dataclass(frozen=True)
class ProxyWish:
    """What the caller wants, and what they consent to."""

    enabled: bool
    disruption_allowed: bool = False
    live_restore_allowed: bool = False
    """Consent to turn live-restore on, so that it carries the containers over the restart."""


@dataclass(frozen=True)
class ProxyFacts:
    """What the plan needs beside the snapshot."""

    config: FileState
    traits: ServiceTraits = field(default_factory=ServiceTraits)
    bridge_netfilter: bool = True
    """Whether the kernel has br_netfilter, loaded or to be loaded."""


@dataclass(frozen=True)
class ProxyPlan:
    """What to do, in order."""

    outline: Outline
    config: FileState
    unit: str = ""
    text: str | None = None
    """New text of daemon.json; None leaves the file alone."""
    fallback: str | None = None
    """What to write when dockerd does not start with text; None: what was there."""
    fallback_name: str = ""
    reload: bool = False
    restart: bool = False
    kept: list[Container] = field(default_factory=list)
    """Containers that must run on through the restart."""
    ports: list[PortChange] = field(default_factory=list)
    sysctls: list[SysctlChange] = field(default_factory=list)


def plan_proxy(snapshot: HostSnapshot, wish: ProxyWish, facts: ProxyFacts) -> ProxyPlan:
    """Plan docker-proxy on or off.

    Raises Refusal for a broken file (with line and column), a conflict with a flag, a mode that cannot be known, an
    engine that would not start, and whatever would stop a container without consent.
    """
    demand(snapshot, ENGINE, PROCESSES, SERVICE, DAEMON_CONFIG)
    in_force = proxy_in_force(snapshot)
    if in_force.value is None:
        raise Refusal(f"nothing shows whether docker-proxy is in use: {in_force.evidence}")
    old = _text(facts.config)
    parsed = _parsed(facts.config, old)
    # What is wrong is its author's to mend, even where the change would write over it.
    _refuse_problems(snapshot, facts.config.path, old)
    new = _target(snapshot, wish, facts.config.path, old, parsed.values)
    _refuse_problems(snapshot, facts.config.path, new)
    if in_force.value == wish.enabled:
        return _file_only(snapshot, wish, facts.config, old, new)
    return _with_restart(snapshot, wish, facts, old, new)


# ---- the file --------------------------------------------------------------------------------------------------------


def _text(config: FileState) -> str:
    """The file's text; problems of its encoding show when it is parsed."""
    return (config.data or b"").decode("utf-8", "replace")


def _parsed(config: FileState, text: str) -> ParsedConfig:
    parsed = parse(config.data or b"", config.path) if text.strip() else ParsedConfig()
    if parsed.problems:
        raise Refusal(_problem_text(config.path, parsed.problems))
    return parsed


def _target(snapshot: HostSnapshot, wish: ProxyWish, path: str, old: str, values: dict[str, Any]) -> str:
    """The text that makes the next start do what is wanted."""
    if KEY in flattened(values) and KEY not in values:
        raise Refusal(f"{path} sets {KEY} inside of another object, where dockerd heeds it, too; take it out there")
    flag = _unit_flags(snapshot).get(KEY)
    if flag is not None:
        if flag != wish.enabled:
            raise Refusal(
                f"{_unit(snapshot)} starts dockerd with --{KEY}={str(flag).lower()}; a key in {path} beside it would "
                "keep dockerd from starting. Change the flag there, or drop it"
            )
        return old
    if not wish.enabled:
        return old if values.get(KEY) is False else json_text.with_key(old, KEY, value=False)
    if values.get(KEY) is False or reload_blockers(values, {}, _release(snapshot)):
        return json_text.without_key(old, KEY)
    return old


def _refuse_problems(snapshot: HostSnapshot, path: str, text: str) -> None:
    """Refuse what keeps dockerd from starting, whoever wrote it; what it only ignores is none of our business here."""
    parsed = _parse_text(text)
    found = problems_in(parsed.values, parsed.positions, _unit_flags(snapshot), _release(snapshot))
    problems = [problem for problem in found if problem.accepted_from is None]
    if problems:
        raise Refusal(_problem_text(path, problems))


def _problem_text(path: str, problems: list[ConfigProblem]) -> str:
    places = [f"{path}:{problem.line}:{problem.column}: {problem.message}" for problem in problems]
    return f"the file was left byte for byte as it is, since dockerd would stumble over it: {'; '.join(places)}"


def _release(snapshot: HostSnapshot) -> tuple[int, int]:
    return snapshot.engine.release if snapshot.engine else (0, 0)


def _unit(snapshot: HostSnapshot) -> str:
    return snapshot.service.name if snapshot.service else ""


def _unit_flags(snapshot: HostSnapshot) -> dict[str, Any]:
    return parse_flags(snapshot.service.argv) if snapshot.service else {}


def _file_only(snapshot: HostSnapshot, wish: ProxyWish, config: FileState, old: str, new: str) -> ProxyPlan:
    # A run that was killed behind the restart may have left the bridges as they were.
    dummy, sysctls = after_care(snapshot, [], enabled=wish.enabled)
    actions = _file_actions(config.path, old, new) + sysctl_actions(sysctls)
    outline = Outline(actions, _file_diff(config.path, old, new) + sysctl_diff(sysctls))
    return ProxyPlan(outline, config, _unit(snapshot), text=None if new == old else new, sysctls=sysctls)


def _file_actions(path: str, old: str, new: str) -> list[str]:
    before, after = _values(old), _values(new)
    actions: list[str] = []
    for key in (LIVE_RESTORE, KEY):
        if after.get(key) == before.get(key):
            continue
        if key in after:
            actions.append(f"set {key} to {str(after[key]).lower()} in {path}")
        else:
            actions.append(f"remove {key} from {path}: its default is what is wanted")
    return actions


def _file_diff(path: str, old: str, new: str) -> list[Diff]:
    return [] if old == new else [Diff(path, json_text.masked(old), json_text.masked(new))]


def _values(text: str) -> dict[str, Any]:
    return _parse_text(text).values


def _parse_text(text: str) -> ParsedConfig:
    """No file, or an empty one: no settings. What is written into it is whole."""
    return parse(text.encode(), "") if text.strip() else ParsedConfig()


# ---- the restart -----------------------------------------------------------------------------------------------------


def _with_restart(snapshot: HostSnapshot, wish: ProxyWish, facts: ProxyFacts, old: str, new: str) -> ProxyPlan:
    demand(snapshot, NAMESPACES, LINKS, SYSCTL)
    _refuse_unmanaged(snapshot)
    settings = {**_values(new), **_unit_flags(snapshot)}
    if not wish.enabled:
        refuse_impossible(
            snapshot,
            settings,
            bridge_netfilter=facts.bridge_netfilter,
            disruption_allowed=wish.disruption_allowed,
        )
    state = live_restore(snapshot, _values(new), _unit_flags(snapshot))
    prepare = _may_prepare(snapshot, wish, state)
    felt = impact(snapshot, facts.traits, carried_over=state.carries or prepare)
    if felt.disruptions and not wish.disruption_allowed:
        raise Refusal(_disruption_text(wish, state, felt), felt.disruptions)
    if prepare and not state.next_start:
        new = json_text.with_key(new, LIVE_RESTORE, value=True)
    reload = prepare and not state.in_force
    ports, sysctls = after_care(snapshot, felt.kept, enabled=wish.enabled)
    actions = _file_actions(facts.config.path, old, new) + _service_actions(snapshot, felt, reload=reload)
    actions += port_actions(ports) + sysctl_actions(sysctls)
    diffs = _file_diff(facts.config.path, old, new) + port_diff(ports) + sysctl_diff(sysctls)
    fallback, fallback_name = _fallback(old, new, wish, keep_live_restore=prepare and not state.next_start)
    warnings = proxy_warnings(snapshot, felt.kept, enabled=wish.enabled)
    return ProxyPlan(
        Outline(actions, diffs, felt.disruptions, warnings),
        facts.config,
        unit=_unit(snapshot),
        text=None if new == old else new,
        fallback=fallback,
        fallback_name=fallback_name,
        reload=reload,
        restart=True,
        kept=felt.kept,
        ports=ports,
        sysctls=sysctls,
    )


def _fallback(old: str, new: str, wish: ProxyWish, *, keep_live_restore: bool) -> tuple[str | None, str]:
    """What the file becomes when dockerd does not start, None for what it was, and what to call that."""
    if keep_live_restore:
        # A start without it would kill the containers that it has let survive.
        text = json_text.with_key(old, LIVE_RESTORE, value=True)
        return text, "the previous file and live-restore, without which that start would have stopped the containers"
    if new == old:
        # The file was ahead of the daemon; what was in force until now is known to work.
        text = json_text.without_key(old, KEY) if not wish.enabled else json_text.with_key(old, KEY, value=False)
        return text, f"the file with {KEY} as it was in force before"
    return None, "the previous file"


def _refuse_unmanaged(snapshot: HostSnapshot) -> None:
    if snapshot.engine is not None and snapshot.engine.rootless:
        raise Refusal("the engine is rootless: its service belongs to a user, and is not restarted from here")
    manager = snapshot.service.manager if snapshot.service else "none"
    if manager != "systemd":
        kind = "an init script" if manager == "sysvinit" else "something other than a service"
        raise Refusal(
            f"dockerd was started by {kind}, and only systemd lets a restart be watched and undone; nothing was "
            f"changed. Set {KEY} in its configuration and restart it by hand"
        )


def _may_prepare(snapshot: HostSnapshot, wish: ProxyWish, state: LiveRestore) -> bool:
    """Whether live-restore is to be brought into force first.

    A file that asks for it already is consent enough: only the reload is missing.
    """
    if not running(snapshot) or state.carries or state.obstacle:
        return False
    return wish.live_restore_allowed or state.next_start


def _disruption_text(wish: ProxyWish, state: LiveRestore, felt: RestartImpact) -> str:
    who = "; ".join(f"{item.container} {item.how}" for item in felt.disruptions)
    text = (
        f"docker-proxy was not switched {_WORDS[wish.enabled]}, nothing was changed: it takes a restart of dockerd, "
        f"and that would be felt: {who}. Consent with on_disruption: allow"
    )
    if state.carries:
        return text
    if state.obstacle:
        return f"{text}. Live-restore cannot carry them over it: {state.obstacle}"
    return f"{text}, or let live-restore carry the containers over it with live_restore: enable"


def _service_actions(snapshot: HostSnapshot, felt: RestartImpact, *, reload: bool) -> list[str]:
    unit = _unit(snapshot)
    actions = [f"reload {unit} and wait until dockerd reports live-restore"] if reload else []
    keeping = f"; {len(felt.kept)} running containers are kept by live-restore" if felt.kept else ""
    return [*actions, f"restart {unit}{keeping}"]


def after_care(
    snapshot: HostSnapshot,
    kept: list[Container],
    *,
    enabled: bool,
) -> tuple[list[PortChange], list[SysctlChange]]:
    """What dockerd leaves as it was on containers that it kept, and on bridges that outlive it."""
    ids = {container.id for container in kept}
    chosen = [item for item in attachments(snapshot) if item.container.id in ids]
    ports = port_changes(chosen, wanted=not enabled)
    if not enabled:
        return ports, []
    bridges = sorted({network.bridge for network in snapshot.networks if network.bridge is not None})
    keys = [f"net.ipv4.conf.{bridge.replace('.', '/')}.route_localnet" for bridge in bridges]
    return ports, [SysctlChange(key, "1", "0") for key in keys if snapshot.sysctls.get(key) == "1"]
