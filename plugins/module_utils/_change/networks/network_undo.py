# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Taking back networks that the newest run made: the controller found that packets do not fare there as wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Journal,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import (
    NetworkRecord,
    parse_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import (
    RecreationRecord,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_recovery import (
    MODULE,
    put_back,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal


@dataclass(frozen=True)
class _Step:
    """A network to be put back as its record says, or to be removed."""

    name: str
    id: str = ""
    record: RecreationRecord | None = None

    @property
    def action(self) -> str:
        return f"put network {self.name} back as it was" if self.record else f"remove network {self.name} again"


@dataclass(frozen=True)
class UndoPlan:
    """What is taken back, the last one first."""

    outline: Outline
    steps: list[_Step]


class NetworkUndo:
    """Takes networks back that the newest change of networks made."""

    def __init__(self, names: Sequence[str], api: NetworkApi, root: Path = JOURNAL_ROOT) -> None:
        self._names = names
        self._api = api
        self._root = root

    def plan(self) -> UndoPlan:
        """Find them in the journal. Raises Refusal for what that change did not make, and for what is in use by now."""
        try:
            changes = parse_record(read_record(self._root), str(self._root / RECORD)).changes
            newest = next((change for change in reversed(changes) if change.module == MODULE), None)
            known = {} if newest is None else {item.name: item for item in newest.networks}
            steps = [self._step(name, known) for name in reversed(self._names)]
        except (OSError, ApiProblem) as error:
            raise Refusal(f"nothing was changed: what was made could not be looked at: {error}") from error
        found = [step for step in steps if step is not None]
        return UndoPlan(Outline([step.action for step in found], results={"networks": []}), found)

    def apply(self, plan: UndoPlan) -> None:
        """Carry it out. Raises ChangeFailed, which says what is as it was made still."""
        journal = Journal(MODULE, self._root)
        networks: list[dict[str, Any]] = [
            {"name": step.name, "record": step.record.to_plain() if step.record else None} for step in plan.steps
        ]
        journal.begin([], actions=plan.outline.actions, networks=networks)
        problems = [problem for step in plan.steps for problem in self._take_back(step)]
        if problems:
            journal.end("failed", error="; ".join(problems))
            raise ChangeFailed("; ".join(problems))
        journal.end("done")

    def _step(self, name: str, known: dict[str, NetworkRecord]) -> _Step | None:
        """None where it is gone by now."""
        if name not in known:
            raise Refusal(f"nothing was changed: undo: the newest change of networks did not make a network {name}")
        record = known[name].record
        if record is not None:
            return _Step(name, record=record)
        network = self._api.inspect(name)
        if network is None:
            return None
        users = [str(item.get("Name")) for item in (network.get("Containers") or {}).values()]
        if users:
            raise Refusal(f"nothing was changed: undo: network {name} has containers by now: {', '.join(users)}")
        return _Step(name, id=str(network["Id"]))

    def _take_back(self, step: _Step) -> list[str]:
        if step.record is not None:
            return put_back(self._api, step.record)
        try:
            self._api.remove(step.id)
        except ApiProblem as problem:
            return [f"network {step.name} could not be removed again: {problem}"]
        return []
