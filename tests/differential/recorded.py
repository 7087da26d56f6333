# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds predictions against real packets on a recorded host of engine 29 with nftables, with users' rules on top.

    python -m tests.differential.recorded --cases 3000 --seed 1

Needs root and nothing else. Exits with 1 when one prediction was wrong.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    CONTAINER,
    HOST,
    OUTSIDE,
    Origin,
    Packet,
)

from tests.differential.answering import Server, Servers
from tests.differential.namespaces import inside
from tests.differential.observing import Attempt, observe_patiently
from tests.differential.reachability_case import Comparison, compare
from tests.differential.reachability_probes import Place, Probe
from tests.differential.recorded_lab import MARK, UPLINK, RecordedLab, recorded_lab, six
from tests.lab.proc import CommandError, run
from tests.unit.recorded_host import recorded_host

RECORDING = "nftables-proxy-off"
PER_CASE = 200
TCP, UDP, CLOSED, HOST_PORT = 80, 53, 81, 7000
PUBLISHED = ((8080, "tcp"), (9000, "tcp"), (5353, "udp"), (8443, "tcp"))
_MESSAGES = ("nd-neighbor-solicit", "nd-neighbor-solicit", "nd-neighbor-advert", "echo-request", "echo-reply")
_HOOKS = ("input", "input", "forward", "forward", "output", "prerouting", "postrouting")

Draw = random.Random


@dataclass
class Report:
    """All comparisons of one seed."""

    comparisons: int = 0
    unknown: int = 0
    repeated: int = 0
    refused: int = 0
    """Rules that nft does not take."""
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Print what was wrong; the last line has the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cases", type=int, default=3000, help="how many comparisons to make at least")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    started = time.monotonic()
    report = run_many(asked.seed, asked.cases)
    print("\n".join(report.wrong))
    print(
        f"{report.comparisons} comparisons, {len(report.wrong)} wrong, {report.unknown} unknown, {report.repeated} "
        f"repeated, {report.refused} rules refused, in {time.monotonic() - started:.0f} s"
    )
    return 1 if report.wrong or not report.comparisons else 0


def run_many(seed: int, cases: int) -> Report:
    """Draw rules, ask, compare, until enough was compared."""
    report = Report()
    with recorded_lab(recorded_host(RECORDING)) as lab, Servers(_servers(lab)):
        for number in count():
            if report.comparisons >= cases:
                break
            draw = Draw(f"recorded/{seed}/{number}")
            lab.load()
            rules = [] if number == 0 else _rules(draw, lab)
            report.refused += sum(not _add(lab, rule) for rule in rules)
            _ask(lab, draw, number, rules, report)
    return report


def _ask(lab: RecordedLab, draw: Draw, number: int, rules: list[str], report: Report) -> None:
    lab.forget()
    places = _places(lab)
    probes = list(_probes(lab, count(10000 + number % 100 * 400)))
    draw.shuffle(probes)
    found = compare(lab.read(), probes[:PER_CASE], places)
    report.comparisons += len(found)
    report.unknown += sum(item.is_unknown for item in found)
    wrong = [item for item in found if item.complaint]
    if wrong:
        lab.forget()
        again = compare(lab.read(), [item.probe for item in wrong], places, observe_patiently)
        report.repeated += sum(not item.complaint for item in again)
        report.wrong += [_words(number, rules, item) for item in again if item.complaint]


def _words(number: int, rules: list[str], item: Comparison) -> str:
    return "\n".join([f"case {number}:", *(f"  {rule}" for rule in rules), item.listing()])


def _places(lab: RecordedLab) -> list[Place]:
    return [
        Place(name, path, tuple(_addresses(lab, name)), (), shares=False, networks=1)
        for name, path in lab.paths.items()
        if name not in ("host", "outside")
    ]


def _addresses(lab: RecordedLab, name: str) -> list[str]:
    ends = next(item.endpoints for item in lab.recorded.containers if item.name == name)
    own = [end.address for end in ends if end.address]
    return [*own, *map(six, own)]


def _gateways(lab: RecordedLab) -> list[str]:
    own = [text.partition("/")[0] for link in lab.recorded.links if link.kind == "bridge" for text in link.addresses]
    return [gateway for text in own if ":" not in text for gateway in (text, six(text))]


def _servers(lab: RecordedLab) -> list[Server]:
    inner = [name for name in lab.paths if name not in ("host", "outside")]
    made = [Server(lab.paths[name], name, "tcp", port) for name in inner for port in (TCP, 9000)]
    made += [Server(lab.paths[name], name, "udp", UDP) for name in inner]
    made += [Server(lab.paths["outside"], "outside", protocol, port) for protocol, port in (("tcp", 80), ("udp", 53))]
    return [*made, Server(lab.paths["host"], "host", "tcp", HOST_PORT)]


def _probes(lab: RecordedLab, ports: Iterator[int]) -> Iterator[Probe]:
    """All questions that there are."""
    outside = (lab.outside, six(lab.outside))
    own = [lab.address, six(lab.address), *_gateways(lab)]
    targets = [(address, port, protocol) for address in [*own, "127.0.0.1", "::1"] for port, protocol in PUBLISHED]
    targets += [(address, HOST_PORT, "tcp") for address in own]
    targets += [(address, 0, "icmp") for address in own]
    for place in _places(lab):
        for address in place.addresses:
            targets += [(address, TCP, "tcp"), (address, CLOSED, "tcp"), (address, UDP, "udp"), (address, 0, "icmp")]
    for address, port, protocol in targets:
        is_loopback = address in ("127.0.0.1", "::1")
        yield Probe(Packet(Origin(HOST), address, protocol, port), Attempt(lab.paths["host"], protocol, address, port))
        if not is_loopback:
            sport = next(ports, 0) if protocol != "icmp" else 0
            source = outside[":" in address]
            packet = Packet(Origin(OUTSIDE, UPLINK), address, protocol, port, source, sport or None)
            yield Probe(packet, Attempt(lab.paths["outside"], protocol, address, port, MARK, sport))
    targets += [(address, port, protocol) for address in outside for port, protocol in ((80, "tcp"), (53, "udp"))]
    for place in _places(lab):
        for address, port, protocol in targets:
            packet = Packet(Origin(CONTAINER, place.name), address, protocol, port)
            yield Probe(packet, Attempt(place.path, protocol, address, port))


def _rules(draw: Draw, lab: RecordedLab) -> list[str]:
    """One to three rules, in tables of one's own or in Docker's chain FORWARD, as commands of nft."""
    rules = []
    for place in range(draw.randint(1, 3)):
        if draw.random() < 0.4:
            rules += _about_neighbours(draw, lab, place)
            continue
        family = draw.choice(["ip", "ip6", "ip6", "inet"])
        words = f"{_match(draw, lab, family)} {draw.choice(['drop', 'drop', 'accept', 'reject', 'counter drop'])}"
        if family != "inet" and draw.random() < 0.3:
            rules.append(f"insert rule {family} docker-bridges filter-FORWARD {words}")
            continue
        hook = draw.choice(_HOOKS)
        if hook in ("prerouting", "postrouting"):
            words = words.replace("reject", "drop")
        table = f"{family} mine{place}"
        priority = draw.choice(["filter", "-5", "10"])
        rules.append(f"add table {table}")
        rules.append(f"add chain {table} own {{ type filter hook {hook} priority {priority}; policy accept; }}")
        rules.append(f"add rule {table} own {_at(hook, words)}")
    return rules


def _about_neighbours(draw: Draw, lab: RecordedLab, place: int) -> list[str]:
    """A rule that stops a question or an answer on a bridge, or one that lets a port of a closed bridge be asked."""
    bridge = draw.choice([link.name for link in lab.recorded.links if link.kind == "bridge"])
    if draw.random() < 0.4:
        protocol, port = draw.choice([("tcp", 80), ("udp", 53), ("tcp", 9000)])
        words = f"iifname {bridge} oifname {bridge} {protocol} dport {port} accept"
        return [f"insert rule {draw.choice(['ip', 'ip6', 'ip6'])} docker-bridges filter-FORWARD {words}"]
    hook, device, kind = draw.choice(
        [
            ("input", "iifname", "nd-neighbor-solicit"),
            ("input", "iifname", "nd-neighbor-advert"),
            ("output", "oifname", "nd-neighbor-advert"),
            ("output", "oifname", "nd-neighbor-solicit"),
            ("forward", "iifname", "nd-neighbor-solicit"),
        ]
    )
    table = f"ip6 mine{place}"
    return [
        f"add table {table}",
        f"add chain {table} own {{ type filter hook {hook} priority filter; policy accept; }}",
        f"add rule {table} own {device} {bridge} icmpv6 type {kind} drop",
    ]


def _at(hook: str, words: str) -> str:
    """Without the device that the hook does not know."""
    if hook in ("input", "prerouting"):
        return words.replace("oifname", "iifname")
    return words.replace("iifname", "oifname") if hook in ("output", "postrouting") else words


def _match(draw: Draw, lab: RecordedLab, family: str) -> str:
    bridges = [link.name for link in lab.recorded.links if link.kind == "bridge"]
    one, other = draw.choice([*bridges, UPLINK]), draw.choice([*bridges, UPLINK])
    devices = draw.choice(["", f"iifname {one}", f"oifname {other}", f"iifname {one} oifname {one}"])
    name = draw.choice([place.name for place in _places(lab)])
    address = next(text for text in _addresses(lab, name) if (":" in text) == (family != "ip"))
    version = "ip" if family == "ip" else "ip6"
    message = "icmp type echo-request" if family == "ip" else f"icmpv6 type {draw.choice(_MESSAGES)}"
    what = draw.choice(
        [
            message,
            message,
            "tcp dport 80",
            "tcp dport { 80, 8080, 9000 }",
            "udp dport 53",
            f"{version} saddr {address}",
            f"{version} daddr {address}",
            "ct state new",
            "ct status dnat",
            "",
        ]
    )
    return f"{devices} {what}".strip() or message


def _add(lab: RecordedLab, rule: str) -> bool:
    with inside(lab.paths["host"]):
        try:
            run(["nft", rule])
        except CommandError:
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
