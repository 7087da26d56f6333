"""Bridge networks as a list wants them: the plan, and the subnets that it finds."""

from __future__ import annotations

import ipaddress
import typing as t

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_plan import (
    NetworkDecision,
    NetworkFacts,
    decide,
    first_free,
    outcome_of,
    outline,
    overlapping,
    without_network,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_options import (
    NetworkConsent,
    Pool,
    parse_requests,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._change.plan import Refusal
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import CIDR, Taken, taken_on_host
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.synthetic_host import SyntheticHost, identity

NONE = NetworkConsent()
UNUSED = NetworkConsent(recreate=True)
ALL = NetworkConsent(recreate=True, disruption=True)
POOLS = [{"base": "10.88.0.0/16", "size": 24}]


def shown(network: Network) -> dict[str, t.Any]:
    """GET /networks/ID of a network of the synthetic host."""
    configs = [{"Subnet": item.subnet, "Gateway": item.gateway} for item in network.subnets]
    return {
        "Name": network.name,
        "Id": network.id,
        "Driver": network.driver,
        "Scope": network.scope,
        "Internal": network.internal,
        "EnableIPv6": network.ipv6,
        "IPAM": {"Driver": "default", "Config": configs},
        "Options": dict(network.options),
        "Labels": dict(network.labels),
        "Containers": {},
    }


def facts(host: SyntheticHost, **changes: t.Any) -> NetworkFacts:
    networks = [shown(network) for network in host.networks]
    return NetworkFacts(**{"snapshot": host.snapshot(), "networks": networks, "bridge_netfilter": True, **changes})


def plan(
    host: SyntheticHost, *networks: dict[str, t.Any], consent: NetworkConsent = NONE, **changes: t.Any
) -> list[NetworkDecision]:
    return decide(parse_requests(list(networks)), consent, facts(host, **changes))


def refusal(
    host: SyntheticHost, *networks: dict[str, t.Any], consent: NetworkConsent = NONE, **changes: t.Any
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        plan(host, *networks, consent=consent, **changes)
    assert str(caught.value).startswith("nothing was changed")
    return caught.value


def made(decisions: list[NetworkDecision]) -> dict[str, list[str]]:
    """Subnets of the networks that are made, by name."""
    return {
        item.request.name: [config["Subnet"] for config in item.body["IPAM"]["Config"]]
        for item in decisions
        if item.body
    }


def test_a_pool_gives_each_network_another_subnet_that_is_free() -> None:
    host = SyntheticHost()
    host.routes.append(Route("10.88.0.0/24", 254, gateways=["192.0.2.1"], interfaces=[2]))
    decisions = plan(
        host,
        {"name": "a", "pools": POOLS},
        {"name": "b", "pools": POOLS},
        {"name": "c", "subnets": [{"subnet": "10.88.2.0/24"}]},
        avoid=[ipaddress.ip_network("10.88.4.0/23")],
    )
    # 10.88.0.0 is routed, 10.88.1.0 is front's, 10.88.2.0 is asked for further down, 10.88.4.0 and 5 are to be avoided.
    assert made(decisions) == {"a": ["10.88.3.0/24"], "b": ["10.88.6.0/24"], "c": ["10.88.2.0/24"]}
    assert outline(decisions, {}).actions == [
        "create network a with 10.88.3.0/24",
        "create network b with 10.88.6.0/24",
        "create network c with 10.88.2.0/24",
    ]
    diffs = outline(decisions, {}).diffs
    assert [(item.title, item.before, "10.88" in item.after) for item in diffs] == [
        (f"network {name}", "", True) for name in "abc"
    ]


@given(st.lists(st.integers(0, 255), max_size=40, unique=True), st.integers(1, 5))
def test_a_second_run_keeps_what_the_first_chose(routed: list[int], count: int) -> None:
    host = SyntheticHost()
    host.routes += [Route(f"10.88.{number}.0/24", 254, gateways=["192.0.2.1"], interfaces=[2]) for number in routed]
    wanted = [{"name": f"n{at}", "pools": POOLS} for at in range(count)]
    first = made(plan(host, *wanted))
    taken = {f"10.88.{number}.0/24" for number in routed} | {"10.88.1.0/24"}
    chosen = [subnet for subnets in first.values() for subnet in subnets]
    assert len(set(chosen)) == count
    assert not taken & set(chosen)
    for name, (subnet,) in first.items():
        host.network(name, subnet)
    again = plan(host, *wanted)
    assert {item.outcome for item in again} == {"unchanged"}
    assert (outline(again, {}).actions, outline(again, {}).diffs) == ([], [])


def test_no_free_subnet() -> None:
    said = str(refusal(SyntheticHost(), {"name": "a", "pools": [{"base": "10.88.1.0/24", "size": 26}]}))
    assert "networks[0].pools: a /26 of 10.88.1.0/24: " in said
    assert "of the Docker network front" in said


def test_networks_that_go_make_room_for_those_that_come() -> None:
    decisions = plan(
        SyntheticHost(),
        {"name": "new", "subnets": [{"subnet": "10.88.1.0/24"}], "bridge_name": f"br-{identity('front')[:12]}"},
        {"name": "front", "state": "absent"},
        {"name": "never", "state": "absent"},
    )
    assert [(item.request.name, item.outcome) for item in decisions] == [
        ("front", "removed"),
        ("never", "absent"),
        ("new", "created"),
    ]


def test_a_network_with_containers_is_not_removed() -> None:
    host = SyntheticHost().container("web").container("ended", pid=None)
    error = refusal(host, {"name": "front", "state": "absent"})
    assert "network front has containers" in str(error)
    assert [item.label for item in error.disruptions] == ["container ended", "container web"]


def test_an_endpoint_of_nobody_counts_as_well() -> None:
    host = SyntheticHost()
    network = {**shown(host.networks[1]), "Containers": {"ep-1": {"Name": "gateway_ingress-sbox"}}}
    assert "gateway_ingress-sbox" in str(refusal(host, {"name": "front", "state": "absent"}, networks=[network]))


def test_drift_takes_consent() -> None:
    host = SyntheticHost().container("web")
    wanted = [{"name": "front", "mtu": 1400, "labels": {"a": "b"}}]
    for consent, lacks in (
        (NONE, {"recreate": "allow", "on_disruption": "allow"}),
        (NetworkConsent(disruption=True), {"recreate": "allow"}),
        (UNUSED, {"on_disruption": "allow"}),
    ):
        error = refusal(host, *wanted, consent=consent)
        assert "networks[0]: network front: " in str(error)
        assert "mtu is 1500, wanted 1400" in str(error)
        assert error.consents == [lacks]
        assert f"With {' and '.join(f'{key}: {value}' for key, value in lacks.items())}, it" in str(error)
        assert "labels.a is none, wanted 'b'" in str(error)
        (disruption,) = error.disruptions
        assert (disruption.kind, disruption.name) == ("container", "web")
        assert "disconnected from network front" in disruption.how
    (item,) = plan(host, *wanted, consent=ALL)
    assert item.outcome == "recreated"
    assert item.body is not None
    assert item.body["IPAM"]["Config"] == [{"Subnet": "10.88.1.0/24", "Gateway": "10.88.1.1"}]
    (unused,) = plan(SyntheticHost(), *wanted, consent=UNUSED)
    assert unused.outcome == "recreated"


def test_a_network_that_is_made_anew_keeps_its_place_until_then() -> None:
    host = SyntheticHost()
    pool = [{"base": "10.88.1.0/24", "size": 24}]
    # Before: front still holds it. After: front has left it for another.
    assert "front" in str(refusal(host, {"name": "a", "pools": pool}, {"name": "front", "mtu": 1400}, consent=UNUSED))
    moved = {"name": "front", "subnets": [{"subnet": "10.88.9.0/24"}]}
    assert made(plan(host, moved, {"name": "a", "pools": pool}, consent=UNUSED))["a"] == ["10.88.1.0/24"]


def test_what_is_there_is_kept_though_it_overlaps_and_that_is_told() -> None:
    host = SyntheticHost()
    host.routes.append(Route("10.88.0.0/16", 254, gateways=["192.0.2.1"], interfaces=[2]))
    (item,) = plan(host, {"name": "front"})
    assert item.outcome == "unchanged"
    route = "the route 10.88.0.0/16 via 192.0.2.1 dev eth0 in table main"
    (warning,) = item.warnings
    assert warning.startswith("network front has 10.88.1.0/24, ")
    assert warning.endswith(f" {route}")
    # Made anew, it would be there again.
    assert "overlaps with the route" in str(refusal(host, {"name": "front", "mtu": 1400}, consent=ALL))


def test_an_ipv6_subnet_that_goes_is_in_nobodys_way() -> None:
    host = SyntheticHost()
    host.routes.append(Route("fd00:88::/32", 254, gateways=["fe80::1"], interfaces=[2]))
    network = {**shown(host.networks[1]), "EnableIPv6": True}
    network["IPAM"] = {"Driver": "default", "Config": [{"Subnet": "10.88.1.0/24"}, {"Subnet": "fd00:88:1::/64"}]}
    (item,) = plan(host, {"name": "front", "ipv6": False}, consent=UNUSED, networks=[network])
    assert item.body is not None
    assert item.body["IPAM"]["Config"] == [{"Subnet": "10.88.1.0/24"}]


def test_a_network_that_is_made_anew_stays_in_its_subnet_if_a_pool_has_it() -> None:
    wish = {"name": "front", "mtu": 1400, "pools": POOLS}
    assert made(plan(SyntheticHost(), wish, consent=UNUSED)) == {"front": ["10.88.1.0/24"]}
    wish["pools"] = [{"base": "10.99.0.0/16", "size": 24}]
    assert made(plan(SyntheticHost(), wish, consent=UNUSED)) == {"front": ["10.99.0.0/24"]}


def test_the_subnets_of_what_is_there_or_will_be_are_returned() -> None:
    new = {"name": "a", "subnets": [{"subnet": "10.88.9.0/24"}]}
    decisions = plan(SyntheticHost(), new, {"name": "front"}, {"name": "gone", "state": "absent"})
    assert {item.name: item.subnets for item in map(outcome_of, decisions)} == {
        "a": ["10.88.9.0/24"],
        "front": ["10.88.1.0/24"],
        "gone": [],
    }


@pytest.mark.parametrize(
    ("route", "wish"),
    [
        ("fd00:88::/32", {"mtu": 1400}),
        ("10.88.0.0/16", {"mtu": 1400}),
        ("10.88.0.0/16", {"ipv6": False}),
    ],
)
def test_a_subnet_that_stays_must_be_free_of_others(route: str, wish: dict[str, t.Any]) -> None:
    host = SyntheticHost()
    network = {**shown(host.networks[1]), "EnableIPv6": True}
    network["IPAM"] = {"Driver": "default", "Config": [{"Subnet": "10.88.1.0/24"}, {"Subnet": "fd00:88:1::/64"}]}
    (item,) = plan(host, {"name": "front", **wish}, consent=UNUSED, networks=[network])
    assert item.outcome == "recreated"
    host.routes.append(Route(route, 254, gateways=["192.0.2.1" if "." in route else "fe80::1"], interfaces=[2]))
    assert route in str(refusal(host, {"name": "front", **wish}, consent=UNUSED, networks=[network]))


def duplicate(host: SyntheticHost) -> dict[str, t.Any]:
    return {"networks": [shown(host.networks[1]), {**shown(host.networks[1]), "Id": "f" * 64}]}


def other(host: SyntheticHost, **traits: t.Any) -> dict[str, t.Any]:
    return {"networks": [{**shown(host.networks[1]), **traits}]}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (duplicate(SyntheticHost()), "2 networks are named 'front' ("),
        (other(SyntheticHost(), Driver="macvlan"), "has driver macvlan and scope local"),
        (other(SyntheticHost(), Driver="overlay", Scope="swarm"), "has driver overlay and scope swarm"),
        (other(SyntheticHost(), ConfigFrom={"Network": "base"}), "takes its configuration from another network"),
        (other(SyntheticHost(), ConfigOnly=True), "takes its configuration from another network"),
    ],
)
@pytest.mark.parametrize("state", ["present", "absent"])
def test_networks_that_are_not_touched(changes: dict[str, t.Any], said: str, state: str) -> None:
    assert said in str(refusal(SyntheticHost(), {"name": "front", "state": state}, **changes))


@pytest.mark.parametrize(
    ("version", "options", "said"),
    [
        (
            "26.1.5",
            {"gateway_mode_ipv4": "routed"},
            "gateway_mode_ipv4: 'routed' came with Docker Engine 27.0, and this host has 26.1.5",
        ),
        ("27.5.1", {"gateway_mode_ipv6": "nat-unprotected"}, "'nat-unprotected' came with Docker Engine 28.0"),
        ("27.5.1", {"gateway_mode_ipv4": "isolated", "internal": True}, "'isolated' came with Docker Engine 28.0"),
        ("28.1.0", {"trusted_interfaces": ["eth0"]}, "trusted_interfaces: 'eth0' came with Docker Engine 28.2"),
        ("26.1.5", {"ipv6": True}, "networks[0].ipv6: Docker Engine 26.1.5 has no IPv6 pools of its own"),
    ],
)
def test_what_came_with_a_later_engine(version: str, options: dict[str, t.Any], said: str) -> None:
    assert said in str(refusal(SyntheticHost(version=version), {"name": "a", **options}))


def test_the_only_mode_of_an_old_engine_is_not_asked_of_it() -> None:
    for version, options in (("26.1.5", {}), ("27.0.1", {"com.docker.network.bridge.gateway_mode_ipv4": "nat"})):
        (item,) = plan(SyntheticHost(version=version), {"name": "a", "gateway_mode_ipv4": "nat"})
        assert item.body is not None
        assert item.body["Options"] == options


def test_icc_needs_bridge_netfilter() -> None:
    said = str(refusal(SyntheticHost(), {"name": "a", "icc": False}, bridge_netfilter=False))
    assert "networks[0].icc: false needs" in said


def test_a_bridge_name_that_is_in_use() -> None:
    host = SyntheticHost().link(Link(9, "br-lan", "bridge", up=True))
    assert "'docker0' is the bridge of" in str(refusal(host, {"name": "a", "bridge_name": "docker0"}))
    assert "an interface 'br-lan' (bridge)" in str(refusal(host, {"name": "a", "bridge_name": "br-lan"}))


@pytest.mark.parametrize(
    ("version", "why"), [("26.1.5", "only at its start"), ("28.5.2", "policy of the FORWARD chain")]
)
def test_without_forwarding(version: str, why: str) -> None:
    host = SyntheticHost(version=version)
    host.sysctls["net.ipv4.ip_forward"] = "0"
    said = str(refusal(host, {"name": "a"}))
    assert why in said
    assert "Run the module ip_forward first" in said
    assert made(plan(host, {"name": "a", "internal": True})) == {"a": []}


def test_routes_from_router_advertisements_are_not_lost() -> None:
    host = SyntheticHost(version="28.5.2")
    host.sysctls["net.ipv6.conf.all.forwarding"] = "0"
    host.sysctls["net.ipv6.conf.eth0.accept_ra"] = "1"
    host.routes.append(Route("::/0", 254, gateways=["fe80::1"], interfaces=[2], protocol=9))
    said = str(refusal(host, {"name": "a", "ipv6": True}))
    assert "advertisements gave it on eth0" in said
    host.sysctls["net.ipv6.conf.eth0.accept_ra"] = "2"
    host.argv.append("--ip6tables=false")
    (item,) = plan(host, {"name": "a", "ipv6": True})
    assert any("IPv6 forwarding is off" in warning for warning in item.warnings)
    assert any("no rules for IPv6" in warning for warning in item.warnings)


@pytest.mark.parametrize("source", ["engine", "links", "routes", "nameservers", "sysctl", "ruleset"])
def test_what_could_not_be_read_is_no_permission(source: str) -> None:
    assert "run with become" in str(refusal(SyntheticHost().unread(source), {"name": "a"}))


def test_a_network_by_another_driver_counts_as_taken() -> None:
    host = SyntheticHost()
    host.networks.append(Network(identity("lan"), "lan", "macvlan", subnets=[Subnet("10.50.0.0/16")]))
    said = str(refusal(host, {"name": "a", "subnets": [{"subnet": "10.50.1.0/24"}]}))
    assert "networks[0].subnets[0].subnet (a): 10.50.1.0/24 overlaps" in said
    assert "10.50.0.0/16 of the Docker network" in said


@st.composite
def cidrs(draw: st.DrawFn, inside: str = "10.0.0.0/20") -> CIDR:
    """A subnet of a range that is small enough for collisions."""
    base = ipaddress.ip_network(inside)
    size = draw(st.integers(base.prefixlen, base.max_prefixlen))
    offset = draw(st.integers(0, base.num_addresses - 1))
    return ipaddress.ip_network((int(base.network_address) + offset, size), strict=False)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    base = draw(cidrs().filter(lambda cidr: cidr.prefixlen <= 30))
    return Pool(base, draw(st.integers(base.prefixlen, 30)))


@given(st.lists(pools(), max_size=3), st.lists(cidrs(), max_size=30))
def test_the_first_free_subnet_is_free_and_the_first(ranges: list[Pool], used: list[CIDR]) -> None:
    taken = [Taken(cidr, str(cidr)) for cidr in used]
    found = first_free(ranges, taken)
    every = [subnet for pool in ranges for subnet in pool.base.subnets(new_prefix=pool.size)]
    assert found == next((subnet for subnet in every if overlapping(subnet, taken) is None), None)


@given(st.lists(cidrs(), max_size=10))
def test_a_second_choice_keeps_clear_of_the_first(used: list[CIDR]) -> None:
    taken = [Taken(cidr, "") for cidr in used]
    ranges = [Pool(ipaddress.ip_network("10.0.0.0/20"), 24)]
    first = first_free(ranges, taken)
    if first is not None:
        second = first_free(ranges, [*taken, Taken(first, "")])
        assert second is None or not second.overlaps(first)
        # A host that has not changed gives the same answer.
        assert first_free(ranges, list(reversed(taken))) == first


def test_a_large_pool_of_small_subnets_takes_no_time() -> None:
    taken = [Taken(ipaddress.ip_network("fd00::/33"), "")]
    found = first_free([Pool(ipaddress.ip_network("fd00::/32"), 126)], taken)
    assert found == ipaddress.ip_network("fd00:0:8000::/126")


def test_families_do_not_meet() -> None:
    taken = [Taken(ipaddress.ip_network("0.0.0.0/0"), "")]
    assert first_free([Pool(ipaddress.ip_network("fd00::/48"), 64)], taken) == ipaddress.ip_network("fd00::/64")


def busy() -> SyntheticHost:
    host = SyntheticHost(nameservers=["10.255.0.53"])
    host.link(Link(9, "wg0", up=True, addresses=["10.66.0.2/24"]))
    host.routes += [
        Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
        Route("0.0.0.0/1", 254, gateways=["10.66.0.1"], interfaces=[9]),
        Route("2000::/3", 254, gateways=["fe80::1"], interfaces=[2]),
        Route("10.20.0.0/16", 254, gateways=["192.0.2.9"], interfaces=[2]),
        Route("10.21.0.0/16", 51820, interfaces=[9]),
        Route("10.22.0.0/16", 254, kind="blackhole"),
        Route("10.88.1.0/24", 254, interfaces=[4]),
    ]
    return host


@pytest.mark.parametrize(
    ("subnet", "owner"),
    [
        ("10.20.1.0/24", "the route 10.20.0.0/16 via 192.0.2.9 dev eth0 in table main"),
        ("10.21.1.0/24", "the route 10.21.0.0/16 dev wg0 in table 51820"),
        ("10.22.0.0/15", "the route 10.22.0.0/16 (blackhole) in table main"),
        ("10.66.0.0/16", "the address 10.66.0.2/24 of wg0"),
        ("10.88.1.128/25", "10.88.1.0/24 of the Docker network front"),
        ("10.255.0.0/24", "the nameserver 10.255.0.53"),
        ("10.44.0.0/24", "10.44.0.0/16, which is to be avoided"),
        ("10.99.0.0/24", None),
        ("2001:db8:1::/64", None),
    ],
)
def test_who_has_it(subnet: str, owner: str | None) -> None:
    taken = taken_on_host(busy().snapshot(), [ipaddress.ip_network("10.44.0.0/16")])
    found = overlapping(ipaddress.ip_network(subnet), taken)
    assert (found.owner if found else None) == owner


def test_a_network_that_goes_gives_back_all_that_it_has() -> None:
    host = busy().snapshot()
    front = next(network for network in host.networks if network.id == identity("front"))
    rest = without_network(host, front.id, front.bridge)
    assert overlapping(ipaddress.ip_network("10.88.1.0/24"), taken_on_host(rest, [])) is None
    assert overlapping(ipaddress.ip_network("10.88.1.0/24"), taken_on_host(host, [])) is not None
    assert rest.routes == host.routes[:-1]


def answered(host: SyntheticHost, **traits: t.Any) -> list[dict[str, t.Any]]:
    """The networks of the host, front with other traits."""
    return [{**shown(item), **(traits if item.name == "front" else {})} for item in host.networks]


@pytest.mark.parametrize(
    "traits",
    [
        {"Driver": "macvlan"},
        {"Scope": "swarm"},
        {"Ingress": True},
        {"ConfigOnly": True},
        {"ConfigFrom": {"Network": "template"}},
    ],
)
def test_networks_that_are_not_managed_here(traits: dict[str, t.Any]) -> None:
    host = SyntheticHost()
    for wanted in ({"name": "front"}, {"name": "front", "state": "absent"}):
        assert "'front'" in str(refusal(host, wanted, consent=ALL, networks=answered(host, **traits)))


@pytest.mark.parametrize(
    "traits",
    [
        {"Ingress": False, "ConfigOnly": False, "ConfigFrom": {"Network": ""}},
        {"ConfigFrom": None},
        {"Labels": None},
        {"Containers": None},
    ],
)
def test_what_is_null_or_false_of_a_network_is_not_there(traits: dict[str, t.Any]) -> None:
    host = SyntheticHost()
    (kept,) = plan(host, {"name": "front"}, networks=answered(host, **traits))
    assert kept.outcome == "unchanged"
    (gone,) = plan(host, {"name": "front", "state": "absent"}, consent=ALL, networks=answered(host, **traits))
    assert gone.outcome == "removed"


def test_two_networks_of_one_name_are_told_apart_by_their_ids_alone() -> None:
    host = SyntheticHost()
    front = next(item for item in answered(host) if item["Name"] == "front")
    twice = [*answered(host), {**front, "Id": "f" * 64}]
    text = str(refusal(host, {"name": "front"}, networks=twice))
    assert f"{front['Id'][:12]}, {'f' * 12})" in text
