# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host as rules and packets ask it: types of addresses, routes, own addresses, ports that stand for all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Link,
    Listener,
    PolicyRule,
    ProxyProcess,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import (
    HostSurroundings,
    HostView,
    SocketOwners,
    port_for_all,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.rules import (
    AnyOf,
    Chain,
    InElements,
    InRanges,
    Masked,
    Match,
    OneOf,
    Rule,
    RuleBook,
    Statement,
    Test,
    Undecidable,
    Verdict,
    VerdictMap,
)

from tests.unit.docker_host import WILDCARD, DockerHost

LINKS = [
    Link(1, "lo", up=True, addresses=["127.0.0.1/8", "::1/128"]),
    Link(2, "eth0", up=True, addresses=["192.0.2.10/24", "2001:db8::10/64"]),
    Link(3, "eth1", up=True, addresses=["198.51.100.10/24"]),
]
ROUTES = [
    Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
    Route("192.0.2.0/24", 254, interfaces=[2], source="192.0.2.10"),
    Route("198.51.100.0/24", 254, interfaces=[3], source="198.51.100.10"),
    Route("203.0.113.0/24", 254, gateways=["198.51.100.1", "192.0.2.1"], interfaces=[3, 2]),
    Route("192.0.2.10/32", 255, "local", interfaces=[2]),
    Route("198.51.100.10/32", 255, "local", interfaces=[3]),
    Route("2001:db8::/64", 254, interfaces=[2]),
    Route("2001:db8::10/128", 255, "local", interfaces=[2]),
    Route("2001:db8:bad::/48", 254, "unreachable"),
    Route("2001:db8:2::/48", 254, interfaces=[3, 2], gateways=["fe80::1", "fe80::2"]),
]
HOST = HostSurroundings(Stack("host", LINKS, ROUTES, [], None))


@pytest.mark.parametrize(
    ("address", "device", "kind"),
    [
        ("192.0.2.10", "", "local"),
        ("192.0.2.10", "eth0", "local"),
        ("192.0.2.10", "eth1", "unicast"),
        ("192.0.2.255", "", "broadcast"),
        ("0.0.0.0", "", "broadcast"),  # noqa: S104
        ("224.0.0.1", "", "multicast"),
        ("203.0.113.9", "", "unicast"),
        ("2001:db8::10", "", "local"),
        ("2001:db8::10", "eth1", "unicast"),
        ("2001:db8::20", "", "unicast"),
        ("2001:db8:bad::1", "", "unreachable"),
        ("2001:db8:9::1", "", "unreachable"),
        ("2001:db8:2::1", "", None),
        ("ff02::1", "", "multicast"),
    ],
)
def test_ipv4_asks_the_local_table_for_the_type_of_an_address_and_ipv6_all(
    address: str, device: str, kind: str | None
) -> None:
    family, number = parse_address(address)
    assert HOST.address_type(family, number, device) == kind


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (PolicyRule(100, 6, table=100, mark=7, mask=7), "unicast"),
        (PolicyRule(100, 6, table=100, mark=8, mask=8), "unreachable"),
        (PolicyRule(100, 6, table=100, source="2001:db8::10/128"), "unicast"),
        (PolicyRule(100, 6, table=100, source="2001:db8::11/128"), "unreachable"),
        (PolicyRule(100, 6, table=100, protocol=17), "unicast"),
        (PolicyRule(100, 6, table=100, protocol=6), "unreachable"),
    ],
)
def test_for_the_type_of_an_address_of_ipv6_rules_of_nftables_ask_as_their_packet(rule: PolicyRule, kind: str) -> None:
    """As Linux 6.18 answered ``fib daddr . mark type``; for xt_addrtype it is no packet's."""
    (source, there) = (parse_address(text)[1] for text in ("2001:db8::10", "2001:db8:bad::1"))
    routes = [*ROUTES, Route("2001:db8:bad::/48", 100, interfaces=[2])]
    rules = [PolicyRule(0, 6, table=255), rule, PolicyRule(32766, 6, table=254)]
    host = HostSurroundings(Stack("host", LINKS, routes, rules, None))
    flight = Flight(6, 17, source, None, there, None)
    assert host.fib_type(flight, there, source, "", 7) == kind
    assert host.address_type(6, there, "") == "unreachable"
    if rule.mask:
        assert host.fib_type(flight, there, source, "", 0) == "unreachable"
        assert host.fib_type(flight, there, source, "", None) is None


def test_for_the_type_of_an_address_of_ipv4_the_local_table_alone_is_asked() -> None:
    (source, there) = (parse_address(text)[1] for text in ("192.0.2.10", "203.0.113.9"))
    rules = [PolicyRule(0, 4, table=255), PolicyRule(100, 4, "unreachable"), PolicyRule(32766, 4, table=254)]
    host = HostSurroundings(Stack("host", LINKS, ROUTES, rules, None))
    assert host.fib_type(Flight(4, 17, source, None, there, None), there, source, "", 7) == "unicast"


@pytest.mark.parametrize(
    ("address", "incoming", "device"),
    [
        ("192.0.2.77", "eth0", "eth0"),
        ("192.0.2.77", "eth1", ""),
        ("192.0.2.77", "", "eth0"),
        ("198.51.100.7", "eth1", "eth1"),
        ("192.0.2.10", "eth0", ""),
        ("203.0.113.9", "eth0", None),
        ("2001:db8:bad::1", "eth0", ""),
    ],
)
def test_the_way_back_to_a_source_is_the_one_by_the_device_that_it_came_in_by(
    address: str, incoming: str, device: str | None
) -> None:
    family, number = parse_address(address)
    assert HOST.device_towards(family, number, 0, incoming, 0) == device


@pytest.mark.parametrize(
    ("rule", "device"),
    [
        (PolicyRule(100, 4, table=100, source="192.0.2.10"), "eth1"),
        (PolicyRule(100, 4, table=100, source="192.0.2.10", incoming="lo"), "eth1"),
        (PolicyRule(100, 4, table=100, source="192.0.2.10", incoming="eth0"), ""),
        (PolicyRule(100, 4, table=100, source="192.0.2.10", protocol=6), ""),
    ],
)
def test_the_way_back_is_asked_for_as_one_of_the_hosts_own_from_the_address_that_was_asked(
    rule: PolicyRule, device: str
) -> None:
    rules = [PolicyRule(0, 4, table=255), rule, PolicyRule(32766, 4, table=254)]
    host = HostSurroundings(Stack("host", LINKS, [*ROUTES, Route("0.0.0.0/0", 100, interfaces=[3])], rules, None))
    address, source = (parse_address(text)[1] for text in ("8.8.8.8", "192.0.2.10"))
    assert host.device_towards(4, address, source, "eth1", 0) == device


@pytest.mark.parametrize(
    ("device", "towards", "own"),
    [
        ("eth0", "203.0.113.9", "192.0.2.10"),
        ("eth1", "198.51.100.7", "198.51.100.10"),
        ("eth0", "2001:db8::20", "2001:db8::10"),
        ("eth1", "2001:db8::10", "2001:db8::10"),
    ],
)
def test_masquerading_takes_an_address_of_the_device_and_towards_the_host_itself_of_ipv6_that_one(
    device: str, towards: str, own: str
) -> None:
    family, number = parse_address(towards)
    found = HOST.own_address(family, device, number)
    assert found is not None
    assert address_text(family, found) == own


@pytest.mark.parametrize(
    ("towards", "own"),
    [("fd00:1::9", "fd00::5"), ("2001:db8:1::9", "2001:db8::5"), ("fe80::9", "2001:db8::5")],
)
def test_the_source_of_ipv6_is_a_unique_local_address_only_towards_another_one(towards: str, own: str) -> None:
    """Whatever prefix they share: rule 6 of RFC 6724 comes before rule 8."""
    addresses = ["fd00::5", "2001:db8::5"]
    link = Link(2, "eth0", up=True, addresses=[f"{address}/64" for address in addresses])
    routes = [Route(f"{address}/128", 255, "local", interfaces=[2]) for address in addresses]
    found = Stack("host", [link], routes, [], None).select_source(*parse_address(towards), "eth0")
    assert found is not None
    assert address_text(6, found) == own


@pytest.mark.parametrize(
    ("asking", "own"),
    [("198.51.100.9", "10.0.0.1"), ("fd00::9", "2001:db8::1"), ("2001:db8::9", "2001:db8::1"), ("fe80::9", "fe80::1")],
)
def test_redirect_takes_the_first_address_of_the_device_whoever_asks(asking: str, own: str) -> None:
    addresses = ["10.0.0.1/24", "198.51.100.1/24", "2001:db8::1/64", "fd00::1/64", "fe80::1/64"]
    host = HostSurroundings(Stack("host", [Link(2, "eth0", up=True, addresses=addresses)], [], [], None))
    family, number = parse_address(asking)
    found = host.first_address(family, "eth0", number)
    assert found is not None
    assert address_text(family, found) == own


@pytest.mark.parametrize(("mark", "device"), [(0, "eth0"), (7, ""), (None, None)])
def test_the_way_back_goes_by_the_mark_where_a_rule_asks_with_it(mark: int | None, device: str | None) -> None:
    rules = [
        PolicyRule(0, 4, table=255),
        PolicyRule(100, 4, "blackhole", mark=7, mask=7),
        PolicyRule(200, 4, table=254),
    ]
    host = HostSurroundings(Stack("host", LINKS, ROUTES, rules, None))
    assert host.device_towards(4, parse_address("192.0.2.77")[1], 0, "eth0", mark) == device


@pytest.mark.parametrize(
    ("owner", "pid", "found"),
    [("docker-proxy", 9, 9), ("docker-proxy", None, 8), ("", None, 8), ("nginx", None, None), ("nginx", 7, None)],
)
def test_the_docker_proxy_behind_a_socket_is_its_process_and_where_that_was_not_read_the_one_of_its_address(
    owner: str, pid: int | None, found: int | None
) -> None:
    """One that serves both families names the wildcard of IPv4 and listens on that of IPv6."""
    proxies = [ProxyProcess(pid, 700, "tcp", host, 80, "172.18.0.2", 80) for pid, host in ((8, "::"), (9, WILDCARD))]
    proxy = SocketOwners(proxies, []).proxy_behind(Listener("tcp", "::", 80, owner=owner, pid=pid))
    assert (proxy.pid if proxy else None) == found


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
        (InRanges(((1999, 5000),)), None),
        (InRanges(((2000, 5000),)), 1999),
        (InRanges(((0, 1000),)), None),
        (InRanges(((1000, 1999),)), 1999),
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


PAIRS = (((5, 5), (1500, 1600)),)


@pytest.mark.parametrize(
    ("statement", "port"),
    [
        (AnyOf((Match(("saddr",), InRanges(((1500, 1600),))), Match(("dport",), InRanges(((1500, 1600),))))), None),
        (AnyOf((Match(("saddr",), InRanges(((1500, 1600),))), Match(("dport",), OneOf(frozenset({1999}))))), 1998),
        (Match(("saddr", "dport"), InElements(PAIRS, frozenset())), None),
        (Match(("dport", "saddr"), InElements(PAIRS, frozenset({(1999, 1998)}))), 1998),
        (Match(("saddr",), InRanges(((1500, 1600),))), 1999),
        (Match(("dport",), Masked(1, 1)), None),
        (Match(("dport",), Undecidable("hangs on the time")), 1999),
        (VerdictMap(("dport",), ((InRanges(((1500, 1600),)), Verdict("drop")),)), None),
        (VerdictMap(("dport",), ((OneOf(frozenset({1999})), Verdict("drop")),)), 1998),
    ],
)
def test_conditions_of_any_form_tell_ports_apart(statement: Statement, port: int | None) -> None:
    rules = (Rule(1, (statement, Verdict("drop")), ""),)
    chain = Chain("nft", "ip", "t", "base", rules, hook="prerouting", kind="filter")
    assert port_for_all(RuleBook({chain.key: chain}), *RANGE) == port


def test_chains_that_only_translations_lead_to_concern_no_answer() -> None:
    """A verdict map leads to its chains as jumps do, and a chain that leads to itself is looked at once."""
    split = Rule(1, (Match(("dport",), InRanges(((1500, 1600),))), Verdict("drop")), "")
    there = VerdictMap(("iif",), ((OneOf(frozenset({"eth0"})), Verdict("jump", "more")),))
    more = Chain("nft", "ip", "t", "more", (split, Rule(2, (Verdict("jump", "more"),), "")))
    for kind, port in (("filter", None), ("nat", 1999)):
        base = Chain("nft", "ip", "t", "base", (Rule(1, (there,), ""),), hook="prerouting", kind=kind)
        assert port_for_all(RuleBook({chain.key: chain for chain in (base, more)}), *RANGE) == port


def test_a_range_of_one_port() -> None:
    assert port_for_all(RuleBook({}), 7, 7) == 7
    assert port_for_all(book("dport", OneOf(frozenset({7}))), 7, 7) is None


NAMES = {"ip nat OUTPUT": 1, "ip nat POSTROUTING": 1, "ip nat DOCKER_OUTPUT": 2, "ip nat DOCKER_POSTROUTING": 2}


@pytest.mark.parametrize(
    ("tables", "chains", "known"),
    [
        ([], {}, True),
        (["ip nat"], NAMES, True),
        (["ip nat"], {"ip nat": 10}, True),
        # Once more for each restart of dockerd under live-restore.
        (["ip nat"], {name: 3 * count for name, count in NAMES.items()}, True),
        (["ip nat"], {"ip nat": 22}, True),
        (["ip docker-dns"], {"ip docker-dns dns-dnat": 2, "ip docker-dns dns-snat": 2}, True),
        # dockerd went from one backend of iptables to the other.
        (["ip nat", "ip nat"], {**NAMES, "ip nat": 10}, True),
        (["ip nat", "ip nat"], {**NAMES, "ip nat": 11}, False),
        (["ip nat", "ip nat"], {**NAMES, "ip nat PREROUTING": 1, "ip nat": 10}, False),
        # Snapshots of releases that counted no rules.
        (["ip nat"], {}, True),
        (["ip filter"], {}, False),
        (["ip nat"], {**NAMES, "ip nat PREROUTING": 1}, False),
        (["ip nat"], {**NAMES, "ip nat OUTPUT": 2}, False),
        (["ip nat"], {"ip nat": 11}, False),
        (["ip nat"], {"ip nat": 4}, False),
        (["ip nat"], {"ip nat": 1}, False),
        (["ip nat"], dict.fromkeys(NAMES, 0), False),
        (["ip nat", "ip nat2"], {**NAMES, "ip nat2 c": 1}, False),
        (["ip filter"], {"ip filter INPUT": 0}, False),
    ],
)
def test_rules_of_others_are_a_doubt(tables: list[str], chains: dict[str, int], known: bool) -> None:
    host = DockerHost()
    container = host.container("web", [host.network()], listen=[("tcp", 80)])
    host.container_namespaces[0] = replace(host.container_namespaces[0], tables=tables, chains=chains)
    address = str(container.endpoints[0].address)
    path = predict(HostView.of(host.snapshot()), Packet(Origin("host"), address, "tcp", 80))
    assert (path.verdict, path.observed) == (("delivered", "answered") if known else ("unknown", path.observed))
    assert known or "container web has rules" in path.reason
