# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Another release of the engine on paper. Pure."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.paper_rules import UndeterminedError


def upgraded(snapshot: HostSnapshot, version: str) -> HostSnapshot:
    """The host with another release of its engine. Raises UndeterminedError."""
    now = snapshot.engine.version if snapshot.engine is not None else "the one that runs"
    raise UndeterminedError(
        f"what Engine {version} would leave of the rules of {now} cannot be told on paper: upgrade a host of its kind, "
        "and compare two audits"
    )
