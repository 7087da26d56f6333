"""Values have one signature if and only if no test tells them apart."""

from __future__ import annotations

from itertools import combinations, product

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rule_facts import ADDRESS, DEVICE, Partition
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    InElements,
    InRanges,
    Masked,
    NameStarts,
    OneOf,
    Test,
)
from hypothesis import given
from hypothesis import strategies as st

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
