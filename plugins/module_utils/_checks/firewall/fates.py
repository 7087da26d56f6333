# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a packet ended that did not fare well: at the program's own door, or inside a container that was not read."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Verdict, unknown
from ansible_collections.dockernet.baseline.plugins.module_utils._model.listed import listed
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST, Hop, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running

_NAMED = 5


def reached(path: Path, addresses: tuple[str, ...], port: int) -> Optional[Hop]:
    """The hop at which a request came to a port of a container; None if it did not."""
    sockets = {f"[{text}]:{port}" if ":" in text else f"{text}:{port}" for text in addresses}
    return next(
        (
            hop
            for hop in path.hops
            if hop.leg in (REQUEST, PROXY_REQUEST) and hop.place == "socket" and hop.destination in sockets
        ),
        None,
    )


def unread_inside(snapshot: HostSnapshot) -> list[Verdict]:
    """That there are running containers whose namespace was not read, beside others that were; empty where none are."""
    host = snapshot.daemon.netns if snapshot.daemon is not None else None
    known = {host, *(space.inode for space in snapshot.inner)}
    unread = [item.name for item in running(snapshot) if item.netns is None or item.netns not in known]
    if not unread:
        return []
    reason = f"the network namespace of {listed(unread, _NAMED)} was not read"
    return [unknown(resources.host(snapshot), reason, {"number of containers": len(unread)})]
