"""Address translation: what is chosen, when it is decided, and where it is taken back."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight, Passage
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import (
    Traverser,
    must_route_again,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    CT_ESTABLISHED,
    CT_INVALID,
    CT_NEW,
    CT_RELATED,
    CT_STATE_DNAT,
    CT_STATUS_SNAT,
    CT_UNTRACKED,
    DROP,
    AnyBit,
    Chain,
    Match,
    Nat,
    Notrack,
    OneOf,
    Rule,
    RuleBook,
    SetMark,
    Statement,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.surroundings import FixedSurroundings

CLIENT, HOST, WEB, OTHER = (
    int(ip_address(text)) for text in ("198.51.100.2", "198.51.100.1", "172.17.0.2", "172.17.0.3")
)
LOOPBACK = int(ip_address("127.0.0.1"))
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58


def base(hook: str, *rules: tuple[Statement, ...], kind: str = "nat", priority: int = 0) -> Chain:
    numbered = tuple(Rule(number, statements, f"rule {number}") for number, statements in enumerate(rules, 1))
    return Chain("nft", "ip", kind, f"{hook}{priority}", numbered, hook, priority, kind)


def host(*chains: Chain) -> Traverser:
    return Traverser(RuleBook({one.key: one for one in chains}), FixedSurroundings(own={"eth0": HOST}))


def only(passages: list[Passage]) -> Flight:
    assert [passage.verdict for passage in passages] == ["accept"]
    return passages[0].flight


def request(sport: int | None = 40000, dport: int = 80) -> Flight:
    flight = Flight(4, TCP, CLIENT, sport, HOST, dport)
    flight.iif = "eth0"
    return flight


@pytest.mark.parametrize(
    ("kind", "state"), [(8, CT_NEW), (13, CT_NEW), (0, CT_INVALID), (3, CT_INVALID), (None, CT_NEW)]
)
def test_of_icmp_only_requests_make_a_connection(kind: int | None, state: int) -> None:
    echo = Flight(4, ICMP, CLIENT, None, HOST, None)
    echo.iif, echo.icmp_type = "eth0", kind
    assert only(host().pass_hook("prerouting", echo)).state == state


@pytest.mark.parametrize(
    ("protocol", "kind", "state"),
    [
        (ICMP, 15, CT_NEW),
        (ICMP, 17, CT_NEW),
        (ICMP, 9, CT_INVALID),
        (ICMPV6, 128, CT_NEW),
        (ICMPV6, 129, CT_INVALID),
        (ICMPV6, 130, CT_UNTRACKED),
        (ICMPV6, 137, CT_UNTRACKED),
        (ICMPV6, 138, CT_INVALID),
    ],
)
def test_state_of_icmp_without_a_connection(protocol: int, kind: int, state: int) -> None:
    flight = Flight(4 if protocol == ICMP else 6, protocol, 1, None, 2, None)
    flight.iif, flight.icmp_type = "eth0", kind
    assert only(host().pass_hook("prerouting", flight)).state == state


@pytest.mark.parametrize(
    ("protocol", "kind", "state"),
    [
        (ICMP, 2, CT_ESTABLISHED),
        (ICMP, 3, CT_RELATED),
        (ICMP, 12, CT_RELATED),
        (ICMP, 0, CT_ESTABLISHED),
        (ICMPV6, 1, CT_RELATED),
        (ICMPV6, 127, CT_RELATED),
        (ICMPV6, 129, CT_ESTABLISHED),
        (UDP, None, CT_ESTABLISHED),
    ],
)
def test_state_of_what_belongs_to_a_connection(protocol: int, kind: int | None, state: int) -> None:
    first = only(host().pass_hook("prerouting", request()))
    back = answer(first)
    back.protocol, back.icmp_type = protocol, kind
    assert only(host().pass_hook("prerouting", back)).state == state


@pytest.mark.parametrize(
    ("flags", "is_reply", "seen_reply", "state"),
    [
        (16, False, False, CT_INVALID),
        (16, False, True, CT_ESTABLISHED),
        (16, True, False, CT_ESTABLISHED),
        (2, False, False, CT_NEW),
        (18, False, False, CT_NEW),
        (17, False, False, CT_NEW),
        (20, False, False, CT_NEW),
        (None, False, False, CT_NEW),
    ],
)
def test_tcp_goes_on_once_connection_tracking_has_seen_the_answer(
    flags: int | None, state: int, *, is_reply: bool, seen_reply: bool
) -> None:
    """tcp_conntracks[]: an ACK after a SYN whose answer went another way is invalid."""
    first = only(host().pass_hook("prerouting", request()))
    assert first.connection is not None
    first.connection.seen_reply = seen_reply
    later = answer(first) if is_reply else request()
    later.connection, later.state, later.tcp_flags = first.connection, CT_INVALID, flags
    assert only(host().pass_hook("prerouting", later)).state == state


@pytest.mark.parametrize(("ports", "given"), [((70, 90), 90), ((90, 99), 90), ((80, 89), 80), (None, 90)])
def test_port_of_a_new_destination_at_the_ends_of_a_range(ports: tuple[int, int] | None, given: int) -> None:
    traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB), ports),)))
    assert only(traverser.pass_hook("prerouting", request(dport=90))).dport == given


@pytest.mark.parametrize(("ports", "given"), [((70, 90), None), ((90, 90), 90), (None, 90)])
def test_a_random_port_of_a_new_destination_is_not_known(ports: tuple[int, int] | None, given: int | None) -> None:
    traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB), ports, random_port=True),)))
    assert only(traverser.pass_hook("prerouting", request(dport=90))).dport == given


def test_as_many_addresses_as_are_followed_one_by_one() -> None:
    for count, is_followed in ((16, True), (17, False)):
        traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB + count - 1)),)))
        passages = traverser.pass_hook("prerouting", request())
        assert {one.verdict for one in passages} == {"accept" if is_followed else "unpredictable"}
        assert len({one.flight.daddr for one in passages}) == (count if is_followed else 1)


def test_redirect_leads_to_the_loopback_of_the_family() -> None:
    chain = Chain("nft", "ip6", "nat", "o", (Rule(1, (Nat("redirect"),), ""),), "output", -100, "nat")
    assert only(host(chain).pass_hook("output", Flight(6, TCP, 5, 40000, 7, 80))).daddr == 1


def test_a_network_of_sources_is_called_so() -> None:
    traverser = host(base("postrouting", (Nat("netmap", (WEB, WEB)),)))
    (passage,) = traverser.pass_hook("postrouting", only(traverser.pass_hook("output", request())))
    assert (passage.flight.saddr, passage.steps[-1].action) == (WEB, "snat")


def answer(to: Flight) -> Flight:
    """The packet that comes back to connection tracking, from whoever got the other one."""
    back = Flight(4, to.protocol, to.daddr, to.dport, to.saddr, to.sport)
    back.connection, back.reply, back.state = to.connection, True, CT_INVALID
    return back


@pytest.mark.parametrize(
    ("ports", "wanted", "given"),
    [
        (None, 80, 80),
        ((8080, 8080), 80, 8080),
        ((70, 90), 80, 80),
        # nf_nat_l4proto_unique_tuple() begins with the first one for a destination.
        ((8000, 8010), 80, 8000),
    ],
)
def test_port_of_a_new_destination(ports: tuple[int, int] | None, wanted: int, given: int) -> None:
    traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB), ports),)))
    flight = only(traverser.pass_hook("prerouting", request(dport=wanted)))
    assert (flight.daddr, flight.dport) == (WEB, given)


@pytest.mark.parametrize(
    ("nat", "sport", "given"),
    [
        (Nat("masquerade"), 40000, 40000),
        (Nat("masquerade"), None, None),
        (Nat("masquerade", random_port=True), 40000, None),
        (Nat("masquerade", ports=(1024, 2048)), 40000, None),
        (Nat("masquerade", ports=(1024, 65535)), 40000, 40000),
        (Nat("snat", (HOST, HOST), (7, 7)), 40000, 7),
    ],
)
def test_port_of_a_new_source(nat: Nat, sport: int | None, given: int | None) -> None:
    traverser = host(base("postrouting", (nat,)))
    flight = only(traverser.pass_hook("prerouting", request(sport)))
    flight.oif = "eth0"
    gone = only(traverser.pass_hook("postrouting", flight))
    assert (gone.saddr, gone.sport) == (HOST, given)


@pytest.mark.parametrize(
    ("nat", "given"),
    [
        (Nat("snat", (HOST, HOST)), None),
        (Nat("snat", (OTHER, OTHER)), 40000),
        (Nat("masquerade"), None),
        (Nat("snat", (HOST, HOST), (30000, 50000)), None),
        (Nat("snat", (HOST, HOST), (7, 7)), 7),
    ],
)
def test_a_source_port_that_another_connection_has_is_changed(nat: Nat, given: int | None) -> None:
    """get_unique_tuple() of nf_nat_core.c: an answer to it would be that other one's request."""
    traverser = host(base("postrouting", (nat,)))
    sent = Flight(4, UDP, WEB, 40000, CLIENT, 53)
    sent.taken = ((CLIENT, 53, HOST, 40000), (HOST, 40000, CLIENT, 53))
    flight = only(traverser.pass_hook("output", sent))
    flight.oif = "eth0"
    gone = only(traverser.pass_hook("postrouting", flight))
    assert (gone.saddr, gone.sport) == (OTHER if nat.addresses == (OTHER, OTHER) else HOST, given)
    assert gone.connection is not None
    assert gone.connection.reply == (CLIENT, 53, gone.saddr, given)


def test_a_source_port_is_changed_without_a_rule_where_it_is_taken() -> None:
    """nf_nat_alloc_null_binding()."""
    sent = Flight(4, UDP, HOST, 40000, CLIENT, 53)
    sent.taken = ((CLIENT, 53, HOST, 40000), (WEB, 53, CLIENT, 53))
    gone = only(host().pass_hook("postrouting", only(host().pass_hook("output", sent))))
    assert (gone.saddr, gone.sport) == (HOST, None)
    assert gone.connection is not None
    assert (gone.connection.snat, gone.connection.snat_decided) == (True, True)


def test_where_a_rule_has_one_port_and_it_is_taken_the_packet_is_dropped() -> None:
    """__nf_conntrack_confirm() of nf_conntrack_core.c."""
    traverser = host(base("postrouting", (Nat("snat", (HOST, HOST), (40000, 40000)),)))
    sent = Flight(4, UDP, WEB, 40000, CLIENT, 53)
    sent.taken = ((CLIENT, 53, HOST, 40000), (HOST, 40000, CLIENT, 53))
    (passage,) = traverser.pass_hook("postrouting", only(traverser.pass_hook("output", sent)))
    assert passage.verdict == DROP
    assert [(step.action, step.chain is None) for step in passage.steps] == [("snat", False), (DROP, True)]


def test_a_range_of_addresses_leaves_open_which_one() -> None:
    passages = host(base("prerouting", (Nat("dnat", (WEB, OTHER)),))).pass_hook("prerouting", request())
    assert {passage.flight.daddr for passage in passages} == {WEB, OTHER}
    assert all("range" in passage.undetermined[0] for passage in passages)


def test_a_network_is_mapped_bit_by_bit() -> None:
    network = (int(ip_address("10.9.8.0")), int(ip_address("10.9.8.255")))
    flight = only(host(base("prerouting", (Nat("netmap", network),))).pass_hook("prerouting", request()))
    assert flight.daddr == int(ip_address("10.9.8.1"))


def test_an_address_that_is_not_known_makes_it_unpredictable() -> None:
    traverser = host(base("postrouting", (Nat("masquerade"),)))
    flight = only(traverser.pass_hook("prerouting", request()))
    flight.oif = "wg0"
    (passage,) = traverser.pass_hook("postrouting", flight)
    assert passage.verdict == "unpredictable"
    assert "wg0" in passage.undetermined[0]


def test_redirect_leads_to_the_device_or_to_loopback() -> None:
    rules = (Nat("redirect", ports=(3128, 3128)),)
    traverser = host(base("prerouting", rules), base("output", rules))
    arrived = only(traverser.pass_hook("prerouting", request()))
    sent = only(traverser.pass_hook("output", Flight(4, TCP, HOST, 40000, CLIENT, 80)))
    assert (arrived.daddr, arrived.dport) == (HOST, 3128)
    assert (sent.daddr, sent.dport) == (LOOPBACK, 3128)


def test_nat_chains_run_together_at_their_fixed_place_in_their_own_order() -> None:
    mangled = Match(("daddr",), OneOf(frozenset({HOST})))
    traverser = host(
        base("prerouting", (Nat("dnat", (OTHER, OTHER)),), priority=5),
        base("prerouting", (Nat("dnat", (WEB, WEB)),), priority=-290),
        base("prerouting", (mangled, SetMark("mark", 0, 1)), kind="filter", priority=-150),
        base("prerouting", (mangled, SetMark("mark", 0, 2)), kind="filter", priority=-50),
    )
    flight = only(traverser.pass_hook("prerouting", request()))
    assert (flight.daddr, flight.mark) == (WEB, 1)


def test_a_chain_that_accepts_without_translating_leaves_it_to_the_next() -> None:
    traverser = host(
        base("prerouting", (Verdict("accept"), Nat("dnat", (OTHER, OTHER))), priority=-2),
        base("prerouting", (Nat("dnat", (WEB, WEB)),), priority=-1),
    )
    assert only(traverser.pass_hook("prerouting", request())).daddr == WEB


def test_later_packets_ask_no_rule() -> None:
    traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB)),)))
    first = only(traverser.pass_hook("prerouting", request()))
    only(traverser.pass_hook("prerouting", answer(first)))
    later = request()
    later.connection, later.state = answer(first).connection, CT_INVALID
    (passage,) = traverser.pass_hook("prerouting", later)
    assert passage.flight.daddr == WEB
    assert [(step.chain, step.action) for step in passage.steps] == [(None, "dnat")]


def test_what_the_host_sends_to_itself_is_decided_once() -> None:
    traverser = host(
        base("output", (Nat("dnat", (HOST, HOST), (8080, 8080)),)),
        base("prerouting", (Nat("dnat", (WEB, WEB)),)),
        base("postrouting", (Nat("snat", (CLIENT, CLIENT)),)),
        base("input", (Nat("snat", (OTHER, OTHER)),)),
    )
    flight = Flight(4, UDP, HOST, 40000, LOOPBACK, 53)
    flight.oif = "lo"
    for hook in ("output", "postrouting", "prerouting", "input"):
        flight = only(traverser.pass_hook(hook, flight))
        flight.iif = "lo" if hook == "postrouting" else flight.iif
    assert (flight.saddr, flight.daddr, flight.dport) == (CLIENT, HOST, 8080)


def test_what_is_not_tracked_is_not_translated() -> None:
    traverser = host(
        base("prerouting", (Notrack(),), kind="filter", priority=-300), base("prerouting", (Nat("dnat", (WEB, WEB)),))
    )
    flight = only(traverser.pass_hook("prerouting", request()))
    assert (flight.daddr, flight.state, flight.connection) == (HOST, CT_UNTRACKED, None)


def test_state_and_status_tell_what_was_translated() -> None:
    dropped = [
        (Match(("ct_state",), AnyBit(CT_STATE_DNAT)), Verdict(DROP)),
        (Match(("ct_status",), AnyBit(CT_STATUS_SNAT)), Verdict(DROP)),
    ]
    for rule, verdict in zip(dropped, (DROP, "accept")):
        traverser = host(base("prerouting", (Nat("dnat", (WEB, WEB)),)), base("forward", rule, kind="filter"))
        (passage,) = traverser.pass_hook("forward", only(traverser.pass_hook("prerouting", request())))
        assert passage.verdict == verdict


def test_a_translation_to_the_same_is_none() -> None:
    flight = only(host(base("prerouting", (Nat("dnat", (HOST, HOST)),))).pass_hook("prerouting", request()))
    assert flight.connection is not None
    assert (flight.connection.dnat, flight.connection.dnat_decided) == (False, True)


def test_the_answer_of_the_host_itself_gets_its_source_back_in_postrouting() -> None:
    traverser = host(base("prerouting", (Nat("dnat", (HOST, HOST), (8080, 8080)),)))
    arrived = only(traverser.pass_hook("prerouting", request()))
    back = only(traverser.pass_hook("output", answer(only(traverser.pass_hook("input", arrived)))))
    assert (back.saddr, back.sport) == (HOST, 8080)
    assert only(traverser.pass_hook("postrouting", back)).sport == 80


def test_a_packet_in_the_middle_of_nothing_is_invalid() -> None:
    flight = request()
    for flags, state in ((2, 8), (18, CT_INVALID), (16, 8), (4, CT_INVALID), (17, CT_INVALID)):
        flight.tcp_flags = flags
        assert only(host().pass_hook("prerouting", flight)).state == state


@pytest.mark.parametrize(("kind", "again"), [("route", True), ("filter", False)])
def test_a_new_mark_leads_to_a_new_route_only_from_a_route_chain(kind: str, again: bool) -> None:
    traverser = host(base("output", (SetMark("mark", 0, 1),), kind=kind, priority=-150))
    sent = Flight(4, TCP, HOST, 40000, CLIENT, 80)
    (passage,) = traverser.pass_hook("output", sent)
    assert must_route_again(sent, passage) is again
