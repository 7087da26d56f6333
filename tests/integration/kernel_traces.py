# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traces on a lab host, and what the kernel counted meanwhile: each rule that a packet met has one packet more.

Other packets are counted, too: containers of networks with IPv6 look for routers for minutes after their start, and a
bridge has the rules of IPv6 see what it floods.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace

from tests.integration.snapshots import PLACE, install_readers
from tests.lab.host import Host
from tests.lab.proc import LabError

PROGRAM = """
import json, sys
sys.path.insert(0, {place!r})
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._trace import run
from ansible_collections.dockernet.baseline.plugins.module_utils._trace.question import question_of
{before}
print(json.dumps(to_plain(run.trace(question_of({options!r}), {pid!r}))))
"""
DEFAULTS = {
    "origin": {"kind": "host", "name": ""},
    "protocol": "tcp",
    "port": 0,
    "source": "",
    "mode": "dry",
    "seconds": 5.0,
    "wait": 0.0,
    "expected": [],
}
Rule = tuple[str, str, int]
"""Table, chain, and handle of a rule, or its number in a table of iptables-legacy."""
QUIET_WITHIN = 90.0
"""Seconds within which a host has some in which no packet passes its rules but the one that is traced."""


def program(host: Host, origin: str, options: dict[str, Any], before: str = "") -> str:
    """The program that makes one trace. origin: host, a container, or the device of packets from outside."""
    install_readers(host)
    return PROGRAM.format(place=PLACE, before=before, options=options_of(origin, options), pid=pid_of(host, origin))


def options_of(origin: str, options: dict[str, Any]) -> dict[str, Any]:
    """All options of a trace."""
    kind, dummy, name = origin.partition(" ")
    return {**DEFAULTS, "origin": {"kind": kind, "name": name}, **options}


def pid_of(host: Host, origin: str) -> int | None:
    """A process in the namespace of a container that is an origin."""
    kind, dummy, name = origin.partition(" ")
    return int(host.docker("inspect", "--format", "{{.State.Pid}}", name).out) if kind == "container" else None


def trace(host: Host, origin: str, options: dict[str, Any], before: str = "") -> KernelTrace:
    """One trace, with the host's own Python. before: lines that change something of the program."""
    done = host.run(["/usr/bin/python3", "-"], stdin=program(host, origin, options, before))
    return from_plain(KernelTrace, json.loads(done.out))


def require_what_was_counted(host: Host, origin: str, options: dict[str, Any]) -> KernelTrace:
    """A trace whose events are of the rules that counted one packet more, each as often.

    A rule that counted more than the trace says may have been met by another packet: then it is made again, until it
    has the rules to itself. A rule that is in the trace and counted less was not met, whatever else happened.
    """
    version = ipaddress.ip_address(options["destination"]).version
    seen: list[str] = []

    def traced_alone() -> KernelTrace | None:
        earlier = _of_version(counted(host), version)
        found = trace(host, origin, options)
        assert found.complete, found.problem
        assert found.left_behind == []
        later = _of_version(counted(host), version)
        risen = Counter({rule: more for rule in later if (more := later[rule] - earlier.get(rule, 0))})
        met = _rules_met(found, later)
        assert met <= risen, f"events of rules that did not count them, {met - risen}: {found}"
        seen[:] = [f"counted and not traced: {risen - met}: {found}"]
        return found if met == risen else None

    try:
        alone: KernelTrace = host.wait_for(traced_alone, QUIET_WITHIN, "a trace without packets beside it")
    except LabError as error:
        raise AssertionError(f"{error}; {seen[0]}") from error
    return alone


def _of_version(counters: Mapping[Rule, int], version: int) -> dict[Rule, int]:
    """Without the rules of tables that see packets of the other version of IP alone."""
    other = "ip6" if version == 4 else "ip"
    return {rule: packets for rule, packets in counters.items() if other not in rule[0].split()[:-1]}


def _rules_met(found: KernelTrace, counting: Mapping[Rule, int]) -> Counter[Rule]:
    """How many events a trace has of each rule that counts."""
    events = [event for event in found.events if event.kind == "rule"]
    rules = [(event.table, event.chain, event.handle or event.number or 0) for event in events]
    return Counter(rule for rule in rules if rule in counting)


def counted(host: Host) -> dict[Rule, int]:
    """Packets of each rule that has a counter."""
    return {**_counted_by_nftables(host), **_counted_by_legacy(host)}


def _counted_by_nftables(host: Host) -> dict[Rule, int]:
    listed = json.loads(host.run(["nft", "-j", "-a", "list", "ruleset"]).out)["nftables"]
    rules = [item["rule"] for item in listed if "rule" in item]
    return {
        (f"{rule['family']} {rule['table']}", rule["chain"], rule["handle"]): part["counter"]["packets"]
        for rule in rules
        for part in rule["expr"]
        if "counter" in part
    }


def _counted_by_legacy(host: Host) -> dict[Rule, int]:
    found: dict[Rule, int] = {}
    for family, names, save in (
        ("ip", "/proc/net/ip_tables_names", "iptables-legacy-save"),
        ("ip6", "/proc/net/ip6_tables_names", "ip6tables-legacy-save"),
    ):
        if not host.run(["cat", names], check=False).out.strip():
            continue
        table, places = "", Counter[str]()
        for line in host.run([save, "--counters"]).out.splitlines():
            if line.startswith("*"):
                table, places = f"legacy {family} {line[1:]}", Counter()
            elif match := re.match(r"\[(\d+):\d+\] -A (\S+)", line):
                places[match[2]] += 1
                found[table, match[2], places[match[2]]] = int(match[1])
    return found
