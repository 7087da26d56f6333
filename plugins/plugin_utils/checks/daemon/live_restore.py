# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""live-restore, as the daemon itself reports it."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import next_flags, next_values
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import LOW, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import ENGINE, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.daemon.problems import blockers_of, place_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

KEY = "live-restore"
_ARGS = {"config": {KEY: True}}


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
    value = next_values(snapshot).get(KEY)
    place = config.positions.get(KEY)
    if place is not None:
        evidence[f"{config.path}:{place.line}"] = f"{KEY}: {value}"
    elif value is not None:
        evidence["flags of dockerd"] = f"{KEY}: {value}"
    return value is True


def _not_for_long(evidence: dict[str, Any]) -> Verdict:
    summary = "live-restore is in force, and not configured: the next start of dockerd will not have it"
    impact = "The next start of dockerd, by an upgrade or by hand, stops all containers."
    remedy = Remedy(f'Write "{KEY}": true into daemon.json, or take it as it is', "daemon_config", _ARGS)
    return failed(resources.daemon(), summary, evidence, impact, remedy)


def _not_in_force(snapshot: HostSnapshot, evidence: dict[str, Any], *, configured: bool) -> Verdict:
    impact = (
        "A restart of dockerd, by an upgrade or by hand, stops all containers; those with restart policy 'no' stay "
        "down."
    )
    flags = next_flags(snapshot) or {}
    if KEY in flags:
        # In the file as well, dockerd would not start.
        given = f"--{KEY}={str(flags[KEY]).lower()} is among the flags of dockerd"
        remedy = Remedy(f"{given}: take it out there and write it into daemon.json, then restart dockerd when it suits")
        return failed(resources.daemon(), f"live-restore is not in force: {given}", evidence, impact, remedy)
    if not configured:
        remedy = Remedy(
            f'Write "{KEY}": true into daemon.json and reload dockerd (systemctl reload docker)',
            "daemon_config",
            _ARGS,
        )
        return failed(resources.daemon(), "live-restore is not in force", evidence, impact, remedy)
    blockers = blockers_of(snapshot)
    reason = f"a reload fails: {blockers[0].message}" if blockers else "dockerd was not reloaded, or the reload failed"
    text = f"Put right {place_of(snapshot, blockers[0])} first, then reload" if blockers else "Reload dockerd"
    remedy = Remedy(
        f"{text} (systemctl reload docker) and look into its journal: a reload that fails says so only there. Do not "
        "restart it, that stops all containers",
        "daemon_config",
        _ARGS,
    )
    return failed(resources.daemon(), f"live-restore is configured, not in force: {reason}", evidence, impact, remedy)


CHECK = Check(
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
    mended_by=("daemon_config",),
    of_daemon=True,
)
