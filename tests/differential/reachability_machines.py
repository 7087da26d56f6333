"""Routes of the outside machine, without which most questions from there would have the same answer.

It sends what bears a host's mark to that host, whatever the destination: several hosts have the same networks, and any
machine can send packets for 127.0.0.1. Nothing else changes for it, so other tests may run meanwhile. The way back to a
container's own address is known to nobody, to addresses of a host's loopback all machines outside know it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.differential.namespaces import answer_soon
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.machine_lock import file_lock
from tests.lab.proc import run

LOOPBACK, LOCAL, OWN_LINK, MARKED = 1, 5, 10, 20
"""Priorities of rules: marked packets for 127.0.0.1 leave; what is local or on link stays there; then marks count."""
SETTINGS = """
for f in /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv?/conf/*/accept_redirects; do echo 0 >$f; done
for f in /proc/sys/net/ipv4/conf/*/route_localnet /proc/sys/net/ipv4/conf/*/accept_local; do echo 1 >$f; done
"""
# What a host rejects in the name of a machine on the internet, it may send by this one, which has that address.
OF_INTERNET = "for f in /proc/sys/net/ipv4/conf/*/accept_local; do echo 1 >$f; done"
LOOPBACKS = {"-4": "127.0.0.0/8", "-6": "::1/128"}


def loopback_addresses(place: int) -> tuple[str, str]:
    """What a host of the lab can have on its loopback, of each family and with prefix length."""
    return f"198.19.255.{place}/32", f"2001:db8:2ab:ff::{place}/128"


def ways_to_loopback(place: int, next_hops: tuple[str, str], device: str) -> list[list[str]]:
    """Commands that give a machine its routes to them, by the host's addresses on a link."""
    ends = zip(("-4", "-6"), loopback_addresses(place), next_hops)
    return [["ip", family, "route", "replace", to, "via", via, "dev", device] for family, to, via in ends]


def prepare(lab: Lab) -> None:
    """Give the outside machine its routes to all hosts of the lab. Harmless when it was done before."""
    hosts = [lab.host(name) for name in lab.hosts]
    path = lab.outside.path
    with file_lock(lab.identity.state / "busy" / "differential"):
        for family in ("-4", "-6"):
            _policy_routing(path, family, hosts)
        _inside(path, ["sh", "-c", SETTINGS])
        _inside(lab.internet.path, ["sh", "-c", OF_INTERNET])
        for machine in (path, lab.internet.path):
            answer_soon(machine)
            for host in hosts:
                for command in ways_to_loopback(host.host_name.place, (host.address, host.address6), "eth0"):
                    _inside(machine, command)


def _policy_routing(path: str, family: str, hosts: Sequence[Host]) -> None:
    shown = json.loads(_inside(path, ["ip", family, "-json", "rule", "show"]))
    have = {(int(rule["priority"]), int(rule.get("fwmark", "0"), 16)) for rule in shown}
    rules = {(LOCAL, 0): ["lookup", "local"], (OWN_LINK, 0): ["lookup", "main", "suppress_prefixlength", "0"]}
    for host in hosts:
        place = host.host_name.place
        marked = ["fwmark", str(place), "lookup", str(place)]
        rules |= {(LOOPBACK, place): ["to", LOOPBACKS[family], *marked], (MARKED + place, place): marked}
        via = host.address if family == "-4" else host.address6
        way = ["default", "via", via, "dev", "eth0", "table", str(place)]
        _inside(path, ["ip", family, "route", "replace", *way])
    for (priority, mark), words in rules.items():
        if (priority, mark) not in have:
            _inside(path, ["ip", family, "rule", "add", "priority", str(priority), *words])
    if (0, 0) in have:
        _inside(path, ["ip", family, "rule", "del", "priority", "0"])


def _inside(path: str, argv: Sequence[str]) -> str:
    return run(["nsenter", f"--net={path}", "--", *argv]).out
