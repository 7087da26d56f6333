# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws sets of ipset, and rules of iptables that ask for them, for the hosts of reachability_hosts.py."""

from __future__ import annotations

import random

from tests.differential.reachability_names import Names

Draw = random.Random


def drawn_set(draw: Draw, names: Names) -> tuple[str, str]:
    """A set as text for ``ipset restore``, and a command that makes a rule with it, mostly in DOCKER-USER."""
    program, family = ("iptables", "inet") if names.family == 4 else ("ip6tables", "inet6")
    name = f"mine{names.family}"
    address = draw.choice([*names.containers, names.outside, names.host, *names.own, *names.others])
    net = draw.choice([*names.networks, f"{names.outside}", address])
    port = draw.choice(list(names.ports))
    device = draw.choice([*names.devices, *names.bridges])
    kind, elements, sides = draw.choice(
        [
            ("hash:ip", [address, names.outside], draw.choice(["src", "dst"])),
            ("hash:net", [net], draw.choice(["src", "dst"])),
            ("hash:net", [net], draw.choice(["src", "dst"])),
            ("hash:ip,port", [f"{address},tcp:{port}", f"{address},udp:5000"], draw.choice(["dst,dst", "src,dst"])),
            ("hash:net,iface", [f"{net},{device}"], draw.choice(["src,src", "src,dst"])),
            ("hash:net,port", [f"{net},{port}"], draw.choice(["dst,dst", "src,dst"])),
        ]
    )
    chain = draw.choice(["DOCKER-USER", "DOCKER-USER", "FORWARD", "INPUT"])
    if chain == "INPUT":
        sides = sides.replace("src,dst", "src,src") if "iface" in kind else sides
    target = draw.choice(["DROP", "DROP", "ACCEPT", "REJECT", "RETURN"])
    denied = draw.choice(["", "", "! "])
    # A rule that ends neighbour discovery leaves open whom the host still knows.
    protocol = f"-p {draw.choice(['tcp', 'udp'])}" if names.family == 6 or draw.random() < 0.3 else ""
    lines = [f"create {name} {kind} family {family}", *(f"add {name} {item}" for item in dict.fromkeys(elements))]
    rule = f"{program} -w 10 -I {chain} {protocol} -m set {denied}--match-set {name} {sides} -j {target}"
    return "".join(f"{line}\n" for line in lines), rule
