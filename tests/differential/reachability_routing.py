# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws policy routing for the hosts of reachability_hosts.py: by sources, devices, and the marks of connections."""

from __future__ import annotations

import random

from tests.differential.reachability_names import Names

Draw = random.Random
ERRORS = ("blackhole", "unreachable", "prohibit")


def marked_packets(draw: Draw, names: Names) -> str:
    """Packets that a rule of mangle marks go by a table of their own."""
    program = "iptables" if names.family == 4 else "ip6tables"
    where = draw.choice(["PREROUTING", "PREROUTING", "OUTPUT"])
    what = draw.choice(
        [
            f"-s {draw.choice([*names.networks, *names.containers, names.host])}",
            f"-d {names.outside}",
            "-p udp",
            f"-d {draw.choice([*names.networks, names.host])}",
        ]
    )
    return (
        f"{program} -w 10 -t mangle -A {where} {what} -j MARK --set-mark 5; "
        f"{_ip(names)} rule add fwmark 5 lookup 105 priority 1005; {_ip(names)} route add {_way(draw, names)} table 105"
    )


def policy_rule(draw: Draw, names: Names) -> str:
    """A rule of any kind with a table of its own, or that is an error itself."""
    number = draw.randint(1, 90)
    priority = draw.choice([100, 1000, 32600]) + number
    made = f"{_ip(names)} rule add {_selector(draw, names)} priority {priority}"
    fate = draw.choices(["lookup", "error", "suppress"], weights=[7, 2, 1])[0]
    if fate == "error":
        return f"{made} {draw.choice(ERRORS)}"
    if fate == "suppress":
        return f"{made} lookup main suppress_prefixlength {draw.choice([0, 0, 16])}"
    way = draw.choice([_way(draw, names), _way(draw, names), "throw default"])
    return f"{made} lookup {200 + number}; {_ip(names)} route add {way} table {200 + number}"


def kept_uplink(draw: Draw, names: Names) -> str:
    """What comes by an uplink is answered by it, as hosts with two of them have it."""
    program = f"{'iptables' if names.family == 4 else 'ip6tables'} -w 10 -t mangle -A"
    device, via = draw.choice(list(names.uplinks))
    new = f"PREROUTING -i {device} -m conntrack --ctstate NEW -j"
    saving = [f"{new} MARK --set-mark 7", "PREROUTING -m mark --mark 7 -j CONNMARK --save-mark"]
    marking = draw.choice([[f"{new} CONNMARK --set-mark 7"], saving])
    coming = draw.choice([f"! -i {device}", "-m connmark --mark 7"])
    restoring = [
        f"PREROUTING {coming} -j CONNMARK --restore-mark",
        "OUTPUT -m connmark --mark 7 -j CONNMARK --restore-mark",
    ]
    lines = [f"{program} {rule}" for rule in [*marking, *draw.sample(restoring, draw.choice([1, 2, 2]))]]
    lines.append(f"{_ip(names)} rule add fwmark 7 lookup 107 priority 1007")
    lines.append(f"{_ip(names)} route add default via {via} dev {device} table 107")
    return "; ".join(lines)


def _selector(draw: Draw, names: Names) -> str:
    device = draw.choice([*names.devices, *names.bridges, "lo"])
    source = draw.choice([*names.networks, *names.containers, names.host, names.outside, *names.own, *names.others])
    choices = [
        f"from {source}",
        f"from {source}",
        f"from {source}",
        f"not from {source}",
        f"from {source} iif {device}",
        f"iif {device}",
        f"iif {device}",
        f"to {source}",
        f"from {source} fwmark {draw.choice(['1', '2', '0x10/0xf0'])}",
        f"fwmark {draw.choice(['1', '2', '0/1'])}",
        f"ipproto {draw.choice(['tcp', 'udp'])} dport {draw.choice(list(names.ports))}",
        f"dport {draw.choice(list(names.ports))}",
    ]
    return draw.choice(choices)


def _way(draw: Draw, names: Names) -> str:
    errors = [f"{error} default" for error in ERRORS]
    ways = [f"default via {via} dev {device}" for device, via in names.uplinks]
    return draw.choice([*errors, *ways, *ways])


def _ip(names: Names) -> str:
    return f"ip -{names.family}"
