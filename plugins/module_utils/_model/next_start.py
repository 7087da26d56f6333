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
    """The flags of the next start, by keys of daemon.json; None where neither unit nor process shows them.

    Where the unit starts a wrapper (as a snap's does), only the process that runs shows what that makes of it.
    """
    unit = snapshot.service.argv if snapshot.service is not None else []
    live = snapshot.daemon.argv if snapshot.daemon is not None else []
    for argv in (unit if _is_dockerd(unit) else [], live, unit):
        if argv:
            return parse_flags(argv)
    return None


def _is_dockerd(argv: list[str]) -> bool:
    return bool(argv) and argv[0].rpartition("/")[2].startswith("dockerd")


def next_values(snapshot: HostSnapshot) -> dict[str, Any]:
    """Flags and daemon.json together, as far as they were read; defaults are not in it."""
    values = flattened(snapshot.daemon_config.values) if snapshot.daemon_config else {}
    return {**values, **(next_flags(snapshot) or {})}
