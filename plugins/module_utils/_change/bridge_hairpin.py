# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Hairpin mode of running bridge ports: doing what was planned."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_hairpin_plan import (
    HairpinPlan,
    plan_hairpin,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.bridge_port import set_ports
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import Journal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


class HairpinChange:
    """Hairpin mode in state for the running containers of networks; read() gives a fresh snapshot of the host."""

    def __init__(self, state: str, networks: list[str] | None, read: Callable[[], HostSnapshot]) -> None:
        self._state = state
        self._networks = networks
        self._read = read
        self._journal = Journal("bridge_hairpin")

    def plan(self) -> HairpinPlan:
        """Read the host and plan."""
        return plan_hairpin(self._read(), self._state, self._networks)

    def apply(self, plan: HairpinPlan) -> None:
        """Set the ports and read them back; a failure leaves them as they were."""
        self._journal.begin([], actions=plan.outline.actions, ports=to_plain(plan.ports))
        try:
            set_ports(plan.ports)
        except ChangeFailed as error:
            self._journal.end("undone", error=str(error))
            raise
        self._journal.end("done")
