# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws static entries of neighbour tables for the hosts of reachability_hosts.py: right ones alone.

What a wrong one leads to is left open.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass

from tests.lab.host import Host

Draw = random.Random
SHARE = 0.2
"""Of the hosts that have any."""


@dataclass(frozen=True)
class End:
    """A container's place on a network."""

    container: str
    bridge: str
    mac: str
    addresses: dict[int, str]
    """By family."""
    gateways: dict[int, str]


def ends_of(host: Host, containers: Iterable[str], bridges: dict[str, str]) -> list[End]:
    """The places of containers on networks; bridges has their bridges by the id of the network."""
    found = []
    for entry in json.loads(host.docker("inspect", *containers).out):
        for end in entry["NetworkSettings"]["Networks"].values():
            if end["MacAddress"] and end["NetworkID"] in bridges:
                addresses = {4: end["IPAddress"], 6: end["GlobalIPv6Address"]}
                gateways = {4: end["Gateway"], 6: end["IPv6Gateway"]}
                bridge = bridges[end["NetworkID"]]
                found.append(End(entry["Name"][1:], bridge, end["MacAddress"], addresses, gateways))
    return found


def fixed_entries(draw: Draw, ends: list[End]) -> list[tuple[str, str]]:
    """Some entries, of the host's tables and of containers', as steps of a HostCase."""
    if not ends or draw.random() >= SHARE:
        return []
    found = [draw.choice([_of_host, _of_container])(draw, ends) for dummy in range(draw.choice([1, 1, 2, 3]))]
    return [(words, f"{words}\n") for words in found if words]


def _of_host(draw: Draw, ends: list[End]) -> str:
    end, family = draw.choice(ends), draw.choice([4, 4, 6])
    return _entry(draw, end.addresses[family], end.mac, end.bridge)


def _of_container(draw: Draw, ends: list[End]) -> str:
    end, family = draw.choice(ends), draw.choice([4, 4, 6])
    other = other_on_bridge(draw, ends, end)
    neighbours = [(end.gateways[family], _of(end.bridge)), (other.addresses[family], other.mac)]
    neighbour, mac = draw.choice(neighbours)
    inside = f"nsenter -n -t {pid_of(end)}"
    own = end.addresses[4] or end.addresses[6]
    device = f"$({inside} ip -o address show to {own} | cut -d ' ' -f 2)"
    entry = _entry(draw, neighbour, mac, device)
    return f"{inside} {entry}" if entry else ""


def _entry(draw: Draw, address: str, mac: str, device: str) -> str:
    state = draw.choice(["permanent", "permanent", "noarp"])
    return f"ip neigh replace {address} lladdr {mac} dev {device} nud {state}" if address else ""


def other_on_bridge(draw: Draw, ends: list[End], end: End) -> End:
    """One on the same bridge, another one where there is one."""
    beside = [item for item in ends if item.bridge == end.bridge and item is not end]
    return draw.choice(beside or [end])


def _of(bridge: str) -> str:
    return f"$(cat /sys/class/net/{bridge}/address)"


def pid_of(end: End) -> str:
    """The process of its container, in words of a shell."""
    return f"$(docker inspect -f '{{{{.State.Pid}}}}' {end.container})"
