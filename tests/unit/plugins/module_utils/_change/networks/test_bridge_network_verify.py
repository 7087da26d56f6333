# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network held against the kernel: recorded rules of Engine 29, and one thing broken at a time."""

from __future__ import annotations

import json
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.networks.bridge_network_verify import (
    Kernel,
    forwarding_keys,
    problems,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset

FIXTURES = Path(__file__).parents[4] / "fixtures/engine-29"
NAT = "com.docker.network.bridge.enable_ip_masquerade"
ICC = "com.docker.network.bridge.enable_icc"
MODE = "com.docker.network.bridge.gateway_mode_ipv4"


def recorded(backend: str) -> dict[str, dict[str, t.Any]]:
    networks = json.loads((FIXTURES / backend / "networks.json").read_text())
    return {item["Name"]: item for item in networks if item["Driver"] == "bridge"}


def kernel(backend: str) -> Kernel:
    folder = FIXTURES / backend
    if backend.startswith("nft"):
        ruleset = Ruleset(nft_json=(folder / "nft-bridges.json").read_text())
    else:
        ruleset = Ruleset({"iptables-nft-save": (folder / "iptables-save.txt").read_text()})
    links = []
    sysctls: dict[str, str | None] = {}
    for index, network in enumerate(recorded(backend).values(), 3):
        bridge = network["Options"].get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
        config = network["IPAM"]["Config"][0]
        address = f"{config['Gateway']}/{config['Subnet'].partition('/')[2]}"
        links.append(Link(index, bridge, "bridge", up=True, addresses=[address]))
        sysctls.update(dict.fromkeys(forwarding_keys(bridge)[4], "1"))
    return Kernel(links, ruleset, sysctls)


@pytest.fixture(params=["iptables-proxy-on", "nftables-proxy-on"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def changed(network: dict[str, t.Any], option: str, value: str) -> dict[str, t.Any]:
    return {**network, "Options": {**network["Options"], option: value}}


def test_recorded_networks_are_as_they_say(backend: str) -> None:
    for network in recorded(backend).values():
        assert problems(network, kernel(backend)) == []


@pytest.mark.parametrize(
    ("name", "option", "value", "said"),
    [
        ("front", NAT, "false", "10.88.1.0/24 is masqueraded, which it must not be, by: "),
        ("front", MODE, "routed", "10.88.1.0/24 is masqueraded, which it must not be, by: "),
        ("front", ICC, "false", "no rule drops IPv4 between containers on "),
        ("back", ICC, "true", "a rule drops IPv4 between containers on "),
    ],
)
def test_rules_of_another_network_than_this(backend: str, name: str, option: str, value: str, said: str) -> None:
    (found,) = problems(changed(recorded(backend)[name], option, value), kernel(backend))
    assert found.startswith(said)


def test_an_internal_network_is_not_masqueraded(backend: str) -> None:
    vault = recorded(backend)["vault"]
    assert problems({**vault, "Internal": False}, kernel(backend)) == ["no rule masquerades 10.88.3.0/24"]


def test_without_rules() -> None:
    front = recorded("iptables-proxy-on")["front"]
    bare = replace(
        kernel("iptables-proxy-on"), ruleset=Ruleset({"iptables-nft-save": "*nat\n:DOCKER - [0:0]\nCOMMIT\n"})
    )
    bridge = f"br-{front['Id'][:12]}"
    assert problems(front, bare) == [
        "no rule masquerades 10.88.1.0/24",
        f"no rule accepts IPv4 between containers on {bridge}",
    ]
    # A daemon that is told to make none is not asked for any.
    assert problems(front, replace(bare, manages_ipv4=False)) == []


def test_somebody_elses_wider_rule_is_neither_proof_nor_fault() -> None:
    theirs = "*nat\n-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*filter\n-A FORWARD -i {0} -o {0} -j ACCEPT\n"
    front = recorded("iptables-proxy-on")["front"]
    text = theirs.format(f"br-{front['Id'][:12]}")
    seen = replace(kernel("iptables-proxy-on"), ruleset=Ruleset({"iptables-save": text}))
    assert problems(front, seen) == ["no rule masquerades 10.88.1.0/24"]
    assert problems(changed(front, NAT, "false"), seen) == []


def test_what_the_owner_of_the_host_drops_is_no_fault() -> None:
    front, seen = recorded("iptables-proxy-on")["front"], kernel("iptables-proxy-on")
    (name, text), *dummy = seen.ruleset.save.items()
    theirs = f"-A DOCKER-USER -i br-{front['Id'][:12]} -j DROP\n"
    ruleset = Ruleset(
        {name: text.replace("-A DOCKER-FORWARD -j DOCKER-CT\n", f"{theirs}-A DOCKER-FORWARD -j DOCKER-CT\n")}
    )
    assert theirs in ruleset.save[name]
    assert problems(front, replace(seen, ruleset=ruleset)) == []


def test_a_rule_left_by_a_network_that_is_gone() -> None:
    stale = "-A POSTROUTING -s 10.88.1.0/24 ! -o br-gone -j SNAT --to-source 192.0.2.1"
    front = recorded("iptables-proxy-on")["front"]
    save = f"*nat\n{stale}\nCOMMIT\n*filter\n-A FORWARD -i br-{front['Id'][:12]} -j ACCEPT\n"
    seen = replace(kernel("iptables-proxy-on"), ruleset=Ruleset({"iptables-legacy-save": save}))
    (found,) = problems(changed(front, NAT, "false"), seen)
    assert found.endswith(stale)


def test_the_bridge_itself(backend: str) -> None:
    front, seen = recorded(backend)["front"], kernel(backend)
    bridge = f"br-{front['Id'][:12]}"
    others = [link for link in seen.links if link.name != bridge]
    (own,) = [link for link in seen.links if link.name == bridge]
    assert problems(front, replace(seen, links=others)) == [f"the kernel has no bridge {bridge}"]
    assert problems(front, replace(seen, links=[replace(own, up=False)])) == [f"the bridge {bridge} is not up"]
    without = replace(seen, links=[replace(own, addresses=["fe80::1/64"])])
    assert problems(front, without) == [f"{bridge} does not have the gateway's address 10.88.1.1"]
    unnamed = {**front, "IPAM": {"Config": [{"Subnet": "10.88.1.0/24"}]}}
    assert problems(unnamed, without) == [f"{bridge} has no address in 10.88.1.0/24"]
    isolated = changed({**recorded(backend)["vault"]}, MODE, "isolated")
    assert problems(isolated, replace(seen, links=[replace(link, addresses=[]) for link in seen.links])) == []


def test_forwarding(backend: str) -> None:
    networks, seen = recorded(backend), kernel(backend)
    closed = replace(seen, sysctls={**seen.sysctls, "net.ipv4.ip_forward": "0"})
    (found,) = problems(networks["front"], closed)
    assert found.startswith("net.ipv4.ip_forward is 0")
    assert problems(networks["vault"], closed) == []
