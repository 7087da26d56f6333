# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What of the chains and jumps of a layout is not among the rules of a host."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.firewall.layouts import Jump, Layout
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.docker_chains import FAMILIES, facts_in
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.partition import DEVICE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import RuleBook

_Edge = tuple[str, str, str]
"""Table, chain, and the chain that it leads to."""


@dataclass
class Missing:
    """Of one family and one of the two backends of the kernel."""

    shared: list[str] = field(default_factory=list)
    """Chains and jumps that serve all networks, in words."""
    by_bridge: dict[str, list[str]] = field(default_factory=dict)
    """Jumps for single bridges, in words."""
    present: int = 0
    """How many of them are there."""


def missing_rules(book: RuleBook, layout: Layout, family: int, bridges: list[str]) -> Missing:
    """What is missing of a layout for one family; of the two backends of the kernel, in the one that has more of it."""
    backends = {chain.backend for chain in book.chains.values() if FAMILIES.get(chain.family) == family}
    found = [_Side(book, backend, family).missing(layout, bridges) for backend in sorted(backends)]
    return max(found, key=lambda item: item.present, default=_Side(book, "", family).missing(layout, bridges))


class _Side:
    """The rules of one family in one backend."""

    def __init__(self, book: RuleBook, backend: str, family: int) -> None:
        self._chains: set[tuple[str, str]] = set()
        self._edges: dict[_Edge, set[str]] = {}
        for chain in book.chains.values():
            if chain.backend != backend or FAMILIES.get(chain.family) != family:
                continue
            self._chains.add((chain.table, chain.name))
            for facts in facts_in(chain.rules):
                for target in facts.jumps:
                    devices = self._edges.setdefault((chain.table, chain.name, target), set())
                    devices.update(f"{name} {key[1]}" for name, key in facts.keys.items() if key[0] == DEVICE)

    def missing(self, layout: Layout, bridges: list[str]) -> Missing:
        result = Missing()
        for table, name in layout.chains:
            if (table, name) in self._chains:
                result.present += 1
            else:
                result.shared.append(f"chain {name} of table {table}")
        for jump in layout.jumps:
            if not jump.direction:
                self._look(jump, result.shared, result)
        for bridge in bridges:
            lost: list[str] = []
            for jump in layout.jumps:
                if jump.direction:
                    self._look(jump, lost, result, bridge)
            if lost:
                result.by_bridge[bridge] = lost
        return result

    def _look(self, jump: Jump, lost: list[str], result: Missing, bridge: str = "") -> None:
        target = f"{jump.target}{bridge}" if jump.target.endswith("__") else jump.target
        devices = self._edges.get((jump.table, jump.chain, target))
        if devices is not None and (not bridge or f"{jump.direction} {bridge}" in devices):
            result.present += 1
            return
        whose = f" for {bridge}" if bridge else ""
        lost.append(f"jump from {jump.chain} of table {jump.table} to {target}{whose}")
