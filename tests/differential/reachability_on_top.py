# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws what people put on top of Docker's own rules: one to three lines, neighbour discovery not spared.

And networks that are meant to be closed: internal ones, and such with IPv6 whose containers do not reach each other.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.differential.reachability_names import Names
from tests.lab.scenario import NetworkSpec

Draw = random.Random
SHARE = 0.5
"""Of the hosts that have such rules."""
CLOSED_SHARE = 0.3
PROGRAMS = {4: "iptables", 6: "ip6tables"}
MESSAGES = {
    4: ("echo-request", "echo-reply", "destination-unreachable"),
    6: (
        "neighbour-solicitation",
        "neighbour-solicitation",
        "neighbour-advertisement",
        "neighbour-advertisement",
        "echo-request",
        "echo-reply",
        "destination-unreachable",
    ),
}
ENDS = ("DROP", "DROP", "ACCEPT", "ACCEPT", "REJECT", "RETURN")


def rules_on_top(draw: Draw, names: dict[int, Names]) -> list[tuple[str, str]]:
    """One to three rules as steps of a HostCase, or none."""
    if draw.random() >= SHARE:
        return []
    lines = [_rule(draw, names[draw.choice([4, 6, 6])]) for dummy in range(draw.randint(1, 3))]
    return [(line, f"{line}\n") for line in lines]


def closed(draw: Draw, networks: Sequence[NetworkSpec]) -> list[NetworkSpec]:
    """The networks of a host, on some hosts with one that is closed in one way or the other."""
    found = list(networks)
    if not found or draw.random() >= CLOSED_SHARE:
        return found
    place = draw.randrange(len(found))
    chosen = found[place]
    if draw.random() < 0.5 and not any("gateway_mode" in name for name in chosen.options):
        found[place] = replace(chosen, internal=True)
    else:
        options = {**chosen.options, "com.docker.network.bridge.enable_icc": "false"}
        found[place] = replace(chosen, options=options, ipv6_subnet=chosen.ipv6_subnet or f"fd00:29:{place + 1}::/64")
    return found


def _rule(draw: Draw, names: Names) -> str:
    chain = draw.choice(["DOCKER-USER", "FORWARD", "FORWARD", "INPUT", "INPUT", "OUTPUT"])
    words = [*_devices(draw, names, chain), *_protocol(draw, names)]
    if not words:
        words = [f"-s {draw.choice([*names.networks, names.outside])}"]
    return f"{PROGRAMS[names.family]} -w 10 -I {chain} {' '.join(words)} -j {draw.choice(ENDS)}"


def _devices(draw: Draw, names: Names, chain: str) -> list[str]:
    one, other = (draw.choice([*names.bridges, *names.bridges, *names.devices]) for dummy in range(2))
    incoming, outgoing = f"-i {one}", f"-o {other}"
    if chain == "INPUT":
        return draw.choice([[], [incoming], [incoming]])
    if chain == "OUTPUT":
        return draw.choice([[], [outgoing], [outgoing]])
    return draw.choice([[], [incoming], [outgoing], [incoming, outgoing], [incoming, f"-o {one}"]])


def _protocol(draw: Draw, names: Names) -> list[str]:
    kind = draw.choice(MESSAGES[names.family])
    message = f"-p icmp --icmp-type {kind}" if names.family == 4 else f"-p icmpv6 --icmpv6-type {kind}"
    port = draw.choice(list(names.ports))
    return draw.choice([[], [message], [message], [f"-p tcp --dport {port}"], ["-p tcp --dport 80"], ["-p udp"]])
