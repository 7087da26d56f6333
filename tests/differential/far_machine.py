# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A second uplink of a lab host, eth1, and a machine beyond it that asks, and answers for the internet.

Its packets are routed as those of the outside machine are (reachability_machines.py): what bears the mark goes to the
host, whatever the destination; answers find the way back to the host and to the lab's network, to containers none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_interface

from tests.differential.answering import Server, Servers
from tests.differential.namespaces import answer_soon, new_namespace
from tests.differential.reachability_machines import SETTINGS, ways_to_loopback
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.network import INTERNET_RANGES, INTERNET_RANGES6
from tests.lab.proc import run
from tests.lab.servers import TCP_PORTS, UDP_PORTS

DEVICE = "eth1"
MARK = 1
LINK_LOCAL = "fe80::9"
"""The machine's, as a next hop of IPv6."""
LAB_RANGES = ("198.18.", "2001:db8:1ab:")
OWN_RANGES = ("198.19.", "2001:db8:2ab:")
"""How addresses of the lab's network begin, and those of a second uplink."""
_HOST, _FAR = 1, 9
_FAMILIES = ("-4", "-6")
_TABLE = 100
# Tables and priorities of rules on the machines of the lab's network begin here: those below are marks of hosts.
_WAYS = 300


@dataclass(frozen=True)
class FarMachine:
    """The machine and both ends of the wire. Its subnets are the host's own: other hosts of a lab have others."""

    path: str
    """Of its network namespace."""
    place: int
    """The host's in its lab."""

    @property
    def addresses(self) -> tuple[str, str]:
        """Of the machine, IPv4 and IPv6."""
        return self._addresses(_FAR)

    @property
    def next_hops(self) -> tuple[str, str]:
        """Addresses of the host on the wire."""
        return self._addresses(_HOST)

    @property
    def subnets(self) -> tuple[str, str]:
        """Of the wire."""
        return f"198.19.{self.place}.0/24", f"2001:db8:2ab:{self.place}::/64"

    def _addresses(self, last: int) -> tuple[str, str]:
        return f"198.19.{self.place}.{last}", f"2001:db8:2ab:{self.place}::{last}"


@contextmanager
def far_machine(lab: Lab, host: Host) -> Iterator[FarMachine]:
    """Plug it in for as long as the block lasts; the host's end goes with the other one."""
    with new_namespace() as path:
        far = FarMachine(path, host.host_name.place)
        _inside(host.path, ["ip", "link", "delete", DEVICE], check=False)
        run(
            ["ip", "link", "add", DEVICE, "netns", path, "type", "veth", "peer", "name", DEVICE, "netns", str(host.pid)]
        )
        host.settle_links()
        _inside(host.path, ["ip", "-batch", "-"], _lines(_plugged(far.next_hops)))
        _inside(
            path,
            ["ip", "-batch", "-"],
            _lines([*_plugged(far.addresses), f"address add {LINK_LOCAL}/64 dev {DEVICE} nodad"]),
        )
        _route(path, lab, far)
        _inside(path, ["sh", "-c", SETTINGS])
        answer_soon(path)
        with _ways_back(lab, host, far), Servers(_servers(path)):
            yield far


def _plugged(addresses: tuple[str, str]) -> list[str]:
    return [
        "link set lo up",
        f"link set {DEVICE} up",
        f"address replace {addresses[0]}/24 brd + dev {DEVICE}",
        f"address replace {addresses[1]}/64 dev {DEVICE} nodad",
    ]


def _route(path: str, lab: Lab, far: FarMachine) -> None:
    """What comes in is taken for itself if it is for the internet; what goes out never is.

    It stands for all machines beyond the uplink. Where a host sends a question back to where it came from, one of them
    asks another: the answer is for an address of its own.
    """
    ranges = (INTERNET_RANGES, INTERNET_RANGES6)
    ends = zip(_FAMILIES, far.addresses, far.next_hops, lab.subnet.on_link(0), ranges)
    for family, own, via, lan, internet in ends:
        lines = [
            *(f"route replace local {network} dev lo table local" for network in internet),
            f"route replace default via {via} dev {DEVICE} table {_TABLE}",
            f"route replace {ip_interface(lan).network} via {via} dev {DEVICE}",
            f"rule add priority 1 iif {DEVICE} lookup local",
            f"rule add priority 1 iif lo to {own} lookup local",
            f"rule add priority 2 fwmark {MARK} lookup {_TABLE}",
            "rule delete priority 0",
        ]
        _inside(path, ["ip", family, "-batch", "-"], _lines(lines))
    for command in ways_to_loopback(far.place, far.next_hops, DEVICE):
        _inside(path, command)


@contextmanager
def _ways_back(lab: Lab, host: Host, far: FarMachine) -> Iterator[None]:
    """How the machines of the lab's network answer the far one. They send nothing on to it for others."""
    machines = (lab.outside.path, lab.internet.path)
    number = str(_WAYS + far.place)
    rules = [
        [family, "rule", "VERB", "priority", number, "iif", "lo", "to", subnet, "lookup", number]
        for family, subnet in zip(_FAMILIES, far.subnets)
    ]
    for network in INTERNET_RANGES:
        # With the first policy rule IPv4's table of local addresses is no longer one with main, where these are.
        _inside(lab.internet.path, ["ip", "route", "replace", "local", network, "dev", "lo", "table", "local"])
    for path in machines:
        for family, via in zip(_FAMILIES, (host.address, host.address6)):
            _inside(path, ["ip", family, "route", "replace", "default", "via", via, "dev", "eth0", "table", number])
        for rule in rules:
            _inside(path, ["ip", *_verb(rule, "delete")], check=False)
            _inside(path, ["ip", *_verb(rule, "add")])
    try:
        yield
    finally:
        for path in machines:
            for rule in rules:
                _inside(path, ["ip", *_verb(rule, "delete")], check=False)


def _verb(rule: list[str], verb: str) -> list[str]:
    return [verb if word == "VERB" else word for word in rule]


def _servers(path: str) -> list[Server]:
    ports = [*(("tcp", port) for port in TCP_PORTS), *(("udp", port) for port in UDP_PORTS)]
    return [Server(path, "outside", protocol, port) for protocol, port in ports]


def _inside(path: str, argv: Sequence[str], stdin: str | None = None, *, check: bool = True) -> None:
    run(["nsenter", f"--net={path}", "--", *argv], stdin=stdin, check=check)


def _lines(commands: Iterable[str]) -> str:
    return "".join(f"{command}\n" for command in commands)
