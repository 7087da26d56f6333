# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws tables of nftables' family bridge, and IPsec policies, for the hosts of reachability_hosts.py."""

from __future__ import annotations

from collections.abc import Mapping

from tests.differential.reachability_names import Names
from tests.differential.reachability_neighbours import Draw, End

FRAMES = 0.2
"""Share of the hosts that have a table of the family bridge."""
IPSEC = 0.2
"""Share of the hosts that have IPsec policies."""
_PRIORITIES = {
    "prerouting": (-300, -10, 1, 10),
    "input": (-200, 0),
    "forward": (-200, -10, 0, 10),
    "output": (-100, 0),
    "postrouting": (0, 300),
}
_TUNNEL = "tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel"


def frame_rules(draw: Draw, ends: list[End], names: Mapping[int, Names]) -> list[tuple[str, str]]:
    """A table, as steps of a HostCase. What stops questions for hardware addresses is for IP alone."""
    if not ends or draw.random() >= FRAMES:
        return []
    lines = ["add table bridge frames", "add chain bridge frames side"]
    for hook in draw.sample(list(_PRIORITIES), draw.randint(1, 3)):
        priority = draw.choice(_PRIORITIES[hook])
        lines.append(f"add chain bridge frames {hook} {{ type filter hook {hook} priority {priority}; }}")
        for dummy in range(draw.randint(1, 3)):
            family = draw.choice([4, 4, 6])
            rule = f"{_condition(draw, draw.choice(ends), names[family], hook)} {_fate(draw)}"
            lines.append(f"add rule bridge frames {hook} {rule}")
    return [("nft, family bridge", "nft -f - <<'END'\n" + "\n".join(lines) + "\nEND\n")]


def _condition(draw: Draw, end: End, names: Names, hook: str) -> str:
    """One that frames of IP alone can meet, or with its fate decides nothing for others."""
    ip = "ip" if names.family == 4 else "ip6"
    # A kernel that forgot a neighbour asks again at any time, so ARP and neighbour discovery are let alone.
    transport = "meta l4proto { tcp, udp }" if names.family == 6 else "ether type ip"
    address = draw.choice([*names.containers, names.host, names.outside])
    choices = [
        f"{transport} tcp dport {draw.choice(list(names.ports))}",
        f"tcp dport {{ {draw.choice(list(names.ports))}, 9000-9100 }}",
        f"udp dport {draw.choice(list(names.ports))}",
        f"{ip} saddr {address} {transport if names.family == 6 else ''}",
        f"{ip} daddr {address} {transport if names.family == 6 else ''}",
        f"ether saddr {end.mac} {transport}",
        f"ether daddr {end.mac} {transport}",
        f"ether daddr != {end.mac} {transport}",
        f"meta l4proto {draw.choice(['tcp', 'udp', 'icmp'])}",
        f"{'ip ttl' if names.family == 4 else 'ip6 hoplimit'} {draw.choice(['< 64', '64', '> 63'])} meta l4proto tcp",
    ]
    if hook in ("prerouting", "input", "forward"):
        choices.append(f'iifname "veth*" {transport}')
    if hook in ("forward", "output", "postrouting"):
        choices.append(f'oifname != "veth*" {transport}')
    return draw.choice(choices)


def _fate(draw: Draw) -> str:
    return draw.choice(
        ["drop", "drop", "accept", "counter", 'log prefix "x"', "jump side", "meta mark set 0x1", "return"]
    )


def ipsec_policies(draw: Draw, names: Mapping[int, Names]) -> list[tuple[str, str]]:
    """Policies of the host, as steps of a HostCase."""
    if draw.random() >= IPSEC:
        return []
    found = []
    for dummy in range(draw.choice([1, 1, 2, 3])):
        words = f"ip xfrm policy add {_policy(draw, names[draw.choice([4, 4, 6])])}"
        found.append((words, f"{words}\n"))
    return found


def _policy(draw: Draw, names: Names) -> str:
    anywhere = "0.0.0.0/0" if names.family == 4 else "::/0"
    length = "/32" if names.family == 4 else "/128"
    single = [f"{text}{length}" for text in (*names.containers, names.host, names.outside, *names.own)]
    places = [*names.networks, *names.networks, *single]
    source, destination = (anywhere if draw.random() < 0.5 else draw.choice(places) for dummy in range(2))
    if names.family == 6 or source == destination == anywhere:
        # Neighbour discovery of IPv6 meets policies, too, and is asked anew at any time.
        proto = draw.choice([f"proto tcp dport {draw.choice(list(names.ports))}", "proto tcp", "proto udp"])
    else:
        proto = draw.choice(["", "", "proto tcp", "proto udp", f"proto tcp dport {draw.choice(list(names.ports))}"])
    fate = draw.choice(["action block", "action block", "action allow", "action allow", _TUNNEL])
    mark = draw.choice(["", "", "", "", "", "", "", "mark 0x1 mask 0xff"])
    direction = draw.choice(["in", "out", "out", "fwd", "fwd"])
    where = f"src {source} dst {destination} {proto} dir {direction} {mark} priority {draw.choice([1, 5, 9])}"
    return " ".join(f"{where} {fate}".split())
