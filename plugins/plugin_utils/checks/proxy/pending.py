# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""docker-proxy configured, and in force or not."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import (
    KEY,
    proxy_configured,
    proxy_default,
    proxy_in_force,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    SERVICE,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined


def _judge_pending(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    configured, force = proxy_configured(snapshot), proxy_in_force(snapshot)
    evidence = {"in force": force.evidence, "configured": _configured_by(snapshot)}
    if force.value is None:
        reason = f"whether docker-proxy is in force could not be told: {force.evidence}"
        return [unknown(resources.daemon(), reason, evidence)]
    if configured is None:
        return [
            unknown(
                resources.daemon(),
                f"what the next start will have could not be told: {_configured_by(snapshot)}",
                evidence,
            )
        ]
    state = {True: "on", False: "off"}
    if configured == force.value:
        return [passed(resources.daemon(), f"docker-proxy is {state[configured]}, as configured", evidence)]
    summary = f"docker-proxy is configured {state[configured]} and not in force so: it is {state[force.value]}"
    impact = (
        f"The next restart of dockerd, whoever makes it, turns docker-proxy {state[configured]} and with it changes "
        "which paths to published ports work."
    )
    remedy = Remedy(
        f"Restart dockerd when it suits, or take the setting back. The module makes it {state[configured]} now, if no "
        "container is lost by it",
        "userland_proxy",
        {"state": "enabled" if configured else "disabled"},
    )
    return [failed(resources.daemon(), summary, evidence, impact, remedy)]


def _configured_by(snapshot: HostSnapshot) -> str:
    """Where the value of the next start comes from, or why there is none."""
    config = snapshot.daemon_config
    if config is None:
        return "daemon.json was not read"
    broken = next((problem for problem in config.problems if problem.accepted_from is None), None)
    if broken is not None:
        return f"{config.path}:{broken.line}:{broken.column}: {broken.message}"
    if KEY in config.values:
        place = config.positions.get(KEY)
        return f"{config.path}:{place.line if place else 0}: {KEY}: {config.values[KEY]}"
    flags = [word for word in (snapshot.service.argv if snapshot.service else []) if word.startswith(f"--{KEY}")]
    if flags:
        return f"{snapshot.service.name if snapshot.service else 'dockerd'}: {flags[-1]}"
    return f"neither {config.path} nor dockerd's flags say it, so it is {'on' if proxy_default() else 'off'}"


CHECK = Check(
    id="proxy.pending",
    severity=MEDIUM,
    title="docker-proxy is in force as it is configured",
    rationale="A setting that waits for a restart takes effect when nobody looks: with an upgrade, or a reboot.",
    needs=(ENGINE, DAEMON_CONFIG, SERVICE),
    judge=_judge_pending,
    mended_by=("userland_proxy",),
    of_daemon=True,
)
