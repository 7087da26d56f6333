# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that stop neighbour discovery leave it open whether IPv6 gets through."""

from __future__ import annotations

import pytest
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel import Ipsec, Link, Route, Ruleset
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.frame_rules import Neighbours
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostSurroundings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.ipsec import IpsecPolicies
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.namespace import Stack
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.hooks.traverse import Traverser
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.ip_numbers import parse_address
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.read import read_rulebook

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
    return Neighbours(Traverser(book, HostSurroundings(HOST)), IpsecPolicies(Ipsec(), {}))


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


def test_the_rule_is_named() -> None:
    obstacle = neighbours("").obstacle_to_host("br0", "", CONTAINER, GATEWAY)
    assert obstacle == "the policy of legacy ip6 filter, chain INPUT drops it"


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
