# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules and maps say of values, and which values no rule tells apart."""

from __future__ import annotations

import json
from collections.abc import Hashable
from ipaddress import ip_address
from itertools import combinations, product

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import (
    ADDRESS,
    DEVICE,
    Maps,
    Mention,
    Names,
    Partition,
    addresses_in,
    devices_in,
    facts_of,
    form_of,
    form_of_result,
    form_of_test,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NameStarts,
    Nat,
    NatMap,
    OneOf,
    Rule,
    SetMark,
    Statement,
    Test,
    Verdict,
    VerdictMap,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.plugin_utils.firewall.rulesets import rules_of

SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
PORT = {"payload": {"protocol": "tcp", "field": "dport"}}
MAPS: dict[str, list[object]] = {
    "verdicts": [["10.0.0.1", {"drop": None}], ["10.0.0.2", {"jump": {"target": "other"}}]],
    "marks": [["10.0.0.1", 1], ["10.0.0.2", 2]],
    "addresses": [[80, "172.18.0.2"], [443, "172.18.0.3"]],
    "ports": [[80, 8080], [443, 8443]],
}


def dnat(address: object, port: object) -> object:
    return {"dnat": {"family": "ip", "addr": address, "port": port}}


def rules(*expressions: object) -> list[Rule]:
    of: dict[str, object] = {"family": "inet", "table": "t"}
    chain = {**of, "name": "pre", "type": "nat", "hook": "prerouting", "prio": -100, "policy": "accept"}
    maps = [{"map": {**of, "name": name, "type": "x", "map": "y", "elem": elem}} for name, elem in MAPS.items()]
    made = [{"rule": {**of, "chain": "pre", "expr": [expression]}} for expression in expressions]
    entries = [{"table": {"family": "inet", "name": "t"}}, {"chain": chain}, *maps, *made]
    return rules_of(read_rulebook(Ruleset({}, json.dumps({"nftables": entries}))), "pre")


def map_in(rule: Rule) -> VerdictMap | NatMap | MarkMap:
    (found,) = [item for item in rule.statements if isinstance(item, (VerdictMap, NatMap, MarkMap))]
    return found


def test_rules_that_make_the_same_of_a_map_share_its_entries() -> None:
    lookups: list[object] = [
        {"vmap": {"key": SOURCE, "data": "@verdicts"}},
        {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"map": {"key": SOURCE, "data": "@marks"}}}},
        dnat({"map": {"key": PORT, "data": "@addresses"}}, 80),
        dnat("172.18.0.2", {"map": {"key": PORT, "data": "@ports"}}),
    ]
    maps = Maps()
    for lookup in lookups:
        one, other = rules(lookup, lookup)
        assert map_in(one).entries is map_in(other).entries
        assert maps.of(one) == maps.of(other)
        assert len(maps.of_all([one, other])) == 1


def test_what_rules_make_of_a_map_each_in_its_own_way_is_kept_apart() -> None:
    to_port = [dnat({"map": {"key": PORT, "data": "@addresses"}}, port) for port in (80, 81, None)]
    from_port = [dnat(address, {"map": {"key": PORT, "data": "@ports"}}) for address in ("172.18.0.2", "172.18.0.3")]
    marks: list[object] = [
        {"mangle": {"key": key, "value": {"map": {"key": SOURCE, "data": "@marks"}}}}
        for key in ({"meta": {"key": "mark"}}, {"ct": {"key": "mark"}})
    ]
    for several in (to_port, from_port, marks):
        found = [map_in(rule).entries for rule in rules(*several)]
        assert len(set(found)) == len(several)


def test_entries_say_what_they_ask_for_and_where_they_lead() -> None:
    verdicts, addresses = rules(
        {"vmap": {"key": SOURCE, "data": "@verdicts"}}, dnat({"map": {"key": PORT, "data": "@addresses"}}, None)
    )
    one, other = (int(ip_address(f"10.0.0.{last}")) for last in (1, 2))
    (facts,) = Maps().of(verdicts)
    assert [entry.keys for entry in facts] == [{"saddr": ("address", one)}, {"saddr": ("address", other)}]
    assert [facts[number].jumps for number in range(len(facts))] == [(), ("other",)]
    (facts,) = Maps().of(addresses)
    to = ("address", int(ip_address("172.18.0.3")))
    assert facts[1].mentions == {("port", 443), to}
    assert facts[1].conditions == {("port", 443)}
    assert facts.form(1, {("port", 443): "@outer", to: "@inner"}) == (
        ("dport",),
        "@outer",
        ("dnat", "@inner", None, False),
    )


NAMES: Names = {("address", 1): "@own", ("port", 80): "@port", ("chain", "DOCKER"): "@chain"}


@pytest.mark.parametrize(
    ("result", "form"),
    [
        (Nat("dnat", (1, 1), (80, 80)), ("dnat", "@own", "@port", False)),
        (Nat("dnat", (1, 2), (80, 81)), ("dnat", (1, 2), (80, 81), False)),
        (Nat("dnat", (2, 2), (81, 81), True), ("dnat", (2, 2), (81, 81), True)),
        (Nat("masquerade"), ("masquerade", None, None, False)),
        (Verdict("jump", "DOCKER"), ("jump", "@chain", "")),
        (Verdict("jump", "OTHER"), ("jump", "OTHER", "")),
        (Verdict("reject", reject_with="tcp reset"), ("reject", "", "tcp reset")),
        (SetMark("mark", 0, 80), SetMark("mark", 0, 80)),
    ],
)
def test_a_result_has_names_in_place_of_single_values_and_only_of_those(
    result: Verdict | Nat | SetMark, form: Hashable
) -> None:
    assert form_of_result(result, NAMES) == form


@pytest.mark.parametrize(
    ("nat", "found"),
    [
        (Nat("dnat", (1, 1), (80, 80)), (("address", 1),)),
        (Nat("dnat", (1, 2)), ()),
        (Nat("dnat", None, (80, 80)), ()),
    ],
)
def test_a_translation_speaks_of_the_single_address_that_it_leads_to(nat: Nat, found: tuple[Mention, ...]) -> None:
    assert addresses_in(nat) == found
    assert facts_of(Rule(1, (nat,), "")).mentions == frozenset(found)


@pytest.mark.parametrize(
    ("field", "test", "form"),
    [
        ("daddr", OneOf(frozenset({1})), "@own"),
        ("daddr", OneOf(frozenset({2})), ("address", 2)),
        ("daddr", OneOf(frozenset({1, 2})), OneOf(frozenset({1, 2}))),
        ("dport", OneOf(frozenset({80})), "@port"),
        ("dport", InRanges(((80, 81),)), InRanges(((80, 81),))),
        ("daddr", InRanges(((1, 2),)), ("range", (1, 2))),
        ("mark", OneOf(frozenset({1})), OneOf(frozenset({1}))),
    ],
)
def test_a_test_has_a_name_in_place_of_the_one_value_that_it_asks_for(field: str, test: Test, form: Hashable) -> None:
    assert form_of_test((field,), test, NAMES) == form


def one(field: str, value: int | str, *, negated: bool = False) -> Match:
    return Match((field,), OneOf(frozenset({value})), negated)


def test_what_a_rule_asks_for_before_it_does_anything() -> None:
    """Only that makes it one for a container or a network; what else it names tells values apart all the same."""
    ports = InRanges(((80, 81),))
    rule = Rule(
        1,
        (
            one("protocol", 6),
            one("saddr", 1),
            one("daddr", 2, negated=True),
            AnyOf((one("sport", 3), one("dport", 4))),
            Match(("dport",), ports),
            SetMark("mark", 0, 1),
            one("iif", "eth0"),
            one("saddr", 5),
            Verdict("jump", "other"),
        ),
        "",
    )
    facts = facts_of(rule)
    assert facts.keys == {"saddr": ("address", 1)}
    assert facts.conditions == facts.mentions
    assert facts.conditions == {
        ("address", 1),
        ("address", 2),
        ("port", 3),
        ("port", 4),
        ("device", "eth0"),
        ("address", 5),
    }
    assert facts.tests == ((("protocol",), OneOf(frozenset({6}))), (("dport",), ports))
    assert (facts.jumps, facts.protocols) == (("other",), frozenset({6}))
    assert devices_in(facts) == {"eth0"}


@pytest.mark.parametrize(
    ("statements", "protocols"),
    [
        ((one("protocol", 6),), {6}),
        ((one("protocol", 6, negated=True),), set()),
        ((SetMark("mark", 0, 1), one("protocol", 6)), set()),
        ((Match(("protocol",), InRanges(((6, 17),))),), set()),
        ((AnyOf((one("protocol", 6),)),), set()),
        ((one("dport", 6),), set()),
    ],
)
def test_the_protocols_that_a_rule_is_for(statements: tuple[Statement, ...], protocols: set[int]) -> None:
    assert facts_of(Rule(1, statements, "")).protocols == protocols


def test_the_form_of_a_rule_has_names_in_all_its_parts() -> None:
    either = AnyOf((one("saddr", 1), one("dport", 80)), negated=True)
    rule = Rule(1, (one("saddr", 1, negated=True), either, SetMark("mark", 0, 1), Verdict("jump", "DOCKER")), "")
    inner = ((("saddr",), "@own", False), (("dport",), "@port", False))
    assert form_of(rule, NAMES) == (
        (("saddr",), "@own", True),
        (inner, True),
        SetMark("mark", 0, 1),
        ("jump", "@chain", ""),
    )


VALUES = range(32)
NUMBERS = st.integers(0, 31)
RANGES = st.tuples(NUMBERS, NUMBERS).map(lambda ends: (min(ends), max(ends)))


def merged(ranges: list[tuple[int, int]]) -> InRanges:
    """Sorted and not overlapping, as parsers give them."""
    inside = sorted({number for first, last in ranges for number in range(first, last + 1)})
    return InRanges(tuple((number, number) for number in inside))


TESTS = st.one_of(
    st.frozensets(NUMBERS, max_size=4).map(OneOf),
    st.lists(RANGES, max_size=3).map(merged),
    st.builds(Masked, NUMBERS, NUMBERS),
)


def holds(test: Test, value: int) -> bool:
    if isinstance(test, OneOf):
        return value in test.values
    if isinstance(test, InRanges):
        return any(first <= value <= last for first, last in test.ranges)
    assert isinstance(test, Masked)
    return value & test.mask == test.wanted


@given(st.lists(TESTS, max_size=8))
def test_signatures_say_what_the_tests_say(tests: list[Test]) -> None:
    partition = Partition()
    for test in tests:
        partition.add(("saddr",), test)
    # Different tests that hold for the same values may or may not cancel out: each is taken in once.
    said = {value: tuple(holds(test, value) for test in tests) for value in VALUES}
    signatures = {value: partition.signature(ADDRESS, value) for value in VALUES}
    for one in VALUES:
        for other in VALUES:
            assert (said[one] == said[other]) == (signatures[one] == signatures[other])


@given(st.lists(st.frozensets(st.text("ab", max_size=3), max_size=4), max_size=6))
def test_names_are_told_apart_by_their_beginnings(several: list[frozenset[str]]) -> None:
    partition = Partition()
    for beginnings in several:
        partition.add(("iif",), NameStarts(beginnings))
    names = ["".join(letters) for length in range(1, 5) for letters in product("abc", repeat=length)]
    said = {name: tuple(name.startswith(tuple(beginnings)) for beginnings in several) for name in names}
    signatures = {name: partition.signature(DEVICE, name) for name in names}
    for one, other in combinations(names[::3], 2):
        assert (said[one] == said[other]) == (signatures[one] == signatures[other])


def test_what_an_element_of_a_concatenation_names_is_told_apart() -> None:
    partition = Partition()
    partition.add(("saddr", "dport"), InElements((((3, 5), (80, 80)),), frozenset({(9, 443)})))
    signatures = {value: partition.signature(ADDRESS, value) for value in VALUES}
    assert signatures[3] == signatures[5]
    assert len({signatures[0], signatures[3], signatures[9]}) == 3


def test_tests_on_other_fields_tell_no_values_apart() -> None:
    partition = Partition()
    partition.add(("mark",), InRanges(((1, 7),)))
    assert {partition.signature(ADDRESS, value) for value in VALUES} == {0}
