# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""daemon.json and dockerd's flags against what the running dockerd shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_key_table import (
    BRIDGES,
    DEFAULT_BRIDGE,
    KEYS,
    NEW_NETWORKS,
    default_of,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_start import (
    changed_since_start,
    next_flags,
    next_values,
    start_flags,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.proxy_state import KEY as USERLAND_PROXY
from ansible_collections.dockernet.baseline.plugins.module_utils._model.secrets import MASK
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    DAEMON_CONFIG,
    ENGINE,
    LINKS,
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
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.daemon.shown_settings import shown_settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_OWN_CHECKS = frozenset({USERLAND_PROXY, "live-restore"})
_OF_NETWORKS = frozenset({DEFAULT_BRIDGE, BRIDGES, NEW_NETWORKS})


@dataclass(frozen=True)
class _Difference:
    key: str
    wanted: Any
    shown: Any
    where: str
    """Where it shows what is in force."""


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    if any(problem.accepted_from is None for problem in config.problems):
        return [unknown(resources.daemon(), f"{config.path} cannot be read by dockerd, see daemon.config")]
    flags = next_flags(snapshot)
    if flags is None:
        return [unknown(resources.daemon(), "neither unit nor process shows with which flags dockerd starts")]
    verdicts = _of_flags(snapshot, flags)
    settings = shown_settings(snapshot)
    differences = [
        _Difference(key, wanted, setting.value, setting.where)
        for key, setting in settings.items()
        for wanted in [_wanted(snapshot, key)]
        if key not in _OWN_CHECKS and not setting.agrees(wanted)
    ]
    verdicts += [_of_key(config, item) for item in differences]
    if verdicts:
        return verdicts
    evidence: dict[str, Any] = {
        "compared": sorted(settings.keys() - _OWN_CHECKS),
        "changed since dockerd started": changed_since_start(snapshot),
    }
    untold = [key for key in config.values if _is_untold(key, settings.keys())]
    if untold and changed_since_start(snapshot) is not False:
        reason = f"{config.path} was changed after dockerd started, and nothing shows whether it is in force: {untold}"
        return [unknown(resources.daemon(), reason.replace("'", ""), evidence)]
    return [passed(resources.daemon(), "What is configured is in force, as far as the daemon shows it", evidence)]


def _is_untold(key: str, shown: Any) -> bool:
    """Whether a key concerns networks and nothing shows its value in force."""
    return key not in _OWN_CHECKS and key not in shown and key in KEYS and KEYS[key].scope in _OF_NETWORKS


def _wanted(snapshot: HostSnapshot, key: str) -> Any:
    release = snapshot.engine.release if snapshot.engine else (0, 0)
    value: Optional[Any] = next_values(snapshot).get(key)
    return default_of(key, release) if value is None else value


def _of_flags(snapshot: HostSnapshot, flags: dict[str, Any]) -> list[Verdict]:
    """The command line of the next start against the one that dockerd runs with."""
    if snapshot.daemon is None:
        return []
    running = start_flags(snapshot)
    keys = [
        key
        for key in sorted({*flags, *running} - _OWN_CHECKS)
        if flags.get(key) != running.get(key) and MASK not in json.dumps([flags.get(key), running.get(key)])
    ]
    if not keys:
        return []
    name = snapshot.service.name if snapshot.service is not None else "its service"
    evidence = {f"--{key}": {"running": running.get(key), "next start": flags.get(key)} for key in keys}
    remedy = Remedy(
        f"Restart dockerd when it suits, or take the change of {name} back", "daemon_config", {"restart": "always"}
    )
    summary = f"{name} starts dockerd with other flags than it runs with: {', '.join(f'--{key}' for key in keys)}"
    return [failed(resources.daemon(), summary, evidence, _IMPACT, remedy)]


_IMPACT = (
    "The next start of dockerd, by an upgrade or a reboot, changes this when nobody expects it; until then the host "
    "does not do what its configuration says."
)


def _of_key(config: DaemonConfig, item: _Difference) -> Verdict:
    place = config.positions.get(item.key)
    where = f"{config.path}:{place.line}" if place is not None else config.path
    said = f"{item.key}: {json.dumps(item.wanted)}"
    summary = f"{said} is configured, and {json.dumps(item.shown)} is in force"
    if item.key not in config.values:
        said = f"not set; dockerd's default is {json.dumps(item.wanted)}"
        summary = f"{item.key} is not set, and {json.dumps(item.shown)} is in force instead of the default"
    evidence = {where: said, item.where: item.shown}
    return failed(resources.file(f"{config.path}: {item.key}"), summary, evidence, _IMPACT, _remedy(config, item))


def _remedy(config: DaemonConfig, item: _Difference) -> Remedy:
    if KEYS[item.key].scope == DEFAULT_BRIDGE:
        return Remedy(
            "Restart dockerd when no container runs: a start that finds containers running leaves the default network "
            "as it is. Or take the setting back"
        )
    if not KEYS[item.key].reloadable:
        text = "Restart dockerd when it suits, or take the setting back"
        return Remedy(text, "daemon_config", {"restart": "always"})
    text = "Reload dockerd, or take the setting back"
    if item.key not in config.values:
        return Remedy(text, "daemon_config", {"absent": [item.key]})
    if MASK in json.dumps(config.values[item.key]):
        return Remedy(text)
    return Remedy(text, "daemon_config", {"config": {item.key: config.values[item.key]}})


CHECK = Check(
    id="daemon.pending",
    severity=MEDIUM,
    title="What is configured for dockerd is in force",
    rationale=(
        "dockerd reads its file and flags when it starts, and little of it again at a reload. docker-proxy and "
        "live-restore have checks of their own; the rest is compared here with what the daemon and its networks show."
    ),
    needs=(ENGINE, DAEMON_CONFIG, SERVICE, LINKS),
    judge=_judge,
    mended_by=("daemon_config",),
    of_daemon=True,
)
