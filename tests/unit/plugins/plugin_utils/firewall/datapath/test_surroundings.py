"""What rules learn of the host: types of addresses, the device of the way back, the address to masquerade by."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostSurroundings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.flight import Flight
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import address_text, parse_address

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
