# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks of networks find, on hosts built for it."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.address_space import Taken
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import ConfiguredPool, Network, Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Route, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.subnets import AddressSpace

from tests.unit.docker_host import Bridge, DockerHost
from tests.unit.plugins.plugin_utils.checks.verdicts import failing, judge, only
from tests.unit.synthetic_host import SyntheticHost, identity

BRIDGE = "com.docker.network.bridge"
DEFAULT = {f"{BRIDGE}.default_bridge": "true", f"{BRIDGE}.name": "docker0"}


# ---- network.icc -----------------------------------------------------------------------------------------------------


class Default(DockerHost):
    """A host whose first network is the default one."""

    icc_option = "true"

    def described(self, bridge: Bridge) -> Network:
        network = super().described(bridge)
        own = {f"{BRIDGE}.default_bridge": "true", f"{BRIDGE}.name": bridge.device, f"{BRIDGE}.enable_icc": ""}
        own[f"{BRIDGE}.enable_icc"] = self.icc_option
        return replace(network, options=own) if bridge.number == 0 else network


def default_host(*names: str, icc: bool, option: str, **changes: Any) -> Default:
    """A default network that treats packets as icc says, and has the live option."""
    host = Default(**changes)
    host.icc_option = option
    bridge = host.network(icc=icc)
    for name in names:
        host.container(name, [bridge])
    return host


def live(option: str) -> SyntheticHost:
    """A host with nothing on its default network, which has the live option."""
    host = SyntheticHost()
    host.networks[0] = replace(host.networks[0], options={**DEFAULT, f"{BRIDGE}.enable_icc": option})
    return host


def test_icc_is_judged_by_the_live_network_not_the_file() -> None:
    assert only(live("false").daemon_json(b'{"icc": true}').snapshot(), "network.icc").outcome == "pass"
    host = live("true").daemon_json(b'{"icc": false}')
    finding = only(host.snapshot(), "network.icc")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "info", "bridge")


def test_two_containers_that_reach_each_other_prove_it() -> None:
    finding = only(default_host("one", "two", icc=True, option="true").snapshot(), "network.icc")
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert only(default_host("one", icc=True, option="true").snapshot(), "network.icc").severity == "info"
    assert any(key.startswith("container one to 172.18.0.") for key in finding.evidence)
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "one, two belong together" in finding.remediation.text


def test_a_stopped_container_is_attached_by_the_network_s_name() -> None:
    """The id that it was given is that of an earlier start of dockerd."""
    assert (found := only(live("true").snapshot(), "network.icc").remediation) is not None
    assert found.module == "daemon_config"
    snapshot = live("true").container("web", networks=("bridge",), pid=0).snapshot()
    web = snapshot.containers[0]
    stale = [replace(end, network_id="0" * 64) for end in web.endpoints]
    snapshot = replace(snapshot, containers=[replace(web, pid=0, endpoints=stale)])
    assert (found := only(snapshot, "network.icc").remediation) is not None
    assert found.module is None


def test_rules_that_do_not_see_bridged_packets_keep_nobody_apart() -> None:
    host = default_host("one", "two", icc=False, option="false", bridge_netfilter=False)
    finding = only(host.snapshot(), "network.icc")
    assert (finding.outcome, finding.severity) == ("fail", "high")
    assert finding.evidence["com.docker.network.bridge.enable_icc of network net0"] == "false"
    assert "still reach each other" in finding.summary
    assert finding.remediation is not None
    assert "bridge.netfilter" in finding.remediation.text


def test_a_rule_of_somebody_else_that_keeps_them_apart_counts() -> None:
    host = default_host("one", "two", icc=True, option="true")
    host.own_rules["filter", "DOCKER-USER"] = [f"-i {host.networks[0].device} -o {host.networks[0].device} -j DROP"]
    assert only(host.snapshot(), "network.icc").outcome == "pass"


def test_off_and_in_force_leaves_net_raw() -> None:
    host = default_host("one", "two", icc=False, option="false")
    assert set(failing(host.snapshot(), "network.icc")) == {"one", "two"}
    host.containers[0] = replace(host.containers[0], cap_drop=["NET_RAW"], bounding=None)
    host.containers[1] = replace(host.containers[1], bounding=0)
    finding = only(host.snapshot(), "network.icc")
    assert (finding.outcome, finding.resource.name) == ("pass", "net0")


@pytest.mark.parametrize(
    ("changes", "keeps"),
    [
        ({}, True),
        ({"cap_drop": ["ALL"]}, False),
        ({"cap_drop": ["all"], "cap_add": ["CAP_NET_RAW"]}, True),
        ({"cap_add": ["ALL"], "cap_drop": ["NET_RAW"]}, False),
        ({"privileged": True, "cap_drop": ["NET_RAW"]}, True),
        ({"bounding": 1 << 13, "cap_drop": ["ALL"]}, True),
        ({"bounding": ~(1 << 13) & (1 << 41) - 1}, False),
    ],
)
def test_who_keeps_net_raw(changes: dict[str, Any], keeps: bool) -> None:
    host = default_host("one", icc=False, option="false")
    host.containers[0] = replace(host.containers[0], **{"bounding": None, **changes})
    assert only(host.snapshot(), "network.icc").outcome == ("fail" if keeps else "pass")


def test_on_and_unused_can_be_switched_off_by_a_module() -> None:
    host = live("true")
    finding = only(host.snapshot(), "network.icc")
    assert finding.remediation is not None
    assert (finding.remediation.module, finding.remediation.args) == ("daemon_config", {"config": {"icc": False}})
    # A restart over which containers run on leaves that network alone; one that ends them makes it anew.
    host.container("web").engine["live_restore"] = False
    assert only(host.snapshot(), "network.icc").remediation == finding.remediation
    host.engine["live_restore"] = True
    finding = only(host.snapshot(), "network.icc")
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "at boot" in finding.remediation.text


def test_a_flag_is_decided_by_hand() -> None:
    host = live("true")
    host.argv = ["/usr/sbin/dockerd", "--icc=true"]
    finding = only(host.snapshot(), "network.icc")
    assert finding.remediation is not None
    assert finding.remediation.module is None
    assert "--icc" in finding.remediation.text


def test_docker0_that_is_there_and_unused_is_fine() -> None:
    assert only(SyntheticHost().snapshot(), "network.default-bridge").outcome == "pass"


# ---- network.overlap -------------------------------------------------------------------------------------------------


def test_a_healthy_host_has_no_overlap() -> None:
    host = SyntheticHost()
    host.routes += [
        Route("0.0.0.0/0", 254, gateways=["192.0.2.1"], interfaces=[2]),
        Route("10.88.1.0/24", 254, interfaces=[4]),
        Route("10.88.1.1/32", 255, "local", interfaces=[4]),
        Route("192.0.2.0/24", 254, interfaces=[2]),
        Route("10.0.0.0/8", 254, "blackhole"),
        Route("0.0.0.0/1", 254, interfaces=[2]),
    ]
    assert only(host.snapshot(), "network.overlap").outcome == "pass"


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (Route("10.0.0.0/8", 254, gateways=["192.0.2.7"], interfaces=[2]), "10.0.0.0/8 via 192.0.2.7 dev eth0"),
        (Route("10.88.1.128/25", 254, interfaces=[2]), "10.88.1.128/25 dev eth0"),
        (Route("10.88.1.7/32", 52, gateways=["192.0.2.7"], interfaces=[2]), "in table 52"),
    ],
)
def test_a_route_of_the_host_in_the_subnet_is_found(route: Route, words: str) -> None:
    host = SyntheticHost()
    host.routes.append(route)
    finding = only(host.snapshot(), "network.overlap")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "front")
    assert words in finding.summary
    assert finding.remediation is not None
    assert "bridge_network" in finding.remediation.text


def test_two_networks_with_the_same_addresses_are_both_found() -> None:
    host = SyntheticHost().network("twin", "10.88.0.0/16")
    assert set(failing(host.snapshot(), "network.overlap")) == {"front", "twin"}


def test_a_macvlan_network_shares_its_subnet_with_the_uplink_on_purpose() -> None:
    host = SyntheticHost()
    host.networks.append(Network(identity("lan"), "lan", "macvlan", subnets=[Subnet("192.0.2.0/24")]))
    host.routes.append(Route("192.0.2.0/24", 254, interfaces=[2]))
    assert only(host.snapshot(), "network.overlap").outcome == "pass"


def test_a_network_that_only_describes_others_has_no_addresses() -> None:
    host = SyntheticHost()
    host.networks.append(Network(identity("plan"), "plan", "null", subnets=[Subnet("10.88.1.0/24")]))
    assert only(host.snapshot(), "network.overlap").outcome == "pass"


def test_a_nameserver_in_the_subnet_is_lost_to_the_host() -> None:
    finding = only(SyntheticHost(nameservers=["10.88.1.53"]).snapshot(), "network.overlap")
    assert "the nameserver 10.88.1.53" in finding.summary


def test_what_is_to_be_avoided_is_told_by_a_parameter() -> None:
    finding = only(
        SyntheticHost().snapshot(), "network.overlap", parameters={"network.overlap": {"avoid": ["172.16.0.0/12"]}}
    )
    assert (finding.outcome, finding.resource.name) == ("fail", "bridge")
    (overlap,) = finding.evidence["overlaps with"]
    assert overlap.startswith("172.16.0.0/12, ")
    assert overlap in finding.summary


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [("10.1.0.255/32", True), ("10.1.1.0/24", False), ("10.0.255.0/24", False), ("10.1.0.0/32", True), ("::/0", False)],
)
def test_ranges_that_have_one_address_in_common_overlap(other: str, *, overlaps: bool) -> None:
    taken = Taken(ipaddress.ip_network("10.1.0.0/24"), "the office")
    found = AddressSpace([taken]).overlapping(ipaddress.ip_network(other))
    assert found == ([taken] if overlaps else [])


# ---- network.pools ---------------------------------------------------------------------------------------------------


def with_pools(host: SyntheticHost, *pools: tuple[str, int]) -> SyntheticHost:
    host.engine["address_pools"] = [ConfiguredPool(base, size) for base, size in pools]
    return host


def test_the_pools_of_a_new_host_have_subnets_left() -> None:
    finding = only(SyntheticHost().snapshot(), "network.pools")
    assert finding.outcome == "pass"
    assert finding.evidence["free subnets"]["172.18.0.0/16 in /16"] == "0 of 1"
    assert "30 of 31" in finding.summary


def test_pools_are_used_up_by_networks_and_on_link_routes() -> None:
    host = with_pools(SyntheticHost(), ("10.88.0.0/22", 24))
    host.routes.append(Route("10.88.0.0/24", 254, interfaces=[2]))
    finding = only(host.snapshot(), "network.pools")
    assert (finding.outcome, finding.severity) == ("fail", "medium")
    assert finding.evidence == {"free subnets": {"10.88.0.0/22 in /24": "2 of 4"}, "free_at_least": 3}
    assert finding.summary.startswith("2 of 4 IPv4")
    assert only(host.snapshot(), "network.pools", parameters={"network.pools": {"free_at_least": 2}}).outcome == "pass"


def test_no_pool_of_the_other_family_helps() -> None:
    host = with_pools(SyntheticHost(), ("10.201.0.0/16", 24), ("fd00:1::/63", 64))
    assert "IPv6" in only(host.snapshot(), "network.pools").summary


def test_a_company_behind_a_gateway_is_in_the_way_from_20_10_15_on() -> None:
    host = SyntheticHost()
    host.routes.append(Route("192.168.64.0/18", 254, gateways=["192.0.2.7"], interfaces=[2]))
    assert "192.168.64.0/18 via 192.0.2.7" in only(host.snapshot(), "network.pools").summary
    host.version = "20.10.5+dfsg1"
    assert only(host.snapshot(), "network.pools").outcome == "pass"


# ---- network.ipv6-unfiltered -----------------------------------------------------------------------------------------


def dual(host: SyntheticHost) -> SyntheticHost:
    """A host with an IPv6 network."""
    host.link(Link(60, "dual0", "bridge", up=True, addresses=["10.88.6.1/24", "fd88::1/64"]))
    subnets = [Subnet("10.88.6.0/24", "10.88.6.1"), Subnet("fd88::/64", "fd88::1")]
    own = {f"{BRIDGE}.name": "dual0"}
    host.networks.append(Network(identity("dual"), "dual", "bridge", ipv6=True, subnets=subnets, options=own))
    return host


@pytest.mark.parametrize(
    ("version", "text", "words", "module"),
    [
        ("26.1.5", b"{}", "before 27.0", "daemon_config"),
        ("28.5.2", b'{"ip6tables": false}', "ip6tables is off", "daemon_config"),
        ("28.5.2", b"{}", "its chains do not exist", None),
    ],
)
def test_an_ipv6_network_without_rules_is_open(version: str, text: bytes, words: str, module: str | None) -> None:
    finding = only(dual(SyntheticHost(version=version)).daemon_json(text).snapshot(), "network.ipv6-unfiltered")
    assert (finding.outcome, finding.severity, finding.resource.name) == ("fail", "high", "dual")
    assert words in finding.summary
    assert finding.remediation is not None
    assert finding.remediation.module == module


def test_rules_that_the_next_start_would_not_make_either_are_remediated_by_configuration() -> None:
    host = dual(SyntheticHost(version="20.10.24")).daemon_json(b'{"icc": false}')
    host.config = replace(host.config, mtime=2000.0)
    finding = only(host.snapshot(), "network.ipv6-unfiltered")
    assert finding.outcome == "fail"
    assert finding.remediation is not None
    assert finding.remediation.module == "daemon_config"
    assert finding.remediation.args["config"]["ip6tables"] is True


def filtered(rules: str, *, chains: str = "") -> HostSnapshot:
    """A host on whose IPv6 network is a container, with these rules for IPv6 in FORWARD."""
    host = dual(SyntheticHost(version="26.1.5")).container("web", networks=("dual",))
    web = host.containers[-1]
    host.containers[-1] = replace(web, endpoints=[replace(end, address6="fd88::2") for end in web.endpoints])
    space = host.container_namespaces[-1]
    inside = [replace(link, addresses=[*link.addresses, "fd88::2/64"]) for link in space.links]
    local = Route("fd88::2/128", 255, kind="local", interfaces=[inside[-1].index])
    host.container_namespaces[-1] = replace(space, links=inside, routes=[*space.routes, local])
    host.sysctls.update({f"net.ipv6.conf.{name}.forwarding": "1" for name in ("all", "eth0", "dual0")})
    host.routes.append(Route("fd88::/64", 254, interfaces=[60]))
    taken = host.snapshot()
    assert taken.ruleset is not None
    text = f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n{chains}{rules}COMMIT\n"
    return replace(taken, ruleset=Ruleset({**taken.ruleset.save, "ip6tables-nft-save": text}))


def test_rules_of_others_that_keep_packets_away_are_enough() -> None:
    finding = only(filtered("-A FORWARD -o dual0 -j DROP\n"), "network.ipv6-unfiltered")
    assert (finding.outcome, finding.evidence["IPv6 networks"]) == ("pass", ["dual"])
    assert "other rules keep packets from outside away" in finding.summary


def test_whether_rules_of_others_keep_packets_away_can_be_unknown() -> None:
    finding = only(filtered("-A FORWARD -o dual0 -m recent --name seen --rcheck -j DROP\n"), "network.ipv6-unfiltered")
    assert (finding.outcome, finding.resource.name) == ("unknown", "dual")
    assert "recent" in finding.summary
    assert "unknown" in " ".join(str(value) for value in finding.evidence.values())


def test_chains_that_dockerd_made_for_ipv6_are_its_rules_unless_it_is_told_to_make_none() -> None:
    taken = filtered("", chains=":DOCKER - [0:0]\n")
    assert taken.engine is not None
    assert only(taken, "network.ipv6-unfiltered").outcome == "fail"
    finding = only(replace(taken, engine=replace(taken.engine, version="28.5.2")), "network.ipv6-unfiltered")
    assert (finding.outcome, finding.summary) == ("pass", "dockerd creates rules for IPv6")


def test_without_an_ipv6_network_it_is_about_nothing() -> None:
    assert only(SyntheticHost().snapshot(), "network.ipv6-unfiltered").outcome == "not_applicable"


# ---- network.overlay-unencrypted -------------------------------------------------------------------------------------


def overlay(name: str, **options: str) -> Network:
    return Network(identity(name), name, "overlay", "swarm", subnets=[Subnet("10.0.1.0/24")], options=options)


def test_an_overlay_is_encrypted_if_the_option_is_there() -> None:
    host = SyntheticHost()
    assert only(host.snapshot(), "network.overlay-unencrypted").outcome == "not_applicable"
    host.networks.append(overlay("secret", encrypted=""))
    assert only(host.snapshot(), "network.overlay-unencrypted").outcome == "pass"
    host.networks.append(overlay("plain"))
    assert set(failing(host.snapshot(), "network.overlay-unencrypted")) == {"plain"}


def test_no_default_network_is_about_nothing() -> None:
    host = SyntheticHost()
    host.networks = [item for item in host.networks if not item.is_default_bridge]
    for check in ("network.icc", "network.default-bridge"):
        assert [item.outcome for item in judge(host.snapshot(), check)] == ["not_applicable"]
