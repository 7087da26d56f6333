"""Lookups in routing tables by policy rules; tests/differential/route_lookups.py compares them with the kernel's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, PolicyRule, Route
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.routing import (
    Decision,
    Fib,
    RouteQuery,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address

LINKS = [Link(1, "lo"), Link(2, "eth0"), Link(3, "eth1")]
ROUTES = [
    Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
    Route("192.0.2.0/24", 254, interfaces=[2], source="192.0.2.10"),
    Route("192.0.2.10/32", 255, "local", interfaces=[2], source="192.0.2.10"),
    Route("198.51.100.0/24", 254, interfaces=[3], metric=20),
    Route("198.51.100.0/24", 254, interfaces=[2], metric=10),
    Route("203.0.113.0/24", 100, interfaces=[3]),
    Route("203.0.113.128/25", 254, "throw"),
    Route("203.0.113.7/32", 254, "unreachable"),
]
DEFAULTS = [PolicyRule(priority, 4, table=table) for priority, table in ((0, 255), (32766, 254), (32767, 253))]
LOCAL, MAIN = DEFAULTS[:2]


def find(destination: str, rules: list[PolicyRule] | None = None, **asked: Any) -> Decision:
    fib = Fib(ROUTES, sorted([*DEFAULTS, *(rules or [])], key=lambda rule: rule.priority), LINKS)
    return fib.lookup(RouteQuery(4, parse_address(destination)[1])._replace(**asked))


@pytest.mark.parametrize(
    ("destination", "kind", "device", "gateway"),
    [
        ("192.0.2.77", "unicast", "eth0", ""),
        ("8.8.8.8", "unicast", "eth0", "192.0.2.1"),
        ("192.0.2.10", "local", "eth0", ""),
        ("198.51.100.1", "unicast", "eth0", ""),
        ("203.0.113.7", "unreachable", "", ""),
        ("203.0.113.200", "no route", "", ""),
    ],
)
def test_longest_prefix_then_lowest_metric_of_the_first_table_that_has_a_route(
    destination: str, kind: str, device: str, gateway: str
) -> None:
    found = find(destination)
    assert (found.kind, found.device, found.gateway) == (kind, device, gateway)


RULE = PolicyRule(100, 4, table=100)


@pytest.mark.parametrize(
    ("rule", "asked", "applies"),
    [
        (replace(RULE, mark=7, mask=0xF), {"mark": 0x17}, True),
        (replace(RULE, mark=7, mask=0xF), {"mark": 8}, False),
        (replace(RULE, source="10.0.0.0/8"), {"source": parse_address("10.1.1.1")[1]}, True),
        (replace(RULE, source="10.0.0.0/8"), {}, False),
        (replace(RULE, source="10.0.0.0/8", inverted=True), {}, True),
        (replace(RULE, incoming="eth1"), {"incoming": "eth1"}, True),
        (replace(RULE, incoming="lo"), {}, True),
        (replace(RULE, protocol=17, destination_ports=[50, 60]), {"protocol": 17, "port": 53}, True),
        (replace(RULE, protocol=17, destination_ports=[50, 60]), {"protocol": 6, "port": 53}, False),
        (replace(RULE, destination_ports=[50, 60]), {"port": 49}, False),
        (replace(RULE, destination_ports=[50, 60]), {"port": 50}, True),
        (replace(RULE, destination_ports=[50, 60]), {"port": 60}, True),
        (replace(RULE, destination_ports=[50, 60]), {"port": 61}, False),
        (replace(RULE, source_ports=[50, 50]), {"source_port": 50}, True),
        (replace(RULE, source_ports=[50, 50]), {"source_port": 51}, False),
        (replace(RULE, destination="203.0.113.0/31"), {}, True),
        (replace(RULE, destination="203.0.113.1/32"), {}, True),
        (replace(RULE, destination="203.0.113.0/32"), {}, False),
        (replace(RULE, destination="0.0.0.0/0"), {}, True),
        (replace(RULE, mark=0, mask=0), {"mark": 5}, True),
        (replace(RULE, mark=0, mask=1), {"mark": 4}, True),
        (replace(RULE, mark=7, mask=0xF, inverted=True), {"mark": 7}, False),
        (replace(RULE, incoming="eth1"), {"incoming": "eth0"}, False),
        # Nothing is ever sent by a socket that is bound to a device.
        (replace(RULE, outgoing="eth1"), {}, False),
        # There is no VRF whose device could be asked for.
        (replace(RULE, other=["l3mdev"]), {}, False),
    ],
)
def test_selectors_of_rules(rule: PolicyRule, asked: dict[str, Any], applies: bool) -> None:
    assert (find("203.0.113.1", [rule], **asked).device == "eth1") is applies


def test_rule_with_a_selector_that_is_not_known_leaves_it_open_unless_another_one_excludes_it() -> None:
    rule = replace(RULE, other=["uidrange"])
    assert find("203.0.113.1", [rule]).kind == "uncertain"
    assert "uidrange" in find("203.0.113.1", [rule]).why
    assert find("203.0.113.1", [replace(rule, mark=1, mask=1)]).device == "eth0"


def test_a_rule_that_does_nothing_and_one_that_leads_on_to_a_later_one() -> None:
    assert find("203.0.113.1", [replace(RULE, action="nop")]).device == "eth0"
    over = replace(RULE, priority=50, action="goto", goto=200)
    assert find("203.0.113.1", [over, RULE]).device == "eth0"
    assert find("203.0.113.1", [replace(over, goto=100), RULE]).device == "eth1"


def test_a_rule_can_leave_out_routes_that_are_too_short() -> None:
    short = PolicyRule(100, 4, table=254, suppress_prefix_length=0)
    rules = [short, PolicyRule(101, 4, "prohibit")]
    assert find("8.8.8.8", rules).kind == "prohibit"
    assert find("192.0.2.77", rules).device == "eth0"
    assert find("203.0.113.7", rules).kind == "unreachable"


def test_a_mark_that_is_not_known_leaves_it_open_whether_a_rule_applies() -> None:
    found = find("203.0.113.1", [replace(RULE, mark=7, mask=0xF)], mark=None)
    assert found.kind == "uncertain"
    assert "policy rule 100 " in found.why


def test_route_by_several_ways_is_uncertain() -> None:
    fib = Fib([Route("0.0.0.0/0", 254, interfaces=[2, 3])], [], LINKS)
    assert fib.lookup(RouteQuery(4, 1)).kind == "uncertain"


def test_route_that_is_down_does_not_count() -> None:
    fib = Fib([replace(route, usable=route.metric != 10) for route in ROUTES], [], LINKS)
    assert fib.lookup(RouteQuery(4, parse_address("198.51.100.1")[1])).device == "eth1"


@pytest.mark.parametrize("unknown", [{"source_port": None}, {"port": None}])
def test_a_port_that_is_not_known_leaves_it_open_whether_a_rule_applies(unknown: dict[str, None]) -> None:
    rule = replace(RULE, source_ports=[50, 60]) if "source_port" in unknown else replace(RULE, destination_ports=[5, 6])
    assert find("203.0.113.1", [rule], **unknown).kind == "uncertain"
    assert find("203.0.113.1", [replace(rule, inverted=True)], **unknown).kind == "uncertain"
    assert find("203.0.113.1", [replace(rule, incoming="eth1")], **unknown).kind == "unicast"


def test_a_goto_leads_to_the_first_rule_from_its_priority_on() -> None:
    over = PolicyRule(50, 4, action="goto", goto=150)
    assert find("203.0.113.1", [over, replace(RULE, priority=149)]).device == "eth0"
    assert find("203.0.113.1", [over, replace(RULE, priority=150)]).device == "eth1"
    assert find("203.0.113.1", [over, replace(RULE, priority=151)]).device == "eth1"


@pytest.mark.parametrize(("longest", "device"), [(23, "eth1"), (24, "eth0"), (None, "eth1")])
def test_a_rule_leaves_out_routes_up_to_the_length_that_it_names(longest: int | None, device: str) -> None:
    assert find("203.0.113.1", [replace(RULE, suppress_prefix_length=longest)]).device == device


@pytest.mark.parametrize(
    ("action", "kind"), [("unreachable", "no route"), ("prohibit", "prohibit"), ("blackhole", "blackhole")]
)
def test_a_rule_that_forbids(action: str, kind: str) -> None:
    rule = PolicyRule(100, 4, action)
    assert find("203.0.113.1", [rule]) == Decision(kind, rule=rule)


def test_what_a_decision_names() -> None:
    assert find("8.8.8.8") == Decision("unicast", "eth0", "192.0.2.1", "", 254, "0.0.0.0/0", rule=LOCAL)
    assert find("192.0.2.10") == Decision("local", "eth0", "", "192.0.2.10", 255, "192.0.2.10/32", rule=LOCAL)
    assert find("8.8.8.8", [RULE]).rule == MAIN
    assert find("203.0.113.1", [RULE]) == Decision("unicast", "eth1", "", "", 100, "203.0.113.0/24", rule=RULE)
    assert find("203.0.113.7") == Decision("unreachable", "", "", "", 254, "203.0.113.7/32", rule=LOCAL)


def test_main_is_one_table_with_local_until_a_rule_is_made() -> None:
    """Then the local table is asked first, and the longer prefix in main is not found."""
    routes = [Route("192.0.2.0/24", 255, "local", interfaces=[1]), Route("192.0.2.9/32", 254, interfaces=[3])]
    asked = RouteQuery(4, parse_address("192.0.2.9")[1])
    assert Fib(routes, DEFAULTS, LINKS).lookup(asked).kind == "unicast"
    assert Fib(routes, [], LINKS).lookup(asked).kind == "unicast"
    assert Fib(routes, [*DEFAULTS, RULE], LINKS).lookup(asked).kind == "local"
    of_version_6 = [Route("2001:db8::/64", 255, "local", interfaces=[1]), Route("2001:db8::9/128", 254, interfaces=[3])]
    assert Fib(of_version_6, [], LINKS).lookup(RouteQuery(6, parse_address("2001:db8::9")[1])).kind == "local"


def test_a_route_by_one_device_alone() -> None:
    fib = Fib(ROUTES, DEFAULTS, LINKS)
    asked = RouteQuery(4, parse_address("198.51.100.1")[1])
    assert [fib.lookup(asked, device).device for device in ("", "eth0", "eth1")] == ["eth0", "eth0", "eth1"]
    assert fib.lookup(asked, "gone").kind == "no route"


@pytest.mark.parametrize(
    ("address", "device", "kind"),
    [
        ("192.0.2.10", "", "local"),
        ("192.0.2.10", "eth0", "local"),
        ("192.0.2.10", "eth1", "unicast"),
        ("192.0.2.77", "", "unicast"),
    ],
)
def test_the_type_of_an_address(address: str, device: str, kind: str) -> None:
    fib = Fib(ROUTES, DEFAULTS, LINKS)
    assert fib.local_kind(4, parse_address(address)[1], device) == kind
    assert fib.local_kind(6, 1, device) == "unicast"


@pytest.mark.parametrize(
    ("rule", "reads"),
    [
        (None, False),
        (replace(RULE, protocol=6), True),
        (replace(RULE, source_ports=[1, 2]), True),
        (replace(RULE, destination_ports=[1, 2]), True),
        (replace(RULE, destination_ports=[1, 2], incoming="lo"), False),
        (replace(RULE, mark=1, mask=1), False),
    ],
)
def test_the_kernel_looks_into_a_packet_where_a_rule_asks_for_it(rule: PolicyRule | None, *, reads: bool) -> None:
    fib = Fib(ROUTES, [*DEFAULTS, *([rule] if rule else [])], LINKS)
    asked = RouteQuery(4, 1, 2, "eth0", 0, 6, 40000, 80)
    assert fib.as_read(asked) == (asked if reads else RouteQuery(4, 1, 2, "eth0"))
    assert fib.has_custom_rules(4) is (rule is not None)
    assert not fib.has_custom_rules(6)


def test_a_vrf_makes_its_rule_count() -> None:
    rule = replace(RULE, other=["l3mdev"])
    asked = RouteQuery(4, parse_address("203.0.113.1")[1])
    assert Fib(ROUTES, [*DEFAULTS, rule], LINKS).lookup(asked).device == "eth0"
    assert Fib(ROUTES, [*DEFAULTS, rule], [*LINKS, Link(4, "blue", kind="vrf")]).lookup(asked).kind == "uncertain"


def test_several_ways_by_one_device_are_one() -> None:
    fib = Fib([Route("0.0.0.0/0", 254, gateways=["192.0.2.1", "192.0.2.2"], interfaces=[2, 2])], [], LINKS)
    assert fib.lookup(RouteQuery(4, 1))[:3] == ("unicast", "eth0", "192.0.2.1")
