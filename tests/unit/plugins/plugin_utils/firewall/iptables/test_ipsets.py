"""Sets that rules of iptables refer to. The recording was made with ipset 7.22."""

from __future__ import annotations

import ipaddress
import random

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.iptables.ipsets import parse_ipsets
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    InElements,
    InRanges,
    Match,
    OneOf,
    RulesetError,
    Undecidable,
)

from tests.unit.plugins.plugin_utils.firewall.rulesets import RECORDED, filter_rules, rules_of

SETS = (RECORDED / "ipset-7.22.save").read_text(encoding="utf-8")
NOTHING = Match(("protocol",), OneOf(frozenset()))


def number(address: str) -> int:
    return int(ipaddress.ip_address(address))


def condition(options: str, sets: str = SETS, family: int = 4) -> Match | AnyOf:
    """The condition of ``-m set`` with these options, without its text."""
    (rule,) = filter_rules(f"-m set {options} -j DROP", sets, family)
    found = rule.statements[0]
    if isinstance(found, Match):
        return Match(found.fields, found.test, found.negated)
    assert isinstance(found, AnyOf)
    return AnyOf(found.matches, found.negated)


def test_addresses() -> None:
    addresses = frozenset(map(number, ("1.2.3.4", "1.2.3.8", "1.2.3.9")))
    assert condition("--match-set a src") == Match(("saddr",), OneOf(addresses))
    assert condition("! --match-set a dst,src") == Match(("daddr",), OneOf(addresses), negated=True)


def test_names_with_quotes_and_spaces() -> None:
    assert condition('--match-set u"v src') == NOTHING
    assert isinstance(condition("--match-set u v src"), Match)


def test_exceptions_to_networks() -> None:
    """10.0.0.0/8 is in the set and 10.1.0.0/16 is not; --return-nomatch asks for the exceptions."""
    outer, inner = (number("10.0.0.0"), number("10.255.255.255")), (number("10.1.0.0"), number("10.1.255.255"))
    around = ((outer[0], inner[0] - 1), (inner[1] + 1, outer[1]))
    assert condition("--match-set b src") == Match(("saddr",), InRanges(around))
    assert condition("--match-set b src --return-nomatch") == Match(("saddr",), InRanges((inner,)))
    assert condition("--match-set a src --return-nomatch") == NOTHING


def test_elements_of_a_set_whose_name_has_a_space() -> None:
    sets = "create u v hash:ip family inet hashsize 64 maxelem 9\nadd u v 1.2.3.4\n"
    assert parse_ipsets(sets)["u v"].elements == [("1.2.3.4", frozenset())]


def test_addresses_with_marks() -> None:
    sets = "create m hash:ip,mark family inet {}hashsize 64 maxelem 9\nadd m 1.2.3.4,0x10\n"
    wanted = Match(("saddr", "mark"), InElements((), frozenset({(number("1.2.3.4"), 0x10)})))
    assert condition("--match-set m src,src", sets.format("")) == wanted
    masked = condition("--match-set m src,src", sets.format("markmask 0xff "))
    assert isinstance(masked, Match)
    assert isinstance(masked.test, Undecidable)


def test_a_bitmap_of_ports_is_for_all_protocols_that_have_some() -> None:
    found = condition("--match-set p dst", "create p bitmap:port range 0-1023\nadd p 80\n")
    ports = frozenset((protocol, 80) for protocol in (6, 17, 132, 136))
    assert found == Match(("protocol", "dport"), InElements((), ports))


def test_ports_with_protocols() -> None:
    """ICMP has a type in place of a port, and other protocols have none."""
    one, two, three = map(number, ("1.1.1.1", "1.1.1.2", "1.1.1.3"))
    found = condition("--match-set c src,dst")
    assert isinstance(found, AnyOf)
    tests = {match.fields: match.test for match in found.matches}
    transport = {(one, 6, 80), (one, 17, 53), (one, 17, 54), (one, 17, 55), (three, 132, 5)}
    assert tests == {
        ("saddr", "protocol", "dport"): InElements((), frozenset(transport)),
        ("saddr", "protocol", "icmp_type", "icmp_code"): InElements((), frozenset({(one, 1, 8, 0)})),
        ("saddr", "protocol"): InElements((), frozenset({(two, 112)})),
    }


def test_networks_with_ports() -> None:
    """An exception counts only for its own port."""
    found = condition("--match-set e dst,src")
    network = (number("10.0.0.0"), number("10.255.255.255"))
    assert found == Match(("daddr", "protocol", "sport"), InElements(((network, (6, 6), (80, 80)),), frozenset()))


def test_netmask_makes_networks_of_addresses() -> None:
    assert condition("--match-set p src") == Match(("saddr",), InRanges(((number("1.2.3.0"), number("1.2.3.255")),)))
    assert condition("--match-set k2 src") == Match(("saddr",), InRanges(((number("10.0.5.0"), number("10.0.5.255")),)))


def test_lists_of_sets() -> None:
    found = condition("--match-set n src")
    assert isinstance(found, AnyOf)
    assert {type(match.test) for match in found.matches} == {OneOf, InRanges}


def test_devices() -> None:
    sets = "create d hash:net,iface family inet\nadd d 10.0.0.0/8,eth0\nadd d 10.0.0.1,physdev:veth1\n"
    found = condition("--match-set d src,dst", sets)
    assert isinstance(found, AnyOf)
    assert [match.fields for match in found.matches] == [("saddr", "oif"), ("saddr", "physout")]


def test_a_longer_prefix_of_another_device_hides_a_shorter_one() -> None:
    sets = "create d hash:net,iface family inet\nadd d 10.0.0.0/30,eth0\nadd d 10.0.0.1,eth1\n"
    found = condition("--match-set d src,src", sets)
    assert isinstance(found, Match)
    assert isinstance(found.test, InElements)
    first = 0x0A000000
    assert found.test.exact == {(first, "eth0"), (first + 1, "eth1")}
    assert found.test.elements == (((first + 2, first + 3), ("eth0", "eth0")),)


def test_what_never_matches() -> None:
    """A set of the other family, and fewer directions than the set has parts (ip_set_test())."""
    assert condition("--match-set o src") == NOTHING
    assert condition("--match-set a src", family=6) == NOTHING
    assert condition("--match-set c src") == NOTHING


@pytest.mark.parametrize("port", ["65536", "tcp:65536"])
def test_a_port_that_there_is_not_is_not_understood(port: str) -> None:
    found = condition("--match-set s src,dst", f"create s hash:ip,port family inet\nadd s 1.1.1.1,{port}\n")
    assert isinstance(found, Match)
    assert isinstance(found.test, Undecidable)
    assert "65536" in found.test.why


@pytest.mark.parametrize(
    ("port", "fields", "exact"),
    [
        ("65535", ("protocol", "dport"), {(6, 65535), (17, 65535), (132, 65535), (136, 65535)}),
        ("tcp:65535", ("protocol", "dport"), {(6, 65535)}),
        ("icmp:255/255", ("protocol", "icmp_type", "icmp_code"), {(1, 255, 255)}),
        ("icmp:echo-reply", ("protocol", "icmp_type", "icmp_code"), {(1, 0, 0)}),
        ("ipv6-icmp:echo-request", ("protocol", "icmp_type", "icmp_code"), {(58, 128, 0)}),
        ("gre:0", ("protocol",), {(47,)}),
    ],
)
def test_ports_and_what_stands_for_them(port: str, fields: tuple[str, ...], exact: set[tuple[int, ...]]) -> None:
    first = number("1.1.1.1")
    found = condition("--match-set s src,dst", f"create s hash:ip,port family inet\nadd s 1.1.1.1,{port}\n")
    assert found == Match(("saddr", *fields), InElements((), frozenset((first, *row) for row in exact)))


def test_devices_by_direction() -> None:
    sets = "create d hash:net,iface family inet\nadd d 10.0.0.0/8,physdev:veth1\n"
    network = (number("10.0.0.0"), number("10.255.255.255"))
    for direction, field in (("src", "physin"), ("dst", "physout")):
        found = condition(f"--match-set d src,{direction}", sets)
        assert found == Match(("saddr", field), InElements(((network, ("veth1", "veth1")),), frozenset()))


@pytest.mark.parametrize("port", ["icmp:256/0", "icmp:8/256", "icmp:8", "tcp:9-1", "tcp:", "nosuch:1"])
def test_what_is_no_port_is_undecided(port: str) -> None:
    found = condition("--match-set s src,dst", f"create s hash:ip,port family inet\nadd s 1.1.1.1,{port}\n")
    assert isinstance(found, Match)
    assert isinstance(found.test, Undecidable)


@pytest.mark.parametrize(
    "options",
    [
        "--match-set missing src",
        "--match-set m src,src",
        "--match-set w src",
        "--match-set d src,src",
        "--match-set a up",
        "--match-set a src --packets-gt 5",
    ],
)
def test_what_cannot_be_decided(options: str) -> None:
    found = condition(options)
    assert isinstance(found, Match)
    assert isinstance(found.test, Undecidable)


def test_sets_that_rules_change() -> None:
    """What a rule adds while the packet passes is not in the snapshot."""
    lines = "-A INPUT -j SET --add-set a src\n-A INPUT -m set --match-set a src -j DROP\n"
    save = f"*filter\n:INPUT ACCEPT [0:0]\n{lines}COMMIT\n"
    rules = rules_of(read_rulebook(Ruleset({"iptables-legacy-save": save}, ipsets=SETS)), "INPUT")
    found = rules[1].statements[0]
    assert isinstance(found, Match)
    assert isinstance(found.test, Undecidable)
    assert "which rules change" in found.test.why


def test_sets_that_could_not_be_read() -> None:
    """The rule that asks for one says why, and no other rule is in doubt."""
    save = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set a src -j DROP\nCOMMIT\n"
    raw = Ruleset({"iptables-legacy-save": save}, ipsets_unread="there is no program ipset")
    book = read_rulebook(raw)
    assert book.problems == ()
    assert f"the set 'a': {raw.ipsets_unread}" in repr(book.chains)


@pytest.mark.parametrize("seed", range(40))
def test_longest_prefix_decides(seed: int) -> None:
    """Ranges of a set with exceptions, against a look-up of the longest prefix for each address."""
    choice = random.Random(seed)  # noqa: S311 (a seed repeats it)
    networks: dict[ipaddress.IPv4Network, bool] = {}
    for _network in range(choice.randrange(1, 12)):
        length = choice.randrange(24, 33)
        start = number("10.0.0.0") + choice.randrange(256)
        networks[ipaddress.IPv4Network((start, length), strict=False)] = choice.random() < 0.6
    sets = "create x hash:net family inet\n" + "".join(
        f"add x {network}{'' if matches else ' nomatch'}\n" for network, matches in networks.items()
    )
    for options, outcome in (("--match-set x src", True), ("--match-set x src --return-nomatch", False)):
        found = condition(options, sets)
        assert isinstance(found, Match)
        for address in range(number("9.255.255.250"), number("10.0.1.5")):
            holding = [network for network in networks if ipaddress.IPv4Address(address) in network]
            longest = max(holding, key=lambda network: network.prefixlen, default=None)
            wanted = longest is not None and networks[longest] == outcome
            assert _holds(found, address) == wanted


def _holds(match: Match, value: int) -> bool:
    if isinstance(match.test, InRanges):
        return any(low <= value <= high for low, high in match.test.ranges)
    assert isinstance(match.test, OneOf)
    return value in match.test.values


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("add x 1.2.3.4\n", "line 1: 'add x 1.2.3.4' adds to no set"),
        ("create x\n", "line 1: 'create x' names no type"),
        ("create x hash:ip family inet\nrename x y\n", "line 2: 'rename x y' is neither"),
    ],
)
def test_errors_name_the_line(text: str, said: str) -> None:
    with pytest.raises(RulesetError, match="ipset save, ") as error:
        parse_ipsets(text)
    assert said in str(error.value)
