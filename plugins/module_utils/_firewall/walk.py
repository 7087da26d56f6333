# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The way of a packet through one base chain and the chains that it jumps to.

Where a condition cannot be decided the way splits; ways that come to the same place with the same packet are followed
once. nft_do_chain (nf_tables_core.c) and ipt_do_table (ip_tables.c) are the kernel's side of it.
"""

from __future__ import annotations

from typing import Callable, NamedTuple, Optional, Union

from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.flight import (
    Flight,
    Passage,
    Step,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.marks import set_mark
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matching import tracked_connection
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.outcomes import (
    UNPREDICTABLE,
    behind,
    flight_key,
    merge,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.program import (
    Lookup,
    Program,
    open_condition,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ready_chain import ReadyChain
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    JUMP,
    REJECT,
    RETURN,
    Chain,
    Nat,
    SetMark,
    Unpredictable,
    Verdict,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.tracking import untrack
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.translation import (
    CannotTell,
    possible_addresses,
    setup,
    word,
)

MARK = "mark"
NOTRACK = "notrack"

MOST_JUMPS = 16
"""NFT_JUMP_STACK_SIZE of nf_tables.h; ip_tables has no such limit, but nothing real goes as deep."""
MOST_CALLS = 10_000
"""Chains entered in one base chain. The kernel has no such limit: only rules made to stall somebody exceed it."""
MOST_SPLITS = 256


class TooMany(Exception):
    """What it would take to follow a packet goes beyond a limit; the message says which."""


class Frame(NamedTuple):
    """Where to go on."""

    ready: ReadyChain
    programs: tuple[Program, ...]
    place: int
    """Of the next one."""
    caller: Optional[Frame]
    """Where to go on after the last of them."""
    outer: Optional[Frame]
    """Where ``return`` leads; another place than ``caller`` only in the rest of a rule."""
    depth: int


Decision = Union[Verdict, Nat, SetMark, Unpredictable, None]
Result = Union[Frame, list[Passage]]
"""Where to go on, or the ways out of the base chain."""


class Walk:
    """Takes packets through one base chain, one after the other."""

    def __init__(self, hook: str, base: ReadyChain, around: Surroundings) -> None:
        self._hook = hook
        self._base = base
        self._around = around
        self._calls = 0
        self._splits = 0
        self._known: dict[tuple[object, ...], tuple[Frame, list[Passage]]] = {}

    def run(self, flight: Flight) -> list[Passage]:
        """The ways out of it; the flight is changed. Steps are those of this chain."""
        base = self._base
        if base.chain.unreadable:
            return [self._stuck(flight, [], f"{_name(base.chain)}: {base.chain.unreadable}")]
        self._calls = self._splits = 0
        self._known.clear()
        try:
            return self._follow(Frame(base, base.programs_for(flight), 0, None, None, 0), flight, [])
        except TooMany as error:
            return [self._stuck(flight, [], f"{_name(base.chain)}: {error}")]

    def _follow(self, frame: Frame, flight: Flight, steps: list[Step]) -> list[Passage]:
        """Go on until the base chain is left."""
        while True:
            ready, programs, place, caller, outer, depth = frame
            result: Optional[Result] = None
            while place < len(programs):
                program = programs[place]
                place += 1
                answer: Optional[bool] = True
                for condition in program.conditions:
                    answer = condition(flight)
                    if answer is not True:
                        break
                if answer is False:
                    continue
                here = Frame(ready, programs, place, caller, outer, depth)
                if answer is None:
                    result = self._split(here, program, flight, steps)
                else:
                    result = self._execute(here, program, flight, steps)
                break
            if result is None:
                if caller is None:
                    return [self._policy(flight, steps)]
                result = caller
            if isinstance(result, list):
                return result
            frame = result

    def _execute(self, here: Frame, program: Program, flight: Flight, steps: list[Step]) -> Result:
        """Do what a rule says whose conditions hold."""
        for change in program.changes:
            if isinstance(change, SetMark):
                if not set_mark(change, flight):
                    return here
                steps.append(self._step(here, program, MARK, flight))
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
            return [self._stuck(flight, steps, f"{decision.why} ({_where(here, program)})")]
        if decision is not None:
            if not set_mark(decision, flight):
                return here
            steps.append(self._step(here, program, MARK, flight))
        return _rest(here, program)

    def _verdict(self, here: Frame, program: Program, flight: Flight, steps: list[Step], verdict: Verdict) -> Result:
        kind = verdict.kind
        if kind == CONTINUE:
            return _rest(here, program)
        steps.append(self._step(here, program, kind, flight))
        if kind in (ACCEPT, DROP, REJECT):
            return [Passage(kind, flight, tuple(steps), (), verdict.reject_with)]
        if kind == RETURN:
            return here.outer or [self._policy(flight, steps)]
        target = here.ready.table.find(verdict.target)
        if target is None:
            return [self._stuck(flight, steps, f"there is no chain {verdict.target} ({_where(here, program)})")]
        if target.chain.unreadable:
            return [self._stuck(flight, steps, f"{_name(target.chain)}: {target.chain.unreadable}")]
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise TooMany(f"more than {MOST_CALLS} jumps")
        if kind == JUMP:
            if here.depth == MOST_JUMPS:
                raise TooMany(f"jumps nested deeper than {MOST_JUMPS}")
            return Frame(target, target.programs_for(flight), 0, here, here, here.depth + 1)
        return Frame(target, target.programs_for(flight), 0, here.outer, here.outer, here.depth)

    def _translate(self, here: Frame, program: Program, flight: Flight, steps: list[Step], nat: Nat) -> list[Passage]:
        try:
            addresses = possible_addresses(nat, flight, self._hook, self._around)
        except CannotTell as error:
            return [self._stuck(flight, steps, f"{error} ({_where(here, program)})")]

        def to(address: int) -> Callable[[], list[Passage]]:
            return lambda: self._translated(here, program, flight.copy(), list(steps), nat, address)

        if len(addresses) == 1:
            return self._translated(here, program, flight, steps, nat, addresses[0])
        doubt = f"which address of the range the kernel chooses ({_where(here, program)})"
        return self._branches([to(address) for address in addresses], doubt)

    def _translated(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], nat: Nat, address: int
    ) -> list[Passage]:
        setup(flight, self._hook, nat, address)
        steps.append(self._step(here, program, word(nat, self._hook), flight))
        return [Passage(ACCEPT, flight, tuple(steps), ())]

    def _split(self, here: Frame, program: Program, flight: Flight, steps: list[Step]) -> Result:
        """Follow both ways: the conditions hold, and they do not."""
        text = open_condition(program, flight)
        if text is None:
            return here

        def holds() -> list[Passage]:
            on, taken = flight.copy(), list[Step]()
            return self._finish(self._execute(here, program, on, taken), on, taken)

        def fails() -> list[Passage]:
            return self._follow(here, flight.copy(), [])

        key = (*_frame_key(here), flight_key(flight))
        if key not in self._known:
            # With the frame: as long as it lives, nothing else has the ids of its rules.
            self._known[key] = (here, self._branches([holds, fails], f"{text} ({_where(here, program)})"))
        # A way can be met twice, so what was found stays as it is.
        return [behind(tuple(steps), (), one._replace(flight=one.flight.copy())) for one in self._known[key][1]]

    def _split_lookup(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], found: tuple[Decision, ...]
    ) -> list[Passage]:
        def way(decision: Decision) -> Callable[[], list[Passage]]:
            def go() -> list[Passage]:
                on, taken = flight.copy(), list(steps)
                result = here if decision is None else self._decide(here, program, on, taken, decision)
                return self._finish(result, on, taken)

            return go

        return self._branches([way(one) for one in found], f"what the map yields ({_where(here, program)})")

    def _finish(self, result: Result, flight: Flight, steps: list[Step]) -> list[Passage]:
        return result if isinstance(result, list) else self._follow(result, flight, steps)

    def _branches(self, ways: list[Callable[[], list[Passage]]], doubt: str) -> list[Passage]:
        """All ways together; the doubt counts only if they differ in what comes out."""
        self._splits += 1
        if self._splits > MOST_SPLITS:
            raise TooMany("too many open conditions")
        return merge([way() for way in ways], doubt)

    def _policy(self, flight: Flight, steps: list[Step]) -> Passage:
        base = self._base.chain
        steps.append(Step(self._hook, base, None, base.policy, flight.saddr, flight.sport, flight.daddr, flight.dport))
        return Passage(base.policy, flight, tuple(steps), ())

    def _stuck(self, flight: Flight, steps: list[Step], why: str) -> Passage:
        return Passage(UNPREDICTABLE, flight, tuple(steps), (why,))

    def _step(self, here: Frame, program: Program, action: str, flight: Flight) -> Step:
        chain, rule = here.ready.chain, program.rule
        return Step(self._hook, chain, rule, action, flight.saddr, flight.sport, flight.daddr, flight.dport)


def _rest(here: Frame, program: Program) -> Frame:
    """Where a rule goes on that has not decided."""
    return Frame(here.ready, program.rest, 0, here, here.outer, here.depth) if program.rest else here


def _frame_key(frame: Optional[Frame]) -> tuple[int, ...]:
    key: list[int] = []
    while frame is not None:
        key += (id(frame.programs), frame.place)
        frame = frame.caller
    return tuple(key)


def _name(chain: Chain) -> str:
    return f"{chain.table_name} {chain.name}"


def _where(here: Frame, program: Program) -> str:
    return f"rule {program.rule.number} of {_name(here.ready.chain)}: {program.rule.text}"
