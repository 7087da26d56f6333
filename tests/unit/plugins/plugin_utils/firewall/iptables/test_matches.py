"""What lines of iptables-save ask, as the lines are printed by iptables 1.8.11."""

from __future__ import annotations

from typing import Union

import pytest
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyBit,
    AnyOf,
    InElements,
    InRanges,
    Masked,
    Match,
    NameStarts,
    OneOf,
    Test,
    Undecidable,
    Verdict,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import filter_rules, wordless

NET = 0x0A000000
NO_CONNECTION = Match(("ct_state",), AnyBit(65))


def one(*values: Union[int, str, bool]) -> OneOf:
    return OneOf(frozenset(values))


def asks(field: str, test: Test, *, negated: bool = False) -> Match:
    return Match((field,), test, negated)


CONDITIONS = [
    ("-s 10.0.0.0/8", [asks("saddr", InRanges(((NET, NET + 0xFFFFFF),)))]),
    ("! -d 10.0.0.1/32", [asks("daddr", one(NET + 1), negated=True)]),
    ("-s 10.0.0.5/255.0.0.255", [asks("saddr", Masked(0xFF0000FF, NET + 5))]),
    ("-i br-+", [asks("iif", NameStarts(frozenset({"br-"})))]),
    ("! -o eth0.5", [asks("oif", one("eth0.5"), negated=True)]),
    ('-i "a', [asks("iif", one('"a'))]),
    ("-f", [asks("fragment", one(True))]),
    ("-p 47", [asks("protocol", one(47))]),
    ("-p sctp -m sctp --sport 5:", [asks("protocol", one(132)), asks("sport", InRanges(((5, 65535),)))]),
    ("-p tcp -m tcp ! --dport 80:81", [asks("protocol", one(6)), asks("dport", InRanges(((80, 81),)), negated=True)]),
    ("-m tcp --tcp-flags FIN,SYN,RST,ACK SYN", [asks("tcp_flags", Masked(23, 2))]),
    ("-m tcp --tcp-flags FIN,SYN NONE", [asks("tcp_flags", Masked(3, 0))]),
    ("-m icmp --icmp-type 8", [asks("icmp_type", one(8))]),
    ("-m icmp --icmp-type any", [asks("icmp_type", InRanges(((0, 255),)))]),
    ("-m icmp ! --icmp-type 3/1", [Match(("icmp_type", "icmp_code"), InElements((), frozenset({(3, 1)})), True)]),
    ("-m multiport --dports 80,443", [asks("dport", one(80, 443))]),
    (
        "-m multiport ! --sports 80,1000:1010",
        [asks("sport", InRanges(((80, 80), (1000, 1010))), negated=True)],
    ),
    ("-m multiport ! --ports 80", [AnyOf((asks("sport", one(80)), asks("dport", one(80))), negated=True)]),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", [asks("ct_state", AnyBit(6))]),
    ("-m state ! --state INVALID", [asks("ct_state", AnyBit(1), negated=True)]),
    ("-m conntrack --ctstate DNAT,UNTRACKED", [asks("ct_state", AnyBit(0x100 + 64))]),
    (
        "-m conntrack ! --ctdir REPLY",
        [Match(("ct_state",), AnyBit(65), True), asks("ct_direction", one(1), negated=True)],
    ),
    (
        "-m conntrack --ctstate NEW --ctorigdstport 80",
        [asks("ct_state", AnyBit(8)), AnyOf((NO_CONNECTION, asks("ct_orig_dport", one(80))))],
    ),
    ("-m mark --mark 0x1", [asks("mark", one(1))]),
    ("-m mark ! --mark 0x1/0xff", [asks("mark", Masked(255, 1), negated=True)]),
    ("-m connmark --mark 0x0/0x2", [Match(("ct_state",), AnyBit(65), True), asks("ct_mark", Masked(2, 0))]),
    ("-m iprange --src-range 10.0.0.1-10.0.0.9", [asks("saddr", InRanges(((NET + 1, NET + 9),)))]),
    ("-m physdev --physdev-in veth1", [asks("physin", one("veth1"))]),
    ("-m physdev ! --physdev-is-bridged", [asks("physout", one(""))]),
    ("-m physdev --physdev-is-in", [asks("physin", one(""), negated=True)]),
    ("-m addrtype --dst-type LOCAL,BROADCAST", [asks("daddr_type", one("local", "broadcast"))]),
    ("-m addrtype ! --src-type LOCAL --limit-iface-in", [asks("saddr_type_iif", one("local"), negated=True)]),
    ("-m pkttype --pkt-type unicast", [asks("pkttype", one("host"))]),
    (
        "-m owner --uid-owner 0-5 ! --gid-owner 7",
        [asks("skuid", InRanges(((0, 5),))), asks("skgid", one(7), negated=True)],
    ),
    ("-m owner --uid-owner 4294967295", [asks("skuid", one(0xFFFFFFFF))]),
    ("-m owner --socket-exists", [asks("skuid", InRanges(((0, 0xFFFFFFFF),)))]),
    ("-m rt --rt-type 0", [asks("protocol", one())]),
    ("-p 255", [asks("protocol", one(255))]),
    ("! -f", [asks("fragment", one(True), negated=True)]),
    ("-s 0.0.0.0/0", [asks("saddr", InRanges(((0, 0xFFFFFFFF),)))]),
    ("-m tcp --sport :65535", [asks("sport", InRanges(((0, 65535),)))]),
    ("-m multiport --dports 1:5,6:9,11", [asks("dport", InRanges(((1, 9), (11, 11))))]),
    ("-m multiport --dports 1:9,2:5", [asks("dport", InRanges(((1, 9),)))]),
    ("-m icmp --icmp-type 255/255", [Match(("icmp_type", "icmp_code"), InElements((), frozenset({(255, 255)})))]),
    ("-m mark --mark 0xffffffff", [asks("mark", one(0xFFFFFFFF))]),
    ("-m mark --mark 0x0/0xfffffffe", [asks("mark", Masked(0xFFFFFFFE, 0))]),
    ("-m physdev --physdev-out veth1", [asks("physout", one("veth1"))]),
    ("-m physdev --physdev-is-out", [asks("physout", one(""), negated=True)]),
    ("-m addrtype --src-type LOCAL --limit-iface-out", [asks("saddr_type_oif", one("local"))]),
    (
        "-m conntrack --ctproto 6 --ctstatus SEEN_REPLY,CONFIRMED",
        [
            Match(("ct_state",), AnyBit(65), True),
            asks("ct_protocol", one(6)),
            Match(("ct_state",), AnyBit(65), True),
            asks("ct_status", AnyBit(2 | 8)),
        ],
    ),
    (
        "-m conntrack --ctorigsrc 10.0.0.1 ! --ctstate NEW",
        [AnyOf((NO_CONNECTION, asks("ct_orig_saddr", one(NET + 1)))), asks("ct_state", AnyBit(8), negated=True)],
    ),
    ("-m helper --helper ftp", [asks("protocol", one())]),
    (
        "-m rpfilter --invert",
        [asks("iif", one("lo"), negated=True), AnyOf((asks("saddr_route_iif", one("")),))],
    ),
    (
        "-m rpfilter --validmark",
        [AnyOf((asks("saddr_route_iif_mark", one(""), negated=True), asks("iif", one("lo"))))],
    ),
]


@pytest.mark.parametrize(("line", "conditions"), CONDITIONS, ids=[line for line, dummy in CONDITIONS])
def test_conditions(line: str, conditions: list[Match | AnyOf]) -> None:
    (rule,) = filter_rules(f"{line} -j DROP")
    assert [wordless(statement) for statement in rule.statements] == [*conditions, Verdict("drop")]


def test_addresses_of_version_6() -> None:
    (rule,) = filter_rules("-s fe80::/10 -d ::1/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT", family=6)
    start = 0xFE80 << 112
    assert [wordless(statement) for statement in rule.statements] == [
        asks("saddr", InRanges(((start, start + (1 << 118) - 1),))),
        asks("daddr", one(1)),
        asks("protocol", one(58)),
        asks("icmp_type", one(128)),
        Verdict("accept"),
    ]


@pytest.mark.parametrize(
    ("words", "condition"),
    [
        ("--hl-eq 255", asks("ttl", InRanges(((255, 255),)))),
        ("! --hl-eq 255", asks("ttl", InRanges(((255, 255),)), negated=True)),
        ("--hl-lt 64", asks("ttl", InRanges(((0, 63),)))),
        ("--hl-gt 254", asks("ttl", InRanges(((255, 255),)))),
        ("--hl-lt 0", asks("ttl", one())),
        ("--hl-gt 255", asks("ttl", one())),
    ],
)
def test_hops_that_are_left(words: str, condition: Match) -> None:
    for family, line in ((6, f"-m hl {words}"), (4, f"-m ttl {words}".replace("--hl", "--ttl"))):
        (rule,) = filter_rules(f"{line} -j ACCEPT", family=family)
        assert wordless(rule.statements[0]) == condition


def test_address_types_of_version_6() -> None:
    """There the kernel asks that the address is unicast and that the route says local, not one of both."""
    (rule,) = filter_rules(
        "-m addrtype --dst-type UNICAST,LOCAL -m addrtype ! --src-type UNICAST,LOCAL -j DROP", family=6
    )
    unicast, local, outside, _verdict = rule.statements
    assert isinstance(unicast, Match)
    assert (unicast.fields, unicast.negated) == (("daddr",), True)
    assert wordless(local) == asks("daddr_type", one("local"))
    assert isinstance(outside, AnyOf)
    assert [match.negated for match in outside.matches] == [False, True]


_GROUPS = InRanges(((0xFF << 120, (1 << 128) - 1),))


@pytest.mark.parametrize(
    ("types", "conditions"),
    [
        ("UNSPEC", [asks("daddr", one(0))]),
        ("MULTICAST", [asks("daddr", _GROUPS)]),
        ("UNREACHABLE", [asks("daddr_type", one("unreachable"))]),
        ("UNSPEC,LOCAL", [asks("daddr", one(0)), asks("daddr_type", one("local"))]),
    ],
)
def test_what_a_type_of_version_6_says_of_the_address_and_of_its_route(types: str, conditions: list[Match]) -> None:
    (rule,) = filter_rules(f"-m addrtype --dst-type {types} -j DROP", family=6)
    assert [wordless(statement) for statement in rule.statements] == [*conditions, Verdict("drop")]


@pytest.mark.parametrize(
    "line",
    [
        "-m recent --rcheck --seconds 60 --name -j --mask 255.255.255.255 --rsource",
        '-m string --string "-j ACCEPT" --algo bm',
        "-m string --string -j --algo bm",
        '-m u32 --u32 "0x0>>0x16&0x3c@0x0>>0x18=0x1"',
        "-m limit --limit 5/min",
        "-m statistic --mode random --probability 0.50000000000",
        "-m quux ! --foo 1 --bar",
        "-m conntrack --ctfuture 1",
        "-m mark --mark many",
        "-m conntrack --ctstate NEWER",
        "-m set --match-set unknown src",
        "-m rpfilter --loose",
        "-m iprange --src-range 10.0.0.9-10.0.0.1",
        "-m tcp --dport 65536",
        "-m tcp --dport 9:1",
        "-m multiport --dports 80,65536",
        "-m icmp --icmp-type 256",
        "-m icmp --icmp-type 3/256",
        "-m ttl --ttl-eq 256",
        "-m mark --mark 0x100000000",
        "-m mark --mark 0x1/0x100000000",
        "-m connmark --mark -1",
        "-m owner --uid-owner 4294967296",
        "-m conntrack --ctproto 256",
        "-m pkttype --pkt-type odd",
        "-m tcp ! ! --dport 80",
    ],
)
def test_what_cannot_be_decided(line: str) -> None:
    """It is one condition with the words of the rule; what stands around it is read all the same."""
    (rule,) = filter_rules(f"-i eth0 {line} -m comment --comment here -j DROP")
    interface, condition, verdict = rule.statements
    assert wordless(interface) == asks("iif", one("eth0"))
    assert isinstance(condition, Match)
    assert isinstance(condition.test, Undecidable)
    assert condition.test.why
    assert condition.text == line.replace('"', "")
    assert verdict == Verdict("drop")
    assert rule.comment == "here"
