# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What all rules of one hook do to a packet, in the kernel's order.

Base chains run by priority; connection tracking comes at -200 (nf_conntrack_proto.c), address translation at -100 and
100 for all nat chains together, whatever their own priorities (nf_nat_proto.c, nf_nat_register_fn).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, permutations
from operator import attrgetter, itemgetter
from typing import NamedTuple, Protocol

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Flight,
    FrameFlight,
    Passage,
    Step,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.chain_walk import (
    MARK,
    MOST_WAYS,
    UNPREDICTABLE,
    Walk,
    behind,
    conclude,
    flight_key,
    group,
    merge,
    outcome,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.compiled_rules import (
    Compiler,
    ReadyTable,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.conntrack_nat import (
    apply_known,
    changes_source,
    is_decided,
    settle,
    track,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMPS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CT_ESTABLISHED,
    CT_INVALID,
    CT_RELATED,
    DNAT,
    INPUT,
    OUTPUT,
    POSTROUTING,
    PREROUTING,
    SNAT,
    Chain,
    RuleBook,
)

CONNTRACK_PRIORITY = -200
TRACKING_HOOKS = (PREROUTING, OUTPUT)
# NF_IP_PRI_NAT_DST and NF_IP_PRI_NAT_SRC.
NAT_PRIORITIES = {PREROUTING: -100, OUTPUT: -100, INPUT: 100, POSTROUTING: 100}
MOST_TABLES = 4
"""Tables of one priority whose chains are tried in any order, where that matters."""


GoesOn = Callable[[Passage], bool]


class Stage(Protocol):
    """One thing that a packet goes through."""

    def run(self, flight: Flight) -> list[Passage]:
        """The ways out of it; the flight is changed."""


class Tracking:
    """Connection tracking."""

    def run(self, flight: Flight) -> list[Passage]:
        """Let the flight belong to its connection."""
        track(flight)
        return [Passage(ACCEPT, flight, (), ())]


class AnyOrder:
    """Base chains of several tables with one priority.

    The one that was registered last comes first (nf_hook_entries_grow()). Within a table that is the order of its
    chains; which table's chain is older no program tells, as a chain can come to a table at any time.
    """

    def __init__(self, tables: Sequence[Sequence[Stage]], names: Sequence[str], goes_on: GoesOn) -> None:
        self._tables = tables
        self._doubt = f"which comes first, {' or '.join(names)}"
        self._goes_on = goes_on

    def run(self, flight: Flight) -> list[Passage]:
        """Go in any order; the doubt counts where they end otherwise."""
        alone = [one_by_one(table, flight.copy(), self._goes_on) for table in self._tables]
        if self._commute(flight, alone):
            return self._in_a_row(alone)
        if len(self._tables) > MOST_TABLES:
            return [Passage(UNPREDICTABLE, flight, (), (self._doubt,))]
        orders = ([stage for table in order for stage in table] for order in permutations(self._tables))
        return merge([one_by_one(order, flight.copy(), self._goes_on) for order in orders], self._doubt)

    def _commute(self, flight: Flight, alone: Sequence[Sequence[Passage]]) -> bool:
        """Whether each table by itself leaves the packet as it is or ends its way, all in one manner."""
        if any(len(passages) > 1 for passages in alone):
            return False
        acting = [one for (one,) in alone if one.verdict != ACCEPT or flight_key(one.flight) != flight_key(flight)]
        return not any(self._goes_on(one) for one in acting) and len({outcome(one) for one in acting}) < 2

    def _in_a_row(self, alone: Sequence[Sequence[Passage]]) -> list[Passage]:
        steps: tuple[Step, ...] = ()
        for (passage,) in alone:
            last = behind(steps, (), passage)
            steps = last.steps
            if not self._goes_on(last):
                break
        return [last]


def one_by_one(stages: Sequence[Stage], flight: Flight, goes_on: GoesOn) -> list[Passage]:
    """Through each, as long as it goes on; ways that come to the next one alike are one way."""
    steps: tuple[Step, ...] = ()
    undetermined: tuple[str, ...] = ()
    for place, stage in enumerate(stages, 1):
        outcomes = stage.run(flight)
        if len(outcomes) != 1:
            return _several(stages[place:], [behind(steps, undetermined, one) for one in outcomes], goes_on)
        (only,) = outcomes
        steps += only.steps
        undetermined += only.undetermined
        flight = only.flight
        if not goes_on(only):
            return [Passage(only.verdict, flight, steps, undetermined, only.reject_with)]
    return [Passage(ACCEPT, flight, steps, undetermined)]


def _several(stages: Sequence[Stage], ways: list[Passage], goes_on: GoesOn) -> list[Passage]:
    """The rest of the stages on each of several ways."""
    ended: list[Passage] = []
    to_come = iter(stages)
    while True:
        ended += (one for one in ways if not goes_on(one))
        going_on = [one for one in ways if goes_on(one)]
        under_way = group(going_on) if ended else conclude(going_on)
        if len(under_way) > MOST_WAYS:
            return [Passage(UNPREDICTABLE, under_way[0].flight, (), ("too many open conditions",))]
        stage = next(to_come, None)
        if stage is None:
            return conclude(under_way + ended)
        ways = [behind(one.steps, one.undetermined, after) for one in under_way for after in stage.run(one.flight)]


def is_accepted(passage: Passage) -> bool:
    """Whether it goes on to the next base chain."""
    return passage.verdict == ACCEPT


def is_open(hook: str) -> GoesOn:
    """Whether it goes on to the next nat chain: none has decided yet."""

    def check(passage: Passage) -> bool:
        connection = passage.flight.connection
        return passage.verdict == ACCEPT and connection is not None and not is_decided(connection, hook)

    return check


class Translation:
    """The nat chains of a hook, and the translation that they decide."""

    def __init__(self, hook: str, chains: tuple[Stage, ...]) -> None:
        self._hook = hook
        self._chains = chains
        self._is_open = is_open(hook)

    def run(self, flight: Flight) -> list[Passage]:
        """Ask the nat chains for the first packet of a connection, until one decides; then translate."""
        connection = flight.connection
        if connection is None:
            return [Passage(ACCEPT, flight, (), ())]
        # nf_nat_inet_fn(): errors about a connection take its translation and ask no rule.
        error = flight.state == CT_RELATED and flight.protocol in ICMPS
        if flight.state == CT_ESTABLISHED or error or is_decided(connection, self._hook):
            return [self._translated(flight)]
        passages = one_by_one(self._chains, flight, self._is_open)
        for passage in passages:
            if self._is_open(passage):
                settle(passage.flight, self._hook)
        return conclude(passages)

    def _translated(self, flight: Flight) -> Passage:
        """What happens to a packet of a connection that is known."""
        if not apply_known(flight, self._hook):
            return Passage(ACCEPT, flight, (), ())
        action = SNAT if changes_source(self._hook) else DNAT
        step = Step(self._hook, None, None, action, flight.saddr, flight.sport, flight.daddr, flight.dport)
        return Passage(ACCEPT, flight, (step,), ())


LOWEST, HIGHEST = -(1 << 31), (1 << 31) - 1


class HookPart(NamedTuple):
    """The chains of a hook between two priorities, both included."""

    first: int = LOWEST
    last: int = HIGHEST


ALL = HookPart()


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
        self._frame_stages: dict[tuple[str, HookPart], list[Stage]] = {}
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

    def pass_frame(self, hook: str, frame: FrameFlight, part: HookPart) -> list[Passage]:
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

    A new destination does (nf_nat_local_fn), and a new mark, see routed_by_mark().
    """
    return passage.flight.daddr != before.daddr or routed_by_mark(before, passage) is not None


def routed_by_mark(before: Flight, passage: Passage) -> int | None:
    """How many steps of a passage of OUTPUT come before the kernel looks for a route by a new mark; None if never.

    It does behind a base chain of type route that set it (nf_route_table_hook4, ipt_mangle_out) and accepts: in it, or
    in a chain that it jumps to.
    """
    if passage.flight.mark == before.mark:
        return None
    base, marks, found = None, False, None
    for place, step in enumerate(passage.steps, 1):
        if step.chain is not None and step.chain.hook:
            base = step.chain
        if base is None or base.kind != "route":
            continue
        marks = marks or step.action == MARK
        if marks:
            found = place
    ended_there = base is not None and base.kind == "route" and passage.verdict != ACCEPT
    return None if ended_there else found
