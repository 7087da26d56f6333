# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The daemon's configuration: whether dockerd can read it, and whether it is in force."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._model.config import ConfigProblem, DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import (
    UNKNOWN_RELEASE,
    problems_in,
    release_matters,
    reload_blockers,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    HIGH,
    LOW,
    MEDIUM,
    Remedy,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.next_start import next_flags, next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import proxy_in_force
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    HostSnapshot,
)

LIVE_RESTORE_KEY = "live-restore"
_ARGS = {"config": {LIVE_RESTORE_KEY: True}}


def _judge_live_restore(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    engine = snapshot.engine
    if engine is None:
        return [unknown(resources.daemon(), "the engine said nothing")]
    evidence: dict[str, Any] = {"LiveRestoreEnabled of GET /info": engine.live_restore}
    if engine.swarm:
        return [not_applicable(resources.daemon(), "Swarm mode is on, and live-restore does not go with it", evidence)]
    configured = _configured_live_restore(snapshot, evidence)
    if engine.live_restore and configured is not False:
        return [passed(resources.daemon(), "live-restore is in force, as the daemon itself says", evidence)]
    if engine.live_restore:
        return [_not_for_long(evidence)]
    return [_not_in_force(snapshot, evidence, configured=configured is True)]


def _configured_live_restore(snapshot: HostSnapshot, evidence: dict[str, Any]) -> bool | None:
    """Whether the next start will have it, None where that cannot be told; adds what was read to evidence."""
    config = snapshot.daemon_config
    if config is None or next_flags(snapshot) is None or any(item.accepted_from is None for item in config.problems):
        return None
    value = next_values(snapshot).get(LIVE_RESTORE_KEY)
    place = config.positions.get(LIVE_RESTORE_KEY)
    if place is not None:
        evidence[f"{config.path}:{place.line}"] = f"{LIVE_RESTORE_KEY}: {value}"
    elif value is not None:
        evidence["flags of dockerd"] = f"{LIVE_RESTORE_KEY}: {value}"
    return value is True


def _not_for_long(evidence: dict[str, Any]) -> Verdict:
    summary = "live-restore is in force, and not configured: the next start of dockerd will not have it"
    impact = "The next start of dockerd, by an upgrade or by hand, stops all containers."
    remedy = Remedy(f'Write "{LIVE_RESTORE_KEY}": true into daemon.json, or take it as it is', "daemon_config", _ARGS)
    return failed(resources.daemon(), summary, evidence, impact, remedy)


def _not_in_force(snapshot: HostSnapshot, evidence: dict[str, Any], *, configured: bool) -> Verdict:
    impact = (
        "A restart of dockerd, by an upgrade or by hand, stops all containers; those with restart policy 'no' stay "
        "down."
    )
    flags = next_flags(snapshot) or {}
    if LIVE_RESTORE_KEY in flags:
        # In the file as well, dockerd would not start.
        given = f"--{LIVE_RESTORE_KEY}={str(flags[LIVE_RESTORE_KEY]).lower()} is among the flags of dockerd"
        remedy = Remedy(f"{given}: take it out there and write it into daemon.json, then restart dockerd when it suits")
        return failed(resources.daemon(), f"live-restore is not in force: {given}", evidence, impact, remedy)
    if not configured:
        remedy = Remedy(
            f'Write "{LIVE_RESTORE_KEY}": true into daemon.json and reload dockerd (systemctl reload docker)',
            "daemon_config",
            _ARGS,
        )
        return failed(resources.daemon(), "live-restore is not in force", evidence, impact, remedy)
    blockers = _blockers(snapshot)
    reason = f"a reload fails: {blockers[0].message}" if blockers else "dockerd was not reloaded, or the reload failed"
    text = f"Put right {_place(snapshot, blockers[0])} first, then reload" if blockers else "Reload dockerd"
    remedy = Remedy(
        f"{text} (systemctl reload docker) and look into its journal: a reload that fails says so only there. Do not "
        "restart it, that stops all containers",
        "daemon_config",
        _ARGS,
    )
    return failed(resources.daemon(), f"live-restore is configured, not in force: {reason}", evidence, impact, remedy)


def _blockers(snapshot: HostSnapshot) -> list[ConfigProblem]:
    config, engine = snapshot.daemon_config, snapshot.engine
    return reload_blockers(config.values, config.positions, engine.release) if config and engine else []


def _judge_reload(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    blockers = _blockers(snapshot)
    if not blockers:
        return [passed(resources.daemon(), "Nothing known keeps dockerd from reloading daemon.json", {})]
    text = "Remove the line: true is the default. Or set userland-proxy-path beside it"
    # Where the proxy is on, taking the line out is an edit and no more; else the line waits for a restart.
    remedy = Remedy(text, "userland_proxy", {"state": "enabled"}) if proxy_in_force(snapshot).value else Remedy(text)
    return [
        failed(
            resources.file(_place(snapshot, problem)),
            f"{_place(snapshot, problem)}: {problem.message}",
            {_place(snapshot, problem): problem.key},
            "systemctl reload docker says nothing and exits 0, and nothing in daemon.json takes effect: neither "
            "live-restore nor registries. The journal alone has the error.",
            remedy,
        )
        for problem in blockers
    ]


def _judge_config(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    resource = resources.file(config.path)
    if not config.exists:
        return [_no_file(snapshot, config)]
    release = snapshot.engine.release if snapshot.engine else UNKNOWN_RELEASE
    flags = next_flags(snapshot)
    own = problems_in(config.values, config.positions, flags or {}, release)
    problems = [problem for problem in [*config.problems, *own] if _concerns(problem, release[0])]
    if problems:
        return [_problem(snapshot, problem, release[0]) for problem in problems]
    doubts = _doubts(config, release, flags)
    if doubts:
        return [unknown(resource, f"its text is well, but {'; and '.join(doubts)}", {"keys": sorted(config.values)})]
    return [
        passed(resource, f"dockerd can read {config.path}, and knows what is in it", {"keys": sorted(config.values)})
    ]


def _no_file(snapshot: HostSnapshot, config: DaemonConfig) -> Verdict:
    resource = resources.file(config.path)
    if "config-file" not in (next_flags(snapshot) or {}):
        return passed(resource, f"There is no {config.path}: dockerd takes its defaults and flags", {"exists": False})
    return failed(
        resource,
        f"{config.path} is not there, and a flag of dockerd names it",
        {"exists": False, "flag": f"--config-file={config.path}"},
        "dockerd does not start without it.",
        Remedy("Make the file (with {} in it, where there is nothing to set), or drop the flag"),
    )


def _concerns(problem: ConfigProblem, major: int) -> bool:
    """Whether it is worth a finding: an empty file is none, where the engine takes it."""
    return problem.line > 0 or not _accepted(problem, major)


def _accepted(problem: ConfigProblem, major: int) -> bool:
    return problem.accepted_from is not None and problem.accepted_from <= major


def _problem(snapshot: HostSnapshot, problem: ConfigProblem, major: int) -> Verdict:
    place = _place(snapshot, problem)
    if _accepted(problem, major):
        impact = (
            "This dockerd starts with it all the same; that the file does what its author meant is another question."
        )
    else:
        impact = (
            "dockerd does not start with this file: the next restart or boot leaves the host without Docker, and a "
            "reload changes nothing."
        )
    remedy = Remedy(
        f"Put it right by hand ({place}), and try it before a restart: dockerd --validate, from Engine 23.0 on"
    )
    return failed(resources.file(place), f"{place}: {problem.message}", {"key": problem.key}, impact, remedy)


def _doubts(config: DaemonConfig, release: tuple[int, int], flags: dict[str, Any] | None) -> list[str]:
    """What else would have to be known for a pass."""
    found = []
    if config.values and flags is None:
        found.append("dockerd's flags could not be read, with which it may conflict")
    varying = release_matters(config.values, config.positions, flags or {}) if release == UNKNOWN_RELEASE else []
    if varying:
        keys = ", ".join(str(problem.key) for problem in varying)
        found.append(f"the engine's version could not be read, and some do not start with {keys}")
    return found


def _place(snapshot: HostSnapshot, problem: ConfigProblem) -> str:
    """``PATH:LINE:COLUMN``, or the path where the whole file is meant."""
    path = snapshot.daemon_config.path if snapshot.daemon_config else "daemon.json"
    return f"{path}:{problem.line}:{problem.column}" if problem.line else path


LIVE_RESTORE = Check(
    id="daemon.live-restore",
    severity=LOW,
    title="live-restore is in force",
    rationale=(
        "With it, containers keep running while dockerd restarts. Only the daemon can say whether it is so: a "
        "reload that failed leaves the file ahead of it."
    ),
    needs=(ENGINE,),
    judge=_judge_live_restore,
    cis=cis.LIVE_RESTORE,
)

RELOAD_BLOCKED = Check(
    id="daemon.reload-blocked",
    severity=MEDIUM,
    title="dockerd can reload its configuration",
    rationale=(
        "From Docker Engine 25 on, a userland-proxy: true that is written out makes every reload fail in silence."
    ),
    needs=(ENGINE, DAEMON_CONFIG),
    judge=_judge_reload,
)

CONFIG = Check(
    id="daemon.config",
    severity=HIGH,
    title="daemon.json is sound",
    rationale=(
        "dockerd reads the file when it starts, so a mistake shows at the worst time. Much of what it then fails "
        "at, its own --validate lets pass."
    ),
    needs=(DAEMON_CONFIG,),
    judge=_judge_config,
)
