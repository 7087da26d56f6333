"""Small rulesets whose effect is plain."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    ACCEPT,
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_STATUS_CONFIRMED,
    DROP,
    JUMP,
    REJECT,
    AnyBit,
    Chain,
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

from tests.unit.plugins.plugin_utils.firewall.surroundings import UNROUTED_MARK, FixedSurroundings

CLIENT, HOST, WEB = (int(ip_address(text)) for text in ("198.51.100.2", "198.51.100.1", "172.17.0.2"))


def chain(table: str, name: str, *rules: tuple[Statement, ...], hook: str = "", priority: int = 0) -> Chain:
    kind = "" if not hook else "nat" if table == "nat" else "filter"
    numbered = tuple(Rule(number, statements, f"rule {number}") for number, statements in enumerate(rules, 1))
    return Chain("nft", "ip", table, name, numbered, hook, priority, kind)


def traverser(*chains: Chain) -> Traverser:
    around = FixedSurroundings(local=frozenset({HOST}), own={"eth0": HOST})
    return Traverser(RuleBook({one.key: one for one in chains}), around)


def equals(field: str, value: int | str) -> Match:
    return Match((field,), OneOf(frozenset({value})), text=f"{field} {value}")


def syn(port: int = 80) -> Flight:
    flight = Flight(4, 6, CLIENT, 40000, HOST, port)
    flight.iif = "eth0"
    return flight


def only(passages: list[Passage]) -> Passage:
    assert len(passages) == 1
    return passages[0]


PUBLISHED = chain(
    "nat",
    "PREROUTING",
    (equals("dport", 8080), Nat("dnat", (WEB, WEB), (80, 80))),
    hook="prerouting",
    priority=-100,
)
OUTWARD = chain("nat", "POSTROUTING", (Nat("masquerade"),), hook="postrouting", priority=100)


def test_translates_the_first_packet_and_the_answer() -> None:
    host = traverser(PUBLISHED)
    arrived = only(host.pass_hook("prerouting", syn(8080))).flight
    assert (arrived.daddr, arrived.dport, arrived.state) == (WEB, 80, CT_NEW)
    assert arrived.connection is not None
    answer = Flight(4, 6, WEB, 80, CLIENT, 40000)
    answer.connection, answer.reply, answer.state = arrived.connection, True, CT_INVALID
    back = only(host.pass_hook("prerouting", answer)).flight
    assert back.state == CT_ESTABLISHED
    assert (back.saddr, back.sport) == (WEB, 80)
    gone = only(host.pass_hook("postrouting", back)).flight
    assert (gone.saddr, gone.sport) == (HOST, 8080)


def test_gives_the_packet_the_address_of_the_device_and_takes_it_back_in_the_answer() -> None:
    host = traverser(OUTWARD)
    flight = only(host.pass_hook("prerouting", Flight(4, 17, WEB, 5353, CLIENT, 53))).flight
    flight.oif = "eth0"
    gone = only(host.pass_hook("postrouting", flight)).flight
    assert (gone.saddr, gone.sport) == (HOST, 5353)
    answer = Flight(4, 17, CLIENT, 53, HOST, 5353)
    answer.connection, answer.reply, answer.state = gone.connection, True, CT_INVALID
    back = only(host.pass_hook("prerouting", answer)).flight
    assert (back.daddr, back.dport) == (WEB, 5353)


@pytest.mark.parametrize(
    ("field", "mark", "verdict"),
    [
        ("saddr_route_iif", 0, ACCEPT),
        ("saddr_route_iif", UNROUTED_MARK, ACCEPT),
        ("saddr_route_iif_mark", 0, ACCEPT),
        ("saddr_route_iif_mark", UNROUTED_MARK, DROP),
    ],
)
def test_a_mark_counts_for_the_way_back_only_where_the_rule_asks_with_it(field: str, mark: int, verdict: str) -> None:
    unrouted = chain("t", "c", (equals(field, ""), Verdict(DROP)), hook="prerouting")
    host = Traverser(RuleBook({unrouted.key: unrouted}), FixedSurroundings(devices={CLIENT: "eth0"}))
    flight = syn()
    flight.mark = mark
    assert only(host.pass_hook("prerouting", flight)).verdict == verdict


def test_drop_ends_all_and_accept_only_its_base_chain() -> None:
    host = traverser(
        chain("a", "first", (Verdict(ACCEPT),), hook="forward", priority=-1),
        chain("b", "second", (equals("dport", 80), Verdict(DROP)), hook="forward"),
        chain("c", "third", (Verdict(REJECT, reject_with="tcp reset"),), hook="forward", priority=1),
    )
    assert only(host.pass_hook("forward", syn(80))).verdict == DROP
    refused = only(host.pass_hook("forward", syn(81)))
    assert (refused.verdict, refused.reject_with) == (REJECT, "tcp reset")
    assert [step.action for step in refused.steps] == [ACCEPT, "accept", REJECT]


def test_of_equal_priority_the_base_chain_of_a_table_that_was_made_last_comes_first() -> None:
    """nf_hook_entries_grow(); where they differ the order shows, for filter and for nat."""
    drop, reject = (Verdict(DROP),), (Verdict(REJECT, reject_with="tcp reset"),)
    early, late = chain("a", "early", drop, hook="forward"), chain("a", "late", reject, hook="forward")
    assert only(traverser(early, late).pass_hook("forward", syn())).verdict == REJECT
    assert only(traverser(late, early).pass_hook("forward", syn())).verdict == DROP
    one, other = (
        replace(PUBLISHED, name=name, rules=(Rule(1, (Nat("dnat", (address, address)),), "rule 1"),))
        for name, address in (("one", WEB), ("other", WEB + 1))
    )
    assert only(traverser(one, other).pass_hook("prerouting", syn())).flight.daddr == WEB + 1
    assert only(traverser(other, one).pass_hook("prerouting", syn())).flight.daddr == WEB


def tables_of_one_priority(*rules: tuple[Statement, ...]) -> list[Passage]:
    tables = (chain(f"t{number}", "c", statements, hook="forward") for number, statements in enumerate(rules))
    return traverser(*tables).pass_hook("forward", syn())


def test_which_table_comes_first_is_not_known_and_counts_only_where_it_matters() -> None:
    """A chain can come to a table at any time, and nothing tells when."""
    drop, reject, accept = (Verdict(DROP),), (Verdict(REJECT, reject_with="tcp reset"),), (Verdict(ACCEPT),)
    set_mark, on_mark = (SetMark("mark", 0, 1),), (equals("mark", 1), Verdict(DROP))
    for certain in ((drop, accept), (accept, drop), (drop, drop), (drop,) * 9, (accept,) * 9):
        assert only(tables_of_one_priority(*certain)).undetermined == ()
    assert only(tables_of_one_priority(set_mark, accept, set_mark)).flight.mark == 1
    for open_one, verdicts in (
        ((drop, reject), {DROP, REJECT}),
        ((accept, reject, drop), {DROP, REJECT}),
        ((set_mark, on_mark), {ACCEPT, DROP}),
        ((drop, reject) * 3, {"unpredictable"}),
    ):
        passages = tables_of_one_priority(*open_one)
        assert {one.verdict for one in passages} == verdicts
        assert all("which comes first, ip t" in one.undetermined[0] for one in passages)


def test_what_comes_in_by_the_loopback_has_a_confirmed_connection() -> None:
    """It has been through POSTROUTING, where its first packet confirmed it; from another device it is not yet."""
    confirmed = Match(("ct_status",), AnyBit(CT_STATUS_CONFIRMED), text="ct status confirmed")
    host = traverser(*(chain("f", hook, (confirmed, Verdict(DROP)), hook=hook) for hook in ("output", "prerouting")))
    flight = syn()
    flight.iif = ""
    sent = only(host.pass_hook("output", flight))
    assert sent.verdict == ACCEPT
    for device, verdict in (("lo", DROP), ("eth0", ACCEPT)):
        came = sent.flight.copy() if device == "lo" else syn()
        came.iif = device
        passage = only(host.pass_hook("prerouting", came))
        assert (passage.verdict, passage.flight.state) == (verdict, CT_NEW)


def test_an_undecidable_condition_counts_only_where_it_matters() -> None:
    unknown = Match((), Undecidable("recent"), text="-m recent --rcheck")
    host = traverser(
        chain("f", "FORWARD", (unknown, equals("dport", 80), Verdict(DROP)), (Verdict(JUMP, "sub"),), hook="forward"),
        chain("f", "sub", (unknown, Verdict(ACCEPT))),
    )
    assert only(host.pass_hook("forward", syn(81))).undetermined == ()
    ways = host.pass_hook("forward", syn(80))
    assert {way.verdict for way in ways} == {ACCEPT, DROP}
    assert all("-m recent --rcheck" in doubt for way in ways for doubt in way.undetermined)


def test_before_connection_tracking_a_packet_belongs_to_none() -> None:
    state = Match(("ct_state",), AnyBit(CT_INVALID), text="state invalid")
    for priority, verdict in ((-300, DROP), (-150, ACCEPT)):
        host = traverser(chain("f", "pre", (state, Verdict(DROP)), hook="prerouting", priority=priority))
        assert only(host.pass_hook("prerouting", syn())).verdict == verdict


def test_which_of_legacy_and_nft_comes_first_is_not_known() -> None:
    """At one priority: it matters only where both decide, and otherwise."""
    drop, reject, accept = (Verdict(DROP),), (Verdict(REJECT, reject_with="tcp reset"),), (Verdict(ACCEPT),)

    def passages(first: tuple[Statement, ...], second: tuple[Statement, ...], priority: int = 0) -> list[Passage]:
        nft = chain("filter", "in", first, hook="input")
        legacy = replace(chain("filter", "INPUT", second, hook="input", priority=priority), backend="legacy")
        return traverser(nft, legacy).pass_hook("input", syn())

    assert [one.verdict for one in passages(drop, accept)] == [DROP]
    assert only(passages(drop, accept)).undetermined == ()
    assert only(passages(drop, drop)).undetermined == ()
    assert only(passages(drop, reject, priority=1)).verdict == DROP
    both = passages(drop, reject)
    assert {one.verdict for one in both} == {DROP, REJECT}
    assert all("legacy ip filter INPUT" in one.undetermined[0] for one in both)


def test_which_of_legacy_and_nft_translates_is_not_known() -> None:
    first, second = (Nat("dnat", (address, address)) for address in (WEB, WEB + 1))
    nft = chain("nat", "pre", (equals("dport", 80), first), hook="prerouting", priority=-100)
    legacy = replace(chain("nat", "PREROUTING", (second,), hook="prerouting", priority=-100), backend="legacy")
    passages = traverser(nft, legacy).pass_hook("prerouting", syn())
    assert {one.flight.daddr for one in passages} == {WEB, WEB + 1}
    assert all(one.undetermined for one in passages)
    other = only(traverser(nft, legacy).pass_hook("prerouting", syn(81)))
    assert (other.flight.daddr, other.undetermined) == (WEB + 1, ())
