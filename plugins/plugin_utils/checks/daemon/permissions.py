# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who may change daemon.json."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import DaemonConfig
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import MEDIUM, Remedy
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import DAEMON_CONFIG, HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks import cis, resources
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import (
    Check,
    Verdict,
    failed,
    not_applicable,
    passed,
    unknown,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.examined import Examined

_AT_MOST = 0o644


def _judge(examined: Examined) -> list[Verdict]:
    snapshot = examined.snapshot
    config = snapshot.daemon_config
    if config is None:
        return [unknown(resources.daemon(), "daemon.json was not read")]
    resource = resources.file(config.path)
    if not config.exists:
        return [not_applicable(resource, f"There is no {config.path}", {"exists": False})]
    if config.mode is None or config.uid is None or config.gid is None:
        return [unknown(resource, f"owner and permissions of {config.path} were not read")]
    evidence = {"owner": config.uid, "group": config.gid, "permissions": f"{config.mode:04o}"}
    if config.link_target is not None:
        evidence["leads to"] = config.link_target
    faults = _faults(snapshot, config, config.mode)
    if not faults:
        return [passed(resource, f"{config.path} is its owner's alone to change", evidence)]
    place = config.link_target or config.path
    owner = _owner(snapshot)
    return [
        failed(
            resource,
            f"{config.path} {' and '.join(faults)}",
            evidence,
            "Whoever can write it decides what dockerd, which is root, runs and opens at its next start; and it can "
            "hold secrets (proxies, log-opts).",
            Remedy(f"chown {owner}:{owner} {place}; chmod 0644 {place}"),
        )
    ]


def _owner(snapshot: HostSnapshot) -> int:
    """Root; the user that runs it for a rootless engine."""
    rootless = snapshot.engine is not None and snapshot.engine.rootless
    return snapshot.daemon.uid or 0 if rootless and snapshot.daemon is not None else 0


def _faults(snapshot: HostSnapshot, config: DaemonConfig, mode: int) -> list[str]:
    owner = _owner(snapshot)
    faults = []
    if config.uid not in (0, owner):
        faults.append(f"belongs to user {config.uid}")
    if config.gid != 0 and not owner:
        faults.append(f"belongs to group {config.gid}")
    if mode & ~_AT_MOST:
        faults.append(f"has permissions {mode:04o}, more than {_AT_MOST:04o}")
    return faults


CHECK = Check(
    id="daemon.permissions",
    severity=MEDIUM,
    title="Only root can change daemon.json",
    rationale="dockerd runs as root and does what the file says, so that who may write it is as good as root.",
    needs=(DAEMON_CONFIG,),
    judge=_judge,
    cis=cis.DAEMON_JSON_OWNER_AND_MODE,
)
