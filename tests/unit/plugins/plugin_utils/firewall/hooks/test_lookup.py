"""What a map yields for values that it has, that it has in a range, that it lacks, and that are not known."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.program import Lookup
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.protocols import ICMP, TCP
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import ACCEPT, DROP, REJECT, Verdict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.values import (
    InElements,
    InRanges,
    OneOf,
    Undecidable,
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
