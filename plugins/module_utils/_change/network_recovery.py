# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Finds networks that a run was making anew when it was killed, by what it had recorded before."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._change.journal_reading import Change
from ansible_collections.dockernet.baseline.plugins.module_utils._change.network_api import NetworkApi
from ansible_collections.dockernet.baseline.plugins.module_utils._change.network_endpoint import endpoints_of
from ansible_collections.dockernet.baseline.plugins.module_utils._change.network_recreation_plan import (
    Record,
    record_of,
)

MODULE = "bridge_network"


def left_halfway(changes: Sequence[Change], api: NetworkApi) -> list[Record]:
    """The networks that the newest change of this host's networks left halfway, as some container is not on its own.

    Only the newest counts: what was changed since is not to be turned back. Raises DecodeError and ApiProblem.
    """
    newest = next((change for change in reversed(changes) if change.module == MODULE), None)
    if newest is None or newest.ended:
        return []
    records = [record_of(network.record) for network in newest.networks if network.record is not None]
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
