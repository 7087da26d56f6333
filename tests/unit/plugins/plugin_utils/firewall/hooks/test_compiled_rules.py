"""What a map yields for a packet, and which rules the index of a chain finds for it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.compiled_rules import (
    Compiler,
    Lookup,
    Program,
    rule_index,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import ICMP, TCP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    REJECT,
    InElements,
    InRanges,
    Match,
    NameStarts,
    OneOf,
    Rule,
    Test,
    Undecidable,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.surroundings import FixedSurroundings

ACCEPTED, DROPPED, REJECTED = Verdict(ACCEPT), Verdict(DROP), Verdict(REJECT)
PORTS = (
    (OneOf(frozenset({80})), ACCEPTED),
    (InRanges(((1000, 1999),)), DROPPED),
    (InRanges(((0, 65535),)), REJECTED),
)
PAIRS = (
    (InElements((), frozenset({(1, 80)})), ACCEPTED),
    (InElements((((1, 9), (1000, 1999)),), frozenset()), DROPPED),
)


def packet(port: int | None, *, source: int = 1, protocol: int = TCP) -> Flight:
    return Flight(4, protocol, source, 40000, 2, port)


@pytest.mark.parametrize(("port", "found"), [(80, ACCEPTED), (1500, DROPPED), (2000, REJECTED)])
def test_the_single_value_goes_before_the_range_and_that_before_the_entry_for_everything(
    port: int, found: Verdict
) -> None:
    assert Lookup(("dport",), PORTS, FixedSurroundings()).find(packet(port)) == (found,)


def test_a_value_without_an_entry_yields_nothing() -> None:
    assert Lookup(("dport",), PORTS[:2], FixedSurroundings()).find(packet(2000)) == (None,)


def test_a_value_that_is_not_known_yields_all_that_it_can() -> None:
    around = FixedSurroundings()
    assert Lookup(("dport",), PORTS, around).find(packet(None)) == (ACCEPTED, DROPPED, REJECTED, None)
    assert Lookup(("saddr", "dport"), PAIRS, around).find(packet(None)) == (ACCEPTED, DROPPED, None)
    assert Lookup(("saddr", "dport"), PAIRS, around).find(packet(None, source=5)) == (DROPPED, None)
    assert Lookup(("saddr", "dport"), PAIRS, around).find(packet(None, source=10)) == (None,)


def test_a_concatenation_has_to_fit_in_all_parts() -> None:
    lookup = Lookup(("saddr", "dport"), PAIRS, FixedSurroundings())
    assert [lookup.find(packet(port, source=source)) for source, port in ((1, 80), (9, 1999), (9, 80))] == [
        (ACCEPTED,),
        (DROPPED,),
        (None,),
    ]


def test_an_entry_that_cannot_be_decided_may_be_the_one_or_not() -> None:
    entries = ((Undecidable("hangs on the time"), DROPPED), (OneOf(frozenset({80})), ACCEPTED))
    lookup = Lookup(("dport",), entries, FixedSurroundings())
    assert lookup.find(packet(81)) == (DROPPED, None)


def test_a_field_that_a_packet_has_not_yields_nothing() -> None:
    echo = packet(None, protocol=ICMP)
    assert Lookup(("ct_mark",), ((OneOf(frozenset({0})), DROPPED),), FixedSurroundings()).find(echo) == (None,)


DEVICES = [f"br-{number}" for number in range(12)]
FIELDS = {"saddr": 60, "daddr": 60, "sport": 20, "dport": 20, "protocol": 3}


def random_test(random: Random, field: str) -> Test:
    if field in ("iif", "oif"):
        if random.random() < 0.1:
            return NameStarts(frozenset({"br-1"}))
        return OneOf(frozenset(random.sample(DEVICES, random.choice((1, 1, 2)))))
    size = FIELDS[field]
    if random.random() < 0.6:
        return OneOf(frozenset(random.choices(range(size), k=random.choice((1, 1, 1, 3)))))
    ends = sorted(random.sample(range(size + 4), random.choice((2, 2, 4)) if size > 4 else 2))
    return InRanges(tuple((ends[place], ends[place + 1]) for place in range(0, len(ends), 2)))


def random_programs(random: Random, count: int) -> tuple[Program, ...]:
    programs: list[Program] = []
    compiler = Compiler(FixedSurroundings())
    for place in range(count):
        fields = random.sample([*FIELDS, "iif", "oif"], random.choice((0, 1, 1, 2, 2, 3)))
        matches = [Match((field,), random_test(random, field), random.random() < 0.2) for field in fields]
        program = compiler.rule(place, Rule(place + 1, (*matches, Verdict(DROP)), ""))
        assert program is not None
        programs.append(program)
    return tuple(programs)


def random_flight(random: Random) -> Flight:
    values = {field: random.randrange(size) for field, size in FIELDS.items()}
    sport = values["sport"] if random.random() < 0.8 else None
    flight = Flight(4, values["protocol"], values["saddr"], sport, values["daddr"], values["dport"])
    flight.iif, flight.oif = random.choices([*DEVICES, ""], k=2)
    return flight


def not_refuted(programs: tuple[Program, ...], flight: Flight) -> list[int]:
    return [one.place for one in programs if all(holds(flight) is not False for holds in one.conditions)]


@pytest.mark.parametrize("seed", range(12))
def test_finds_the_same_rules_as_trying_all(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # the same for the same seed
    programs = random_programs(random, count=random.choice((3, 40, 400)))
    find = rule_index(programs)
    for dummy in range(200):
        flight = random_flight(random)
        found = find(flight)
        assert not_refuted(found, flight) == not_refuted(programs, flight)
        assert [one.place for one in found] == sorted({one.place for one in found})


def test_looks_at_few_rules_where_each_wants_another_address() -> None:
    rules = [Rule(number, (Match(("daddr",), OneOf(frozenset({number}))), Verdict(DROP)), "") for number in range(5000)]
    compiled = [Compiler(FixedSurroundings()).rule(place, rule) for place, rule in enumerate(rules)]
    find = rule_index(tuple(program for program in compiled if program is not None))
    assert [program.place for program in find(Flight(4, 6, 1, 2, 1234, 80))] == [1234]
    assert find(Flight(4, 6, 1, 2, 9999, 80)) == ()


def index_of(*conditions: tuple[Match, ...]) -> Callable[[Flight], tuple[Program, ...]]:
    """The index of a chain of rules with these conditions, each of which drops."""
    compiler = Compiler(FixedSurroundings())
    compiled = [
        compiler.rule(place, Rule(place + 1, (*each, Verdict(DROP)), "")) for place, each in enumerate(conditions)
    ]
    return rule_index(tuple(program for program in compiled if program is not None))


def wants(field: str, *values: int, negated: bool = False) -> Match:
    return Match((field,), OneOf(frozenset(values)), negated)


@pytest.mark.parametrize(("count", "tried"), [(3, [0, 1, 2]), (4, [2]), (5, [2])])
def test_a_few_rules_are_tried_one_by_one(count: int, tried: list[int]) -> None:
    find = index_of(*((wants("dport", port),) for port in range(count)))
    assert [program.place for program in find(packet(2))] == tried


def test_rules_that_the_index_has_no_place_for_are_tried_in_their_order() -> None:
    """Those that are negated, that want a concatenation, or a field that the index does not know."""
    concatenated = Match(("saddr", "dport"), InElements((), frozenset({(1, 2)})))
    others = [(wants("dport", 2, negated=True),), (concatenated,), (wants("mark", 7),), ()]
    find = index_of(others[0], *((wants("dport", port),) for port in range(6)), *others[1:])
    assert [program.place for program in find(packet(2))] == [0, 3, 7, 8, 9]
    assert [program.place for program in find(packet(9))] == [0, 7, 8, 9]


def test_rules_of_several_groups_are_tried_in_their_order() -> None:
    ports = [(wants("dport", port),) for port in range(6)]
    sources = [(wants("saddr", address),) for address in range(6)]
    find = index_of(*(rule for pair in zip(ports, sources) for rule in pair))
    assert [program.place for program in find(packet(4, source=1))] == [3, 8]
    assert [program.place for program in find(packet(4, source=9))] == [8]
    assert find(packet(9, source=9)) == ()


def test_a_group_within_a_group() -> None:
    pairs = [(address, port) for address in range(6) for port in range(6)]
    find = index_of(*((wants("saddr", address), wants("dport", port)) for address, port in pairs))
    (found,) = find(packet(4, source=3))
    assert (found.place, found.matches) == (pairs.index((3, 4)), ())


def test_what_all_rules_want_alike_makes_no_group() -> None:
    find = index_of(*((wants("dport", 80), wants("saddr", address // 20)) for address in range(40)))
    assert [program.place for program in find(packet(80, source=1))] == list(range(20, 40))
    assert find(packet(81, source=9)) == ()


def test_looks_at_few_rules_where_each_wants_another_range() -> None:
    rules = [
        Rule(number, (Match(("daddr",), InRanges(((10 * number, 10 * number + 5),))), Verdict(DROP)), "")
        for number in range(100)
    ]
    compiled = [Compiler(FixedSurroundings()).rule(place, rule) for place, rule in enumerate(rules)]
    find = rule_index(tuple(program for program in compiled if program is not None))
    found = {value: [program.place for program in find(Flight(4, 6, 1, 2, value, 80))] for value in (420, 425, 426)}
    assert found == {420: [42], 425: [42], 426: []}


def test_ranges_within_ranges_do_not_fill_the_memory() -> None:
    rules = [
        Rule(number, (Match(("daddr",), InRanges(((number, 100_000 - number),))), Verdict(DROP)), "")
        for number in range(3000)
    ]
    compiled = [Compiler(FixedSurroundings()).rule(place, rule) for place, rule in enumerate(rules)]
    programs = tuple(program for program in compiled if program is not None)
    flight = Flight(4, 6, 1, 2, 1500, 80)
    assert not_refuted(rule_index(programs)(flight), flight) == list(range(1501))


def test_rules_of_many_values_each_do_not_fill_the_memory() -> None:
    """Rules of 60 values for each of four fields have 60^4 combinations."""
    fields = ("saddr", "daddr", "sport", "dport")
    rules = [
        Rule(
            place + 1,
            (*(Match((field,), OneOf(frozenset(range(place, place + 60)))) for field in fields), Verdict(DROP)),
            "",
        )
        for place in range(20)
    ]
    compiled = [Compiler(FixedSurroundings()).rule(place, rule) for place, rule in enumerate(rules)]
    find = rule_index(tuple(program for program in compiled if program is not None))
    flight = Flight(4, 6, 30, 30, 3, 65)
    assert not_refuted(find(flight), flight) == []
    flight = Flight(4, 6, 30, 30, 8, 65)
    assert not_refuted(find(flight), flight) == [6, 7, 8]
