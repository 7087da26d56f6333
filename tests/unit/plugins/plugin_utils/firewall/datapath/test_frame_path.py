# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules of the family bridge do to frames (real packets: tests/integration/test_bridge_rules.py)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ruleset
from ansible_collections.dockernet.baseline.plugins.module_utils._model.network import PublishedPort
from ansible_collections.dockernet.baseline.plugins.module_utils._model.packet import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

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
    assert (found.verdict, found.seen) == ("unreachable", "no answer")
    assert "the question or its answer is stopped, rule 1 of bridge mine" in found.reason
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
