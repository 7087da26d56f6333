# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""Whether a packet was ended by a rule that somebody made to that end, or by the lack of one."""

from __future__ import annotations

from typing import Optional

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Engine
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine_releases import NFTABLES, layout_of
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import PROXY_REQUEST, REQUEST, Hop, Path
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import (
    NATIVE_TABLE,
    Place,
    places_of_people,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RuleBook

_ASKING = (REQUEST, PROXY_REQUEST)


class Purposes:
    """Tells rules of people from those of dockerd, on one host."""

    def __init__(self, book: RuleBook, engine: Optional[Engine]) -> None:
        """Find the chains that people fill."""
        self._native = layout_of(engine) == NFTABLES
        self._places: set[Place] = places_of_people(book)

    def kept_off(self, path: Path) -> str:
        """The rule or policy by which somebody keeps such packets off on purpose; empty where it was no such one.

        dockerd leaves DOCKER-USER to people, and all of INPUT, which guards what docker-proxy serves; with the backend
        of nftables, they have tables of their own. Nobody lets a request pass and ends its answer on purpose: a rule
        such as ``-i eth0 -j DROP`` ends what comes back to containers, too.
        """
        hop = _ended_by(path)
        return path.reason if hop is not None and hop.leg in _ASKING and self._is_of_people(hop) else ""

    def let_down(self, path: Path) -> bool:
        """Whether a policy or a rule of dockerd's own ended a packet: nothing of dockerd's had accepted it."""
        hop = _ended_by(path)
        if hop is None or self._is_of_people(hop):
            return False
        return not hop.rule or hop.chain.startswith("DOCKER") or hop.table.endswith(f" {NATIVE_TABLE}")

    def _is_of_people(self, hop: Hop) -> bool:
        if hop.place == "input":
            return True
        own = self._native and not hop.table.endswith(f" {NATIVE_TABLE}")
        return bool(hop.rule) and (own or (hop.table, hop.chain) in self._places)


def _ended_by(path: Path) -> Optional[Hop]:
    """The rule or policy that ended a packet, as a hop; None where it was none."""
    hop = None if path.decided_at is None else path.hops[path.decided_at]
    return hop if hop is not None and hop.chain and hop.action in ("drop", "reject") else None
