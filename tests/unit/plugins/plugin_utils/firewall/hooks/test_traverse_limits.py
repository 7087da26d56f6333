"""Rules made to stall somebody, and very many of them: an answer or a doubt, never a hang."""

from __future__ import annotations

from random import Random

from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    DROP,
    GOTO,
    JUMP,
    Chain,
    InElements,
    InRanges,
    Match,
    Nat,
    OneOf,
    Rule,
    RuleBook,
    SetMark,
    Statement,
    Undecidable,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.surroundings import FixedSurroundings

UNKNOWN = Match((), Undecidable("limit"), text="-m limit")


def chain(name: str, *rules: tuple[Statement, ...]) -> Chain:
    numbered = tuple(Rule(number, statements, "") for number, statements in enumerate(rules, 1))
    base = name == "FORWARD"
    return Chain("legacy", "ip", "filter", name, numbered, "forward" if base else "", 0, "filter" if base else "")


def forward(*chains: Chain, flight: Flight | None = None) -> list[Passage]:
    traverser = Traverser(RuleBook({one.key: one for one in chains}), FixedSurroundings())
    return traverser.pass_hook("forward", flight or Flight(4, 6, 1, 1024, 2, 80))


def test_chains_that_jump_in_a_circle_are_unpredictable() -> None:
    for kind in (JUMP, GOTO):
        (passage,) = forward(
            chain("FORWARD", (Verdict(JUMP, "a"),)),
            chain("a", (Verdict(kind, "b"),)),
            chain("b", (Verdict(kind, "a"),)),
        )
        assert passage.verdict == "unpredictable"
        assert "legacy ip filter FORWARD: " in passage.undetermined[0]


def test_sixteen_jumps_are_followed_as_the_kernel_does_and_no_more() -> None:
    for depth, verdict in ((16, DROP), (17, "unpredictable")):
        links = [chain(str(number), (Verdict(JUMP, str(number + 1)),)) for number in range(1, depth)]
        last = chain(str(depth), (Verdict(DROP),))
        (passage,) = forward(chain("FORWARD", (Verdict(JUMP, "1"),)), *links, last)
        assert passage.verdict == verdict


def test_chains_that_multiply_their_jumps_end() -> None:
    links = [chain(str(number), *[(Verdict(JUMP, str(number + 1)),)] * 10) for number in range(12)]
    (passage,) = forward(chain("FORWARD", (Verdict(JUMP, "0"),)), *links, chain("12", (SetMark("mark", 0, 1),)))
    assert passage.verdict == "unpredictable"


def test_jumps_to_very_many_rules_end() -> None:
    """Nine thousand times three thousand rules that no index can leave out."""
    other = [(Match(("dport",), OneOf(frozenset({port})), negated=True), SetMark("mark", 0, 1)) for port in range(3000)]
    (passage,) = forward(chain("FORWARD", *[(Verdict(JUMP, "other"),)] * 9000), chain("other", *other))
    assert passage.verdict == "unpredictable"
    assert "rules" in passage.undetermined[0]


def test_translations_to_very_many_addresses_under_open_conditions_are_too_many() -> None:
    rules = [Rule(place + 1, (UNKNOWN, Nat("dnat", (place + 5, place + 5), None)), "") for place in range(900)]
    base = Chain("legacy", "ip", "nat", "PREROUTING", tuple(rules), "prerouting", -100, "nat")
    traverser = Traverser(RuleBook({base.key: base}), FixedSurroundings())
    (passage,) = traverser.pass_hook("prerouting", Flight(4, 6, 1, 1024, 2, 80))
    assert passage.verdict == "unpredictable"
    assert "too many open conditions" in passage.undetermined[0]


def test_a_large_set_of_pairs_of_ranges() -> None:
    """Ranges of the first field within each other and beside each other, as ipset has them and nft, too."""
    beside = [((4 * n, 4 * n + 2), (n % 50, n % 50 + 3)) for n in range(20_000)]
    within = [((n, 1000 - n), (200 + n, 200 + n)) for n in range(0, 400, 7)]
    pairs = Match(("saddr", "dport"), InElements((*beside, *within), frozenset({(3, 999)})))
    traverser = Traverser(
        RuleBook({one.key: one for one in [chain("FORWARD", (pairs, Verdict(DROP)))]}), FixedSurroundings()
    )
    random = Random(1)  # noqa: S311  # the same for the same seed
    for source in [3, *random.choices(range(1200), k=150), *random.choices(range(90_000), k=150)]:
        port = random.choice((random.randrange(54), 200 + random.randrange(60), 999))
        wanted = any(a <= source <= b and c <= port <= d for (a, b), (c, d) in (*beside, *within))
        (passage,) = traverser.pass_hook("forward", Flight(4, 6, source, 1024, 2, port))
        assert (passage.verdict == DROP) is (wanted or (source, port) == (3, 999))


def test_a_rule_of_very_many_statements() -> None:
    port = Match(("dport",), OneOf(frozenset({80})))
    (passage,) = forward(chain("FORWARD", (port, SetMark("mark", 0, 1)) * 20_000 + (Verdict(DROP),)))
    assert passage.verdict == DROP


def test_a_jump_to_a_chain_that_is_missing_is_unpredictable() -> None:
    (passage,) = forward(chain("FORWARD", (Verdict(JUMP, "gone"),)))
    assert passage.verdict == "unpredictable"
    assert "gone" in passage.undetermined[0]


def test_many_open_conditions_with_one_end_each() -> None:
    passages = forward(chain("FORWARD", *[(UNKNOWN, Verdict(ACCEPT))] * 900, (Verdict(DROP),)))
    assert {passage.verdict for passage in passages} == {ACCEPT, DROP}


def test_open_conditions_at_two_places_are_followed_each_by_itself() -> None:
    """What came out of one is remembered for its own place."""
    passages = forward(
        chain("FORWARD", (UNKNOWN, Verdict(GOTO, "a")), (UNKNOWN, Verdict("reject", "", "no-route"))),
        chain("a", (UNKNOWN, Verdict(DROP))),
    )
    assert {passage.verdict for passage in passages} == {ACCEPT, DROP, "reject"}


def test_open_conditions_that_do_not_matter_leave_no_doubt() -> None:
    again = [(UNKNOWN, Verdict(JUMP, "nothing"))] * 50
    (passage,) = forward(chain("FORWARD", *again, (Verdict(DROP),)), chain("nothing", (Verdict("return"),)))
    assert (passage.verdict, passage.undetermined) == (DROP, ())


def test_open_conditions_that_make_ever_more_packets_are_too_many() -> None:
    marks = [(UNKNOWN, SetMark("mark", ~(1 << bit), 1 << bit)) for bit in range(30)]
    (passage,) = forward(chain("FORWARD", *marks))
    assert passage.verdict == "unpredictable"
    assert "too many open conditions" in passage.undetermined[0]


def test_open_conditions_in_very_many_nat_chains() -> None:
    """Each of forty chains may set a mark: that makes two packets, not 2^40."""
    chains = [
        Chain(
            "nft",
            "ip",
            "nat",
            f"c{number}",
            (Rule(1, (UNKNOWN, SetMark("mark", 0, number % 2)), ""),),
            "prerouting",
            number,
            "nat",
        )
        for number in range(40)
    ]
    traverser = Traverser(RuleBook({one.key: one for one in chains}), FixedSurroundings())
    passages = traverser.pass_hook("prerouting", Flight(4, 6, 1, 1024, 2, 80))
    assert {(passage.verdict, passage.flight.mark) for passage in passages} == {(ACCEPT, 0), (ACCEPT, 1)}


def test_a_hundred_thousand_rules() -> None:
    random = Random(1)  # noqa: S311  # the same for the same seed
    wanted = range(2, 200_002, 2)
    exact = [(Match(("daddr",), OneOf(frozenset({value}))), Verdict(DROP)) for value in wanted]
    ranges = [(Match(("saddr",), InRanges(((value, value + 1),))), Verdict(ACCEPT)) for value in range(10, 10_010, 2)]
    book = chain("FORWARD", *ranges, *exact, (Verdict(JUMP, "rest"),))
    rest = chain("rest", *[(Match(("dport",), OneOf(frozenset({port})), negated=True),) for port in range(1000)])
    traverser = Traverser(RuleBook({one.key: one for one in (book, rest)}), FixedSurroundings())
    for dummy in range(300):
        source, destination = random.randrange(20_000), random.randrange(300_000)
        (passage,) = traverser.pass_hook("forward", Flight(4, 6, source, 1024, destination, 80))
        accepted = 10 <= source < 10_010
        assert passage.verdict == (ACCEPT if accepted or destination not in wanted else DROP)


def test_open_conditions_in_many_chains_that_make_ever_more_packets_are_too_many() -> None:
    """Four packets leave each chain for one that came to it, and no chain alone has too many."""
    for count, is_too_many in ((3, False), (4, True)):
        chains = [
            Chain("nft", "inet", "t", f"c{place}", _marks(2 * place, 2 * place + 1), "forward", place, "filter")
            for place in range(count)
        ]
        traverser = Traverser(RuleBook({one.key: one for one in chains}), FixedSurroundings())
        passages = traverser.pass_hook("forward", Flight(4, 6, 1, 1024, 2, 80))
        if is_too_many:
            assert [passage.verdict for passage in passages] == ["unpredictable"]
            assert passages[0].undetermined
        else:
            assert {(one.verdict, one.flight.mark) for one in passages} == {(ACCEPT, mark) for mark in range(64)}


def _marks(*bits: int) -> tuple[Rule, ...]:
    """Each of the bits may be set or not."""
    return tuple(
        Rule(number, (UNKNOWN, SetMark("mark", ~(1 << bit), 1 << bit)), "") for number, bit in enumerate(bits, 1)
    )
