"""Rulesets that say the same in another way treat all packets the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    GOTO,
    JUMP,
    REJECT,
    AnyOf,
    Chain,
    InElements,
    InRanges,
    Match,
    Notrack,
    OneOf,
    Rule,
    RuleBook,
    SetMark,
    Statement,
    Undecidable,
    Verdict,
    VerdictMap,
)

from tests.unit.plugins.plugin_utils.firewall.random_rulesets import AROUND, DEVICES, Draw
from tests.unit.plugins.plugin_utils.firewall.reference import outcomes

LASTING = frozenset(("saddr", "daddr", "sport", "dport", "protocol", "iif", "oif"))
"""Fields that no rule changes for those behind it in its chain: a translation ends them."""

Rules = tuple[Rule, ...]
Rewriting = Callable[[Draw, RuleBook, Chain], Rules]


def impossible(draw: Draw) -> tuple[Statement, ...]:
    """Conditions that no packet meets."""
    return draw.random.choice(
        (
            (Match(("saddr",), OneOf(frozenset({99}))),),
            (Match(("protocol",), OneOf(frozenset({6}))), Match(("protocol",), OneOf(frozenset({17})))),
            (AnyOf((Match(("sport",), OneOf(frozenset())), Match(("dport",), InRanges(((1, 2),))))),),
            (Match(("iif",), OneOf(frozenset({"none"}))), Match((), Undecidable("limit"))),
            (Match(("daddr", "dport"), InElements((), frozenset({(99, 80)}))),),
        )
    )


def with_rules_that_no_packet_meets(draw: Draw, dummy: RuleBook, chain: Chain) -> Rules:
    rules: list[Rule] = []
    for rule in chain.rules:
        ending: Statement = draw.random.choice((Verdict(DROP), Verdict(ACCEPT), SetMark("mark", 0, 7), Notrack()))
        rules += [Rule(0, (*impossible(draw), ending), "")] * draw.random.choice((0, 1, 2, 5)) + [rule]
    return tuple(rules)


def with_rules_behind_the_end(dummy: Draw, _book: RuleBook, chain: Chain) -> Rules:
    """What stands behind a rule that ends the way of all packets is never reached."""
    if not chain.hook:
        return (*chain.rules, Rule(0, (Verdict("return"),), ""), Rule(0, (Verdict(DROP),), ""))
    return (*chain.rules, Rule(0, (Verdict(chain.policy),), ""), Rule(0, (SetMark("mark", 0, 7), Verdict(REJECT)), ""))


def with_decisions_twice(dummy: Draw, _book: RuleBook, chain: Chain) -> Rules:
    """A packet that a rule ends never comes to the same rule again; one that it let pass is let pass again."""
    return tuple(
        one
        for rule in chain.rules
        for one in ([rule, rule] if _is_decision(rule) and not _is_open(rule.statements) else [rule])
    )


def with_sets_split(draw: Draw, dummy: RuleBook, chain: Chain) -> Rules:
    return tuple(one for rule in chain.rules for one in _split(draw, rule))


def _split(draw: Draw, rule: Rule) -> Iterator[Rule]:
    for place, match in enumerate(_leading(rule)):
        if match.negated or not LASTING.issuperset(match.fields):
            continue
        if isinstance(match.test, OneOf) and len(match.test.values) > 1:
            values = sorted(match.test.values, key=str)
            at = draw.random.randrange(1, len(values))
            for part in (values[:at], values[at:]):
                yield _with(rule, place, replace(match, test=OneOf(frozenset(part))))
            return
        if isinstance(match.test, InRanges) and len(match.test.ranges) > 1:
            for span in match.test.ranges:
                yield _with(rule, place, replace(match, test=InRanges((span,))))
            return
    yield rule


def with_tests_in_another_form(dummy: Draw, _book: RuleBook, chain: Chain) -> Rules:
    """A value is a range of one, and a list of values one of tuples of one."""
    return tuple(
        replace(rule, statements=tuple(_another_form(statement) for statement in rule.statements))
        for rule in chain.rules
    )


def _another_form(statement: Statement) -> Statement:
    if not isinstance(statement, Match) or not isinstance(statement.test, OneOf):
        return statement
    values = statement.test.values
    if len(values) == 1 and all(isinstance(value, int) for value in values):
        return replace(statement, test=InRanges(tuple((int(value), int(value)) for value in values)))
    return replace(statement, test=InElements((), frozenset((value,) for value in values)))


def with_neighbours_swapped(dummy: Draw, _book: RuleBook, chain: Chain) -> Rules:
    """Two rules of which no packet can meet both."""
    rules = list(chain.rules)
    place = 0
    while place + 1 < len(rules):
        if _exclude(rules[place], rules[place + 1]):
            rules[place : place + 2] = [rules[place + 1], rules[place]]
            place += 1
        place += 1
    return tuple(rules)


def _exclude(one: Rule, other: Rule) -> bool:
    wanted = [
        {m.fields[0]: m.test.values for m in _leading(rule) if isinstance(m.test, OneOf) and not m.negated}
        for rule in (one, other)
    ]
    return any(
        field in LASTING and not values & wanted[1].get(field, values) for field, values in wanted[0].items() if values
    )


def with_jumps_written_out(dummy: Draw, book: RuleBook, chain: Chain) -> Rules:
    return tuple(one for rule in chain.rules for one in _written_out(book, chain, rule))


def _written_out(book: RuleBook, chain: Chain, rule: Rule) -> list[Rule]:
    *before, last = rule.statements
    if not isinstance(last, Verdict) or last.kind != JUMP or len(_leading(rule)) != len(before):
        return [rule]
    inner = book.chains[chain.key[0], chain.key[1], chain.key[2], last.target].rules
    if _is_open(rule.statements) or not all(_is_decision(one) for one in inner):
        return [rule]
    return [replace(one, statements=(*before, *one.statements)) for one in inner]


def _leading(rule: Rule) -> list[Match]:
    """The conditions that a rule begins with."""
    found: list[Match] = []
    for statement in rule.statements:
        if not isinstance(statement, Match) or not statement.fields:
            break
        found.append(statement)
    return found


def _is_decision(rule: Rule) -> bool:
    """Whether a rule changes nothing and either ends a packet's way or does nothing."""
    *before, last = rule.statements
    return (isinstance(last, Verdict) and last.kind in (ACCEPT, DROP, REJECT)) and all(
        isinstance(statement, (Match, AnyOf)) for statement in before
    )


def _is_open(statements: tuple[Statement, ...]) -> bool:
    return any(isinstance(one, Match) and isinstance(one.test, Undecidable) for one in statements)


def _with(rule: Rule, place: int, match: Match) -> Rule:
    return replace(rule, statements=(*rule.statements[:place], match, *rule.statements[place + 1 :]))


REWRITINGS: tuple[Rewriting, ...] = (
    with_rules_that_no_packet_meets,
    with_rules_behind_the_end,
    with_decisions_twice,
    with_sets_split,
    with_tests_in_another_form,
    with_neighbours_swapped,
    with_jumps_written_out,
)


def rewritten(draw: Draw, book: RuleBook, rewriting: Rewriting) -> RuleBook:
    """All chains rewritten, numbered anew."""
    chains = {}
    for chain in book.chains.values():
        rules = rewriting(draw, book, chain)
        numbered = tuple(replace(rule, number=number) for number, rule in enumerate(rules, 1))
        chains[chain.key] = replace(chain, rules=numbered)
    return RuleBook(chains)


def renamed(book: RuleBook) -> RuleBook:
    """Chains with other names, those that are jumped to in the opposite order."""
    chains = [
        replace(
            chain,
            name=f"x{chain.name}",
            rules=tuple(replace(r, statements=tuple(map(_retarget, r.statements))) for r in chain.rules),
        )
        for chain in book.chains.values()
    ]
    ordered = [chain for chain in chains if chain.hook] + [chain for chain in reversed(chains) if not chain.hook]
    return RuleBook({chain.key: chain for chain in ordered})


def _retarget(statement: Statement) -> Statement:
    if isinstance(statement, Verdict) and statement.kind in (JUMP, GOTO):
        return replace(statement, target=f"x{statement.target}")
    if isinstance(statement, VerdictMap):
        entries = tuple(
            (test, replace(verdict, target=f"x{verdict.target}") if verdict.target else verdict)
            for test, verdict in statement.entries
        )
        return replace(statement, entries=entries)
    return statement


def packets(draw: Draw, count: int) -> Iterator[tuple[str, Flight]]:
    """Hooks with packets whose values are all known: what is not known may be assumed anew by each rule that asks."""
    for dummy in range(count):
        flight = draw.flight()
        flight.sport = flight.sport or 53
        hook = draw.random.choice(("prerouting", "forward", "input", "postrouting"))
        flight.oif = draw.random.choice(DEVICES) if hook in ("forward", "postrouting") else ""
        yield hook, flight


def assert_alike(draw: Draw, book: RuleBook, other: RuleBook) -> None:
    one, two = Traverser(book, AROUND), Traverser(other, AROUND)
    for hook, flight in packets(draw, 25):
        start = [flight]
        if hook != "prerouting":
            start = [passage.flight for passage in one.pass_hook("prerouting", flight) if passage.verdict == ACCEPT]
        for arrived in start[:3]:
            arrived.oif = flight.oif
            found, expected = two.pass_hook(hook, arrived), one.pass_hook(hook, arrived)
            assert outcomes(found) == outcomes(expected)
            assert len(found) == len(expected)


@pytest.mark.parametrize("rewriting", REWRITINGS)
@pytest.mark.parametrize("seed", range(12))
def test_the_same_in_other_rules(seed: int, rewriting: Rewriting) -> None:
    draw = Draw(seed)
    book = draw.book(most=14 if seed % 2 else 40)
    other = rewritten(draw, book, rewriting)
    assert_alike(draw, book, other)


@pytest.mark.parametrize("rewriting", REWRITINGS)
def test_every_rewriting_changes_something(rewriting: Rewriting) -> None:
    draw = Draw(6)
    book = draw.book(most=40)
    assert rewritten(draw, book, rewriting) != book


@pytest.mark.parametrize("seed", range(12))
def test_the_same_under_other_names(seed: int) -> None:
    draw = Draw(seed)
    book = draw.book(most=20)
    assert_alike(draw, book, renamed(book))
