"""Each kind of expression and statement of nft, as the evaluator gets it."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Union

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.nft.ruleset_json import parse_nft
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyBit,
    AnyOf,
    InElements,
    InRanges,
    MarkMap,
    Masked,
    Match,
    NameStarts,
    Nat,
    NatMap,
    Notrack,
    OneOf,
    SetHops,
    SetMark,
    Statement,
    Test,
    Undecidable,
    Unpredictable,
    Verdict,
    VerdictMap,
)

Json = Any


def ip(text: str) -> int:
    return int(ipaddress.ip_address(text))


def parse(
    expression: list[Json], family: str = "inet", objects: tuple[Json, ...] = (), version: str = "1.1.3"
) -> tuple[Statement, ...]:
    """The statements of one rule in a table of this family, with sets and maps beside it."""
    place = {"family": family, "table": "t"}
    document = [
        {"metainfo": {"version": version}},
        {"chain": {**place, "name": "c"}},
        *({kind: {**place, **body}} for item in objects for kind, body in item.items()),
        {"rule": {**place, "chain": "c", "handle": 1, "expr": expression}},
    ]
    (chain,) = parse_nft(json.dumps({"nftables": document})).chains
    (rule,) = chain.chain.rules
    return rule.statements


def one_of(*values: Union[int, str, bool]) -> OneOf:
    return OneOf(frozenset(values))


def conditions(statements: tuple[Statement, ...]) -> list[tuple[str, bool, Test]]:
    """Fields, negation and test of each match, joined for reading."""
    found = []
    for statement in statements:
        assert isinstance(statement, Match)
        found.append((" ".join(statement.fields), statement.negated, statement.test))
    return found


def asks(left: Json, right: Json, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> Json:
    return {"meta": {"key": key}}


def ct(key: str, **more: str) -> Json:
    return {"ct": {"key": key, **more}}


IPV4 = ("family", False, one_of(4))
IPV6 = ("family", False, one_of(6))
TCP = ("protocol", False, one_of(6))
UDP = ("protocol", False, one_of(17))
TRACKED = ("ct_state", True, AnyBit(1 | 64))
TEN = (ip("10.0.0.0"), ip("10.255.255.255"))
TEN_SLASH_8 = {"prefix": {"addr": "10.0.0.0", "len": 8}}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (asks(payload("ip", "saddr"), "1.2.3.4"), [IPV4, ("saddr", False, one_of(ip("1.2.3.4")))]),
        (asks(payload("ip", "saddr"), "1.2.3.4", "!="), [IPV4, ("saddr", True, one_of(ip("1.2.3.4")))]),
        (asks(payload("ip", "daddr"), TEN_SLASH_8), [IPV4, ("daddr", False, InRanges((TEN,)))]),
        (
            asks(payload("ip", "daddr"), {"prefix": {"addr": "1.2.3.4", "len": 32}}),
            [IPV4, ("daddr", False, one_of(ip("1.2.3.4")))],
        ),
        (
            asks(payload("ip", "daddr"), {"set": ["1.1.1.1", TEN_SLASH_8, {"range": ["1.1.1.2", "1.1.1.3"]}]}),
            [IPV4, ("daddr", False, InRanges(((ip("1.1.1.1"), ip("1.1.1.3")), TEN)))],
        ),
        (
            asks({"&": [payload("ip", "saddr"), "255.0.0.255"]}, "10.0.0.1"),
            [IPV4, ("saddr", False, Masked(ip("255.0.0.255"), ip("10.0.0.1")))],
        ),
        (asks(payload("ip6", "saddr"), "::1"), [IPV6, ("saddr", False, one_of(1))]),
        (asks(payload("tcp", "dport"), 80), [TCP, ("dport", False, one_of(80))]),
        (asks(payload("tcp", "dport"), 80, "!="), [TCP, ("dport", True, one_of(80))]),
        (asks(payload("tcp", "dport"), {"set": [80, 443]}), [TCP, ("dport", False, one_of(80, 443))]),
        (asks(payload("tcp", "dport"), {"range": [80, 90]}), [TCP, ("dport", False, InRanges(((80, 90),)))]),
        (asks(payload("tcp", "dport"), 1024, ">"), [TCP, ("dport", False, InRanges(((1025, 65535),)))]),
        (asks(payload("tcp", "dport"), 1024, "<="), [TCP, ("dport", False, InRanges(((0, 1024),)))]),
        (asks(payload("tcp", "dport"), 0, "<"), [TCP, ("dport", False, one_of())]),
        (asks(payload("udp", "sport"), 53), [UDP, ("sport", False, one_of(53))]),
        (asks(payload("th", "dport"), 53), [("dport", False, one_of(53))]),
        (asks({"payload": {"base": "th", "offset": 16, "len": 16}}, 53), [("dport", False, one_of(53))]),
        (asks(payload("ip", "protocol"), "udp"), [IPV4, UDP]),
        (asks(payload("ip6", "nexthdr"), 17), [IPV6, UDP]),
        (asks(meta("l4proto"), {"set": ["tcp", 17]}), [("protocol", False, one_of(6, 17))]),
        (asks(meta("nfproto"), "ipv6"), [IPV6]),
        (asks(meta("protocol"), "ip"), [IPV4]),
        (asks(meta("iifname"), "eth0"), [("iif", False, one_of("eth0"))]),
        (asks(meta("iifname"), "br-*", "!="), [("iif", True, NameStarts(frozenset({"br-"})))]),
        (asks(meta("iifname"), "br\\*"), [("iif", False, one_of("br*"))]),
        (asks(meta("oif"), "lo"), [("oif", False, one_of("lo"))]),
        (asks(meta("oif"), 7), [("oif", False, one_of("index 7"))]),
        (asks(meta("mark"), 5), [("mark", False, one_of(5))]),
        (asks({"&": [meta("mark"), 0xFF]}, 5, "!="), [("mark", True, Masked(0xFF, 5))]),
        (
            asks(meta("skuid"), "root", "!="),
            [("skuid", False, InRanges(((0, 2**32 - 1),))), ("skuid", True, one_of(0))],
        ),
        (asks(meta("pkttype"), "unicast"), [("pkttype", False, one_of("host"))]),
        (asks(ct("state"), ["established", "related"], "in"), [("ct_state", False, AnyBit(6))]),
        (asks(ct("state"), "new", "in"), [("ct_state", False, AnyBit(8))]),
        (asks(ct("state"), "new", "!="), [("ct_state", True, AnyBit(8))]),
        # Several flags are one value then, which no packet's state equals.
        (asks(ct("state"), {"|": ["established", "new"]}, "!="), [("ct_state", True, one_of())]),
        (asks(ct("state"), {"|": ["established", "new"]}, "=="), [("ct_state", False, one_of())]),
        (asks(ct("state"), {"set": ["new", "untracked"]}), [("ct_state", False, AnyBit(72))]),
        (asks(ct("state"), {"set": ["invalid", "established"]}), [("ct_state", False, AnyBit(3))]),
        (asks(ct("state"), {"set": ["new", {"|": ["established", "new"]}]}), [("ct_state", False, one_of(8, 10))]),
        (asks(ct("state"), {"set": ["new", 0]}), [("ct_state", False, one_of(0, 8))]),
        (asks(ct("status"), "dnat", "in"), [TRACKED, ("ct_status", False, AnyBit(32))]),
        (asks({"&": [ct("status"), "dnat"]}, "dnat"), [TRACKED, ("ct_status", False, Masked(32, 32))]),
        (asks(ct("direction"), "reply"), [TRACKED, ("ct_direction", False, one_of(1))]),
        (asks(ct("mark"), 5), [TRACKED, ("ct_mark", False, one_of(5))]),
        (
            asks(ct("ip saddr", dir="original"), "1.2.3.4"),
            [TRACKED, IPV4, ("ct_orig_saddr", False, one_of(ip("1.2.3.4")))],
        ),
        (
            asks(ct("saddr", family="ip", dir="reply"), "1.2.3.4"),
            [TRACKED, IPV4, ("ct_reply_saddr", False, one_of(ip("1.2.3.4")))],
        ),
        (asks(ct("proto-dst", dir="original"), 80), [TRACKED, ("ct_orig_dport", False, one_of(80))]),
        (asks(payload("tcp", "flags"), "syn", "in"), [TCP, ("tcp_flags", False, AnyBit(2))]),
        (asks(payload("tcp", "flags"), "syn"), [TCP, ("tcp_flags", False, one_of(2))]),
        (asks(payload("tcp", "flags"), "syn", "!"), [TCP, ("tcp_flags", True, AnyBit(2))]),
        (
            asks({"&": [payload("tcp", "flags"), {"|": [{"|": ["fin", "syn"]}, "ack"]}]}, "syn"),
            [TCP, ("tcp_flags", False, Masked(19, 2))],
        ),
        (
            asks({"&": [payload("tcp", "flags"), ["fin", "syn"]]}, "syn", "!="),
            [TCP, ("tcp_flags", True, Masked(3, 2))],
        ),
        (
            asks(payload("icmp", "type"), "echo-request"),
            [IPV4, ("protocol", False, one_of(1)), ("icmp_type", False, one_of(8))],
        ),
        (
            asks(payload("icmpv6", "type"), {"set": ["nd-neighbor-solicit", 136]}),
            [IPV6, ("protocol", False, one_of(58)), ("icmp_type", False, one_of(135, 136))],
        ),
        (asks({"fib": {"result": "type", "flags": ["daddr"]}}, "local"), [("fib_daddr_type", False, one_of("local"))]),
        (
            asks({"fib": {"result": "type", "flags": ["daddr", "iif"]}}, "local", "!="),
            [("fib_daddr_type_iif", True, one_of("local"))],
        ),
        (
            asks({"fib": {"result": "type", "flags": ["saddr", "mark", "oif"]}}, "unreachable"),
            [("fib_saddr_type_oif_mark", False, one_of("unreachable"))],
        ),
        (
            asks({"fib": {"result": "oif", "flags": ["saddr", "mark", "iif"]}}, False),
            [("saddr_route_iif_mark", False, one_of(""))],
        ),
        (
            asks({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, True),
            [("saddr_route_iif", True, one_of(""))],
        ),
        (asks({"exthdr": {"name": "frag"}}, True), [IPV6, ("fragment", True, one_of(False))]),
        (asks({"exthdr": {"name": "hbh"}}, False), [IPV6, ("fragment", False, one_of(False))]),
        (asks({"ip option": {"name": "lsrr"}}, True), [IPV4, ("fragment", True, one_of(False))]),
        (
            asks({"&": [payload("ip", "frag-off"), 0x1FFF]}, 0, "!="),
            [IPV4, ("fragment", True, one_of(False))],
        ),
        (
            asks({"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}, {"set": [{"concat": ["1.2.3.4", 80]}]}),
            [IPV4, TCP, ("saddr dport", False, InElements((), frozenset({(ip("1.2.3.4"), 80)})))],
        ),
        (
            asks(
                {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]},
                {"set": [{"concat": [TEN_SLASH_8, {"range": [1, 9]}]}]},
                "!=",
            ),
            [IPV4, TCP, ("saddr dport", True, InElements(((TEN, (1, 9)),), frozenset()))],
        ),
    ],
)
def test_conditions(node: Json, expected: list[tuple[str, bool, Test]]) -> None:
    assert conditions(parse([node])) == expected


@pytest.mark.parametrize(
    "node",
    [
        asks(payload("ip", "length"), 5),
        asks(meta("cgroup"), 5),
        asks(ct("helper"), "ftp"),
        asks(ct("proto-dst"), 80),
        asks({"rt": {"key": "nexthop", "family": "ip"}}, "1.2.3.4"),
        asks({"numgen": {"mode": "inc", "mod": 2, "offset": 0}}, 1),
        asks(payload("ip", "saddr"), "a.name.example"),
        asks(meta("skuid"), "somebody"),
        asks(payload("ip", "saddr"), "@nowhere"),
        asks({"fib": {"result": "oif", "flags": ["daddr"]}}, "lo"),
        {"limit": {"rate": 10, "per": "second"}},
        {"quota": {"val": 5, "val_unit": "bytes"}},
        {"ct count": {"val": 5}},
        {"set": {"op": "update", "elem": payload("ip", "saddr"), "set": "@s", "stmt": [{"limit": {}}]}},
        {"xt": {"type": "match", "name": "recent"}},
    ],
)
def test_what_only_the_kernel_can_answer_is_undecidable(node: Json) -> None:
    (condition,) = parse([node])
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)
    assert condition.text == condition.test.why != ""


@pytest.mark.parametrize(
    "node",
    [
        {"queue": None},
        {"fwd": {"dev": "lo"}},
        {"tproxy": {"family": "ip", "port": 80}},
        {"synproxy": {"mss": 1460}},
        {"xt": {"type": "target", "name": "TPROXY"}},
        {"xt": None},
        {"mangle": {"key": payload("ip", "daddr"), "value": "1.2.3.4"}},
        {"mangle": {"key": ct("zone"), "value": 5}},
        {"mangle": {"key": meta("mark"), "value": {"map": {"key": meta("cpu"), "data": {"set": [[1, 2]]}}}}},
        {"mangle": {"key": meta("mark"), "value": {"numgen": {"mode": "inc", "mod": 2}}}},
        {"mangle": {"key": payload("ip", "ttl"), "value": {"&": [payload("ip", "ttl"), 1]}}},
        {"vmap": {"key": meta("mark"), "data": "@nowhere"}},
        {"dnat": {"addr": "nonsense"}},
        {"something new": {"of": "tomorrow"}},
        "text",
        ["list"],
        {},
        None,
    ],
)
def test_what_changes_or_takes_a_packet_unseen_is_unpredictable(node: Json) -> None:
    assert isinstance(parse([node])[-1], Unpredictable)


@pytest.mark.parametrize(
    "node",
    [
        {"counter": {"packets": 1, "bytes": 2}},
        {"counter": "name"},
        {"log": None},
        {"log": {"prefix": "x"}},
        {"last": None},
        {"ct helper": "ftp"},
        {"mangle": {"key": meta("nftrace"), "value": 1}},
        {"mangle": {"key": payload("ip", "dscp"), "value": "cs1"}},
        {"set": {"op": "add", "elem": payload("ip", "saddr"), "set": "@s"}},
        {"set": {"op": "add", "elem": payload("ip", "saddr"), "set": "@s", "stmt": [{"counter": None}]}},
        {"map": {"op": "add", "elem": payload("ip", "saddr"), "data": 5, "map": "@s"}},
        {"flow": {"op": "add", "flowtable": "@f"}},
        {"xt": {"type": "watcher", "name": "log"}},
    ],
)
def test_what_decides_nothing_is_left_out(node: Json) -> None:
    assert parse([node], "ip") == ()


@pytest.mark.parametrize(
    ("node", "needs"),
    [
        ({"mangle": {"key": payload("ip", "dscp"), "value": "cs1"}}, [IPV4]),
        ({"mangle": {"key": {"tcp option": {"name": "maxseg", "field": "size"}}, "value": 1400}}, [TCP]),
        ({"set": {"op": "add", "elem": payload("ip6", "saddr"), "set": "@s"}}, [IPV6]),
        ({"set": {"op": "update", "elem": {"elem": {"val": payload("ip", "saddr")}}, "set": "@s"}}, [IPV4]),
        ({"map": {"elem": payload("ip", "saddr"), "data": payload("tcp", "dport"), "map": "@s"}}, [IPV4, TCP]),
    ],
)
def test_what_decides_nothing_still_ends_the_rule_for_packets_without_its_header(node: Json, needs: list[Json]) -> None:
    assert conditions(parse([node, {"drop": None}])[:-1]) == needs


def test_a_set_of_what_is_not_understood_is_undecided() -> None:
    condition = parse([{"set": {"op": "add", "elem": payload("vlan", "id"), "set": "@s"}}, {"drop": None}])[0]
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, SetMark("mark", 0, 5)),
        ({"|": [{"&": [meta("mark"), 0xFF]}, 1]}, SetMark("mark", 0xFE, 1)),
        ({"|": [meta("mark"), 1]}, SetMark("mark", 0xFFFFFFFE, 1)),
        ({"^": [meta("mark"), 1]}, SetMark("mark", 0xFFFFFFFF, 1)),
        (ct("mark"), SetMark("mark", 0xFFFFFFFF, 0, "ct_mark")),
        ({"&": [ct("mark"), 0xF0]}, SetMark("mark", 0xF0, 0, "ct_mark")),
    ],
)
def test_marks(value: Json, expected: SetMark) -> None:
    assert parse([{"mangle": {"key": meta("mark"), "value": value}}]) == (expected,)


def test_marks_by_map() -> None:
    marks = {"map": {"name": "m", "type": "ipv4_addr", "map": "mark", "elem": [["1.1.1.1", 5], [TEN_SLASH_8, 6]]}}
    value = {"map": {"key": payload("ip", "saddr"), "data": "@m"}}
    statements = parse([{"mangle": {"key": ct("mark"), "value": value}}], "ip", (marks,))
    entries = (
        (one_of(ip("1.1.1.1")), SetMark("ct_mark", 0, 5)),
        (InRanges((TEN,)), SetMark("ct_mark", 0, 6)),
    )
    assert statements == (MarkMap(("saddr",), entries),)


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        ({"set": [{"range": [1, 5]}, {"range": [6, 9]}]}, ((1, 9),)),
        ({"set": [{"range": [1, 5]}, {"range": [7, 9]}]}, ((1, 5), (7, 9))),
        ({"set": [{"range": [1, 9]}, {"range": [2, 5]}, 11]}, ((1, 9), (11, 11))),
        ({"set": ["*", 80]}, ((0, 65535),)),
        ({"range": [65534, 65535]}, ((65534, 65535),)),
        ({"prefix": {"addr": 256, "len": 8}}, ((256, 511),)),
        ({"prefix": {"addr": 256, "len": 0}}, ((0, 65535),)),
    ],
)
def test_ranges_of_a_field(value: Json, ranges: tuple[tuple[int, int], ...]) -> None:
    assert conditions(parse([asks(payload("th", "dport"), value)])) == [("dport", False, InRanges(ranges))]


@pytest.mark.parametrize(
    ("op", "value", "test"),
    [
        (">", 65534, InRanges(((65535, 65535),))),
        (">", 65535, one_of()),
        (">=", 65535, InRanges(((65535, 65535),))),
        ("<", 1, InRanges(((0, 0),))),
        ("<=", 0, InRanges(((0, 0),))),
        ("==", 65535, one_of(65535)),
        ("==", "0x50", one_of(80)),
    ],
)
def test_values_at_the_ends_of_a_field(op: str, value: Json, test: Test) -> None:
    assert conditions(parse([asks(payload("th", "dport"), value, op)])) == [("dport", False, test)]


@pytest.mark.parametrize(
    "node",
    [
        asks(payload("th", "dport"), 65536),
        asks(payload("th", "dport"), "65536"),
        asks(payload("th", "dport"), -1),
        asks(payload("th", "dport"), {"range": [9, 1]}),
        asks(payload("th", "dport"), {"range": [1, 2, 3]}),
        asks(payload("th", "dport"), {"set": [80, "http-of-somewhere"]}),
        asks(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": 33}}),
        asks(payload("ip", "saddr"), {"prefix": {"addr": "10.0.0.0", "len": -1}}),
        asks(payload("ip", "saddr"), "10.0.0.0", "of"),
        asks(meta("iifname"), "eth0", "<"),
        asks({"&": [{"&": [meta("mark"), 3]}, 1]}, 1),
        asks({"&": [meta("iifname"), 1]}, 1),
        asks({"&": [meta("mark"), 1]}, {"range": [1, 2]}),
        asks({"&": [ct("state"), "new"]}, "new", "in"),
        asks({"concat": [{"&": [meta("mark"), 1]}, meta("mark")]}, {"concat": [1, 1]}),
        asks({"concat": [meta("mark"), meta("mark")]}, {"concat": [1]}),
        asks({"concat": [meta("mark"), meta("mark")]}, {"set": [{"concat": [1, 1]}]}, "<"),
        asks({"concat": [meta("mark"), {"exthdr": {"name": "frag"}}]}, {"set": [{"concat": [1, False]}]}),
        asks({"ip option": {"name": "ra", "field": "value"}}, 1),
        asks({"exthdr": {"name": "frag"}}, 1),
        asks({"fib": {"result": "type", "flags": ["daddr", "saddr"]}}, "local"),
        asks({"fib": {"result": "oif", "flags": ["saddr", "oif"]}}, False),
        asks(ct("saddr", family="arp", dir="reply"), "1.1.1.1"),
        asks(ct("proto-dst", dir="both"), 80),
    ],
)
def test_what_is_no_value_of_the_field_is_undecidable(node: Json) -> None:
    (condition,) = parse([node])
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)


def test_a_star_in_a_set_of_concatenations_is_everything() -> None:
    left = {"concat": [meta("iifname"), payload("th", "dport")]}
    (found,) = parse([asks(left, {"set": ["*"]})])
    assert isinstance(found, Match)
    assert isinstance(found.test, InElements)
    (((first, last), ports),) = found.test.elements
    assert ports == (0, 65535)
    assert first == ""
    assert str(last) > "\U0010fffe"


NO_ARP = ("family", True, one_of(0))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (asks(payload("ether", "saddr"), "02:00:00:00:00:01"), [("smac", False, one_of("02:00:00:00:00:01"))]),
        (asks(payload("ether", "type"), "arp"), [("family", False, one_of(0))]),
        (asks(meta("obrname"), "br0"), [("obr", False, one_of("br0"))]),
        # For ARP the kernel ends a rule that asks for the protocol of the transport.
        (asks(meta("l4proto"), "udp"), [NO_ARP, UDP]),
        (asks(payload("ip", "protocol"), "udp"), [IPV4, UDP]),
        (asks(payload("tcp", "dport"), 80), [TCP, ("dport", False, one_of(80))]),
    ],
)
def test_conditions_of_frames(node: Json, expected: list[tuple[str, bool, Test]]) -> None:
    assert conditions(parse([node], "bridge")) == expected


@pytest.mark.parametrize("node", [asks(ct("mark"), 5), asks(meta("skuid"), 0), asks(payload("ip", "length"), 5)])
def test_what_only_the_kernel_knows_of_a_frame_is_undecidable(node: Json) -> None:
    (condition,) = parse([node], "bridge")
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)


@pytest.mark.parametrize("first", [{"&": 0x0F0F0F0F}, {"|": 0x00FF00FF}, {"^": 0x12345678}])
@pytest.mark.parametrize("second", [{"&": 0x33333333}, {"|": 0x0F000000}, {"^": 0xFFFF0000}])
def test_the_new_mark_is_what_nft_computes(first: dict[str, int], second: dict[str, int]) -> None:
    """For any old mark: the operations one after the other, and the two numbers that stand for both."""
    node = meta("mark")
    for ((op, number),) in (first.items(), second.items()):
        node = {op: [node, number]}
    (statement,) = parse([{"mangle": {"key": meta("mark"), "value": node}}])
    assert isinstance(statement, SetMark)
    for old in (0, 1, 0xFFFFFFFF, 0xDEADBEEF, 0x55555555):
        expected = old
        for ((op, number),) in (first.items(), second.items()):
            expected = {"&": expected & number, "|": expected | number, "^": expected ^ number}[op]
        assert (old & statement.keep) ^ statement.flip == expected


def test_verdicts() -> None:
    nodes = [{"jump": {"target": "x"}}, {"goto": {"target": "y"}}, {"return": None}, {"continue": None}, {"drop": None}]
    assert parse(nodes) == (
        Verdict("jump", "x"),
        Verdict("goto", "y"),
        Verdict("return"),
        Verdict("continue"),
        Verdict("drop"),
    )


@pytest.mark.parametrize(
    ("body", "needs", "expected"),
    [
        (None, [], "port-unreachable"),
        ({"type": "tcp reset"}, [TCP], "tcp reset"),
        ({"type": "icmp", "expr": "host-unreachable"}, [IPV4], "host-unreachable"),
        ({"type": "icmpv6", "expr": "no-route"}, [IPV6], "no-route"),
        ({"type": "icmpx", "expr": "admin-prohibited"}, [], "admin-prohibited"),
    ],
)
def test_reject(body: Json, needs: list[tuple[str, bool, Test]], expected: str) -> None:
    *implied, verdict = parse([{"reject": body}])
    assert conditions(tuple(implied)) == needs
    assert verdict == Verdict("reject", reject_with=expected)


def test_families_are_not_asked_for_where_they_are_certain() -> None:
    assert conditions(parse([asks(payload("ip", "saddr"), "1.2.3.4")], family="ip")) == [
        ("saddr", False, one_of(ip("1.2.3.4")))
    ]


def test_what_two_conditions_imply_is_asked_once() -> None:
    nodes = [asks(payload("tcp", "dport"), 80), asks(payload("tcp", "sport"), 1024, ">=")]
    assert [fields for fields, *__ in conditions(parse(nodes))] == ["protocol", "dport", "sport"]


def test_a_mark_is_asked_again_after_it_changed() -> None:
    mark = asks(meta("mark"), 1)
    statements = parse([mark, {"mangle": {"key": meta("mark"), "value": 2}}, mark])
    assert len(statements) == 3


def test_named_sets() -> None:
    wildcards = {"set": {"name": "devices", "type": "ifname", "flags": ["interval"], "elem": ["br0", "eth*", "veth*"]}}
    (condition,) = parse([asks(meta("iifname"), "@devices")], objects=(wildcards,))
    assert isinstance(condition, AnyOf)
    assert [match.test for match in condition.matches] == [one_of("br0"), NameStarts(frozenset({"eth", "veth"}))]
    elements = {"set": {"name": "a", "type": "ipv4_addr", "elem": [{"elem": {"val": "1.1.1.1", "timeout": 5}}]}}
    assert conditions(parse([asks(payload("ip", "saddr"), "@a", "!=")], "ip", (elements,))) == [
        ("saddr", True, one_of(ip("1.1.1.1")))
    ]
    empty = {"set": {"name": "a", "type": "ipv4_addr"}}
    assert conditions(parse([asks(payload("ip", "saddr"), "@a")], "ip", (empty,))) == [("saddr", False, one_of())]


def test_elements_of_concatenations_can_leave_a_part_open() -> None:
    pairs = [
        {"concat": ["1.1.1.1", 80]},
        {"elem": {"val": {"concat": [TEN_SLASH_8, {"range": [1, 9]}]}, "timeout": 5}},
    ]
    left = {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]}
    *__, found = parse([asks(left, {"set": pairs})], "ip")
    assert isinstance(found, Match)
    assert found.test == InElements(((TEN, (1, 9)),), frozenset({(ip("1.1.1.1"), 80)}))
    left = {"concat": [meta("iifname"), payload("ip", "saddr")]}
    *__, named = parse([asks(left, {"set": [{"concat": ["eth*", "1.1.1.1"]}]})], "ip")
    assert isinstance(named, Match)
    assert isinstance(named.test, InElements)
    ((device, address),) = named.test.elements
    assert address == (ip("1.1.1.1"), ip("1.1.1.1"))
    first, last = map(str, device)
    assert [name for name in ("eth0", "ethernet", "et", "veth0") if first <= name <= last] == ["eth0", "ethernet"]


def test_a_counter_that_a_map_names_ends_the_rule_for_what_it_has_not() -> None:
    counters = {"key": payload("tcp", "dport"), "data": {"set": [[80, "web"], [443, "tls"]]}}
    *needs, found = parse([{"counter": {"map": counters}}, {"drop": None}])[:-1]
    assert conditions(tuple(needs)) == [TCP]
    assert isinstance(found, AnyOf)
    assert [match.test for match in found.matches] == [one_of(80), one_of(443)]
    counters["key"] = payload("vlan", "id")
    (unknown, __) = parse([{"counter": {"map": counters}}, {"drop": None}])
    assert isinstance(unknown, Match)
    assert isinstance(unknown.test, Undecidable)


def test_a_set_that_a_rule_writes_and_another_asks_for() -> None:
    """The packet itself could be what it is then found by."""
    addresses = {"set": {"name": "s", "type": "ipv4_addr", "flags": ["dynamic"]}}
    add = {"set": {"op": "add", "elem": payload("ip", "saddr"), "set": "@s"}}
    (*__, statement) = parse([asks(payload("ip", "saddr"), "@s"), add], objects=(addresses,))
    assert isinstance(statement, Unpredictable)


@pytest.mark.parametrize("version", ["0.9.8", "1.0.5", ""])
def test_old_versions_leave_out_what_a_set_statement_depends_on(version: str) -> None:
    update = {"set": {"op": "update", "elem": payload("ip", "saddr"), "set": "@s"}}
    condition = parse([update, {"drop": None}], version=version)[0]
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)
    assert parse([update], "ip", version=version) == ()
    assert parse([update, {"drop": None}], "ip") == (Verdict("drop"),)


def test_verdict_maps() -> None:
    verdicts = {
        "map": {
            "name": "m",
            "type": "ipv4_addr",
            "map": "verdict",
            "elem": [["*", {"drop": None}], [TEN_SLASH_8, {"goto": {"target": "x"}}], ["1.1.1.1", {"accept": None}]],
        }
    }
    *__, found = parse([{"vmap": {"key": payload("ip", "saddr"), "data": "@m"}}], objects=(verdicts,))
    assert isinstance(found, VerdictMap)
    assert found.entries == (
        (InRanges((TEN,)), Verdict("goto", "x")),
        (one_of(ip("1.1.1.1")), Verdict("accept")),
        (InRanges(((0, 0xFFFFFFFF),)), Verdict("drop")),
    )
    (states,) = parse([{"vmap": {"key": ct("state"), "data": {"set": [["new", {"accept": None}]]}}}])
    assert isinstance(states, VerdictMap)
    assert states.entries == ((AnyBit(8), Verdict("accept")),)
    (chance,) = parse(
        [{"vmap": {"key": {"numgen": {"mode": "inc", "mod": 2}}, "data": {"set": [[0, {"accept": None}]]}}}]
    )
    assert isinstance(chance, VerdictMap)
    ((test, verdict),) = chance.entries
    assert isinstance(test, Undecidable)
    assert verdict == Verdict("accept")


NAT_ADDRESS = (ip("10.0.0.1"), ip("10.0.0.1"))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"dnat": {"addr": "10.0.0.1", "port": 80}}, Nat("dnat", NAT_ADDRESS, (80, 80))),
        ({"dnat": {"family": "ip", "addr": "10.0.0.1"}}, Nat("dnat", NAT_ADDRESS)),
        (
            {"snat": {"addr": {"range": ["10.0.0.1", "10.0.0.5"]}, "port": {"range": [1, 9]}, "flags": ["random"]}},
            Nat("snat", (ip("10.0.0.1"), ip("10.0.0.5")), (1, 9), random_port=True),
        ),
        ({"dnat": {"port": 8080}}, Nat("dnat", None, (8080, 8080))),
        ({"masquerade": None}, Nat("masquerade")),
        ({"masquerade": {"flags": "fully-random"}}, Nat("masquerade", random_port=True)),
        ({"redirect": {"port": 8080}}, Nat("redirect", None, (8080, 8080))),
        ({"redirect": {"flags": ["persistent"]}}, Nat("redirect")),
        ({"dnat": {"addr": TEN_SLASH_8, "flags": "netmap"}}, Nat("netmap", TEN)),
        ({"dnat": {"addr": TEN_SLASH_8, "type_flags": ["interval", "prefix"]}}, Nat("netmap", TEN)),
    ],
)
def test_translations(node: Json, expected: Nat) -> None:
    assert parse([node], family="ip") == (expected,)


def test_translations_by_map() -> None:
    services = {
        "map": {
            "name": "m",
            "type": "inet_service",
            "map": ["ipv4_addr", "inet_service"],
            "elem": [[80, {"concat": ["10.0.0.1", 8080]}]],
        }
    }
    looked_up = {"map": {"key": payload("tcp", "dport"), "data": "@m"}}
    *needs, found = parse([{"dnat": {"family": "ip", "addr": looked_up}}], objects=(services,))
    assert conditions(tuple(needs)) == [IPV4, TCP]
    assert found == NatMap("dnat", ("dport",), ((one_of(80), Nat("dnat", NAT_ADDRESS, (8080, 8080))),))
    ports = {"map": {"key": payload("tcp", "dport"), "data": {"set": [[80, 8080]]}}}
    *__, redirected = parse([{"redirect": {"port": ports}}])
    assert redirected == NatMap("redirect", ("dport",), ((one_of(80), Nat("redirect", None, (8080, 8080))),))
    prefixes = {"map": {"key": payload("ip", "daddr"), "data": {"set": [[TEN_SLASH_8, TEN_SLASH_8]]}}}
    (netmap,) = parse([{"dnat": {"addr": prefixes, "flags": "netmap", "type_flags": "prefix"}}], family="ip")
    assert netmap == NatMap("netmap", ("daddr",), ((InRanges((TEN,)), Nat("netmap", TEN)),))


def test_notrack() -> None:
    assert parse([{"notrack": None}]) == (Notrack(),)


def test_offloading_ends_a_rule_for_new_connections() -> None:
    established, rest, verdict = parse([{"flow": {"op": "add", "flowtable": "@f"}}, {"accept": None}])
    assert isinstance(established, Match)
    assert established.test == AnyBit(6)
    assert isinstance(rest, Match)
    assert isinstance(rest.test, Undecidable)
    assert verdict == Verdict("accept")


def test_hops_that_are_left() -> None:
    assert conditions(parse([asks(payload("ip", "ttl"), 5)])) == [IPV4, ("ttl", False, OneOf(frozenset({5})))]
    at_most = {"match": {"op": "<=", "left": payload("ip6", "hoplimit"), "right": 63}}
    assert conditions(parse([at_most])) == [IPV6, ("ttl", False, InRanges(((0, 63),)))]
    assert parse([{"mangle": {"key": payload("ip", "ttl"), "value": 64}}])[-1] == SetHops(64)
