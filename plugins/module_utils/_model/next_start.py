# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What dockerd would be told at its next start."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import flattened
from ansible_collections.dockernet.baseline.plugins.module_utils._model.dockerd_flags import parse_flags
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def next_flags(snapshot: HostSnapshot) -> dict[str, Any] | None:
    """The flags of the next start, by keys of daemon.json; None where neither unit nor process shows them."""
    if snapshot.service is not None and snapshot.service.argv:
        return parse_flags(snapshot.service.argv)
    if snapshot.daemon is not None:
        return parse_flags(snapshot.daemon.argv)
    return None


def next_values(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags and daemon.json together, as far as they were read; defaults are not in it."""
    values = flattened(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    return {**values, **(next_flags(snapshot) or {})}
