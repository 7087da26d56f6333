"""Errors that the host sends about packets: from which address, with which mark, and what their route is asked with."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DROPPED,
    NO_ANSWER,
    REFUSED,
    TIMED_OUT,
    UNKNOWN,
    UNREACHABLE,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.branch import (
    ARRIVED,
    LOST,
    MISROUTED,
    NEIGHBOUR_UNREACHABLE,
    NOT_SENT,
    REJECTED,
    UNDETERMINED,
    Branch,
    Ending,
    LegResult,
    decision_text,
    ending_of_reply,
    ending_of_request,
    error_about,
    united,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import (
    NamespaceSettings,
    Stack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import RouteQuery
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import (
    Connection,
    Flight,
    Passage,
    Step,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import (
    ICMP,
    ICMPV6,
    TCP,
    address_text,
    parse_address,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import DROP, REJECT, Chain, Rule

# What comes from CLIENT by eth1 has its way back by eth0.
LINKS = [
    Link(1, "lo", up=True, addresses=["127.0.0.1/8", "::1/128"]),
    Link(2, "eth0", up=True, addresses=["192.0.2.10/24", "2001:db8::10/64"]),
    Link(3, "eth1", up=True, addresses=["198.51.100.10/24", "2001:db8:1::10/64"]),
]
OWN = ("192.0.2.10", "198.51.100.10", "2001:db8::10", "2001:db8:1::10")
ROUTES = [
    Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
    *[Route(f"{own}/{128 if ':' in own else 32}", 255, "local", interfaces=[2]) for own in OWN],
]
DEFAULT = Route("::/0", 254, gateways=["2001:db8::1"], interfaces=[2])
PREFERRED = Route("::/0", 254, gateways=["2001:db8::1"], interfaces=[2], source="2001:db8::10")
CLIENT = {4: "203.0.113.9", 6: "2001:db8:9::9"}
SERVER = {4: "203.0.113.80", 6: "2001:db8:8::80"}
ADMIN = "admin-prohibited"


def packet(family: int, to: str = "") -> Flight:
    """A SYN on its way through the host, from one device to the other."""
    flight = Flight(family, TCP, number(CLIENT[family]), 40000, number(to or SERVER[family]), 80)
    flight.iif, flight.oif, flight.mark = "eth1", "eth0", 7
    return flight


def number(text: str) -> int:
    return parse_address(text)[1]


def host(*routes: Route, **settings: str) -> Stack:
    values = {key.replace("_", ".", 2): value for key, value in settings.items()}
    return Stack("host", LINKS, [*ROUTES, *routes], [], None, settings=NamespaceSettings(values))


@pytest.mark.parametrize(
    ("family", "to", "route", "source"),
    [
        (4, "", DEFAULT, "192.0.2.10"),
        (6, "", DEFAULT, "2001:db8:1::10"),
        (6, "", PREFERRED, "2001:db8::10"),
        (4, "198.51.100.10", DEFAULT, "198.51.100.10"),
        (6, "2001:db8::10", DEFAULT, "2001:db8::10"),
    ],
)
def test_an_icmp_error_comes_from_the_asked_address_or_that_of_a_device(
    family: int, to: str, route: Route, source: str
) -> None:
    """Of the way back for IPv4, of the one that the packet came in by for IPv6."""
    error = error_about(host(route), packet(family, to), ADMIN)
    assert address_text(family, error.flight.saddr) == source


@pytest.mark.parametrize(("port", "source"), [("", "2001:db8:1::10"), ("veth1", "2001:db8::10")])
def test_a_frame_that_a_bridge_port_has_translated_counts_as_come_in_where_it_leaves(port: str, source: str) -> None:
    flight = packet(6)
    flight.physin = port
    flight.connection = Connection(TCP, (flight.saddr, 40000, number("2001:db8::10"), 8080))
    flight.connection.dnat = True
    error = error_about(host(DEFAULT), flight, ADMIN)
    assert address_text(6, error.flight.saddr) == source


@pytest.mark.parametrize(
    ("family", "error", "asked"),
    [
        # The route chooses the source of an error of IPv4, and ports and protocol choose none for its resets.
        (4, ADMIN, RouteQuery(4, number(CLIENT[4]), mark=None, protocol=ICMP)),
        (6, ADMIN, RouteQuery(6, number(CLIENT[6]), number("2001:db8:1::10"), mark=None, protocol=ICMPV6)),
        (4, "tcp reset", RouteQuery(4, number(CLIENT[4]), number(SERVER[4]), mark=None)),
        (6, "tcp reset", RouteQuery(6, number(CLIENT[6]), number(SERVER[6]), "lo", None, TCP, 80, 40000)),
    ],
)
def test_what_the_route_of_an_error_is_asked_with(family: int, error: str, asked: RouteQuery) -> None:
    stack = host(DEFAULT, net_ipv4_fwmark_reflect="1", net_ipv6_fwmark_reflect="1")
    assert error_about(stack, packet(family), error).route_query == asked


@pytest.mark.parametrize(("value", "mark"), [("0", 0), ("1", None)])
@pytest.mark.parametrize("error", [ADMIN, "tcp reset"])
def test_an_error_may_have_the_mark_of_its_packet_where_it_is_told_so(error: str, value: str, mark: int | None) -> None:
    assert error_about(host(DEFAULT, net_ipv4_fwmark_reflect=value), packet(4), error).flight.mark == mark


@pytest.mark.parametrize(
    ("disposition", "keeps_marks", "count"),
    [(ARRIVED, "1", 2), (ARRIVED, "0", 1), (REJECTED, "0", 2), (LOST, "1", 1)],
)
def test_a_mark_tells_ends_apart_where_what_is_sent_in_reply_can_have_it(
    disposition: str, keeps_marks: str, count: int
) -> None:
    stack = host(net_ipv4_fwmark_reflect=keeps_marks) if disposition == ARRIVED else None
    several = []
    for mark in (7, 8):
        flight = packet(4)
        flight.mark = mark
        several.append(LegResult(disposition, Branch(flight, undetermined=(f"condition {mark}",)), stack=stack))
    found = united(several)
    assert len(found) == count
    assert {doubt for result in found for doubt in result.branch.undetermined} == {"condition 7", "condition 8"}


@pytest.mark.parametrize(
    ("disposition", "error", "protocol", "verdict", "seen"),
    [
        (UNDETERMINED, "", "tcp", UNKNOWN, UNKNOWN),
        (LOST, "", "tcp", DROPPED, TIMED_OUT),
        (LOST, "EPERM", "tcp", DROPPED, TIMED_OUT),
        (LOST, "EPERM", "udp", DROPPED, UNREACHABLE),
        (LOST, "", "udp", DROPPED, TIMED_OUT),
        (MISROUTED, "", "tcp", UNREACHABLE, UNKNOWN),
        (NEIGHBOUR_UNREACHABLE, "", "tcp", UNREACHABLE, NO_ANSWER),
        (NOT_SENT, "ENETUNREACH", "tcp", UNREACHABLE, UNREACHABLE),
        (REJECTED, "tcp reset", "tcp", REFUSED, REFUSED),
        (REJECTED, "port-unreachable", "udp", REFUSED, REFUSED),
        (REJECTED, "admin-prohibited", "tcp", UNREACHABLE, UNREACHABLE),
        (REJECTED, "admin-prohibited", "udp", UNREACHABLE, UNREACHABLE),
        (REJECTED, "host-unreachable", "tcp", UNREACHABLE, UNREACHABLE),
        (REJECTED, "host-unreachable", "udp", UNREACHABLE, TIMED_OUT),
        (REJECTED, "net-unreachable", "udp", UNREACHABLE, TIMED_OUT),
        (REJECTED, "no-route", "udp", UNREACHABLE, TIMED_OUT),
        (REJECTED, "addr-unreachable", "udp", UNREACHABLE, TIMED_OUT),
    ],
)
def test_what_is_seen_of_a_request_that_reached_no_one(
    disposition: str, error: str, protocol: str, verdict: str, seen: str
) -> None:
    branch = Branch(packet(4))
    ending = ending_of_request(LegResult(disposition, branch, "why", error=error), protocol)
    assert ending == Ending(verdict, seen, "why", branch)


@pytest.mark.parametrize(
    ("disposition", "verdict", "seen"),
    [
        (UNDETERMINED, UNKNOWN, UNKNOWN),
        (NEIGHBOUR_UNREACHABLE, NO_ANSWER, NO_ANSWER),
        (LOST, NO_ANSWER, TIMED_OUT),
        (REJECTED, NO_ANSWER, TIMED_OUT),
    ],
)
def test_what_is_seen_of_an_answer_that_did_not_come_back(disposition: str, verdict: str, seen: str) -> None:
    ending = ending_of_reply(LegResult(disposition, Branch(packet(4)), "why"))
    assert (ending.verdict, ending.observed) == (verdict, seen)
    assert ending.reason.endswith("why")


_RULE = Rule(3, (), "the words of a rule")
_CHAIN = Chain("nft", "inet", "t", "c", (_RULE,))


@pytest.mark.parametrize(
    ("verdict", "steps", "named"),
    [
        (DROP, [(_CHAIN, _RULE)], "rule 3 of chain c (inet t) drops it: the words of a rule"),
        (REJECT, [(_CHAIN, _RULE)], "rule 3 of chain c (inet t) rejects it: the words of a rule"),
        (DROP, [(_CHAIN, _RULE), (_CHAIN, None)], "the policy of chain c (inet t) drops it"),
        (DROP, [], "the ruleset hook drops it"),
        (DROP, [(None, None)], "the forward hook drops it"),
    ],
)
def test_what_ended_a_packet_is_named(verdict: str, steps: list[tuple[Chain | None, Rule | None]], named: str) -> None:
    flight = packet(4)
    made = tuple(Step("forward", chain, rule, verdict, 1, 2, 3, 4) for chain, rule in steps)
    assert decision_text(Passage(verdict, flight, made, ())) == named


def test_a_rule_whose_translation_is_taken_is_named_and_so_is_what_is_not_known() -> None:
    steps = (Step("postrouting", _CHAIN, _RULE, "snat", 1, 2, 3, 4), Step("postrouting", None, None, DROP, 1, 2, 3, 4))
    said = decision_text(Passage(DROP, packet(4), steps, ()))
    assert said.startswith("rule 3 of chain c (inet t) ")
    assert said.endswith(f" connection tracking drops it: {_RULE.text}")
    said = decision_text(Passage("unpredictable", packet(4), (), ("one", "other")))
    assert said.endswith(": other")
    assert "one" not in decision_text(Passage("unpredictable", packet(4), (), ()))
