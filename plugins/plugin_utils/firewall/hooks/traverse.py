# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What all rules of one hook do to a packet, in the kernel's order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Flight,
    Passage,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.frame_flight import FrameFlight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.program import Compiler
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.ready_chain import ReadyTable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.stages import (
    CONNTRACK_PRIORITY,
    NAT_PRIORITIES,
    TRACKING_HOOKS,
    AnyOrder,
    GoesOn,
    Stage,
    Tracking,
    Translation,
    is_accepted,
    is_open,
    one_by_one,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.walk import MARK, Walk
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, Chain, RuleBook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import CT_INVALID

LOWEST, HIGHEST = -(1 << 31), (1 << 31) - 1


class Part(NamedTuple):
    """The chains of a hook between two priorities, both included."""

    first: int = LOWEST
    last: int = HIGHEST


ALL = Part()


class Traverser:
    """Sends packets through the hooks of a host. Rules are compiled when the first packet comes by them."""

    def __init__(self, book: RuleBook, around: Surroundings) -> None:
        self._book = book
        self._around = around
        self._tables: dict[tuple[str, str, str], ReadyTable] = {}
        compiler = Compiler(around)
        for chain in book.chains.values():
            self._tables.setdefault(chain.key[:3], ReadyTable(compiler)).add(chain)
        self._stages: dict[tuple[str, int], list[Stage]] = {}
        self._frame_stages: dict[tuple[str, Part], list[Stage]] = {}
        self._walks: list[Walk] = []
        self.has_frame_rules = any(chain.family == "bridge" and chain.hook for chain in book.chains.values())
        """Whether frames on bridges pass any base chain."""

    @property
    def tried(self) -> int:
        """How many rules packets were held against until now, but for those that an index tells not to concern them."""
        return sum(walk.tried for walk in self._walks)

    def pass_hook(self, hook: str, flight: Flight) -> list[Passage]:
        """The ways in which a packet can leave a hook; the flight itself stays as it is.

        A flight that connection tracking has not seen has no connection, or (a reply, a later packet) the one that it
        belongs to with the state CT_INVALID; it gets its state here.
        """
        flight = flight.copy()
        if flight.connection is None and flight.tracked and hook in TRACKING_HOOKS:
            flight.state = CT_INVALID
        return one_by_one(self._stages_of(hook, flight.family), flight, is_accepted)

    def pass_frame(self, hook: str, frame: FrameFlight, part: Part) -> list[Passage]:
        """The ways in which a frame can leave a part of a bridge's hook; the frame itself stays as it is."""
        key = (hook, part)
        stages = self._frame_stages.get(key)
        if stages is None:
            chains = [chain for chain in self._book.frame_chains(hook) if part.first <= chain.priority <= part.last]
            stages = [stage for dummy_priority, stage in self._by_priority(hook, chains, is_accepted)]
            self._frame_stages[key] = stages
        return one_by_one(stages, frame.copy(), is_accepted)

    def _stages_of(self, hook: str, family: int) -> list[Stage]:
        key = (hook, family)
        stages = self._stages.get(key)
        if stages is None:
            stages = self._stages[key] = self._in_order(hook, self._book.base_chains(hook, family))
        return stages

    def _in_order(self, hook: str, chains: list[Chain]) -> list[Stage]:
        stages: list[tuple[int, Stage]] = []
        if hook in TRACKING_HOOKS:
            stages.append((CONNTRACK_PRIORITY, Tracking()))
        if hook in NAT_PRIORITIES:
            nat = [chain for chain in chains if chain.kind == "nat"]
            translating = tuple(stage for dummy, stage in self._by_priority(hook, nat, is_open(hook)))
            stages.append((NAT_PRIORITIES[hook], Translation(hook, translating)))
        stages += self._by_priority(hook, [chain for chain in chains if chain.kind != "nat"], is_accepted)
        return [stage for dummy_priority, stage in sorted(stages, key=itemgetter(0))]

    def _by_priority(self, hook: str, chains: list[Chain], goes_on: GoesOn) -> Iterator[tuple[int, Stage]]:
        for priority, equal in groupby(chains, key=attrgetter("priority")):
            for stage in self._of_one_priority(hook, list(equal), goes_on):
                yield priority, stage

    def _of_one_priority(self, hook: str, chains: list[Chain], goes_on: GoesOn) -> list[Stage]:
        deciding = [chain for chain in chains if chain.rules or chain.unreadable or chain.policy != ACCEPT]
        tables: dict[tuple[str, str, str], list[Stage]] = {}
        for chain in deciding:
            tables.setdefault(chain.key[:3], []).append(self._walk(hook, chain))
        if len(tables) < 2:
            return [self._walk(hook, chain) for chain in chains]
        names = [f"{chain.table_name} {chain.name}" for chain in deciding]
        return [AnyOrder(list(tables.values()), names, goes_on)]

    def _walk(self, hook: str, chain: Chain) -> Walk:
        ready = self._tables[chain.key[:3]].find(chain.name)
        if ready is None:
            raise KeyError(chain.key)
        walk = Walk(hook, ready, self._around)
        self._walks.append(walk)
        return walk


def must_route_again(before: Flight, passage: Passage) -> bool:
    """Whether what a passage of OUTPUT changed makes the kernel look for a route again (ip_route_me_harder).

    A new destination does, and a new mark if a chain of type route set it (nf_route_table_hook4, nf_nat_local_fn).
    """
    if passage.flight.daddr != before.daddr:
        return True
    marked = any(step.action == MARK and step.chain and step.chain.kind == "route" for step in passage.steps)
    return marked and passage.flight.mark != before.mark
