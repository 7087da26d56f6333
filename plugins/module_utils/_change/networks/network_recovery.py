# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Networks that a run was making anew when it was killed: found by what it had recorded, and put back first of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal import (
    JOURNAL_ROOT,
    RECORD,
    Journal,
    read_record,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_history import Change, parse_record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_api import (
    ApiProblem,
    NetworkApi,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_endpoint import endpoints_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_record import Record
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_restoration import put_back
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import ChangeFailed, Outline, Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import Change as Changing
from ansible_collections.dockernet.baseline.plugins.module_utils._change.run import Plan

MODULE = "bridge_network"


def left_halfway(changes: Sequence[Change], api: NetworkApi) -> list[Record]:
    """The networks that the newest change of this host's networks left halfway, as some container is not on its own.

    Only the newest counts: what was changed since is not to be turned back. Raises ApiProblem.
    """
    newest = next((change for change in reversed(changes) if change.module == MODULE), None)
    if newest is None or newest.ended:
        return []
    records = [network.record for network in newest.networks if network.record is not None]
    return [record for record in records if _is_halfway(record, api)]


def _is_halfway(record: Record, api: NetworkApi) -> bool:
    for endpoint in record.before:
        container = api.inspect_container(endpoint.container)
        if container is None:
            continue
        found = next((item for item in endpoints_of(container) if item.network == endpoint.network), None)
        if found is None or api.inspect(found.network_id or found.network) is None:
            return True
    return False


@dataclass(frozen=True)
class RecoveryPlan:
    """Nothing but putting back."""

    outline: Outline
    records: list[Record] = field(default_factory=list)


P = TypeVar("P", bound=Plan)


class Recovering(Generic[P]):
    """A change of networks that first has put back what a killed run left halfway; the rest takes another run."""

    def __init__(self, change: Changing[P], api: NetworkApi, root: Path = JOURNAL_ROOT) -> None:
        self._change = change
        self._api = api
        self._root = root

    def plan(self) -> Union[P, RecoveryPlan]:
        """Plan to put back, if there is something to put back, and else the change itself."""
        try:
            changes = parse_record(read_record(self._root), str(self._root / RECORD)).changes
            halfway = left_halfway(changes, self._api)
        except (OSError, ApiProblem) as error:
            raise Refusal(f"nothing was changed: whether a run was killed before could not be read: {error}") from error
        return RecoveryPlan(_outline(halfway), halfway) if halfway else self._change.plan()

    def apply(self, plan: Union[P, RecoveryPlan]) -> None:
        """Carry it out. Raises ChangeFailed."""
        if not isinstance(plan, RecoveryPlan):
            self._change.apply(plan)
            return
        journal = Journal(MODULE, self._root)
        # Should this run be killed as well, the next one finds the same records.
        networks = [{"name": record.name, "record": record.to_plain()} for record in plan.records]
        journal.begin([], actions=plan.outline.actions, networks=networks)
        # The last one first: it may have been begun after those before it were done.
        problems = [problem for record in reversed(plan.records) for problem in put_back(self._api, record)]
        if problems:
            journal.end("failed", error="; ".join(problems))
            raise ChangeFailed(f"what a killed run left halfway could not all be put back: {'; '.join(problems)}")
        journal.end("done")


def _outline(records: list[Record]) -> Outline:
    actions = [
        f"put network {record.name} back as it was before a run that was killed, and connect its containers again: "
        f"{', '.join(dict.fromkeys(endpoint.name for endpoint in record.before))}"
        for record in records
    ]
    warning = "only what a killed run left halfway is put back; run it again for the networks as they are wanted"
    return Outline(actions, warnings=[warning], results={"networks": []})
