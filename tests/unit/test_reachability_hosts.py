# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator of hosts whose reachability is asked for: the same number makes the same host."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from tests.differential.reachability_hosts import SUBNETS, SUBNETS6, Draw, host_case
from tests.differential.reachability_interleaved import PLACES, interleaved
from tests.differential.reachability_machines import loopback_addresses, ways_to_loopback
from tests.differential.reachability_names import Bridge, Names
from tests.differential.reachability_steps import steps
from tests.lab.kinds import KINDS

PORTS = [80, 7000]
NAMES = {
    4: Names(
        *(4, [f"{SUBNETS}.1.0/24"], ["br-n1"], [f"{SUBNETS}.1.2"], "198.18.1.13", "198.18.1.9", PORTS),
        [("eth0", "198.18.1.1"), ("eth1", "198.19.13.9")],
    ),
    6: Names(
        *(6, [f"{SUBNETS6}:1::/64"], ["br-n1"], [f"{SUBNETS6}:1::2"], "2001:db8::13", "2001:db8::9", PORTS),
        [("eth0", "2001:db8::1"), ("eth1", "2001:db8:2ab:13::9")],
    ),
}


def test_a_number_makes_the_same_host_again() -> None:
    for number in range(50):
        one, other = host_case(1, number), host_case(1, number)
        assert str(one) == str(other)
        assert steps(one, NAMES) == steps(other, NAMES)


def test_other_numbers_and_seeds_make_other_hosts() -> None:
    made = {str(host_case(seed, number)) for seed in (1, 2) for number in range(50)}
    assert len(made) == 100


def test_all_kinds_take_turns() -> None:
    assert [host_case(1, number).kind for number in range(8)] == [*KINDS, *KINDS]


def test_every_container_is_on_networks_that_are_made() -> None:
    for number in range(200):
        scenario = host_case(3, number).scenario
        names = {"bridge", *(network.name for network in scenario.networks)}
        assert all(set(container.networks) <= names for container in scenario.containers)
        published = [binding.split("/")[0].split(":")[-2] for made in scenario.containers for binding in made.publish]
        assert len(published) == len(set(published)), "two containers ask for the same port of the host"


def test_every_step_is_words_that_a_shell_can_split() -> None:
    for number in range(200):
        for words, script in steps(host_case(5, number), NAMES):
            assert words
            assert shlex.split(script)


def test_what_an_engine_refuses_is_not_drawn() -> None:
    """With nftables and without docker-proxy: two ports of the host for one of a container."""
    made = [host_case(5, number, "29.1.5") for number in range(3, 1200, 4)]
    without = [case for case in made if case.backend == "nftables" and case.daemon.get("userland-proxy") is False]
    assert without
    inner = [
        [binding.split(":")[-1] for binding in made.publish] for case in without for made in case.scenario.containers
    ]
    assert all(len(ports) == len(set(ports)) for ports in inner)


def test_an_engine_that_accepts_a_mark_gets_packets_with_it() -> None:
    made = [host_case(6, number, "29.1.5") for number in range(3, 400, 4)]
    accepting = [case for case in made if "bridge-accept-fwmark" in case.daemon]
    assert any("--set-xmark" in words for case in accepting for words, dummy in steps(case, NAMES))


def test_a_fair_share_of_hosts_has_networks_that_differ_in_name_and_subnet_alone() -> None:
    made = [case for case in (host_case(7, number) for number in range(200)) if case.is_interleaved]
    assert 50 <= len(made) <= 90
    assert any(case.is_alone for case in made)
    assert not all(case.is_alone for case in made)
    for case in made:
        twins = case.scenario.networks[:3]
        assert len({(network.subnet, network.name) for network in twins}) == 3
        own = [{name: value.replace(network.name, "") for name, value in network.options.items()} for network in twins]
        assert own[0] == own[1] == own[2]
        assert len({(network.internal, network.ipv6_subnet is None) for network in twins}) == 1
        published = [len(container.publish) for container in case.scenario.containers[:3]]
        assert len(set(published)) == 1


LINKS = [Bridge(f"br-n{place}", f"{SUBNETS}.{place}.0/24", f"{SUBNETS}.{place}.1") for place in (1, 2, 3)]
INTERLEAVED = {
    4: replace(
        NAMES[4], bridges=[link.device for link in LINKS], containers=[f"{SUBNETS}.1.2", f"{SUBNETS}.2.2"], links=LINKS
    ),
    6: NAMES[6],
}


def test_rules_about_others_stand_between_those_of_networks() -> None:
    """In each table and chain, of iptables and nft, by sets, in chains of the user's."""
    places, texts = set(), ""
    for seed in range(300):
        drawn = interleaved(Draw(seed), INTERLEAVED)
        script = "".join(step[1] for step in drawn.steps)
        assert shlex.split(script)
        lines = script.splitlines()
        whose = [
            [link for link in LINKS if {link.device, link.subnet, link.gateway} & set(re.split("[ \"']", line))]
            for line in lines
        ]
        of_networks = [number for number, links in enumerate(whose) if len(links) == 1]
        assert any(not whose[number] for number in range(of_networks[0], of_networks[-1]))
        places |= {place for place in PLACES if f"-t {place[0]} -I {place[1]}" in script}
        texts += script + "".join(text for dummy, text in drawn.sets)
    assert places == set(PLACES)
    words = [
        "nft 'add rule ip between0",
        "hash:ip,port",
        "-j BETWEEN0",
        "-j USER0",
        "jump side",
        "-m mark",
        "jump user",
    ]
    words += ["-j REJECT", "-j RETURN", "-j MASQUERADE", "-j REDIRECT", "--ctorigdstport", f"-d {LINKS[1].gateway}"]
    assert [word for word in words if word not in texts] == []


def test_machines_know_the_way_to_what_a_host_has_on_its_loopback() -> None:
    """Rules make it the source of what leaves the host, and machines outside are predicted to answer."""
    commands = [" ".join(command) for command in ways_to_loopback(13, ("198.18.1.13", "2001:db8::13"), "eth0")]
    family4, family6 = loopback_addresses(13)
    assert commands == [
        f"ip -4 route replace {family4} via 198.18.1.13 dev eth0",
        f"ip -6 route replace {family6} via 2001:db8::13 dev eth0",
    ]
