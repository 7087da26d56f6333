# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the family bridge on the way of a frame, and what rules do to neighbour discovery."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import (
    Ipsec,
    Link,
    PolicyRule,
    Route,
    Ruleset,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import Neighbours
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import (
    HostSurroundings,
    HostView,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook

from tests.unit.docker_host import ADDRESS, UPLINK, DockerHost, mac_of

WEB, PEER = "172.18.0.2", "172.18.0.3"
BETWEEN = Packet(Origin("container", "peer"), WEB, "tcp", 80)
EGRESS = Packet(Origin("container", "web"), "203.0.113.9", "tcp", 443)
PUBLISHED = Packet(Origin("outside", UPLINK), ADDRESS, "tcp", 8080)
ALL = (BETWEEN, EGRESS, PUBLISHED)
Json = dict[str, Any]


def asks(left: Json, right: object, op: str = "==") -> Json:
    return {"match": {"op": op, "left": left, "right": right}}


def meta(key: str) -> Json:
    return {"meta": {"key": key}}


def payload(protocol: str, field: str) -> Json:
    return {"payload": {"protocol": protocol, "field": field}}


DROP: Json = {"drop": None}
IP_ONLY = asks(payload("ether", "type"), "ip")


def table(hook: str, *rules: list[Json], policy: str = "accept", priority: int = 0) -> list[Json]:
    where = {"family": "bridge", "table": "mine"}
    base = {"type": "filter", "hook": hook, "prio": priority, "policy": policy}
    return [
        {"table": {"family": "bridge", "name": "mine", "handle": 1}},
        {"chain": {**where, "name": hook, "handle": 1, **base}},
        *({"rule": {**where, "chain": hook, "handle": 9, "expr": rule}} for rule in rules),
    ]


def with_table(snapshot: HostSnapshot, objects: list[Json]) -> HostSnapshot:
    """The rules of dockerd as iptables-legacy has them, of which nft shows nothing."""
    assert snapshot.ruleset is not None
    save = {"iptables-legacy-save": snapshot.ruleset.save["iptables-nft-save"]}
    return replace(snapshot, ruleset=Ruleset(save, json.dumps({"nftables": objects})))


def made(*, bridge_netfilter: bool) -> DockerHost:
    host = DockerHost(proxy=False, bridge_netfilter=bridge_netfilter)
    network = host.network()
    host.container("web", [network], listen=[("tcp", 80)], publish=[PublishedPort("tcp", 80, ADDRESS, 8080)])
    host.container("peer", [network])
    return host


def path(packet: Packet, objects: list[Json], *, bridge_netfilter: bool = True) -> Path:
    snapshot = made(bridge_netfilter=bridge_netfilter).snapshot()
    return predict(HostView.of(with_table(snapshot, objects)), packet)


def verdicts(objects: list[Json], *, bridge_netfilter: bool = True) -> list[str]:
    return [path(packet, objects, bridge_netfilter=bridge_netfilter).verdict for packet in ALL]


def port_of(name: str) -> str:
    host = made(bridge_netfilter=True)
    nsid = next(item.nsid for item in host.containers if item.name == name)
    return next(link.name for link in host.links if link.peer_nsid == nsid)


DELIVERED = ["delivered"] * 3


@pytest.mark.parametrize("bridge_netfilter", [True, False])
def test_where_frames_meet_their_rules(bridge_netfilter: bool) -> None:
    """Between containers in FORWARD, to the host in INPUT, from the host in OUTPUT."""

    def dropped(hook: str) -> list[str]:
        return verdicts(table(hook, [IP_ONLY, DROP]), bridge_netfilter=bridge_netfilter)

    assert dropped("forward") == ["dropped", "delivered", "delivered"]
    # An answer to the outside is for the host as well.
    assert dropped("input") == ["delivered", "dropped", "no answer"]
    assert dropped("output") == ["delivered", "no answer", "dropped"]
    assert dropped("prerouting") == ["dropped", "dropped", "no answer"]
    assert dropped("postrouting") == ["dropped", "no answer", "dropped"]


def test_rules_that_are_about_others_change_nothing() -> None:
    others: list[list[Json]] = [
        [asks(meta("iifname"), "veth-other"), DROP],
        [asks(payload("ether", "saddr"), "02:00:00:00:00:99"), DROP],
        [asks(payload("ip", "daddr"), "10.9.9.9"), DROP],
        [asks(payload("tcp", "dport"), 22), DROP],
        [asks(payload("ether", "type"), "ip6"), DROP],
        [asks(meta("obrname"), "br-other"), DROP],
        [{"counter": {"packets": 1, "bytes": 2}}, {"log": None}],
    ]
    for hook in ("prerouting", "input", "forward", "output", "postrouting"):
        assert verdicts(table(hook, *others)) == DELIVERED


def test_devices_are_ports_and_hardware_addresses_those_of_containers() -> None:
    web, peer = port_of("web"), port_of("peer")
    between = [asks(meta("iifname"), peer), asks(meta("oifname"), web), IP_ONLY, DROP]
    assert path(BETWEEN, table("forward", between)).verdict == "dropped"
    other_way = [asks(meta("iifname"), web), asks(meta("oifname"), peer), IP_ONLY, DROP]
    assert path(BETWEEN, table("forward", other_way)).verdict == "no answer"
    by_mac = [
        asks(payload("ether", "saddr"), mac_of(PEER)),
        asks(payload("ether", "daddr"), mac_of(WEB)),
        IP_ONLY,
        DROP,
    ]
    assert path(BETWEEN, table("forward", by_mac)).verdict == "dropped"
    by_bridge = [asks(meta("ibrname"), "br-000000000000"), IP_ONLY, DROP]
    assert path(BETWEEN, table("forward", by_bridge)).verdict == "dropped"
    # POSTROUTING names no device that it came in by.
    assert path(BETWEEN, table("postrouting", [asks(meta("iifname"), peer), DROP])).verdict == "delivered"


def test_addresses_and_ports_are_those_at_that_place() -> None:
    """POSTROUTING of a bridge is ahead of that of IP, and what comes from outside is translated before."""
    assert path(PUBLISHED, table("output", [asks(payload("tcp", "dport"), 80), DROP])).verdict == "dropped"
    assert path(PUBLISHED, table("output", [asks(payload("tcp", "dport"), 8080), DROP])).verdict == "delivered"
    own = [asks(payload("ip", "saddr"), WEB), asks(payload("tcp", "dport"), 443), DROP]
    assert path(EGRESS, table("input", own)).verdict == "dropped"


def test_jumps_and_policies() -> None:
    where = {"family": "bridge", "table": "mine"}
    objects = table("forward", [IP_ONLY, {"jump": {"target": "sub"}}], [IP_ONLY, DROP])
    objects += [
        {"chain": {**where, "name": "sub", "handle": 5}},
        {
            "rule": {
                **where,
                "chain": "sub",
                "handle": 6,
                "expr": [asks(payload("ip", "saddr"), PEER), {"accept": None}],
            }
        },
        {"rule": {**where, "chain": "sub", "handle": 7, "expr": [{"return": None}]}},
    ]
    found = path(BETWEEN, objects)
    assert found.verdict == "no answer"
    assert "bridge mine" in found.reason
    closed = table("forward", [asks(payload("ether", "type"), "arp"), {"accept": None}], policy="drop")
    assert path(BETWEEN, closed).verdict == "dropped"


def test_without_arp_nobody_is_found() -> None:
    arp = asks(payload("ether", "type"), "arp")
    found = path(BETWEEN, table("forward", [arp, DROP]))
    assert (found.verdict, found.observed) == ("unreachable", "no answer")
    assert "rule 1 of chain forward (bridge mine)" in found.reason
    # What is dropped in one direction only can be learnt from the other one.
    one_way = [asks(meta("iifname"), port_of("peer")), asks(payload("arp", "operation"), "request"), DROP]
    assert path(BETWEEN, table("forward", one_way)).verdict == "unknown"
    assert path(EGRESS, table("forward", [arp, DROP])).verdict == "delivered"
    assert path(EGRESS, table("input", [arp, DROP])).verdict in ("unknown", "unreachable")


@pytest.mark.parametrize(
    "rule",
    [
        [asks({"ct": {"key": "state"}}, "new"), DROP],
        [asks(meta("pkttype"), "host"), DROP],
        [{"limit": {"rate": 10, "per": "second"}}, DROP],
        [{"reject": None}],
        [asks(payload("vlan", "id"), 5), DROP],
    ],
)
def test_what_is_not_evaluated_is_open_for_what_can_meet_it(rule: list[Json]) -> None:
    found = path(BETWEEN, table("forward", [IP_ONLY, *rule]))
    assert found.verdict == "unknown"
    assert "bridge mine forward" in found.because
    assert path(EGRESS, table("forward", rule)).verdict == "delivered"
    assert path(BETWEEN, table("forward", [asks(payload("ip", "daddr"), "10.9.9.9"), *rule])).verdict == "delivered"


def test_a_bridge_that_machines_outside_are_on_is_open() -> None:
    host = made(bridge_netfilter=True)
    bridge = host.networks[0]
    place = next(number for number, link in enumerate(host.links) if link.name == UPLINK)
    host.links[place] = replace(host.links[place], master=bridge.index)
    snapshot = with_table(host.snapshot(), table("forward", [IP_ONLY, DROP]))
    assert predict(HostView.of(snapshot), PUBLISHED).verdict == "unknown"


GATEWAY, CONTAINER = (parse_address(text)[1] for text in ("fd00::1", "fd00::2"))
HOST = Stack(
    "host",
    [Link(3, "br0", "bridge", up=True, addresses=["fd00::1/64", "fe80::1/64"])],
    [Route("fd00::/64", 254, interfaces=[3]), Route("fd00::1/128", 255, "local", interfaces=[3])],
    [],
    [],
)
PASSES = "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n"
ADVERTISED = "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n"


def neighbours(rules: str, *, policy: str = "DROP") -> Neighbours:
    chains = f":INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
    book = read_rulebook(Ruleset({"ip6tables-legacy-save": f"*filter\n{chains}{rules}COMMIT\n"}))
    return Neighbours(Traverser(book, HostSurroundings(HOST)), IpsecPolicies(Ipsec(), {}), HOST.fib)


def test_without_rules_nothing_is_in_doubt() -> None:
    known = neighbours("", policy="ACCEPT")
    assert known.obstacle_to_host("br0", "veth1", CONTAINER, GATEWAY) == ""
    assert known.obstacle_from_host("br0", "veth1", GATEWAY, CONTAINER) == ""


@pytest.mark.parametrize(
    ("rules", "about_host", "about_container"),
    [
        ("", True, True),
        (PASSES, False, True),
        (ADVERTISED, True, False),
        (PASSES + ADVERTISED, False, False),
        ("-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT\n", False, False),
        ("-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -j ACCEPT\n", True, True),
        ("-A INPUT -d ff02::1:ff00:0/104 -j ACCEPT\n", False, True),
        ("-A INPUT -i br1 -j ACCEPT\n", True, True),
    ],
)
def test_a_closed_input_must_let_solicitations_and_advertisements_in(
    rules: str, about_host: bool, about_container: bool
) -> None:
    known = neighbours(rules)
    assert bool(known.obstacle_to_host("br0", "", CONTAINER, GATEWAY)) is about_host
    assert bool(known.obstacle_from_host("br0", "", GATEWAY, CONTAINER)) is about_container


@pytest.mark.parametrize("kind", [135, 136])
def test_output_counts_as_well(kind: int) -> None:
    known = neighbours(f"-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type {kind} -j DROP\n", policy="ACCEPT")
    assert bool(known.obstacle_to_host("br0", "", CONTAINER, GATEWAY)) is (kind == 136)
    assert bool(known.obstacle_from_host("br0", "", GATEWAY, CONTAINER)) is (kind == 135)


def test_an_answer_that_a_mark_sends_by_another_device_is_not_heard() -> None:
    host = Stack(
        "host",
        [*HOST.links.values(), Link(4, "eth1", up=True, addresses=["fe80::2/64"])],
        [Route("fd00::/64", 254, interfaces=[3]), Route("::/0", 107, interfaces=[4])],
        [PolicyRule(1000, 6, table=107, mark=7, mask=0xFFFFFFFF), PolicyRule(32766, 6, table=254)],
        [],
    )
    rules = "*mangle\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d fd00::/16 -j MARK --set-xmark 0x{}/0xffffffff\nCOMMIT\n"
    for mark, is_stopped in ((7, True), (8, False)):
        book = read_rulebook(Ruleset({"ip6tables-legacy-save": rules.format(mark)}))
        known = Neighbours(Traverser(book, HostSurroundings(host)), IpsecPolicies(Ipsec(), {}), host.fib)
        assert ("by eth1" in known.obstacle_to_host("br0", "", CONTAINER, GATEWAY)) is is_stopped
        # A question is for a group of the link, wherever routes lead.
        assert known.obstacle_from_host("br0", "", GATEWAY, CONTAINER) == ""


def test_the_rule_is_named() -> None:
    obstacle = neighbours("").obstacle_to_host("br0", "", CONTAINER, GATEWAY)
    assert obstacle.startswith("the policy of chain INPUT (legacy ip6 ")
    assert obstacle.endswith(") drops it")


@pytest.mark.parametrize(
    ("rules", "stopped"),
    [
        ("", False),
        ("-A FORWARD -i br0 -o br0 -j DROP\n", True),
        ("-A FORWARD -m physdev --physdev-in veth1 --physdev-is-bridged -j DROP\n", True),
        ("-A FORWARD -m physdev --physdev-in veth3 -j DROP\n", False),
        ("-A FORWARD -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j DROP\n", True),
        ("-A INPUT -j DROP\n", False),
    ],
)
def test_between_two_ports_forward_counts(rules: str, stopped: bool) -> None:
    known = neighbours(rules, policy="ACCEPT")
    assert bool(known.obstacle_between("br0", ("veth1", "veth2"), CONTAINER, CONTAINER + 1)) is stopped
