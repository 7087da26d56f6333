"""Others whom a host forwards for, recognised in rules and links as the software makes them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._change.forwarding.forwarders import (
    accepts_everything,
    find_forwarders,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import Subnet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.firewall import Firewall, parse_table
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Link, Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot

from tests.unit.plugins.module_utils._change.hosts import BRIDGE, HOST, SHOP, with_boot

NFT = Firewall({"ipv4": "/usr/sbin/iptables", "ipv6": "/usr/sbin/ip6tables"}, {"ipv4": "nft", "ipv6": "nft"})
LEGACY = replace(NFT, backends={"ipv4": "legacy", "ipv6": "legacy"})
DOCKER = f"""\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
{{chains}}-A FORWARD -j DOCKER-USER
-A FORWARD -o {BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o {BRIDGE} -j DOCKER
-A FORWARD -i {BRIDGE} ! -o {BRIDGE} -j ACCEPT
{{rules}}-A DOCKER-USER -j RETURN
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -s 10.0.1.0/24 ! -o {BRIDGE} -j MASQUERADE
-A POSTROUTING -o {BRIDGE} -m addrtype --src-type LOCAL -j MASQUERADE
-A POSTROUTING -s 10.0.1.2/32 -d 10.0.1.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
{{nat}}COMMIT
"""
VIRBR = Link(10, "virbr0", "bridge", up=True, addresses=["192.168.122.1/24"])
VNET = Link(11, "vnet0", "tun", up=True, master=10)
# As libvirt 9 makes them for its default network.
LIBVIRT_CHAINS = ":LIBVIRT_FWI - [0:0]\n:LIBVIRT_FWO - [0:0]\n:LIBVIRT_FWX - [0:0]\n"
LIBVIRT_RULES = """\
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWO -s 192.168.122.0/24 -i virbr0 -j ACCEPT
-A LIBVIRT_FWO -i virbr0 -j REJECT --reject-with icmp-port-unreachable
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
"""


def host(
    *links: Link, chains: str = "", rules: str = "", nat: str = "", nft: list[object] | None = None
) -> HostSnapshot:
    """The host with more links and rules; Docker's own are there."""
    network = replace(SHOP, subnets=[Subnet("10.0.1.0/24", "10.0.1.1")])
    save = DOCKER.format(chains=chains, rules=rules, nat=nat)
    ruleset = Ruleset({"iptables-nft-save": save}, json.dumps({"nftables": nft or []}))
    return replace(HOST, networks=[network], links=[*HOST.links, *links], ruleset=ruleset)


def cut_off(snapshot: HostSnapshot, family: str = "ipv4", firewall: Firewall = NFT) -> list[str]:
    return [item.label for item in find_forwarders(snapshot, firewall, family) if not item.goes_on]


def test_docker_alone_forwards_for_nobody_else() -> None:
    uplink = Link(2, "eth0", up=True, addresses=["192.0.2.10/24"])
    assert find_forwarders(host(uplink), NFT, "ipv4") == []


def test_engine_28_0_0_accepts_what_its_set_names() -> None:
    returning = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    assert cut_off(host(rules=f"-A FORWARD -m set --match-set docker-ext-bridges-v4 dst {returning}")) == []
    assert len(cut_off(host(rules=f"-A FORWARD -m set --match-set mine dst {returning}"))) == 1


def test_a_bridge_without_rules_of_its_own() -> None:
    assert cut_off(host(VIRBR, VNET)) == ["interface virbr0"]
    # Neither without ports nor for a family in which nothing is routed.
    assert cut_off(host(VIRBR)) == []
    assert cut_off(host(VIRBR, VNET), "ipv6") == []


def test_libvirts_own_rules_keep_it_going() -> None:
    snapshot = host(VIRBR, VNET, chains=LIBVIRT_CHAINS, rules=LIBVIRT_RULES)
    (found,) = find_forwarders(snapshot, NFT, "ipv4")
    assert found.goes_on
    # Rules of one backend do not accept what the policy of the other drops.
    assert cut_off(snapshot, firewall=LEGACY) == ["interface virbr0"]


@pytest.mark.parametrize("missing", ["-A LIBVIRT_FWI -d", "-A LIBVIRT_FWO -s", "-A FORWARD -j LIBVIRT_FWO"])
def test_one_way_is_not_enough(missing: str) -> None:
    rules = "".join(line + "\n" for line in LIBVIRT_RULES.splitlines() if not line.startswith(missing))
    assert cut_off(host(VIRBR, VNET, chains=LIBVIRT_CHAINS, rules=rules)) == ["interface virbr0"]


@pytest.mark.parametrize(
    "rules",
    [
        "-A DOCKER-USER -i virbr0 -j ACCEPT\n-A DOCKER-USER -o virbr0 -j ACCEPT\n",
        "-A DOCKER-USER -i virbr+ -j ACCEPT\n-A DOCKER-USER -o virbr+ -j ACCEPT\n",
        '-A FORWARD -s 192.168.0.0/16 -m comment --comment "a b" -j ACCEPT\n-A FORWARD -d 192.168.0.0/16 -j ACCEPT\n',
    ],
)
def test_rules_by_hand_that_keep_it_going(rules: str) -> None:
    assert "interface virbr0" not in cut_off(host(VIRBR, VNET, rules=rules))


@pytest.mark.parametrize(
    "rule",
    [
        "-A DOCKER-USER -i virbr0 -p tcp -j ACCEPT\n",
        "-A DOCKER-USER -i virbr0 -s 10.9.0.0/16 -j ACCEPT\n",
        "-A DOCKER-USER ! -i virbr0 -j ACCEPT\n",
        "-A DOCKER-USER -i virbr0 -o eth0 -j ACCEPT\n",
        "-A DOCKER-USER -i virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n",
    ],
)
def test_rules_that_accept_only_some(rule: str) -> None:
    assert "interface virbr0" in cut_off(host(VIRBR, VNET, rules=f"{rule}-A DOCKER-USER -o virbr0 -j ACCEPT\n"))


@pytest.mark.parametrize(
    ("link", "word"),
    [
        (Link(9, "wg0", "wireguard", up=True, addresses=["10.8.0.1/24"]), "WireGuard"),
        (Link(9, "office", "wireguard", up=True, addresses=["10.8.0.1/24"]), "WireGuard"),
        (Link(9, "tun0", "tun", up=True, addresses=["10.8.0.1/24"]), "VPN"),
        (Link(9, "tailscale0", "tun", up=True, addresses=["100.64.0.7/32"]), "Tailscale"),
        (Link(9, "flannel.1", "vxlan", up=True, addresses=["10.244.0.0/32"]), "flannel"),
        (Link(9, "cali1234", "veth", up=True), "Calico"),
    ],
)
def test_interfaces_by_kind_and_name(link: Link, word: str) -> None:
    (found,) = find_forwarders(host(link), NFT, "ipv4")
    assert found.label == f"interface {link.name}"
    assert word in found.what
    assert not found.goes_on
    assert cut_off(host(replace(link, up=False))) == []


def test_bridged_traffic_that_iptables_sees() -> None:
    bridge, port = Link(9, "br0", "bridge", up=True), Link(12, "tap0", "tun", up=True, master=9)
    quiet = host(bridge, port)
    assert cut_off(quiet) == []
    seen = replace(quiet, sysctls={**quiet.sysctls, "net.bridge.bridge-nf-call-iptables": "1"})
    assert cut_off(seen) == ["interface br0"]


def test_chains_of_kubernetes_in_either_backend() -> None:
    assert cut_off(host(chains=":KUBE-FORWARD - [0:0]\n:KUBE-SERVICES - [0:0]\n")) == ["chain KUBE-FORWARD and 1 more"]
    snapshot = host()
    legacy = Ruleset({"iptables-legacy-save": "*nat\n:FLANNEL-POSTRTG - [0:0]\nCOMMIT\n"})
    assert cut_off(replace(snapshot, ruleset=legacy)) == ["chain FLANNEL-POSTRTG"]


def test_rules_of_somebody_else() -> None:
    assert len(cut_off(host(rules="-A FORWARD -i eth1 -o eth0 -j ACCEPT\n"))) == 1
    assert len(cut_off(host(nat="-A POSTROUTING -s 10.99.0.0/16 -o eth0 -j MASQUERADE\n"))) == 1
    assert len(cut_off(host(nat="-A POSTROUTING -o eth0 -j MASQUERADE\n"))) == 1
    # Of a recognised interface, it is told with that.
    assert cut_off(
        host(VIRBR, VNET, nat="-A POSTROUTING -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE\n")
    ) == ["interface virbr0"]


def test_what_docker_left_behind_is_nobody_elses() -> None:
    gone = "br-0123456789ab"
    rules = f"-A FORWARD -i {gone} ! -o {gone} -j ACCEPT\n-A FORWARD -o {gone} -j DOCKER\n"
    nat = (
        f"-A POSTROUTING -s 172.30.0.0/16 ! -o {gone} -j MASQUERADE\n"
        "-A POSTROUTING -s 172.30.0.2/32 -d 172.30.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE\n"
    )
    assert cut_off(host(rules=rules, nat=nat)) == []


def test_native_nftables() -> None:
    chain = {"chain": {"family": "ip", "table": "libvirt_network", "name": "forward", "hook": "forward"}}
    masquerade = [{"masquerade": None}]
    rule = {"rule": {"family": "ip", "table": "libvirt_network", "chain": "guest_nat", "expr": masquerade}}
    assert cut_off(host(nft=[rule, chain])) == ["table ip libvirt_network"]
    drop = {"rule": {"family": "ip", "table": "mine", "chain": "forward", "expr": [{"drop": None}]}}
    docker = {
        "rule": {"family": "ip", "table": "docker-bridges", "chain": "nat-POSTROUTING", "expr": [{"masquerade": None}]}
    }
    assert cut_off(host(nft=[drop, docker])) == []


def test_ipvs() -> None:
    assert cut_off(host(), firewall=replace(NFT, ipvs_services=2)) == ["load-balancer IPVS"]


def test_a_plain_router() -> None:
    inner, outer = (Link(20 + n, f"eth{n}", up=True, addresses=[f"192.0.{n}.1/24"]) for n in (0, 1))
    snapshot = replace(
        host(inner, outer), boot=with_boot(("/etc/sysctl.d/50-router.conf", {"net.ipv4.ip_forward": "1"})).boot
    )
    assert cut_off(snapshot) == ["interface eth0", "interface eth1"]
    assert cut_off(replace(host(inner), boot=snapshot.boot)) == []
    ours = with_boot(("/etc/sysctl.d/99-dockernet-baseline.conf", {"net.ipv4.ip_forward": "1"})).boot
    assert cut_off(replace(snapshot, boot=ours)) == []


def test_a_rule_that_accepts_everything() -> None:
    text = "-A FORWARD -j ACCEPT"
    assert accepts_everything(parse_table(f"*filter\n{text}\nCOMMIT\n", "filter")) == text
    assert accepts_everything(parse_table("*filter\n-A FORWARD -i eth0 -j ACCEPT\nCOMMIT\n", "filter")) is None
