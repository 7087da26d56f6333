# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a failure is worth where containers came and went while the host was read.

Its rules, sockets and processes are then of one moment and its containers of another: a port that is about to be opened
looks like a broken one, and what is about to be taken away like something that was left behind.
"""

from __future__ import annotations

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import (
    BOOT,
    DAEMON_CONFIG,
    ENGINE,
    SERVICE,
    HostSnapshot,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check, Verdict, unknown

# Whoever needs no more judges what one answer of the daemon says.
_OF_ONE_MOMENT = frozenset({ENGINE, SERVICE, DAEMON_CONFIG, BOOT})


def unless_restless(check: Check, snapshot: HostSnapshot, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts, with unknown instead of the failures that containers in motion can have caused."""
    if not snapshot.restless or _OF_ONE_MOMENT.issuperset(check.needs):
        return verdicts
    moving = {container.name for container in running(snapshot) if container.netns is None}

    def doubtful(verdict: Verdict) -> bool:
        return verdict.outcome == FAIL and (check.leftovers or verdict.resource.container in moving)

    return [
        unknown(verdict.resource, f"{snapshot.restless}, when this was seen: {verdict.summary}", verdict.evidence)
        if doubtful(verdict)
        else verdict
        for verdict in verdicts
    ]
