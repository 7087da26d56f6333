# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The way of a packet through one base chain and the chains that it jumps to.

Where a condition cannot be decided the way splits; ways that come to the same place with the same packet are followed
once, and ways that end alike are one way. nft_do_chain (nf_tables_core.c) and ipt_do_table (ip_tables.c) are the
kernel's side of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Step,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.compiled_rules import (
    Lookup,
    Program,
    ReadyChain,
    open_condition,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.conntrack_nat import (
    CannotTell,
    changes_source,
    is_taken,
    possible_addresses,
    setup,
    untrack,
    word,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.fields import (
    set_hops,
    set_mark,
    tracked_connection,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    JUMP,
    REJECT,
    RETURN,
    Chain,
    Nat,
    SetHops,
    SetMark,
    Unpredictable,
    Verdict,
)

UNPREDICTABLE = "unpredictable"
MOST_WAYS = 64
"""Different ways of one packet that are followed further."""


def flight_key(flight: Flight) -> tuple[Any, ...]:
    """All of a flight that rules can change."""
    connection = flight.connection
    return (
        flight.saddr,
        flight.sport,
        flight.daddr,
        flight.dport,
        flight.mark,
        flight.ttl,
        flight.state,
        flight.tracked,
        None if connection is None else connection_key(connection),
    )


def connection_key(connection: Connection) -> tuple[Any, ...]:
    """All of a connection."""
    return tuple(getattr(connection, name) for name in Connection.__slots__)


def outcome(passage: Passage) -> tuple[Any, ...]:
    """What tells one end from another: of a packet that was dropped nothing is left."""
    if passage.verdict == ACCEPT:
        return (ACCEPT, flight_key(passage.flight))
    if passage.verdict == REJECT:
        return (REJECT, passage.reject_with, flight_key(passage.flight))
    return (passage.verdict,)


def behind(steps: tuple[Step, ...], undetermined: tuple[str, ...], passage: Passage) -> Passage:
    """The same passage with what happened before it."""
    if not steps and not undetermined:
        return passage
    verdict, flight, own_steps, own_doubts, reject_with = passage
    return Passage(verdict, flight, steps + own_steps, undetermined + own_doubts, reject_with)


def merge(ways: list[list[Passage]], doubt: str) -> list[Passage]:
    """The outcomes of several ways of which only one is gone. The doubt counts if it matters which one."""
    outcomes = [{outcome(passage) for passage in way} for way in ways]
    matters = any(one != outcomes[0] for one in outcomes)
    return _grouped([passage for way in ways for passage in way], (doubt,) if matters else ())


def group(passages: list[Passage]) -> list[Passage]:
    """One passage for each outcome, with all that is undetermined on the ways to it."""
    return passages if len(passages) == 1 else _grouped(passages, ())


def conclude(passages: list[Passage]) -> list[Passage]:
    """One passage for each outcome of all ways there are: a single one that can be told is in no doubt."""
    if len(passages) == 1:
        return passages
    ends = group(passages)
    if len(ends) == 1 and ends[0].verdict != UNPREDICTABLE:
        return [ends[0]._replace(undetermined=())]
    return ends


def _grouped(passages: list[Passage], undetermined: tuple[str, ...]) -> list[Passage]:
    groups: dict[tuple[Any, ...], list[Passage]] = {}
    for passage in passages:
        groups.setdefault(outcome(passage), []).append(passage)
    return [
        group[0]._replace(
            undetermined=tuple(dict.fromkeys((*undetermined, *(doubt for one in group for doubt in one.undetermined))))
        )
        for group in groups.values()
    ]


class Frame(NamedTuple):
    """Where to go on."""

    ready: ReadyChain
    programs: tuple[Program, ...]
    place: int
    """Of the next one."""
    caller: Frame | None
    """Where to go on after the last of them."""
    outer: Frame | None
    """Where ``return`` leads; another place than ``caller`` only in the rest of a rule."""
    depth: int


class Fork(NamedTuple):
    """A rule that cannot be decided."""

    key: tuple[object, ...]
    """The place and the packet."""
    here: Frame
    """Kept for the key: as long as it lives, nothing else has the ids of its rules."""
    doubt: str
    steps: tuple[Step, ...]
    """What happened since the fork before."""
    taken: list[Passage]
    """What comes out if its conditions hold."""


def rest_of(here: Frame, program: Program) -> Frame:
    """Where a rule goes on that has not decided."""
    return Frame(here.ready, program.rest, 0, here, here.outer, here.depth) if program.rest else here


def frame_key(frame: Frame | None) -> tuple[int, ...]:
    """The same for the same place as long as the rules are kept."""
    key: list[int] = []
    while frame is not None:
        key += (id(frame.programs), frame.place)
        frame = frame.caller
    return tuple(key)


def chain_name(chain: Chain) -> str:
    """Table and name for people."""
    return f"{chain.table_name} {chain.name}"


def where(here: Frame, program: Program) -> str:
    """A rule for people: its place and its text."""
    return f"rule {program.rule.number} of {chain_name(here.ready.chain)}: {program.rule.text}"


MARK = "mark"
NOTRACK = "notrack"

MOST_JUMPS = 16
"""NFT_JUMP_STACK_SIZE of nf_tables.h; ip_tables has no such limit, but nothing real goes as deep."""
MOST_CALLED = 100_000
"""Rules that jumps lead to in one base chain. The kernel has no such limit: only rules made to stall somebody exceed
it."""
MOST_SPLITS = 1000
DEEPEST_SPLIT = 60
"""Splits on ways that are themselves due to a split, each of which takes a few frames of Python's stack."""


class TooMany(Exception):
    """What it would take to follow a packet goes beyond a limit; the message says which."""


Decision = Verdict | Nat | SetMark | Unpredictable | None
Result = Frame | list[Passage]
"""Where to go on, or the ways out of the base chain."""


class Walk:
    """Takes packets through one base chain, one after the other."""

    def __init__(self, hook: str, base: ReadyChain, around: Surroundings) -> None:
        self._hook = hook
        self._base = base
        self._around = around
        self.tried = 0
        """Rules that packets were held against until now."""
        self._called = 0
        self._splits = 0
        self._depth = 0
        self._known: dict[tuple[object, ...], tuple[Frame, list[Passage]]] = {}

    def run(self, flight: Flight) -> list[Passage]:
        """The ways out of it; the flight is changed. Steps are those of this chain."""
        base = self._base
        if base.chain.unreadable:
            return [self._stuck(flight, [], f"{chain_name(base.chain)}: {base.chain.unreadable}")]
        self._called = self._splits = self._depth = 0
        self._known.clear()
        programs = base.programs_for(flight)
        if not programs:
            return [self._policy(flight, [])]
        self.tried += len(programs)
        try:
            return self._follow(Frame(base, programs, 0, None, None, 0), flight, [])
        except TooMany as error:
            return [self._stuck(flight, [], f"{chain_name(base.chain)}: {error}")]

    def _follow(self, frame: Frame, flight: Flight, steps: list[Step]) -> list[Passage]:
        """Go on until the base chain is left."""
        forks: list[Fork] = []
        while True:
            ready, programs, place, caller, outer, depth = frame
            result: Result | None = None
            while result is None and place < len(programs):
                program = programs[place]
                place += 1
                answer: bool | None = True
                for condition in program.conditions:
                    answer = condition(flight)
                    if answer is not True:
                        break
                if answer is not False:
                    here = Frame(ready, programs, place, caller, outer, depth)
                    if answer:
                        result = self._execute(here, program, flight, steps)
                    else:
                        result = self._fork(here, program, flight, steps, forks)
            if result is None:
                result = caller or [self._policy(flight, steps)]
            if isinstance(result, list):
                return self._join(forks, result)
            frame = result

    def _fork(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], forks: list[Fork]
    ) -> list[Passage] | None:
        """Follow the way on which the conditions hold; on the other one the next rule is up, unless it is known."""
        doubt = open_condition(program, flight)
        if doubt is None:
            return None
        key = (*frame_key(here), flight_key(flight))
        if key in self._known:
            # With copies, for a way can be met several times.
            known = self._known[key][1]
            return [behind(tuple(steps), (), one._replace(flight=one.flight.copy())) for one in known]
        on, taken = flight.copy(), list[Step]()
        ways = self._deeper(lambda: self._finish(self._execute(here, program, on, taken), on, taken))
        forks.append(Fork(key, here, f"{doubt} ({where(here, program)})", tuple(steps), ways))
        steps.clear()
        return None

    def _join(self, forks: list[Fork], passages: list[Passage]) -> list[Passage]:
        """What comes out of both ways of each fork, given what comes out behind the last of them."""
        for fork in reversed(forks):
            both = merge([fork.taken, passages], fork.doubt)
            if len(both) > MOST_WAYS:
                raise TooMany("too many open conditions")
            self._known[fork.key] = (fork.here, both)
            passages = [behind(fork.steps, (), passage) for passage in both]
        return passages

    def _execute(self, here: Frame, program: Program, flight: Flight, steps: list[Step]) -> Result:
        """Do what a rule says whose conditions hold."""
        for change in program.changes:
            if isinstance(change, SetMark):
                if not set_mark(change, flight):
                    return here
                steps.append(self._step(here, program, MARK, flight))
            elif isinstance(change, SetHops):
                set_hops(change, flight)
            elif tracked_connection(flight) is None:
                untrack(flight)
                steps.append(self._step(here, program, NOTRACK, flight))
        terminal = program.terminal
        if isinstance(terminal, Lookup):
            found = terminal.find(flight)
            if len(found) > 1:
                return self._split_lookup(here, program, flight, steps, found)
            return here if found[0] is None else self._decide(here, program, flight, steps, found[0])
        return self._decide(here, program, flight, steps, terminal)

    def _decide(self, here: Frame, program: Program, flight: Flight, steps: list[Step], decision: Decision) -> Result:
        if isinstance(decision, Verdict):
            return self._verdict(here, program, flight, steps, decision)
        if isinstance(decision, Nat):
            return self._translate(here, program, flight, steps, decision)
        if isinstance(decision, Unpredictable):
            return [self._stuck(flight, steps, f"{decision.why} ({where(here, program)})")]
        if decision is not None:
            if not set_mark(decision, flight):
                return here
            steps.append(self._step(here, program, MARK, flight))
        return rest_of(here, program)

    def _verdict(self, here: Frame, program: Program, flight: Flight, steps: list[Step], verdict: Verdict) -> Result:
        kind = verdict.kind
        if kind == CONTINUE:
            return rest_of(here, program)
        steps.append(self._step(here, program, kind, flight))
        if kind in (ACCEPT, DROP, REJECT):
            return [Passage(kind, flight, tuple(steps), (), verdict.reject_with)]
        if kind == RETURN:
            return here.outer or [self._policy(flight, steps)]
        target = here.ready.table.find(verdict.target)
        if target is None:
            return [self._stuck(flight, steps, f"there is no chain {verdict.target} ({where(here, program)})")]
        if target.chain.unreadable:
            return [self._stuck(flight, steps, f"{chain_name(target.chain)}: {target.chain.unreadable}")]
        programs = target.programs_for(flight)
        self._called += 1 + len(programs)
        self.tried += len(programs)
        if self._called > MOST_CALLED:
            raise TooMany(f"jumps to more than {MOST_CALLED} rules")
        if kind == JUMP:
            if here.depth == MOST_JUMPS:
                raise TooMany(f"jumps nested deeper than {MOST_JUMPS}")
            return Frame(target, programs, 0, here, here, here.depth + 1)
        return Frame(target, programs, 0, here.outer, here.outer, here.depth)

    def _translate(self, here: Frame, program: Program, flight: Flight, steps: list[Step], nat: Nat) -> list[Passage]:
        try:
            addresses = possible_addresses(nat, flight, self._hook, self._around)
        except CannotTell as error:
            return [self._stuck(flight, steps, f"{error} ({where(here, program)})")]

        def to(address: int) -> Callable[[], list[Passage]]:
            return lambda: self._translated(here, program, flight.copy(), list(steps), nat, address)

        if len(addresses) == 1:
            return self._translated(here, program, flight, steps, nat, addresses[0])
        doubt = f"which address of the range the kernel chooses ({where(here, program)})"
        return self._branches([to(address) for address in addresses], doubt)

    def _translated(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], nat: Nat, address: int
    ) -> list[Passage]:
        setup(flight, self._hook, nat, address)
        steps.append(self._step(here, program, word(nat, self._hook), flight))
        if changes_source(self._hook) and is_taken(flight):
            source, destination = (flight.saddr, flight.sport), (flight.daddr, flight.dport)
            steps.append(Step(self._hook, None, None, DROP, *source, *destination))
            return [Passage(DROP, flight, tuple(steps), ())]
        return [Passage(ACCEPT, flight, tuple(steps), ())]

    def _split_lookup(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], found: tuple[Decision, ...]
    ) -> list[Passage]:
        def way(decision: Decision) -> Callable[[], list[Passage]]:
            def go() -> list[Passage]:
                on, taken = flight.copy(), list(steps)
                result = here if decision is None else self._decide(here, program, on, taken, decision)
                return self._finish(result, on, taken)

            return go

        return self._branches([way(one) for one in found], f"what the map yields ({where(here, program)})")

    def _finish(self, result: Result, flight: Flight, steps: list[Step]) -> list[Passage]:
        return result if isinstance(result, list) else self._follow(result, flight, steps)

    def _branches(self, ways: list[Callable[[], list[Passage]]], doubt: str) -> list[Passage]:
        """All ways together; the doubt counts only if they differ in what comes out."""
        return merge([self._deeper(way) for way in ways], doubt)

    def _deeper(self, way: Callable[[], list[Passage]]) -> list[Passage]:
        """Follow a way beside the others, within the limits."""
        self._splits += 1
        self._depth += 1
        if self._splits > MOST_SPLITS or self._depth > DEEPEST_SPLIT:
            raise TooMany("too many open conditions")
        passages = way()
        self._depth -= 1
        return passages

    def _policy(self, flight: Flight, steps: list[Step]) -> Passage:
        base = self._base.chain
        steps.append(Step(self._hook, base, None, base.policy, flight.saddr, flight.sport, flight.daddr, flight.dport))
        return Passage(base.policy, flight, tuple(steps), ())

    def _stuck(self, flight: Flight, steps: list[Step], why: str) -> Passage:
        return Passage(UNPREDICTABLE, flight, tuple(steps), (why,))

    def _step(self, here: Frame, program: Program, action: str, flight: Flight) -> Step:
        chain, rule = here.ready.chain, program.rule
        return Step(self._hook, chain, rule, action, flight.saddr, flight.sport, flight.daddr, flight.dport)
