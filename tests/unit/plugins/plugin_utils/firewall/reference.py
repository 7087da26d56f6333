"""A traverser to compare with: slow, linear, and written so that it is plainly right.

It follows one way at a time. Whatever cannot be decided is put to an oracle; all ways are found by going again with
every other answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Surroundings,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyBit,
    AnyOf,
    Chain,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NameStarts,
    Nat,
    NatMap,
    Notrack,
    OneOf,
    RuleBook,
    SetHops,
    SetMark,
    Statement,
    Test,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

MISSING = "missing"
MOST_WAYS = 3000

Outcome = tuple[Any, ...]


class TooManyWays(Exception):
    """The ruleset is no good for a comparison."""


class Ended(Exception):
    """The packet's way through the hook ends with a verdict."""

    def __init__(self, verdict: str, reject_with: str = "") -> None:
        super().__init__(verdict)
        self.verdict = verdict
        self.reject_with = reject_with


class Oracle:
    """Answers from a given list, then always the first possible one, and remembers what was asked."""

    def __init__(self, answers: list[int]) -> None:
        self.answers = answers
        self.asked: list[int] = []

    def choose(self, possible: int) -> int:
        place = len(self.asked)
        self.asked.append(possible)
        return self.answers[place] if place < len(self.answers) else 0

    def other_answers(self) -> Iterator[list[int]]:
        for place in range(len(self.answers), len(self.asked)):
            given = [*self.answers, *[0] * (place - len(self.answers))]
            for answer in range(1, self.asked[place]):
                yield [*given, answer]


def end_of(verdict: str, flight: Flight, reject_with: str) -> Outcome:
    """What can be told of a packet that left a hook."""
    if verdict in ("drop", "unpredictable"):
        return (verdict,)
    ct = flight.connection
    names = ("saddr", "sport", "daddr", "dport", "mark", "state", "tracked")
    known = None if ct is None else tuple(getattr(ct, name) for name in Connection.__slots__)
    return (verdict, reject_with, *(getattr(flight, name) for name in names), known)


def outcomes(passages: list[Passage]) -> set[Outcome]:
    return {end_of(passage.verdict, passage.flight, passage.reject_with) for passage in passages}


def reference_outcomes(book: RuleBook, around: Surroundings, hook: str, flight: Flight) -> set[Outcome]:
    """All ends that a packet can come to in a hook."""
    found: set[Outcome] = set()
    waiting: list[list[int]] = [[]]
    tried = 0
    while waiting:
        tried += 1
        if tried > MOST_WAYS:
            raise TooManyWays
        way = Way(book, around, hook, flight.copy(), Oracle(waiting.pop()))
        found.add(way.outcome())
        waiting.extend(way.oracle.other_answers())
    return found


class Way:
    """One way of one packet through one hook."""

    def __init__(self, book: RuleBook, around: Surroundings, hook: str, flight: Flight, oracle: Oracle) -> None:
        self.book = book
        self.around = around
        self.hook = hook
        self.flight = flight
        self.oracle = oracle

    def outcome(self) -> Outcome:
        try:
            self.pass_hook()
        except Ended as end:
            return end_of(end.verdict, self.flight, end.reject_with)
        return end_of("accept", self.flight, "")

    def pass_hook(self) -> None:
        first = self.hook in ("prerouting", "output")
        if first and self.flight.connection is None and self.flight.tracked:
            self.flight.state = 1
        chains = self.book.base_chains(self.hook, self.flight.family)
        plain = [chain for chain in chains if chain.kind != "nat"]
        nat_priority = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}.get(self.hook)
        for priority in sorted({*(chain.priority for chain in plain), -200, nat_priority or -200}):
            if priority == -200 and first:
                self.track()
            if priority == nat_priority:
                self.translate([chain for chain in chains if chain.kind == "nat"])
            for chain in self.in_some_order([chain for chain in plain if chain.priority == priority]):
                self.base_chain(chain)

    def in_some_order(self, chains: list[Chain]) -> list[Chain]:
        """Of one priority, those of a table as they are; which table comes first is not known."""
        tables = {chain.key[:3]: [each for each in chains if each.key[:3] == chain.key[:3]] for chain in chains}
        orders = list(permutations(tables.values()))
        return [chain for table in orders[self.oracle.choose(len(orders))] for chain in table]

    def track(self) -> None:
        """For TCP that opens and for UDP, which is all that is compared."""
        flight = self.flight
        if not flight.tracked:
            flight.connection, flight.state = None, 64
        elif flight.connection is None:
            tuple_ = (flight.saddr, flight.sport, flight.daddr, flight.dport)
            flight.connection, flight.state = Connection(flight.protocol, tuple_), 8
        elif flight.state == 1:
            flight.connection.seen_reply |= flight.reply
            flight.state = 2 if flight.connection.seen_reply else 8

    def translate(self, chains: list[Chain]) -> None:
        flight, ct = self.flight, self.flight.connection
        if ct is None or flight.state in (1, 64):
            return
        source = self.hook in ("postrouting", "input")
        done = "snat_decided" if source else "dnat_decided"
        for priority in sorted({chain.priority for chain in chains}):
            for chain in self.in_some_order([chain for chain in chains if chain.priority == priority]):
                if flight.state == 8 and not getattr(ct, done):
                    self.base_chain(chain)
        if flight.state == 8:
            setattr(ct, done, True)
        if source and not flight.reply and ct.snat:
            flight.saddr, flight.sport = ct.reply[2:]
        if source and flight.reply and ct.dnat:
            flight.saddr, flight.sport = ct.original[2:]
        if not source and not flight.reply and ct.dnat:
            flight.daddr, flight.dport = ct.reply[:2]
        if not source and flight.reply and ct.snat:
            flight.daddr, flight.dport = ct.original[:2]

    def base_chain(self, chain: Chain) -> None:
        if self.chain(chain) in ("end", "return") and chain.policy != "accept":
            raise Ended(chain.policy)

    def chain(self, chain: Chain) -> str:
        """How the chain was left: ``accept``, ``return`` or, after its last rule, ``end``."""
        if chain.unreadable:
            raise Ended("unpredictable")
        for rule in chain.rules:
            left = self.rule(chain, rule.statements)
            if left != "next":
                return left
        return "end"

    def rule(self, chain: Chain, statements: tuple[Statement, ...]) -> str:
        for statement in statements:
            left = self.statement(chain, statement)
            if left != "continue":
                return left
        return "next"

    def statement(self, chain: Chain, statement: Statement) -> str:
        """``continue``: with the next statement; ``next``: with the next rule; otherwise how the chain was left."""
        if isinstance(statement, (Match, AnyOf)):
            return "continue" if self.holds(statement) else "next"
        if isinstance(statement, Unpredictable):
            raise Ended("unpredictable")
        if isinstance(statement, SetMark):
            return self.set_mark(statement)
        if isinstance(statement, SetHops):
            old = self.flight.ttl
            added = None if old is None else min(255, max(0, old + statement.added))
            self.flight.ttl = added if statement.fixed is None else statement.fixed
            return "continue"
        if isinstance(statement, Notrack):
            if self.flight.connection is None or self.flight.state == 1:
                self.flight.tracked, self.flight.state, self.flight.connection = False, 64, None
            return "continue"
        if isinstance(statement, (VerdictMap, NatMap, MarkMap)):
            found = self.look_up(statement)
            return "next" if found is None else self.statement(chain, found)
        if isinstance(statement, Nat):
            self.nat(statement)
            return "accept"
        return self.verdict(chain, statement)

    def verdict(self, chain: Chain, verdict: Verdict) -> str:
        if verdict.kind in ("drop", "reject"):
            raise Ended(verdict.kind, verdict.reject_with)
        if verdict.kind not in ("jump", "goto"):
            return verdict.kind
        target = self.book.chains.get((chain.backend, chain.family, chain.table, verdict.target))
        if target is None:
            raise Ended("unpredictable")
        left = self.chain(target)
        if left == "accept":
            return left
        return "next" if verdict.kind == "jump" else "return"

    def set_mark(self, change: SetMark) -> str:
        ct = None if self.flight.state == 1 else self.flight.connection
        read_from = change.copied_from or change.field
        if ct is None and read_from == "ct_mark" and change.keep:
            return "next"
        marks: dict[str, int] = {"mark": self.flight.mark or 0, "ct_mark": ct.mark or 0 if ct else 0}
        own = marks[change.field] & change.own if change.copied_from else 0
        new = own ^ (marks[read_from] & change.keep) ^ change.flip
        if change.field == "mark":
            self.flight.mark = new
        elif ct is not None:
            ct.mark = new
        return "continue"

    def nat(self, nat: Nat) -> None:
        """With one port or none; of ranges of ports test_translation has its own examples."""
        flight, ct = self.flight, self.flight.connection
        assert ct is not None
        source = self.hook in ("postrouting", "input")
        address, port = (flight.saddr, flight.sport) if source else (flight.daddr, flight.dport)
        new_address: int | None = address
        if nat.kind == "masquerade":
            new_address = self.around.own_address(flight.family, flight.oif, flight.next_hop or flight.daddr)
        elif nat.kind == "redirect" and self.hook == "output":
            new_address = 0x7F000001
        elif nat.kind == "redirect":
            new_address = self.around.first_address(flight.family, flight.iif, flight.saddr)
        elif nat.addresses is not None:
            first, last = nat.addresses
            new_address = first + self.oracle.choose(last - first + 1)
        if new_address is None:
            raise Ended("unpredictable")
        new_port = nat.ports[0] if nat.ports and port is not None else port
        changed = (new_address, new_port) != (address, port)
        if source:
            ct.reply, ct.snat, ct.snat_decided = (*ct.reply[:2], new_address, new_port), changed, True
        else:
            ct.reply, ct.dnat, ct.dnat_decided = (new_address, new_port, *ct.reply[2:]), changed, True

    def look_up(self, table: VerdictMap | NatMap | MarkMap) -> Verdict | Nat | SetMark | None:
        values = tuple(self.value(field) for field in table.fields)
        if MISSING in values:
            return None
        for test, result in table.entries:
            if self.passes(test, values):
                return result
        return None

    def holds(self, statement: Match | AnyOf) -> bool:
        if isinstance(statement, AnyOf):
            # One question to the oracle for all of it: it is one condition.
            answers = [self.answer(match) for match in statement.matches]
            either = True if True in answers else None if None in answers else False
        else:
            either = self.answer(statement, plain=True)
            if either is None and MISSING in [self.value(field) for field in statement.fields]:
                return False
        if either is None:
            return bool(self.oracle.choose(2))
        return either is not statement.negated

    def answer(self, match: Match, *, plain: bool = False) -> bool | None:
        """Whether one condition holds; its own negation is left out if asked ``plain``."""
        values = tuple(self.value(field) for field in match.fields)
        if MISSING in values:
            return None if plain else False
        answer = all_pass(match.test, values)
        return answer if answer is None or plain else answer is not match.negated

    def passes(self, test: Test, values: tuple[Any, ...]) -> bool:
        answer = all_pass(test, values)
        return bool(self.oracle.choose(2)) if answer is None else answer

    def value(self, field: str) -> Any:
        flight = self.flight
        ct = None if flight.state == 1 else flight.connection
        if field.startswith("ct_") and field != "ct_state" and ct is None:
            return MISSING
        special: dict[str, Callable[[], Any]] = {
            "ct_state": lambda: flight.state,
            "ct_mark": lambda: ct and ct.mark,
            "ct_direction": lambda: int(flight.reply),
            "ct_orig_daddr": lambda: ct and ct.original[2],
            "ct_orig_dport": lambda: ct and ct.original[3],
            "ct_reply_saddr": lambda: ct and ct.reply[0],
            "daddr_type": lambda: self.around.address_type(flight.family, flight.daddr, ""),
            "saddr_type_iif": lambda: self.around.address_type(flight.family, flight.saddr, flight.iif),
            "fib_daddr_type": lambda: self.around.fib_type(flight, flight.daddr, flight.saddr, "", 0),
            "fib_saddr_type_iif_mark": lambda: self.around.fib_type(
                flight, flight.saddr, flight.daddr, flight.iif, flight.mark
            ),
            "saddr_route_iif": lambda: self.around.device_towards(
                flight.family, flight.saddr, flight.daddr, flight.iif, 0
            ),
            "saddr_route_iif_mark": lambda: self.around.device_towards(
                flight.family, flight.saddr, flight.daddr, flight.iif, flight.mark
            ),
        }
        return special[field]() if field in special else getattr(flight, field)


def all_pass(test: Test, values: tuple[Any, ...]) -> bool | None:
    if isinstance(test, Undecidable):
        return None
    if isinstance(test, InElements):
        elements = [*test.elements, *[tuple((part, part) for part in element) for element in test.exact]]
        answers = [element_holds(element, values) for element in elements]
        return True if True in answers else None if None in answers else False
    (value,) = values
    return None if value is None else one_passes(test, value)


def element_holds(element: tuple[tuple[Any, Any], ...], values: tuple[Any, ...]) -> bool | None:
    parts = [None if value is None else first <= value <= last for value, (first, last) in zip(values, element)]
    return False if False in parts else None if None in parts else True


def one_passes(test: Test, value: Any) -> bool:
    if isinstance(test, OneOf):
        return bool(value in test.values)
    if isinstance(test, InRanges):
        return any(bool(first <= value <= last) for first, last in test.ranges)
    if isinstance(test, Masked):
        return bool(value & test.mask == test.wanted)
    if isinstance(test, AnyBit):
        return bool(value & test.bits != 0)
    assert isinstance(test, NameStarts)
    return any(str(value).startswith(beginning) for beginning in test.beginnings)
