# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of bridges find, on hosts built for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Network, PublishedPort, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    NETWORK_MANAGER,
    NETWORKD,
    ContainerNamespace,
    Link,
    ManagedLink,
    Route,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.docker_host import WILDCARD, DockerHost
from tests.unit.plugins.plugin_utils.checks.verdicts import judge, only
from tests.unit.synthetic_host import SyntheticHost, identity

NETFILTER = "net.bridge.bridge-nf-call-iptables"
NETFILTER6 = "net.bridge.bridge-nf-call-ip6tables"
ICC = "com.docker.network.bridge.enable_icc"
FRONT = f"br-{identity('front')[:12]}"


def changed(host: SyntheticHost, name: str, **changes: Any) -> SyntheticHost:
    """The host with another network of that name."""
    host.networks = [replace(item, **changes) if item.name == name else item for item in host.networks]
    return host


def with_link(host: SyntheticHost, name: str, **changes: Any) -> SyntheticHost:
    """The host with another link of that name."""
    host.links = [replace(item, **changes) if item.name == name else item for item in host.links]
    return host


# ---- bridge.netfilter ------------------------------------------------------------------------------------------------


def with_icc() -> SyntheticHost:
    """A host on which all containers of a network may reach each other."""
    host = SyntheticHost()
    host.networks = [replace(item, options={**item.options, ICC: "true"}) for item in host.networks]
    return host


def without_icc() -> SyntheticHost:
    """The same, but for network front."""
    return changed(with_icc(), "front", options={ICC: "false"})


def test_without_docker_proxy_bridged_packets_must_meet_the_rules() -> None:
    host = SyntheticHost(proxy=False)
    assert only(host.snapshot(), "bridge.netfilter").outcome == "pass"
    host.sysctls[NETFILTER] = "0"
    finding = only(host.snapshot(), "bridge.netfilter")
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert "time out" in finding.impact
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("bridge_hairpin", {"state": "auto"})


def test_forbidden_traffic_must_meet_the_rule_that_forbids_it() -> None:
    host = without_icc()
    host.sysctls[NETFILTER] = "0"
    finding = only(host.snapshot(), "bridge.netfilter")
    assert finding.outcome == "fail"
    assert finding.evidence["networks with icc=false"] == ["front"]
    assert "of front reach each other" in finding.impact
    assert only(with_icc().snapshot(), "bridge.netfilter").outcome == "not_applicable"


def test_a_bridge_can_have_the_setting_for_itself() -> None:
    host = without_icc()
    host.sysctls[NETFILTER] = "0"
    front = next(item.bridge for item in host.networks if item.name == "front")
    assert only(with_link(host, front or "", calls_iptables=True).snapshot(), "bridge.netfilter").outcome == "pass"


def test_a_module_that_is_not_loaded_is_decided_by_hand() -> None:
    host = without_icc()
    del host.sysctls[NETFILTER]
    finding = only(host.snapshot(), "bridge.netfilter")
    assert f"{NETFILTER}=absent" in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "modprobe br_netfilter" in finding.remediation.text


def test_ipv6_has_a_setting_of_its_own() -> None:
    host = changed(without_icc(), "front", ipv6=True)
    host.sysctls[NETFILTER6] = "0"
    assert NETFILTER6 in only(host.snapshot(), "bridge.netfilter").summary


def test_a_proxy_that_nobody_knows_matters_only_where_rules_see_nothing() -> None:
    host = with_icc().unread("ruleset").unread("daemon_config")
    assert only(host.snapshot(), "bridge.netfilter").outcome == "pass"
    host.sysctls[NETFILTER] = "0"
    assert only(host.snapshot(), "bridge.netfilter").outcome == "unknown"


# ---- bridge.route-localnet -------------------------------------------------------------------------------------------


GUARD = {("raw", "PREROUTING"): ["-d 127.0.0.0/8 ! -i lo -j DROP"]}


def loopback_host(*, proxy: bool, routes: bool, **changes: Any) -> DockerHost:
    """A host whose one bridge routes 127.0.0.0/8 or not, and a container that shows docker-proxy."""
    host = DockerHost(proxy=proxy, **changes)
    bridge = host.network()
    host.container("web", [bridge], [PublishedPort("tcp", 80, WILDCARD, 8080)], [("tcp", 80)])
    host.sysctls[f"net.ipv4.conf.{bridge.device}.route_localnet"] = "1" if routes else "0"
    return host


def test_a_bridge_that_routes_loopback_unguarded_is_found_whatever_the_mode() -> None:
    for proxy in (True, False):
        finding = only(loopback_host(proxy=proxy, routes=True).snapshot(), "bridge.route-localnet")
        assert (finding.outcome, finding.severity) == ("fail", "medium")
        assert finding.resource.name == "br-000000000000"
        assert finding.remediation is not None
        assert finding.remediation.module == "bridge_hairpin"
        assert "127.0.0.1" in finding.impact


def test_without_docker_proxy_a_guard_is_enough() -> None:
    host = loopback_host(proxy=False, routes=True, own_rules=GUARD)
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "pass"


def test_with_docker_proxy_it_is_left_over_even_behind_a_guard() -> None:
    host = loopback_host(proxy=True, routes=True, own_rules=GUARD)
    finding = only(host.snapshot(), "bridge.route-localnet")
    assert finding.outcome == "fail"
    assert "still protects" in finding.impact


def test_a_guard_is_known_by_what_it_does() -> None:
    rules = {("raw", "PREROUTING"): ["-i br-000000000000 -d 127.0.0.1/32 -j DROP"]}
    host = loopback_host(proxy=False, routes=True, own_rules=rules)
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "pass"
    rules = {("raw", "PREROUTING"): ["-i eth0 -d 127.0.0.0/8 -j DROP"]}
    host = loopback_host(proxy=False, routes=True, own_rules=rules)
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "fail"


def test_the_setting_for_all_is_not_dockerds_doing() -> None:
    host = loopback_host(proxy=True, routes=False)
    host.sysctls["net.ipv4.conf.all.route_localnet"] = "1"
    finding = only(host.snapshot(), "bridge.route-localnet")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.module is None
    host.own_rules = dict(GUARD)
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "pass"


def test_bridges_that_do_not_route_loopback_are_well() -> None:
    host = loopback_host(proxy=True, routes=False)
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "pass"
    del host.sysctls["net.ipv4.conf.br-000000000000.route_localnet"]
    assert only(host.snapshot(), "bridge.route-localnet").outcome == "unknown"


# ---- bridge.link -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changes", "words"), [
    ({"up": False}, "is down"),
    ({"addresses": ["fe80::1/64"]}, "10.88.1.1/24 is missing"),
    ({"kind": "dummy"}, "is not a bridge but dummy"),
])  # fmt: skip
def test_a_bridge_that_serves_nobody_is_found(changes: dict[str, Any], words: str) -> None:
    finding = only(with_link(SyntheticHost(), FRONT, **changes).snapshot(), "bridge.link")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "front")
    assert words in finding.summary


def test_a_bridge_that_is_gone_is_found() -> None:
    host = SyntheticHost()
    host.links = [item for item in host.links if item.name != FRONT]
    assert f"{FRONT} does not exist" in only(host.snapshot(), "bridge.link").summary


def test_no_carrier_is_normal() -> None:
    host = with_link(SyntheticHost(), FRONT, operstate="DOWN")
    assert only(host.snapshot(), "bridge.link").outcome == "pass"


@pytest.mark.parametrize("options", [
    {"com.docker.network.bridge.inhibit_ipv4": "true"},
    {"com.docker.network.bridge.gateway_mode_ipv4": "isolated"},
])  # fmt: skip
def test_a_bridge_that_should_have_no_address_lacks_none(options: dict[str, str]) -> None:
    host = with_link(changed(SyntheticHost(), "front", options=options), FRONT, addresses=[])
    assert only(host.snapshot(), "bridge.link").outcome == "pass"


def test_a_gateway_that_the_engine_does_not_show_is_any_address_of_the_subnet() -> None:
    host = changed(SyntheticHost(), "front", subnets=[Subnet("10.88.1.0/24")])
    assert only(host.snapshot(), "bridge.link").outcome == "pass"
    assert only(with_link(host, FRONT, addresses=["10.9.0.1/24"]).snapshot(), "bridge.link").outcome == "fail"


def test_the_address_of_ipv6_is_wanted_where_ipv6_is_on() -> None:
    both = [Subnet("10.88.1.0/24", "10.88.1.1"), Subnet("fd88::/64", "fd88::1/64")]
    host = changed(SyntheticHost(), "front", subnets=both)
    assert only(host.snapshot(), "bridge.link").outcome == "pass"
    finding = only(changed(host, "front", ipv6=True).snapshot(), "bridge.link")
    assert "fd88::1/64 is missing" in finding.summary


def test_what_a_swarm_makes_elsewhere_is_not_judged() -> None:
    host = SyntheticHost()
    host.networks.append(Network(identity("far"), "far", "bridge", scope="swarm", subnets=[Subnet("10.7.0.0/24")]))
    assert only(host.snapshot(), "bridge.link").outcome == "pass"


# ---- bridge.managed --------------------------------------------------------------------------------------------------


def managed(*links: ManagedLink) -> HostSnapshot:
    return replace(SyntheticHost().container("web").snapshot(), managed_links=list(links))


def test_a_manager_of_dockers_interfaces_is_found_with_its_file() -> None:
    path = "/etc/systemd/network/\x1b[31m.network"
    findings = judge(
        managed(
            ManagedLink(NETWORKD, "docker0", "configured", managed=True, by=path),
            ManagedLink(NETWORK_MANAGER, "veth5", "connected", managed=True, by="Wired connection 1"),
            ManagedLink(NETWORKD, "eth0", "configured", managed=True),
        ),
        "bridge.managed",
    )
    assert [(item.outcome, item.resource.name) for item in findings] == [("fail", "docker0"), ("fail", "veth5")]
    assert "\x1b" not in str(findings[0].evidence)
    assert findings[1].remediation is not None
    assert "NetworkManager/conf.d" in findings[1].remediation.text


def test_a_manager_that_leaves_them_alone_passes() -> None:
    alone = [
        ManagedLink(NETWORKD, "docker0", "unmanaged", managed=False),
        ManagedLink(NETWORK_MANAGER, FRONT, "connected (externally)", managed=False, by=FRONT),
        ManagedLink(NETWORKD, "eth0", "configured", managed=True),
    ]
    assert only(managed(*alone), "bridge.managed").outcome == "pass"
    assert only(managed(), "bridge.managed").outcome == "not_applicable"


# ---- bridge.mtu ------------------------------------------------------------------------------------------------------


def sized(endpoint: int, uplink: int, *, inside: int | None = None) -> HostSnapshot:
    """A host with one container, and MTUs outside and, where they differ, inside its namespace."""
    host = with_link(SyntheticHost().container("web"), "eth0", mtu=uplink)
    host = with_link(host, "veth5", mtu=endpoint)
    host.routes.append(Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]))
    veth = next(item for item in host.links if item.name == "veth5")
    space = ContainerNamespace(
        host.containers[0].netns or 0, [Link(veth.peer_index or 0, "eth0", "veth", mtu=inside or endpoint)]
    )
    return replace(host.snapshot(), container_namespaces=[space])


def test_endpoints_that_send_more_than_the_uplink_takes_are_found() -> None:
    finding = only(sized(1500, 1420), "bridge.mtu")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "medium", "front")
    assert finding.evidence["containers"] == ["web"]
    assert finding.remediation is not None
    assert finding.remediation.module == "bridge_network"
    assert finding.remediation.args == {"networks": [{"name": "front", "mtu": 1420}]}
    assert only(sized(1500, 1500), "bridge.mtu").outcome == "pass"
    assert only(sized(1400, 1500), "bridge.mtu").outcome == "pass"


def test_inside_is_what_counts() -> None:
    assert only(sized(1500, 1420, inside=1400), "bridge.mtu").outcome == "pass"


def test_a_host_end_that_takes_less_than_the_container_sends_is_broken_now() -> None:
    finding = only(sized(1400, 1500, inside=1500), "bridge.mtu")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "web")
    assert finding.evidence == {"MTU of veth5": 1400, "MTU inside the container": 1500}
    assert finding.remediation is not None
    assert finding.remediation.text == "Set the MTU on the host: ip link set dev veth5 mtu 1500"
    assert only(replace(sized(1400, 1500, inside=1500), routes=[]), "bridge.mtu").outcome == "fail"


def with_address6(snapshot: HostSnapshot) -> HostSnapshot:
    """The host, its container with an IPv6 address as well."""
    containers = [
        replace(item, endpoints=[replace(endpoint, address6="2001:db8:1::2") for endpoint in item.endpoints])
        for item in snapshot.containers
    ]
    return replace(snapshot, containers=containers)


@pytest.mark.parametrize(("size", "outcome"), [(68, "fail"), (575, "fail"), (576, "pass"), (1279, "pass")])
def test_a_container_that_takes_less_than_every_host_must_is_broken_now(size: int, outcome: str) -> None:
    finding = only(sized(1500, 1500, inside=size), "bridge.mtu")
    assert finding.outcome == outcome
    if outcome == "fail":
        assert (finding.severity, finding.resource.name) == ("high", "web")
        assert f"an MTU of {size} bytes: larger packets are dropped" in finding.summary
        assert finding.evidence == {"MTU of veth5": 1500, "MTU inside the container": size}
        assert finding.remediation is not None
        assert finding.remediation.text.startswith("Restart container web")


def test_a_small_link_is_found_without_a_route_to_the_outside() -> None:
    assert only(replace(sized(1500, 1500, inside=68), routes=[]), "bridge.mtu").outcome == "fail"


@pytest.mark.parametrize(("size", "outcome"), [(68, "fail"), (1279, "fail"), (1280, "pass")])
def test_the_kernel_turns_ipv6_off_on_small_links(size: int, outcome: str) -> None:
    finding = only(with_address6(sized(1500, 1500, inside=size)), "bridge.mtu")
    assert finding.outcome == outcome
    if outcome == "fail":
        assert (finding.severity, finding.resource.name) == ("high", "web")
        assert "below 1280 the kernel turns IPv6 off" in finding.summary
        assert "2001:db8:1::2" in finding.impact


def test_a_network_that_is_made_with_too_small_an_mtu_is_recreated() -> None:
    finding = only(sized(500, 1500), "bridge.mtu")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.text == "Recreate network front with an MTU of 576 bytes or more"


@pytest.mark.parametrize(("bridge", "outcome"), [(1400, "fail"), (1500, "pass"), (9000, "pass")])
def test_a_bridge_set_to_less_than_its_ports_counts_as_the_uplink_does(bridge: int, outcome: str) -> None:
    snapshot = sized(1500, 1500)
    links = [replace(item, mtu=bridge) if item.name == FRONT else item for item in snapshot.links]
    finding = only(replace(snapshot, links=links), "bridge.mtu")
    assert finding.outcome == outcome
    if outcome == "fail":
        assert (finding.severity, finding.resource.name) == ("medium", "front")
        assert finding.remediation is not None
        assert finding.remediation.text == f"Set the MTU on the host: ip link set dev {FRONT} mtu 1500"


def test_the_default_bridge_is_decided_by_hand() -> None:
    snapshot = sized(1500, 1420)
    options = {"com.docker.network.bridge.default_bridge": "true", "com.docker.network.bridge.name": FRONT}
    networks = [replace(item, options=options) if item.name == "front" else item for item in snapshot.networks]
    finding = only(replace(snapshot, networks=networks), "bridge.mtu")
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "mtu to 1420 in daemon.json" in finding.remediation.text


def test_the_way_is_that_of_the_routes_and_not_of_the_first_uplink() -> None:
    snapshot = sized(1500, 1500)
    tunnel = Link(90, "wg0", "wireguard", up=True, mtu=1420, addresses=["10.9.0.2/24"])
    halves = [Route(half, 254, interfaces=[90]) for half in ("0.0.0.0/1", "128.0.0.0/1")]
    finding = only(replace(snapshot, links=[*snapshot.links, tunnel], routes=[*snapshot.routes, *halves]), "bridge.mtu")
    assert finding.outcome == "fail"
    assert "wg0" in finding.summary


def test_without_containers_or_ways_out_there_is_nothing_to_compare() -> None:
    assert only(SyntheticHost().snapshot(), "bridge.mtu").outcome == "not_applicable"
    assert only(replace(sized(1500, 1420), routes=[]), "bridge.mtu").outcome == "not_applicable"


# ---- bridge.capacity -------------------------------------------------------------------------------------------------


def test_a_bridge_that_gets_full_is_found_from_the_number_that_is_asked_for() -> None:
    host = SyntheticHost().container("web").container("api")
    assert only(host.snapshot(), "bridge.capacity").outcome == "pass"
    finding = only(host.snapshot(), "bridge.capacity", parameters={"bridge.capacity": {"warn_at": 2}})
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "info", "front")
    assert "2 of 1023 ports" in finding.summary


@pytest.mark.parametrize(("count", "outcome"), [(899, "pass"), (900, "fail")])
def test_a_bridge_gets_full_at_900_ports(count: int, outcome: str) -> None:
    host = SyntheticHost()
    front = next(link.index for link in host.links if link.name == FRONT)
    ports = [Link(1000 + number, f"veth{number}", "veth", master=front) for number in range(count)]
    snapshot = host.snapshot()
    finding = only(replace(snapshot, links=[*snapshot.links, *ports]), "bridge.capacity")
    assert finding.outcome == outcome
    assert finding.evidence[f"ports of {FRONT}"] == count


NO_BRIDGES = [link for link in SyntheticHost().links if link.kind != "bridge"]


@pytest.mark.parametrize("check", ["bridge.capacity", "bridge.route-localnet"])
def test_without_bridges_there_is_nothing_to_judge(check: str) -> None:
    assert only(replace(SyntheticHost().snapshot(), links=NO_BRIDGES), check).outcome == "not_applicable"


def test_without_bridge_networks_no_bridge_is_missing() -> None:
    host = SyntheticHost()
    host.networks = [item for item in host.networks if item.driver != "bridge"]
    assert only(host.snapshot(), "bridge.link").outcome == "not_applicable"


@pytest.mark.parametrize(
    ("network", "link", "words"),
    [
        ({}, {"kind": ""}, "is not a bridge but hardware"),
        ({"subnets": [Subnet("10.88.1.0/24")]}, {"addresses": ["10.88.2.1/24"]}, "10.88.1.1/24 is missing"),
        ({"subnets": [Subnet("10.88.1.0/24", "10.88.1.254")]}, {}, "10.88.1.254/24 is missing"),
    ],
)
def test_what_a_bridge_lacks(network: dict[str, Any], link: dict[str, Any], words: str) -> None:
    host = with_link(changed(SyntheticHost(), "front", **network), FRONT, **link)
    finding = only(host.snapshot(), "bridge.link")
    assert (finding.outcome, finding.resource.name) == ("fail", "front")
    assert words in finding.summary


@pytest.mark.parametrize(("by", "state"), [("", "configured"), ("/etc/x.network", "configured by /etc/x.network")])
def test_what_a_manager_says_of_an_interface(by: str, state: str) -> None:
    link = ManagedLink(NETWORKD, FRONT, "configured", managed=True, by=by)
    finding = only(managed(link), "bridge.managed")
    assert finding.evidence == {f"{NETWORKD} on {FRONT}": state}
    assert "the bridge of network front" in finding.summary
    assert finding.remediation is not None
    assert "networkctl reload" in finding.remediation.text


def test_interfaces_of_other_bridges_are_none_of_docker() -> None:
    host = SyntheticHost().container("web")
    host.link(Link(80, "br0", "bridge", up=True)).link(Link(81, "veth9", "veth", up=True, master=80))
    links = [ManagedLink(NETWORKD, name, "configured", managed=True) for name in ("br0", "veth9")]
    assert only(replace(host.snapshot(), managed_links=links), "bridge.managed").outcome == "pass"


def test_the_uplink_of_ipv6_counts_too() -> None:
    snapshot = sized(1500, 1500)
    endpoint = replace(snapshot.containers[0].endpoints[0], address6="fd88::2")
    networks = [
        replace(item, ipv6=True, subnets=[*item.subnets, Subnet("fd88::/64", "fd88::1")])
        if item.name == "front"
        else item
        for item in snapshot.networks
    ]
    tunnel = Link(90, "he6", "sit", up=True, mtu=1280, addresses=["2001:db8:9::2/64"])
    six = replace(
        snapshot,
        containers=[replace(snapshot.containers[0], endpoints=[endpoint])],
        networks=networks,
        links=[*snapshot.links, tunnel],
        routes=[*snapshot.routes, Route("::/0", 254, interfaces=[90])],
    )
    finding = only(six, "bridge.mtu")
    assert finding.outcome == "fail"
    assert finding.evidence["MTU of he6"] == 1280
    assert only(replace(six, routes=snapshot.routes), "bridge.mtu").outcome == "pass"


@pytest.mark.parametrize(
    ("four", "six", "has_ipv6", "outcome"),
    [
        ("1", "0", False, "pass"),
        ("1", "0", True, "fail"),
        ("1", "1", True, "pass"),
        ("0", "1", True, "fail"),
        ("0", "0", True, "fail"),
    ],
)
def test_each_family_of_a_network_must_meet_the_rules(four: str, six: str, outcome: str, *, has_ipv6: bool) -> None:
    host = changed(without_icc(), "front", ipv6=has_ipv6)
    host.sysctls.update({NETFILTER: four, NETFILTER6: six})
    finding = only(host.snapshot(), "bridge.netfilter")
    assert finding.outcome == outcome
    if outcome == "fail":
        named = [key for key, value in ((NETFILTER, four), (NETFILTER6, six)) if value == "0"]
        assert finding.summary.startswith(", ".join(f"{key}=0" for key in named))


def test_a_bridge_has_the_setting_of_each_family_for_itself() -> None:
    host = changed(without_icc(), "front", ipv6=True)
    host.sysctls.update({NETFILTER: "0", NETFILTER6: "0"})
    cases: list[tuple[dict[str, Any], str]] = [
        ({"calls_iptables": True}, "fail"),
        ({"calls_ip6tables": True}, "fail"),
        ({"calls_iptables": True, "calls_ip6tables": True}, "pass"),
    ]
    for settings, outcome in cases:
        links = [replace(item, **settings) if item.name == FRONT else item for item in host.snapshot().links]
        assert only(replace(host.snapshot(), links=links), "bridge.netfilter").outcome == outcome


def test_internal_networks_publish_nothing_that_would_have_to_be_translated_back() -> None:
    host = SyntheticHost(proxy=False)
    host.sysctls[NETFILTER] = "0"
    host.networks = [replace(item, internal=True, options={**item.options, ICC: "true"}) for item in host.networks]
    assert only(host.snapshot(), "bridge.netfilter").outcome == "pass"
