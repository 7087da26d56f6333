# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases of the area network."""

from __future__ import annotations

import json

from tests.integration.catalogue.case import ALL_KINDS, Case, as_it_is
from tests.integration.catalogue.scenario import NAMES, restart_with, uses_nftables
from tests.lab.host import Host
from tests.lab.kinds import GATEWAY
from tests.lab.scenario import NetworkSpec, Scenario, Workload

AVOID = {"parameters": {"network.overlap": {"avoid": ["10.88.4.128/25"]}}}


def on_the_default_network(host: Host) -> None:
    """With NET_RAW, as containers have it by default: icc is off."""
    host.deploy(Scenario(containers=[Workload("old")]))


def another_way_to_front(host: Host) -> None:
    host.run(["ip", "route", "add", "10.88.1.128/25", "via", host.subnet.ipv4(GATEWAY)])


def company_behind_a_gateway(host: Host) -> None:
    host.run(["ip", "route", "add", "192.168.64.0/18", "via", host.subnet.ipv4(GATEWAY)])


def one_start_with_all_of_it(host: Host) -> None:
    """Icc on, small pools, no IPv6 rules; dockerd takes such keys for its default network while no container runs."""
    host.docker("stop", "--time", "0", *NAMES)
    pools = [{"base": "10.201.0.0/23", "size": 24}]
    restart_with(host, live_restore=None, icc=None, ip6tables=False, default_address_pools=pools)
    host.docker("start", *NAMES)


def without_ipv6_rules(host: Host) -> None:
    """As after a boot: a start does not remove what another one made."""
    if uses_nftables(host):
        host.run(["nft", "delete", "table", "ip6", "docker-bridges"], check=False)
    for table in ("raw", "nat", "filter"):
        host.run(f"ip6tables -t {table} -F && ip6tables -t {table} -X")
    host.run(["ip6tables", "--policy", "FORWARD", "ACCEPT"])


def two_on_the_default_network(host: Host) -> None:
    host.deploy(Scenario(containers=[Workload("one"), Workload("two")]))


def two_beside_each_other_that_a_rule_divides(host: Host) -> None:
    """One of them is on another network besides."""
    networks = [
        NetworkSpec(name, options={"com.docker.network.bridge.name": f"{name}0"}) for name in ("split", "loose")
    ]
    host.deploy(Scenario(networks, [Workload("left", ["split", "loose"]), Workload("right", ["split"])]))
    if uses_nftables(host):
        # What another table drops is kept off on purpose.
        host.run("nft insert rule ip docker-bridges filter-FORWARD iifname split0 oifname split0 drop")
    else:
        host.run(["iptables", "-I", "FORWARD", "-i", "split0", "-o", "split0", "-j", "DROP"])


def rule_that_lets_an_internal_network_out(host: Host) -> None:
    """To a port that is published on all addresses, at its own gateway."""
    host.deploy(Scenario(containers=[Workload("shop", ["front"], publish=["8088:80"])]))
    if not uses_nftables(host):
        # The chain DOCKER-USER is of engines that use iptables; with nftables nothing is in the way.
        for way in ("-i", "-o"):
            host.run(["iptables", "-I", "DOCKER-USER", way, "inner0", "-j", "ACCEPT"])


def port_taken_off_its_bridge(host: Host) -> None:
    """As a network manager does it that takes the port for a link of its own."""
    host.run("for port in /sys/class/net/loose0/brif/*; do ip link set ${port##*/} nomaster; done")


def two_with_one_hardware_address(host: Host) -> None:
    """As a Compose file does it in which a service with mac_address was copied."""
    options = ["--mac-address", "02:42:0a:58:00:02"]
    twins = [Workload(name, ["twins"], options=options) for name in ("castor", "pollux")]
    host.deploy(Scenario([NetworkSpec("twins")], twins))


def bridge_with_the_hardware_address_of_a_container(host: Host) -> None:
    """The container keeps the address that the engine assigned, and the bridge takes it."""
    network = NetworkSpec("mirror", options={"com.docker.network.bridge.name": "mirror0"})
    host.deploy(Scenario([network], [Workload("narcissus", ["mirror"])]))
    (inside,) = json.loads(host.container("narcissus").net(["ip", "-json", "link", "show", "eth0"]).out)
    host.run(["ip", "link", "set", "mirror0", "address", inside["address"]])


def container_with_a_wrong_entry_for_its_gateway(host: Host) -> None:
    """As an attacker of the network leaves it, or a script that guards against one and was not told of a new bridge."""
    network = NetworkSpec("strayed", options={"com.docker.network.bridge.name": "strayed0"})
    host.deploy(Scenario([network], [Workload("stray", ["strayed"])]))
    (gateway,) = json.loads(host.container("stray").net(["ip", "-json", "route", "show", "default"]).out)
    entry = ["ip", "neigh", "replace", gateway["gateway"], "lladdr", "02:00:00:00:00:99", "nud", "permanent"]
    host.container("stray").net([*entry, "dev", gateway["dev"]])


def bridge_without_arp(host: Host) -> None:
    """As a script leaves it that turns ARP off on interfaces which it does not know."""
    network = NetworkSpec("deaf", options={"com.docker.network.bridge.name": "deaf0"})
    host.deploy(Scenario([network], [Workload("hermit", ["deaf"])]))
    host.run(["ip", "link", "set", "deaf0", "arp", "off"])


def swarm(host: Host) -> None:
    """A manager alone."""
    host.docker("swarm", "init", "--advertise-addr", host.address)


def plain_overlay(host: Host) -> None:
    swarm(host)
    host.docker("network", "create", "--driver", "overlay", "plain")


def encrypted_overlays(host: Host) -> None:
    """The network of the routing mesh as well, which is made anew for it."""
    restart_with(host, live_restore=None)
    swarm(host)
    host.wait_for(lambda: "ingress" in networks(host), 120, "the network ingress")
    host.run(["docker", "network", "rm", "ingress"], stdin="y\n")
    host.wait_for(lambda: "ingress" not in networks(host), 120, "the network ingress to go")
    host.docker("network", "create", "--driver", "overlay", "--ingress", "--opt", "encrypted", "mesh")
    host.docker("network", "create", "--driver", "overlay", "--opt", "encrypted", "secret")
    host.wait_for(
        lambda: {"mesh", "secret", "ingress"} & networks(host) == {"mesh", "secret"}, 120, "encrypted overlays alone"
    )


def networks(host: Host) -> set[str]:
    return set(host.docker("network", "ls", "--format", "{{.Name}}").out.split())


CASES: tuple[Case, ...] = (
    Case("network.default-bridge", on_the_default_network, "old", "workload"),
    Case("network.icc", on_the_default_network, "old", "workload"),
    Case("network.connectivity", two_beside_each_other_that_a_rule_divides, "split", "workload"),
    Case("network.internal-open", rule_that_lets_an_internal_network_out, "inner", "workload"),
    Case("network.endpoint", port_taken_off_its_bridge, "left", "workload"),
    Case("network.endpoint", two_with_one_hardware_address, "twins", "workload"),
    Case("network.endpoint", bridge_with_the_hardware_address_of_a_container, "mirror", "workload"),
    Case("network.endpoint", container_with_a_wrong_entry_for_its_gateway, "stray", "workload"),
    Case("network.endpoint", bridge_without_arp, "deaf", "workload"),
    Case("network.overlap", another_way_to_front, "front", "kernel"),
    Case("network.overlap", as_it_is, "inner", "kernel", options=AVOID),
    Case(
        "network.pools",
        company_behind_a_gateway,
        "dockerd",
        "kernel",
        kinds=tuple(kind for kind in ALL_KINDS if kind != "debian11"),
        why_not_others="20.10.5 keeps clear of such routes",
    ),
    Case("network.pools", one_start_with_all_of_it, "dockerd", "start"),
    Case("network.ipv6-unfiltered", without_ipv6_rules, "dual", "start"),
    Case("network.icc", two_on_the_default_network, "bridge", "start"),
    Case(
        "network.overlay-unencrypted",
        plain_overlay,
        "plain",
        "start",
        healthy=encrypted_overlays,
        healthy_group="uplinks",
        with_nftables=False,
    ),
)
