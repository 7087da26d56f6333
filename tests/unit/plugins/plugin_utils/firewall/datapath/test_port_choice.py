"""A source port that stands for all is one that no rule tells from the others."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import port_for_all
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    Chain,
    InElements,
    InRanges,
    Match,
    OneOf,
    Rule,
    RuleBook,
    Test,
    Verdict,
)

RANGE = (1000, 1999)


def book(field: str, test: Test, kind: str = "filter") -> RuleBook:
    """A base chain that jumps to one with a rule that asks for field."""
    jump = Rule(1, (Verdict("jump", "more"),), "")
    base = Chain("nft", "ip", "t", "base", (jump,), hook="prerouting", kind=kind)
    more = Chain("nft", "ip", "t", "more", (Rule(1, (Match((field,), test), Verdict("drop")), ""),))
    return RuleBook({chain.key: chain for chain in (base, more)})


@pytest.mark.parametrize(
    ("test", "port"),
    [
        (InRanges(((0, 999),)), 1999),
        (InRanges(((500, 5000),)), 1999),
        (InRanges(((1500, 5000),)), None),
        (InRanges(((1999, 1999),)), 1998),
        (OneOf(frozenset({1999, 1998, 80})), 1997),
        (InElements((((1500, 1600),),), frozenset()), None),
        (InElements((), frozenset({(1999,)})), 1998),
    ],
)
@pytest.mark.parametrize("field", ["sport", "dport", "ct_orig_sport"])
def test_ranges_tell_ports_apart_single_ports_are_avoided(field: str, test: Test, port: int | None) -> None:
    assert port_for_all(book(field, test), *RANGE) == port


def test_destination_ports_of_address_translation_concern_no_answer() -> None:
    split = InRanges(((1500, 1600),))
    assert port_for_all(book("dport", split, kind="nat"), *RANGE) == 1999
    assert port_for_all(book("sport", split, kind="nat"), *RANGE) is None
