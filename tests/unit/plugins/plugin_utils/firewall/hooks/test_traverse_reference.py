"""The traverser comes to the same ends as one that is plainly right."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import CT_INVALID, RuleBook

from tests.unit.examples import seeds
from tests.unit.plugins.plugin_utils.firewall.random_rulesets import AROUND, DEVICES, Draw
from tests.unit.plugins.plugin_utils.firewall.reference import TooManyWays, outcomes, reference_outcomes


def compare(book: RuleBook, traverser: Traverser, hook: str, flight: Flight) -> list[Passage]:
    """Pass a hook both ways; the passages that go on."""
    passages = traverser.pass_hook(hook, flight)
    assert outcomes(passages) == reference_outcomes(book, AROUND, hook, flight)
    assert len(outcomes(passages)) == len(passages)
    certain = len(passages) == 1 and passages[0].verdict != "unpredictable"
    assert all(bool(passage.undetermined) is not certain for passage in passages)
    return [passage for passage in passages if passage.verdict == "accept"]


def answer_to(flight: Flight) -> Flight:
    answer = Flight(4, flight.protocol, flight.daddr, flight.dport, flight.saddr, flight.sport)
    answer.connection, answer.reply, answer.state = flight.connection, True, CT_INVALID
    answer.tracked = flight.tracked
    answer.iif = flight.oif
    return answer


def journey(draw: Draw, book: RuleBook, traverser: Traverser) -> None:
    """There through one row of hooks, and back through another."""
    local = draw.random.random() < 0.3
    under_way = [draw.flight()]
    for hook in ("output",) if local else ("prerouting",):
        if local:
            under_way[0].iif, under_way[0].oif = "", "eth0"
        under_way = [passage.flight for flight in under_way for passage in compare(book, traverser, hook, flight)]
    oif = draw.random.choice(DEVICES)
    for hook in ("postrouting",) if local else draw.random.choice((("input",), ("forward", "postrouting"))):
        for flight in under_way:
            flight.oif = "" if hook == "input" else oif
        under_way = [one.flight for flight in under_way[:3] for one in compare(book, traverser, hook, flight)]
    for flight in under_way[:2]:
        for passage in compare(book, traverser, "prerouting", answer_to(flight)):
            passage.flight.oif = DEVICES[0]
            compare(book, traverser, "postrouting", passage.flight)


@pytest.mark.parametrize("seed", seeds(40, range(150)))
def test_same_ends_as_the_reference(seed: int) -> None:
    draw = Draw(seed)
    book = draw.book(most=12 if seed % 3 else 40)
    traverser = Traverser(book, AROUND)
    compared = 0
    for dummy in range(12):
        try:
            journey(draw, book, traverser)
        except TooManyWays:
            continue
        compared += 1
    assert compared > 3
