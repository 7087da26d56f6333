# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What the running dockerd was started with."""

from __future__ import annotations

from typing import Any, Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def start_flags(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags of the running dockerd, by keys of daemon.json."""
    return parse_flags(snapshot.daemon.argv) if snapshot.daemon else {}


def start_values(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags of the running dockerd over what daemon.json says now, which may not be what it said then."""
    values = flattened(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    return {**values, **start_flags(snapshot)}


def changed_since_start(snapshot: HostSnapshot) -> Optional[bool]:
    """Whether daemon.json was changed, or replaced, after dockerd started.

    None where that cannot be told, as of a file that is not there: it may have been removed.
    """
    config, daemon = snapshot.daemon_config, snapshot.daemon
    if config is None or daemon is None or not config.exists:
        return None
    moments = [moment for moment in (config.mtime, config.ctime) if moment is not None]
    return max(moments) >= daemon.started_at if moments else None
