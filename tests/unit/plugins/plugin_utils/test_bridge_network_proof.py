# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network held against the kernel: recorded hosts of Engine 29, and one thing broken at a time."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace
from ipaddress import ip_network

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.network_body import (
    Evidence,
    NetworkNow,
    kernel_problems,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.bridge_network_proof import (
    Effects,
    Judgement,
    load_evidence,
    prove,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.synthetic_containers import (
    with_synthetic_containers,
)

from tests.unit.docker_host import ADDRESS, DockerHost
from tests.unit.recorded_host import NAMES, RECORDINGS, recorded_host

NAT = "com.docker.network.bridge.enable_ip_masquerade"
ICC = "com.docker.network.bridge.enable_icc"
MODE = "com.docker.network.bridge.gateway_mode_ipv4"
FLAGS = ["--iptables=true", "--ip6tables=true"]


def recorded(name: str) -> dict[str, dict[str, t.Any]]:
    networks = json.loads((RECORDINGS / name / "networks.json").read_text())
    return {item["Name"]: item for item in networks if item["Driver"] == "bridge"}


def told(snapshot: HostSnapshot, *flags: str) -> HostSnapshot:
    """The host with a dockerd that was told whether to make rules."""
    assert snapshot.daemon is not None
    return replace(snapshot, daemon=replace(snapshot.daemon, argv=["dockerd", *(flags or FLAGS)]))


def host(name: str) -> HostSnapshot:
    return told(recorded_host(name))


def judge(network: dict[str, t.Any], seen: HostSnapshot) -> Judgement:
    wrong = kernel_problems(network, seen)
    return Judgement(wrong) if wrong else Effects(seen, [network]).judge_all(network)


def problems(network: dict[str, t.Any], seen: HostSnapshot) -> list[str]:
    found = judge(network, seen)
    assert found.remarks == []
    return found.problems


@pytest.fixture(params=["iptables-proxy-on", "nftables-proxy-on"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def changed(network: dict[str, t.Any], option: str, value: str) -> dict[str, t.Any]:
    return {**network, "Options": {**network["Options"], option: value}}


@pytest.mark.parametrize("name", NAMES)
def test_recorded_networks_are_as_they_say(name: str) -> None:
    networks = list(recorded(name).values())
    assert [judge(network, host(name)) for network in networks] == [Judgement()] * len(networks)
    evidence = Evidence(host(name), [NetworkNow("kept", network) for network in networks])
    assert [item["problems"] for item in prove(load_evidence(evidence.to_json()))["networks"]] == [[]] * len(networks)


@pytest.mark.parametrize(
    ("name", "option", "value", "said"),
    [
        ("front", NAT, "false", "10.88.1.0/24 is masqueraded, which it must not be, by: "),
        ("front", MODE, "routed", "10.88.1.0/24 is masqueraded, which it must not be, by: "),
        ("front", ICC, "false", "reach each other by IPv4, although icc=false"),
        ("back", ICC, "true", "do not reach each other by IPv4: rule "),
    ],
)
def test_rules_of_another_network_than_this(backend: str, name: str, option: str, value: str, said: str) -> None:
    (found,) = problems(changed(recorded(backend)[name], option, value), host(backend))
    assert said in found


def test_an_internal_network_keeps_its_packets(backend: str) -> None:
    vault, front = recorded(backend)["vault"], recorded(backend)["front"]
    (found,) = problems({**vault, "Internal": False}, host(backend))
    assert found.startswith("packets from 10.88.3.0/24 do not ")
    (found,) = problems({**front, "Internal": True}, host(backend))
    assert found.startswith("packets from 10.88.1.0/24 reach ")


# ---- layout of 20.10 to 27 -------------------------------------------------------------------------------------------


def made_up(**options: t.Any) -> tuple[DockerHost, dict[str, t.Any]]:
    """A host with one network, and the network as the engine shows it."""
    one = DockerHost(**options)
    bridge = one.network()
    shown = one.described(bridge)
    (subnet,) = shown.subnets
    return one, {
        "Id": shown.id,
        "Name": shown.name,
        "Driver": "bridge",
        "Internal": False,
        "IPAM": {"Config": [{"Subnet": subnet.subnet, "Gateway": subnet.gateway}]},
        "Options": {},
    }


def with_rules(one: DockerHost, text: str, *flags: str) -> HostSnapshot:
    return replace(told(one.snapshot(), *flags), ruleset=Ruleset({"iptables-nft-save": text}))


EMPTY = "*nat\n:DOCKER - [0:0]\nCOMMIT\n*filter\n:FORWARD {} [0:0]\nCOMMIT\n"


@pytest.mark.parametrize("layout", [27, 28])
def test_a_new_network_is_as_it_says(layout: int) -> None:
    one, network = made_up(layout=layout)
    assert problems(network, told(one.snapshot())) == []


def test_without_rules() -> None:
    one, network = made_up()
    bridge, subnet = one.networks[0].device, one.networks[0].subnet
    reason = "the policy of chain FORWARD (ip filter) drops it"
    outside, each_other = problems(network, with_rules(one, EMPTY.format("DROP")))
    assert outside.startswith(f"packets from {subnet} do not ")
    assert each_other.startswith(f"containers on {bridge} do not ")
    assert outside.endswith(f": {reason}")
    assert each_other.endswith(f" by IPv4: {reason}")
    (found,) = problems(network, with_rules(one, EMPTY.format("ACCEPT")))
    assert found.startswith(f"no rule masquerades {subnet}: ")
    # A daemon that is told to make none is not asked for any.
    assert problems(network, with_rules(one, EMPTY.format("DROP"), "--iptables=false")) == []


def test_what_dockerd_was_told_is_not_known() -> None:
    one, network = made_up()
    found = judge(network, replace(with_rules(one, EMPTY.format("ACCEPT")), daemon=None))
    assert found.problems == []
    assert all("dockerd is configured to create rules" in text for text in found.remarks)


def test_somebody_elses_wider_rule_is_proof_and_no_fault() -> None:
    one, network = made_up()
    own = f"-A POSTROUTING -s {one.networks[0].subnet} ! -o {one.networks[0].device} -j MASQUERADE\n"
    assert own in one.save_text()
    seen = with_rules(one, one.save_text().replace(own, "-A POSTROUTING -o eth0 -j MASQUERADE\n"))
    assert problems(network, seen) == []
    found = judge(changed(network, NAT, "false"), seen)
    assert found.problems == []
    (remark,) = found.remarks
    assert remark.startswith(f"{one.networks[0].subnet} is masqueraded, ")
    assert remark.endswith(" -o eth0 -j MASQUERADE")


@pytest.mark.parametrize("rule", ["-j DROP", "-j REJECT"])
def test_what_the_owner_of_the_host_drops_is_no_fault(rule: str) -> None:
    one, network = made_up()
    one.own_rules["filter", "DOCKER-USER"] = [f"-i {one.networks[0].device} {rule}"]
    assert problems(network, told(one.snapshot())) == []


def test_a_rule_that_nobody_can_decide_is_told() -> None:
    one, network = made_up()
    one.own_rules["filter", "FORWARD"] = ["-m recent --rcheck --name x --rsource -j DROP"]
    found = judge(network, told(one.snapshot()))
    assert found.problems == []
    (remark,) = found.remarks
    assert remark.startswith("it is not known ")
    assert f"on {one.networks[0].device} reach each other" in remark


def test_a_rule_left_by_a_network_that_is_gone() -> None:
    one, network = made_up()
    stale = f"-A POSTROUTING -s {one.networks[0].subnet} ! -o br-gone -j SNAT --to-source {ADDRESS}"
    seen = with_rules(one, f"*nat\n:POSTROUTING ACCEPT [0:0]\n{stale}\nCOMMIT\n")
    (found,) = problems(changed(network, NAT, "false"), seen)
    assert found.endswith(stale)


def test_bridge_netfilter_that_is_off_lets_containers_reach_each_other() -> None:
    one = DockerHost(bridge_netfilter=False)
    bridge = one.network(icc=False)
    dummy, network = made_up()
    (found,) = problems(changed(network, ICC, "false"), told(one.snapshot()))
    assert found.startswith(f"containers on {bridge.device} reach each other ")
    assert found.endswith("IPv4, although icc=false")


# ---- the bridge itself -----------------------------------------------------------------------------------------------


def test_the_bridge_itself(backend: str) -> None:
    front, seen = recorded(backend)["front"], host(backend)
    bridge = f"br-{front['Id'][:12]}"

    def with_bridge(**changes: t.Any) -> HostSnapshot:
        return replace(seen, links=[replace(item, **changes) if item.name == bridge else item for item in seen.links])

    without = replace(seen, links=[item for item in seen.links if item.name != bridge])
    assert problems(front, without) == [f"the kernel has no bridge {bridge}"]
    assert problems(front, with_bridge(up=False)) == [f"the bridge {bridge} is not up"]
    bare = with_bridge(addresses=["fe80::1/64"])
    (found,) = problems(front, bare)
    assert found.startswith(f"{bridge} ")
    assert found.endswith(" the gateway's address 10.88.1.1")
    unnamed = {**front, "IPAM": {"Config": [{"Subnet": "10.88.1.0/24"}]}}
    assert problems(unnamed, bare) == [f"{bridge} has no address in 10.88.1.0/24"]


def test_forwarding(backend: str) -> None:
    networks, seen = recorded(backend), host(backend)
    closed = replace(seen, sysctls={**seen.sysctls, "net.ipv4.ip_forward": "0"})
    (found,) = problems(networks["front"], closed)
    assert found.startswith("net.ipv4.ip_forward is 0")
    assert problems(networks["vault"], closed) == []


# ---- containers that are not there -----------------------------------------------------------------------------------


def test_they_take_addresses_that_nobody_has() -> None:
    one = DockerHost()
    bridge = one.network()
    one.container("web", [bridge])
    small = ip_network("172.18.0.0/29")
    one.links.append(Link(90, "small", "bridge", up=True, addresses=["172.30.0.1/30"]))
    seen, pairs = with_synthetic_containers(
        one.snapshot(), {bridge.device: [small], "small": [ip_network("172.30.0.0/30")]}
    )
    assert pairs[bridge.device].addresses == {small: ("172.18.0.6", "172.18.0.5")}
    assert pairs["small"].addresses == {}
    assert len({item.netns for item in seen.containers}) == len(seen.containers) == 5
