# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Containers that start, stop or change networks while a host is read.

dockerd makes the links of a container before it says that it runs, and takes them away after it says that it ended. So
links that are the same before and after everything else show that no container came or went in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._host.links import read_links
from ansible_collections.dockernet.baseline.plugins.module_utils._host.unreadable import UnreadableError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


@dataclass(frozen=True)
class Plug:
    """The host's end of a veth."""

    index: int
    name: str
    master: Optional[int]
    peer_index: Optional[int]
    peer_nsid: Optional[int]
    operstate: str
    """That of a veth follows from its other end, which dockerd sets up when it has its addresses."""


def plugs() -> frozenset[Plug]:
    """The ends of veths that are here now; none where links cannot be listed."""
    try:
        links = read_links()
    except (OSError, UnreadableError):
        return frozenset()
    return frozenset(
        Plug(link.index, link.name, link.master, link.peer_index, link.peer_nsid, link.operstate)
        for link in links
        if link.kind == "veth"
    )


def without_moving(snapshot: HostSnapshot, moved: Iterable[Plug]) -> HostSnapshot:
    """The snapshot with the containers behind plugs that moved as ones whose namespace was not read."""
    nsids = {plug.peer_nsid for plug in moved}
    containers = [
        replace(item, netns=None, nsid=None) if item.nsid is not None and item.nsid in nsids else item
        for item in snapshot.containers
    ]
    known = {item.netns for item in containers}
    inner = [space for space in snapshot.inner if space.inode in known]
    return replace(snapshot, containers=containers, inner=inner)
