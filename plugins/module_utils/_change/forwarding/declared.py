# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Who is cut off by a closed FORWARD once it is up: what files declare, and is not up now. Pure."""

from __future__ import annotations

import fnmatch

from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.dockerd_forwarding import VERSIONS
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forward_acceptance import accepted
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forwarders import (
    TUNNELS,
    Forwarder,
    docker_bridges,
    filter_save,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.iptables_save import parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import (
    DeclaredForwarder,
    DeclaredForwarders,
    Firewall,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed


def find_declared(
    snapshot: HostSnapshot, firewall: Firewall, family: str, declared: DeclaredForwarders
) -> list[Forwarder]:
    """Return those of a family that boot starts; files that could not be read count, too."""
    table = parse_table(filter_save(snapshot, firewall, family), "filter")
    found = []
    for item in declared.found:
        if item.starts and _concerns(snapshot, item, family):
            subnets = [subnet for subnet in item.subnets if (":" in subnet) == (VERSIONS[family] == 6)]
            goes_on = family in item.accepts or (bool(item.interface) and accepted(table, item.interface, subnets))
            found.append(Forwarder(item.name, item.what, goes_on))
    return found + [Forwarder("a file", f"{reason}, and whom it declares is not known") for reason in declared.unread]


def started_by_hand(snapshot: HostSnapshot, families: list[str], declared: DeclaredForwarders) -> list[str]:
    """Warn, in one sentence, of those that boot does not start, with their files."""
    found = [
        f"{item.name} ({item.what})"
        for item in declared.found
        for family in families
        if not item.starts and family not in item.accepts and _concerns(snapshot, item, family)
    ]
    if not found:
        return []
    names = listed(list(dict.fromkeys(found)), 5)
    what = "what the host forwards for it, where no rule accepts that"
    return [f"{names} is not started at boot; once somebody starts it, a closed FORWARD drops {what}"]


def _concerns(snapshot: HostSnapshot, item: DeclaredForwarder, family: str) -> bool:
    """Whether it is of the family, and no link that is judged as it is: an uplink that is up, or a bridge of Docker."""
    if item.families is not None and family not in item.families:
        return False
    links = [link for link in snapshot.links if item.interface and fnmatch.fnmatchcase(link.name, item.interface)]
    if any(link.name in docker_bridges(snapshot) for link in links):
        return False
    return not any(link.up and link.kind != "bridge" and link.kind not in TUNNELS for link in links)
