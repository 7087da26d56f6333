# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""How a packet that did not fare well ended: by the host's doing, on purpose, or at the program's own door."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._checks import resources
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Verdict, unknown
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.firewall.docker_rules import (
    NATIVE_TABLE,
    Place,
    places_of_people,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.capabilities import NFTABLES, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST, Hop, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.topology import running

_NAMED = 5


class Fates:
    """Judges paths of one host."""

    def __init__(self, examined: Examined) -> None:
        """Find the chains that people fill."""
        self._native = layout_of(examined.snapshot.engine) == NFTABLES
        self._places: set[Place] = places_of_people(examined.view.book)

    def meant(self, path: Path) -> str:
        """The rule or policy by which somebody keeps such packets off on purpose; empty where it was no such one.

        dockerd leaves DOCKER-USER to people, and all of INPUT, which guards what docker-proxy serves; with the backend
        of nftables, they have tables of their own.
        """
        hop = None if path.decided_at is None else path.hops[path.decided_at]
        if hop is None or not hop.chain or hop.action not in ("drop", "reject"):
            return ""
        if hop.place == "input":
            return path.reason
        own = self._native and not hop.table.endswith(f" {NATIVE_TABLE}")
        return path.reason if hop.rule and (own or (hop.table, hop.chain) in self._places) else ""


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
    more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
    reason = f"the network namespace of {', '.join(unread[:_NAMED])}{more} was not read"
    return [unknown(resources.host(snapshot), reason, {"number of containers": len(unread)})]
