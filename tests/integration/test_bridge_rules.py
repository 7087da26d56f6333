# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the family bridge, held against the packets that they let pass and keep."""

from __future__ import annotations

import json

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Origin, Packet
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import predict

from tests.integration.catalogue.cases import judge, of
from tests.integration.catalogue.scenario import PORT, make_healthy
from tests.integration.snapshots import install_readers, read_host
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.vantage import enough

INTERNET = "203.0.113.9"
HOOKS = ("prerouting", "input", "forward", "output", "postrouting")


@pytest.fixture
def host(fresh_host: Host) -> Host:
    install_readers(fresh_host)
    make_healthy(fresh_host)
    return fresh_host


def load(host: Host, hook: str, *rules: str, priority: int = 0) -> None:
    """Put rules into a base chain of a table of their own, in the place of the last ones."""
    body = "\n".join(rules)
    text = f"""
table bridge mine
delete table bridge mine
table bridge mine {{
    chain frames {{
        type filter hook {hook} priority {priority}
        {body}
    }}
}}
"""
    host.run(["nft", "-f", "-"], stdin=text)


def forget(host: Host) -> None:
    """Let nobody remember a neighbour."""
    for vantage in (host, host.container("web"), host.container("api")):
        vantage.net(["ip", "neigh", "flush", "all"], check=False)


def port_of(host: Host, name: str) -> str:
    """The bridge port of a container on front."""
    links = json.loads(host.net(["ip", "-j", "link", "show", "master", "front0"]).out)
    inside = json.loads(host.container(name).net(["ip", "-j", "link"]).out)
    ends = {link["link_index"] for link in inside if "link_index" in link}
    return next(str(link["ifname"]) for link in links if link["ifindex"] in ends)


def compare(host: Host, lab: Lab) -> list[str]:
    """What is predicted of three packets, after it was seen that just that happens to them; an unknown one is free."""
    web = host.container("web").address("front")
    packets = [
        (Packet(Origin("container", "api"), web, "tcp", 80), host.container("api"), web, 80),
        (Packet(Origin("container", "web"), INTERNET, "tcp", 80), host.container("web"), INTERNET, 80),
        (Packet(Origin("outside", "eth0"), host.address, "tcp", PORT), lab.outside, host.address, PORT),
    ]
    view = HostView.of(read_host(host))
    found = []
    for packet, place, address, port in packets:
        path = predict(view, packet)
        seen = place.tcp(address, port, enough("answered" if path.observed == "answered" else "timed out"))
        expected = ("timed out", "unreachable") if path.observed == "no answer" else (path.observed,)
        assert path.verdict == "unknown" or seen in expected, (str(packet), path.reason, seen)
        found.append(path.verdict)
    return found


@pytest.mark.long
@pytest.mark.parametrize("bridge_netfilter", ["1", "0"])
def test_frames_meet_their_rules_where_they_are(host: Host, lab: Lab, bridge_netfilter: str) -> None:
    host.set_sysctl("net.bridge.bridge-nf-call-iptables", bridge_netfilter)
    assert compare(host, lab) == ["delivered"] * 3
    expected = {
        "prerouting": ["dropped", "dropped", "no answer"],
        "input": ["delivered", "dropped", "no answer"],
        "forward": ["dropped", "delivered", "delivered"],
        "output": ["delivered", "no answer", "dropped"],
        "postrouting": ["dropped", "no answer", "dropped"],
    }
    for hook in HOOKS:
        load(host, hook, "ether type ip tcp dport != 22 counter drop")
        assert compare(host, lab) == expected[hook]
    load(host, "forward", "counter", "ip daddr 10.99.0.0/16 drop", "ether type ip6 drop", 'log prefix "x"', "accept")
    assert compare(host, lab) == ["delivered"] * 3


@pytest.mark.long
def test_what_rules_ask_of_frames(host: Host, lab: Lab) -> None:
    api, web = port_of(host, "api"), port_of(host, "web")
    (link,) = json.loads(host.container("api").net(["ip", "-j", "link", "show", "dev", "eth0"]).out)
    mac = link["address"]
    delivered, dropped = ["delivered"] * 3, ["dropped", "delivered", "delivered"]
    cases = [
        ("forward", f'iifname "{api}" oifname "{web}" ip protocol tcp drop', dropped),
        ("forward", f'iifname "{web}" oifname "{api}" ip protocol tcp drop', ["no answer", "delivered", "delivered"]),
        ("forward", f"ether saddr {mac} tcp dport 80 drop", dropped),
        ("forward", f"ether saddr != {mac} tcp dport 80 drop", delivered),
        ("forward", "tcp dport vmap { 80 : drop, 443 : accept }", dropped),
        ("postrouting", f'iifname "{api}" drop', delivered),
        ("output", "tcp dport 80 drop", ["delivered", "delivered", "dropped"]),
        ("output", f"tcp dport {PORT} drop", delivered),
        ("prerouting", "meta mark set 0x5", delivered),
    ]
    for hook, rule, expected in cases:
        load(host, hook, rule)
        assert compare(host, lab) == expected, rule


@pytest.mark.long
def test_nobody_is_found_without_arp(host: Host, lab: Lab) -> None:
    load(host, "forward", "ether type arp drop")
    forget(host)
    assert compare(host, lab) == ["unreachable", "delivered", "delivered"]
    load(host, "forward", f'iifname "{port_of(host, "api")}" arp operation request drop')
    assert compare(host, lab)[0] == "unknown"


def test_what_is_not_evaluated_is_open_by_name(host: Host) -> None:
    load(host, "input", "ip saddr 10.88.1.0/24 meta pkttype host drop")
    findings = [item for item in of(judge(read_host(host)), "firewall.egress") if item.outcome != "pass"]
    assert {item.outcome for item in findings} == {"unknown"}
    assert "bridge mine frames" in findings[0].summary


def test_a_table_that_lets_all_pass_leaves_all_verdicts(host: Host) -> None:
    def outcomes() -> list[tuple[str, str, str]]:
        return sorted((item.check, item.resource.name, item.outcome) for item in judge(read_host(host)))

    before = outcomes()
    load(host, "forward", "ether type { ip, ip6, arp } accept", "ip daddr 10.99.0.1 drop", priority=-200)
    assert outcomes() == before
