# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Problems of daemon.json, as the checks of this area show them."""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_json import ConfigProblem
from ansible_collections.dockernet.baseline.plugins.module_utils._model.daemon_keys import reload_blockers
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def blockers_of(snapshot: HostSnapshot) -> list[ConfigProblem]:
    """What makes every reload fail, though dockerd starts with it."""
    config, engine = snapshot.daemon_config, snapshot.engine
    return reload_blockers(config.values, config.positions, engine.release) if config and engine else []


def place_of(snapshot: HostSnapshot, problem: ConfigProblem) -> str:
    """``PATH:LINE:COLUMN``, or the path where the whole file is meant."""
    path = snapshot.daemon_config.path if snapshot.daemon_config else "daemon.json"
    return f"{path}:{problem.line}:{problem.column}" if problem.line else path
