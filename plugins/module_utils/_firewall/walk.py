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
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.matching import tracked_connection
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.outcomes import (
    UNPREDICTABLE,
    flight_key,
    merge,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.program import Lookup, Program
from ansible_collections.dockernet.baseline.plugins.module_utils._firewall.ready_chain import FindChain, ReadyChain
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
    """Where to go on: a chain's rules, and the next of them."""

    ready: ReadyChain
    programs: tuple[Program, ...]
    place: int
    caller: Optional[Frame]
    depth: int


Decision = Union[Verdict, Nat, SetMark, Unpredictable, None]


class Walk:
    """All ways of one packet through one base chain."""

    def __init__(self, hook: str, base: ReadyChain, find: FindChain, around: Surroundings) -> None:
        self._hook = hook
        self._base = base
        self._find = find
        self._around = around
        self._calls = 0
        self._splits = 0
        self._known: dict[tuple[object, ...], tuple[Frame, list[Passage]]] = {}

    def run(self, flight: Flight) -> list[Passage]:
        """The ways out of it; the flight is changed. Steps are those of this chain."""
        if self._base.chain.unreadable:
            return [self._stuck(flight, [], f"{_name(self._base.chain)}: {self._base.chain.unreadable}")]
        frame = Frame(self._base, self._base.programs_for(flight), 0, None, 0)
        try:
            return self._follow(frame, flight, [])
        except TooMany as error:
            return [self._stuck(flight, [], f"{_name(self._base.chain)}: {error}")]

    def _follow(self, frame: Frame, flight: Flight, steps: list[Step]) -> list[Passage]:
        """Go on until the base chain is left."""
        ready, programs, place, caller, depth = frame
        while True:
            if place == len(programs):
                if caller is None:
                    return [self._policy(flight, steps)]
                ready, programs, place, caller, depth = caller
                continue
            program: Optional[Program] = programs[place]
            place += 1
            while program is not None:
                doubt = _judge(program, flight)
                if doubt is False:
                    break
                here = Frame(ready, programs, place, caller, depth)
                if doubt is not True:
                    return self._split(here, program, flight, steps, doubt)
                result = self._execute(here, program, flight, steps)
                if isinstance(result, list):
                    return result
                if result is not None:
                    ready, programs, place, caller, depth = result
                    break
                program = program.rest

    def _execute(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step]
    ) -> Union[Frame, list[Passage], None]:
        """Do what a rule says: the ways out, or where to go on, or None to go on with the rest of the rule."""
        chain = here.ready.chain
        for change in program.changes:
            if isinstance(change, SetMark):
                if not _set_mark(change, flight):
                    return here
                steps.append(_step(self._hook, chain, program, MARK, flight))
            elif tracked_connection(flight) is None:
                untrack(flight)
                steps.append(_step(self._hook, chain, program, NOTRACK, flight))
        terminal = program.terminal
        if isinstance(terminal, Lookup):
            found = terminal.find(flight)
            if len(found) > 1:
                return self._split_lookup(here, program, flight, steps, found)
            if found[0] is None:
                return here
            return self._decide(here, program, flight, steps, found[0])
        return self._decide(here, program, flight, steps, terminal)

    def _decide(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], decision: Decision
    ) -> Union[Frame, list[Passage], None]:
        if decision is None:
            return None
        if isinstance(decision, Unpredictable):
            return [self._stuck(flight, steps, f"{decision.why} ({_place(here.ready.chain, program)})")]
        if isinstance(decision, Nat):
            return self._translate(here, program, flight, steps, decision)
        if isinstance(decision, SetMark):
            if not _set_mark(decision, flight):
                return here
            steps.append(_step(self._hook, here.ready.chain, program, MARK, flight))
            return None
        kind = decision.kind
        if kind == CONTINUE:
            return None
        steps.append(_step(self._hook, here.ready.chain, program, kind, flight))
        if kind in (ACCEPT, DROP, REJECT):
            return [Passage(kind, flight, tuple(steps), (), decision.reject_with)]
        if kind == RETURN:
            return here.caller or [self._policy(flight, steps)]
        return self._enter(here, program, flight, steps, decision)

    def _enter(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], verdict: Verdict
    ) -> Union[Frame, list[Passage]]:
        """Jump or goto: the latter does not come back to the chain it was in, but to that one's caller."""
        where = _place(here.ready.chain, program)
        target = self._find(here.ready.chain, verdict.target)
        if target is None:
            return [self._stuck(flight, steps, f"there is no chain {verdict.target} ({where})")]
        if target.chain.unreadable:
            return [self._stuck(flight, steps, f"{_name(target.chain)}: {target.chain.unreadable} ({where})")]
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise TooMany(f"more than {MOST_CALLS} jumps")
        caller, depth = (here, here.depth + 1) if verdict.kind == JUMP else (here.caller, here.depth)
        if depth > MOST_JUMPS:
            raise TooMany(f"jumps nested deeper than {MOST_JUMPS}")
        return Frame(target, target.programs_for(flight), 0, caller, depth)

    def _translate(self, here: Frame, program: Program, flight: Flight, steps: list[Step], nat: Nat) -> list[Passage]:
        connection = flight.connection
        where = _place(here.ready.chain, program)
        if connection is None:
            return [self._stuck(flight, steps, f"translation without a connection ({where})")]
        try:
            addresses = possible_addresses(nat, flight, self._hook, self._around)
        except CannotTell as error:
            return [self._stuck(flight, steps, f"{error} ({where})")]

        def translated(address: int, on: Flight, taken: list[Step]) -> list[Passage]:
            if on.connection is not None:
                setup(on, on.connection, self._hook, nat, address)
            taken.append(_step(self._hook, here.ready.chain, program, word(nat, self._hook), on))
            return [Passage(ACCEPT, on, tuple(taken), ())]

        if len(addresses) == 1:
            return translated(addresses[0], flight, steps)
        doubt = f"which address of the range the kernel chooses ({where})"
        return self._branches(
            [lambda one=address: translated(one, flight.copy(), list(steps)) for address in addresses],  # type: ignore[misc]
            doubt,
        )

    def _split(self, here: Frame, program: Program, flight: Flight, steps: list[Step], doubt: str) -> list[Passage]:
        """Follow both ways: the condition holds, and it does not."""

        def holds() -> list[Passage]:
            return self._taken(here, program, flight.copy(), [])

        def fails() -> list[Passage]:
            return self._follow(here, flight.copy(), [])

        key = (*_frame_key(here), id(program), flight_key(flight))
        if key not in self._known:
            self._known[key] = (here, self._branches([holds, fails], doubt))
        return _behind(steps, self._known[key][1])

    def _split_lookup(
        self, here: Frame, program: Program, flight: Flight, steps: list[Step], found: tuple[Decision, ...]
    ) -> list[Passage]:
        def way(decision: Decision) -> Callable[[], list[Passage]]:
            def go() -> list[Passage]:
                on, taken = flight.copy(), list(steps)
                if decision is None:
                    return self._follow(here, on, taken)
                return self._finish(here, program, on, taken, self._decide(here, program, on, taken, decision))

            return go

        doubt = f"what the map yields ({_place(here.ready.chain, program)})"
        return self._branches([way(decision) for decision in found], doubt)

    def _taken(self, here: Frame, program: Program, flight: Flight, steps: list[Step]) -> list[Passage]:
        return self._finish(here, program, flight, steps, self._execute(here, program, flight, steps))

    def _finish(
        self,
        here: Frame,
        program: Program,
        flight: Flight,
        steps: list[Step],
        result: Union[Frame, list[Passage], None],
    ) -> list[Passage]:
        """Go on after a rule that was looked at by itself."""
        if isinstance(result, list):
            return result
        if result is not None:
            return self._follow(result, flight, steps)
        rest = program.rest
        if rest is None:
            return self._follow(here, flight, steps)
        doubt = _judge(rest, flight)
        if doubt is False:
            return self._follow(here, flight, steps)
        if doubt is True:
            return self._taken(here, rest, flight, steps)
        return self._split(here, rest, flight, steps, doubt)

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


def _judge(program: Program, flight: Flight) -> Union[bool, str]:
    """Whether all conditions hold; the text of the first that cannot be told where none is false."""
    doubt: Union[bool, str] = True
    for place, condition in enumerate(program.conditions):
        answer = condition(flight)
        if answer is False:
            return False
        if answer is None and doubt is True:
            doubt = _condition_text(program, place)
    return doubt


def _condition_text(program: Program, place: int) -> str:
    return program.matches[place].text or "a condition"


def _set_mark(change: SetMark, flight: Flight) -> bool:
    """Change a mark; False when there is no connection to read its mark from (nft_ct_get_eval: NFT_BREAK).

    Without one to write to the rule goes on (nft_ct_set_eval).
    """
    connection = tracked_connection(flight)
    source = change.copied_from or change.field
    if connection is None and source == "ct_mark" and change.keep:
        return False
    marks = {"mark": flight.mark, "ct_mark": connection.mark if connection is not None else None}
    kept = _masked(marks[source], change.keep)
    own = _masked(marks[change.field], change.own)
    new = None if kept is None or own is None else own ^ kept ^ change.flip
    if change.field == "mark":
        flight.mark = new
    elif connection is not None:
        connection.mark = new
    return True


def _masked(mark: Optional[int], mask: int) -> Optional[int]:
    if mask == 0:
        return 0
    return None if mark is None else mark & mask


def _step(hook: str, chain: Chain, program: Program, action: str, flight: Flight) -> Step:
    return Step(hook, chain, program.rule, action, flight.saddr, flight.sport, flight.daddr, flight.dport)


def _behind(steps: list[Step], passages: list[Passage]) -> list[Passage]:
    """The same passages with what happened before them; flights are copied, for a way can be met twice."""
    before = tuple(steps)
    return [passage._replace(flight=passage.flight.copy(), steps=before + passage.steps) for passage in passages]


def _frame_key(frame: Optional[Frame]) -> tuple[int, ...]:
    key: list[int] = []
    while frame is not None:
        key += (id(frame.programs), frame.place)
        frame = frame.caller
    return tuple(key)


def _name(chain: Chain) -> str:
    return f"{chain.table_name} {chain.name}"


def _place(chain: Chain, program: Program) -> str:
    return f"rule {program.rule.number} of {_name(chain)}: {program.rule.text}"
