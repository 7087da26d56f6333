# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of forwarding find, on hosts built for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ServiceUnit, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.uplinks import outer_links
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks

from tests.unit.docker_host import DockerHost
from tests.unit.plugins.plugin_utils.checks.verdicts import judge, only
from tests.unit.synthetic_host import SyntheticHost, identity

ALL6 = "net.ipv6.conf.all.forwarding"
OFF = "net.ipv4.ip_forward = 0"


def with_ipv6(host: SyntheticHost | None = None, forwarding: str = "1") -> SyntheticHost:
    """A host with a network that has IPv6."""
    host = host or SyntheticHost()
    host.network("dual", "10.88.7.0/24")
    dual = host.networks[-1]
    host.networks[-1] = replace(dual, ipv6=True, subnets=[*dual.subnets, Subnet("fd88:7::/64", "fd88:7::1")])
    host.sysctls[ALL6] = forwarding
    return host


# ---- the running kernel ----------------------------------------------------------------------------------------------


def closed(host: SyntheticHost, *interfaces: str) -> SyntheticHost:
    for name in interfaces:
        host.sysctls[f"net.ipv4.conf.{name.replace('.', '/')}.forwarding"] = "0"
    return host


def test_forwarding_off_everywhere_is_one_finding_for_the_host() -> None:
    host = closed(SyntheticHost(), "eth0", "docker0", "lo", *[link.name for link in SyntheticHost().links])
    host.sysctls["net.ipv4.ip_forward"] = "0"
    finding = only(host.snapshot(), "forwarding.ipv4")
    assert (finding.outcome, finding.severity, finding.resource.kind) == ("fail", "high", "host")
    assert finding.evidence["net.ipv4.ip_forward"] == "0"
    assert finding.remediation is not None
    assert finding.remediation.module == "ip_forward"
    assert finding.remediation.args == {"state": "present", "families": ["ipv4"]}


def test_one_closed_bridge_is_found_though_ip_forward_is_1() -> None:
    bridge = f"br-{identity('front')[:12]}"
    finding = only(closed(SyntheticHost(), bridge).snapshot(), "forwarding.ipv4")
    assert (finding.resource.kind, finding.resource.name) == ("interface", bridge)
    assert "network front" in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.module == "ip_forward"


def test_a_closed_uplink_is_decided_by_hand() -> None:
    host = SyntheticHost().link(Link(90, "eth0.100", "vlan", up=True, addresses=["198.51.100.1/24"]))
    finding = only(closed(host, "eth0.100").snapshot(), "forwarding.ipv4")
    assert finding.resource.name == "eth0.100"
    assert finding.evidence == {"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/100.forwarding": "0"}
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "interfaces: [eth0.100]" in finding.remediation.text


@pytest.mark.parametrize(
    "link",
    [
        Link(90, "wlan0", up=False, addresses=["198.51.100.1/24"]),
        Link(90, "eth1", up=True, addresses=["169.254.1.1/16", "2001:db8:1::1/64"]),
        Link(90, "dummy0", "dummy", up=True, addresses=["198.51.100.1/24"]),
        Link(90, "veth9", "veth", up=True, master=3),
    ],
)
def test_interfaces_that_carry_no_ipv4_of_others_do_not_matter(link: Link) -> None:
    assert only(closed(SyntheticHost().link(link), link.name).snapshot(), "forwarding.ipv4").outcome == "pass"


def test_ip_forward_0_alone_stops_nothing_that_forwards_by_itself() -> None:
    host = SyntheticHost()
    host.sysctls["net.ipv4.ip_forward"] = "0"
    assert only(host.snapshot(), "forwarding.ipv4").outcome == "pass"


def test_forwarding_without_a_network_that_leads_out_is_not_applicable() -> None:
    host = SyntheticHost()
    host.networks = [replace(item, internal=item.driver == "bridge") for item in host.networks]
    for check in ("forwarding.ipv4", "forwarding.persistent"):
        assert only(host.snapshot(), check).outcome == "not_applicable"


def test_a_setting_that_the_kernel_does_not_show_is_unknown() -> None:
    host = SyntheticHost()
    del host.sysctls["net.ipv4.conf.eth0.forwarding"]
    finding = only(host.snapshot(), "forwarding.ipv4")
    assert finding.outcome == "unknown"
    assert "net.ipv4.conf.eth0.forwarding" in finding.summary


def test_forwarding_that_dockerd_turns_on_at_its_start_is_persistent() -> None:
    host = SyntheticHost()
    host.boot = []
    for running in ("1", "0"):
        host.sysctls["net.ipv4.ip_forward"] = running
        finding = only(host.snapshot(), "forwarding.persistent")
        assert (finding.outcome, finding.remediation) == ("pass", None)
        assert "dockerd does, when it starts" in finding.summary


def test_forwarding_that_nothing_turns_on_is_not_persistent() -> None:
    host = SyntheticHost()
    host.boot = []
    snapshot = host.snapshot()
    unit = replace(snapshot.service or ServiceUnit("systemd"), starts_at_boot=False)
    finding = only(replace(snapshot, service=unit), "forwarding.persistent")
    assert finding.outcome == "fail"
    assert "nothing turns it on" in finding.summary
    assert "until dockerd is started" in finding.impact


def test_a_configuration_that_was_not_read_leaves_open_what_dockerd_does() -> None:
    host = SyntheticHost().unread("daemon_config")
    host.boot = []
    assert only(host.snapshot(), "forwarding.persistent").outcome == "unknown"
    host.boot_file("/etc/sysctl.d/99-on.conf", "net.ipv4.ip_forward = 1")
    assert only(host.snapshot(), "forwarding.persistent").outcome == "pass"


def test_a_later_file_that_overrides_is_named_with_its_line() -> None:
    host = SyntheticHost().boot_file("/etc/sysctl.d/99-hard.conf", "kernel.x = 1\nnet.ipv4.conf.all.forwarding = 0")
    finding = only(host.snapshot(), "forwarding.persistent")
    assert "/etc/sysctl.d/99-hard.conf line 2" in finding.summary
    assert finding.evidence["/etc/sysctl.d/99-hard.conf:2"] == "net.ipv4.conf.all.forwarding = 0"
    assert "sysctl --system" in finding.impact


@pytest.mark.parametrize(
    ("engine", "text", "lines", "words"),
    [
        ({"firewall_driver": "nftables"}, b"{}", "", "dockerd does not start"),
        ({}, b'{"firewall-backend": "nftables"}', "", "dockerd does not start"),
        ({}, b'{"ip-forward": false}', "", "configured not to turn it on"),
        ({"firewall_driver": "iptables+firewalld"}, b"{}", OFF, "FORWARD to DROP"),
        ({}, b'{"ip-forward-no-drop": true}', OFF, "until dockerd starts and turns it on."),
        ({}, b'{"iptables": false}', OFF, "until dockerd starts and turns it on."),
    ],
)
def test_the_impact_at_boot_depends_on_what_dockerd_does(
    engine: dict[str, Any], text: bytes, lines: str, words: str
) -> None:
    host = SyntheticHost(engine=engine).daemon_json(text)
    host.boot = []
    if lines:
        host.boot_file("/etc/sysctl.d/99-off.conf", lines)
    assert words in only(host.snapshot(), "forwarding.persistent").impact


@pytest.mark.parametrize(
    ("version", "text", "closes"),
    [
        ("28.0.0", b"{}", True),
        ("28.0.0", b'{"ip6tables": false}', False),
        ("28.0.0", b'{"iptables": false}', True),
        ("27.5.1", b"{}", False),
    ],
)
def test_engines_that_turn_ipv6_on_for_a_network_close_its_chain_as_well(
    version: str, text: bytes, closes: bool
) -> None:
    host = with_ipv6().daemon_json(text).boot_file("/etc/sysctl.d/60-x.conf", f"{ALL6} = 0")
    host.version = version
    impact = only(host.snapshot(), "forwarding.persistent").impact
    assert impact.startswith("After boot, IPv6 forwarding is off until dockerd starts and turns it on.")
    assert ("the IPv6 chain FORWARD to DROP" in impact) is closes


def test_boot_that_turns_on_what_is_off_brings_it_back() -> None:
    host = SyntheticHost()
    host.sysctls["net.ipv4.ip_forward"] = "0"
    finding = only(host.snapshot(), "forwarding.persistent")
    assert finding.outcome == "pass"
    assert finding.evidence == {
        "net.ipv4.ip_forward": "0",
        "/etc/sysctl.d/50-forward.conf:2": "net.ipv4.ip_forward = 1",
    }
    assert "/etc/sysctl.d/50-forward.conf line 2" in finding.summary


def test_default_0_closes_the_bridges_that_are_yet_to_be_made() -> None:
    host = SyntheticHost()
    host.sysctls["net.ipv4.conf.default.forwarding"] = "0"
    finding = only(host.snapshot(), "forwarding.ipv4")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "medium", "default")
    assert finding.remediation is not None
    assert finding.remediation.module == "ip_forward"


def test_ipv6_is_judged_by_the_one_setting_that_the_kernel_asks() -> None:
    host = with_ipv6(forwarding="0")
    finding = only(host.snapshot(), "forwarding.ipv6")
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert finding.remediation is not None
    assert finding.remediation.args == {"state": "present", "families": ["ipv6"]}
    # Those of interfaces say whether the host is a router there, and stop no packet.
    host = with_ipv6()
    host.sysctls["net.ipv6.conf.eth0.forwarding"] = "0"
    assert only(host.snapshot(), "forwarding.ipv6").outcome == "pass"
    del host.sysctls[ALL6]
    assert only(host.snapshot(), "forwarding.ipv6").outcome == "unknown"
    assert only(SyntheticHost().snapshot(), "forwarding.ipv6").outcome == "not_applicable"


def test_the_settings_of_ipv6_interfaces_are_shown_beside_it() -> None:
    host = with_ipv6().link(Link(72, "eth1", up=True, addresses=["2001:db8:7::1/64"]))
    keys = [f"net.ipv6.conf.{name}.forwarding" for name in ("eth1", host.networks[-1].bridge)]
    host.sysctls.update(dict.fromkeys(keys, "0"))
    assert {ALL6: "1", **dict.fromkeys(keys, "0")}.items() <= only(host.snapshot(), "forwarding.ipv6").evidence.items()


def test_a_network_that_does_not_use_its_ipv6_subnet_needs_no_forwarding() -> None:
    host = with_ipv6(forwarding="0")
    host.networks[-1] = replace(host.networks[-1], ipv6=False)
    assert only(host.snapshot(), "forwarding.ipv6").outcome == "not_applicable"


def test_both_families_that_boot_turns_off_are_one_finding() -> None:
    host = with_ipv6().boot_file("/etc/sysctl.d/60-x.conf", f"{ALL6} = 0")
    finding = only(host.snapshot(), "forwarding.persistent")
    assert finding.remediation is not None
    assert finding.remediation.args["families"] == ["ipv6"]
    assert finding.evidence["/etc/sysctl.d/60-x.conf:1"] == f"{ALL6} = 0"
    assert finding.summary.startswith("IPv6 forwarding is on")
    host.boot_file("/etc/sysctl.d/70-x.conf", OFF)
    finding = only(host.snapshot(), "forwarding.persistent")
    assert finding.remediation is not None
    assert finding.remediation.args["families"] == ["ipv4", "ipv6"]
    host.boot_file("/etc/sysctl.d/99-x.conf", f"net.ipv4.ip_forward = 1\n{ALL6} = 1")
    assert only(host.snapshot(), "forwarding.persistent").outcome == "pass"


# ---- a router for anyone ---------------------------------------------------------------------------------------------


def two_uplinks(policy: str = "ACCEPT", **changes: Any) -> DockerHost:
    """A host of containers between two networks."""
    host = DockerHost(layout=28, forward_policy=policy, **changes)
    host.container("web", [host.network()])
    host.links.append(Link(3, "lan1", up=True, addresses=["198.51.100.1/24"]))
    return host


def routed(host: DockerHost) -> HostSnapshot:
    snapshot = host.snapshot()
    own = [
        Route("198.51.100.0/24", 254, interfaces=[3], source="198.51.100.1"),
        Route("198.51.100.1/32", 255, "local", interfaces=[3], source="198.51.100.1"),
    ]
    return replace(snapshot, routes=[*snapshot.routes, *own])


def test_who_routes_between_its_uplinks_by_policy_alone_is_open() -> None:
    finding = only(routed(two_uplinks()), "forwarding.open-router")
    assert (finding.outcome, finding.severity, finding.resource.kind) == ("fail", "high", "host")
    assert list(finding.evidence) == ["from eth0 to lan1 (IPv4)", "from lan1 to eth0 (IPv4)"]
    assert ", ".join(finding.evidence) in finding.summary
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args["families"]) == ("ip_forward", ["ipv4"])
    assert only(routed(two_uplinks("DROP")), "forwarding.open-router").outcome == "pass"


def test_what_goes_back_where_it_came_from_is_not_routed_between_uplinks() -> None:
    snapshot = routed(two_uplinks())
    back = Route("198.51.100.2/32", 254, gateways=["192.0.2.9"], interfaces=[2])
    finding = only(replace(snapshot, routes=[*snapshot.routes, back]), "forwarding.open-router")
    assert list(finding.evidence) == ["from lan1 to eth0 (IPv4)"]


def test_a_host_with_one_uplink_is_no_router_for_anyone() -> None:
    host = DockerHost(layout=28, forward_policy="ACCEPT")
    host.network()
    assert only(host.snapshot(), "forwarding.open-router").outcome == "not_applicable"


def test_what_does_not_forward_is_no_router() -> None:
    host = two_uplinks()
    host.sysctls["net.ipv4.ip_forward"] = "0"
    assert only(routed(host), "forwarding.open-router").outcome == "pass"


@pytest.mark.parametrize(
    "rules",
    [
        ["-i lan1 -o eth0 -j ACCEPT", "-i eth0 -o lan1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"],
        ["-s 198.51.100.0/24 -j ACCEPT", "-d 198.51.100.0/24 -j ACCEPT"],
    ],
)
def test_what_rules_name_is_wanted(rules: list[str]) -> None:
    host = two_uplinks("DROP", own_rules={("filter", "FORWARD"): rules})
    assert only(routed(host), "forwarding.open-router").outcome == "pass"


def test_a_tunnel_with_an_address_alone_leads_where_its_routes_do() -> None:
    host = DockerHost(layout=28, forward_policy="ACCEPT")
    host.network()
    host.links.append(Link(4, "tailscale0", "tun", up=True, addresses=["100.64.0.7/32"]))
    snapshot = host.snapshot()
    own = Route("100.64.0.7/32", 255, "local", interfaces=[4], source="100.64.0.7")
    snapshot = replace(snapshot, routes=[*snapshot.routes, own])
    assert only(snapshot, "forwarding.open-router").outcome == "not_applicable"
    beyond = Route("100.64.0.0/10", 254, interfaces=[4])
    finding = only(replace(snapshot, routes=[*snapshot.routes, beyond]), "forwarding.open-router")
    assert finding.outcome == "fail"
    assert list(finding.evidence) == ["from eth0 to tailscale0 (IPv4)", "from tailscale0 to eth0 (IPv4)"]


def test_virtual_machines_behind_the_rules_of_libvirt_are_no_finding() -> None:
    rules = [
        "-o virbr0 -d 192.168.122.0/24 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-o virbr0 -j REJECT --reject-with icmp-port-unreachable",
        "-i virbr0 -s 192.168.122.0/24 -j ACCEPT",
        "-i virbr0 -j REJECT --reject-with icmp-port-unreachable",
    ]
    host = DockerHost(layout=27, forward_policy="ACCEPT", own_rules={("filter", "FORWARD"): rules})
    host.network()
    host.links.append(Link(5, "virbr0", "bridge", up=True, addresses=["192.168.122.1/24"]))
    snapshot = host.snapshot()
    beyond = Route("192.168.122.0/24", 254, interfaces=[5], source="192.168.122.1")
    own = Route("192.168.122.1/32", 255, "local", interfaces=[5])
    assert only(replace(snapshot, routes=[*snapshot.routes, beyond, own]), "forwarding.open-router").outcome == "pass"


def test_what_is_translated_on_purpose_is_wanted_one_way() -> None:
    host = two_uplinks(own_rules={("nat", "POSTROUTING"): ["-s 198.51.100.0/24 -o eth0 -j MASQUERADE"]})
    finding = only(routed(host), "forwarding.open-router")
    assert "from eth0 to lan1" in finding.summary
    assert "from lan1 to eth0" not in finding.summary


def test_a_rule_about_nobody_is_no_wish_is_decided_by_hand() -> None:
    host = two_uplinks("DROP", own_rules={("filter", "FORWARD"): ["-j ACCEPT"]})
    finding = only(routed(host), "forwarding.open-router")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "-A FORWARD -j ACCEPT" in finding.remediation.text


@pytest.mark.parametrize("driver", ["nftables", "iptables+firewalld"])
def test_where_the_policy_is_not_the_place_it_is_decided_by_hand(driver: str) -> None:
    snapshot = routed(two_uplinks())
    assert snapshot.engine is not None
    snapshot = replace(snapshot, engine=replace(snapshot.engine, firewall_driver=driver))
    remediation = only(snapshot, "forwarding.open-router").remediation
    assert remediation is not None
    assert (remediation.module, driver in remediation.text) == (None, True)


def test_a_match_that_nobody_knows_leaves_it_open() -> None:
    host = two_uplinks(own_rules={("filter", "FORWARD"): ["-m u32 --u32 6&0xFF=1 -j DROP"]})
    assert only(routed(host), "forwarding.open-router").outcome == "unknown"


class Counting(AuditContext):
    """Counts the packets that a check asks about."""

    asked = 0

    def path(self, packet: Packet) -> Path:
        self.asked += 1
        return super().path(packet)


def test_the_ways_asked_grow_with_the_interfaces_and_no_faster() -> None:
    host = two_uplinks("DROP")
    host.links += [
        Link(50 + number, f"vpn{number}", up=True, addresses=[f"10.9.{number}.1/24"]) for number in range(60)
    ]
    snapshot = routed(host)
    ways = [Route(f"10.9.{number}.0/24", 254, interfaces=[50 + number]) for number in range(60)]
    counting = Counting(
        replace(snapshot, routes=[*snapshot.routes, *ways]), Settings(checks=("forwarding.open-router",))
    )
    assert [item.outcome for item in run_checks(counting)] == ["pass"]
    assert counting.asked <= 3 * 62


# ---- router advertisements -------------------------------------------------------------------------------------------


def advertised(accept_ra: str, forwarding: str = "1", *, has_route: bool = True) -> SyntheticHost:
    """A host whose eth1 is configured by router advertisements."""
    host = with_ipv6()
    own = ["2001:db8:5::5/64"]
    host.link(Link(70, "eth1", up=True, addresses=own, leased=own))
    host.sysctls["net.ipv6.conf.eth1.accept_ra"] = accept_ra
    host.sysctls["net.ipv6.conf.eth1.forwarding"] = forwarding
    if has_route:
        host.routes.append(Route("::/0", 254, gateways=["fe80::1"], interfaces=[70], protocol=9))
    return host


@pytest.mark.parametrize("has_route", [True, False])
def test_an_uplink_that_hears_no_advertisements_any_more_is_found(has_route: bool) -> None:
    finding = only(advertised("1", has_route=has_route).snapshot(), "forwarding.accept-ra")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "medium", "eth1")
    assert finding.remediation is not None
    assert finding.remediation.module == "ip_forward"
    assert finding.remediation.args["accept_ra"] == "allow"


@pytest.mark.parametrize(("accept_ra", "forwarding", "outcome"), [
    ("2", "1", "pass"),
    ("1", "0", "pass"),
    ("0", "1", "not_applicable"),
])  # fmt: skip
def test_who_hears_them_or_leaves_it_to_a_program_is_well(accept_ra: str, forwarding: str, outcome: str) -> None:
    assert only(advertised(accept_ra, forwarding).snapshot(), "forwarding.accept-ra").outcome == outcome


def test_without_ipv6_forwarding_or_advertisements_it_is_about_nothing() -> None:
    host = advertised("1")
    host.sysctls[ALL6] = "0"
    assert only(host.snapshot(), "forwarding.accept-ra").outcome == "not_applicable"
    assert only(with_ipv6().snapshot(), "forwarding.accept-ra").outcome == "not_applicable"
    # A static address without a route is somebody's wish.
    still = advertised("1", has_route=False)
    still.links[-1] = replace(still.links[-1], leased=[])
    assert only(still.snapshot(), "forwarding.accept-ra").outcome == "not_applicable"


# ---- sources ---------------------------------------------------------------------------------------------------------


def strict(for_all: str, own: str) -> SyntheticHost:
    host = SyntheticHost().link(Link(71, "eth1", up=True, addresses=["198.51.100.1/24"]))
    host.sysctls["net.ipv4.conf.all.rp_filter"] = for_all
    host.sysctls["net.ipv4.conf.eth1.rp_filter"] = own
    return host


@pytest.mark.parametrize(("for_all", "own", "names"), [
    ("0", "1", ["eth1"]), ("1", "0", ["eth1"]), ("0", "0", []), ("2", "1", []), ("0", "2", []),
])  # fmt: skip
def test_the_larger_of_both_settings_holds(for_all: str, own: str, names: list[str]) -> None:
    findings = judge(strict(for_all, own).snapshot(), "forwarding.rp-filter")
    assert [item.resource.name for item in findings if item.outcome == "fail"] == names


@pytest.mark.parametrize("interface", ["all", "eth0", "eth1"])
def test_a_filter_that_the_kernel_does_not_show_is_unknown(interface: str) -> None:
    host = strict("1", "1")
    host.sysctls["net.ipv4.conf.eth0.rp_filter"] = "1"
    del host.sysctls[f"net.ipv4.conf.{interface}.rp_filter"]
    finding = only(host.snapshot(), "forwarding.rp-filter")
    assert finding.outcome == "unknown"
    assert f"net.ipv4.conf.{interface}.rp_filter" in finding.summary
    assert len(finding.evidence) == 2


def test_with_one_uplink_sources_do_not_matter() -> None:
    host = SyntheticHost()
    host.sysctls["net.ipv4.conf.all.rp_filter"] = "1"
    assert only(host.snapshot(), "forwarding.rp-filter").outcome == "not_applicable"


# ---- addresses on lo -------------------------------------------------------------------------------------------------


def test_a_service_address_on_loopback_makes_it_no_uplink() -> None:
    """All of 127.0.0.0/8 is the host's, too: 16 million addresses without a neighbour among them."""
    host = SyntheticHost().container("web", publish=("0.0.0.0|8080|80/tcp",))
    host.links[0] = replace(host.links[0], addresses=[*host.links[0].addresses, "203.0.113.53/32"])
    snapshot = host.snapshot()
    assert [link.name for link in outer_links(snapshot, 4, 6)] == ["eth0"]
    (finding,) = judge(snapshot, "forwarding.open-router")
    assert finding.outcome == judge(SyntheticHost().snapshot(), "forwarding.open-router")[0].outcome


def test_a_large_subnet_that_is_all_the_hosts_has_no_neighbour() -> None:
    """As by ``ip route add local 10.0.0.0/8 dev lo``."""
    host = SyntheticHost()
    host.link(Link(9, "eth1", up=True, addresses=["10.0.0.1/8"]))
    host.routes.append(Route("10.0.0.0/8", 255, "local", interfaces=[1]))
    (finding,) = judge(host.snapshot(), "forwarding.open-router")
    assert finding.check == "forwarding.open-router"
