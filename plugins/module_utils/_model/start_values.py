# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the running dockerd was told when it started, where the engine itself does not say."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


class UntoldError(Exception):
    """It cannot be told; the message says why."""


def started_with(snapshot: HostSnapshot, key: str) -> Any:
    """The value of a key of daemon.json by the flags of the running dockerd, or by the file if it is older than that.

    None for what was given nowhere. Raises UntoldError where neither shows it.
    """
    daemon, config = snapshot.daemon, snapshot.daemon_config
    if daemon is None:
        raise UntoldError("the process of dockerd was not found")
    flags = parse_flags(daemon.argv)
    if key in flags:
        return flags[key]
    if config is None:
        raise UntoldError("daemon.json was not read")
    if not config.exists:
        return None
    changed = max((moment for moment in (config.mtime, config.ctime) if moment is not None), default=None)
    if changed is None or changed >= daemon.started_at:
        raise UntoldError(f"{config.path} was changed after dockerd started")
    return flattened(config.values).get(key)
