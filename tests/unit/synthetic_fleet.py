# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets of any size: hosts that were made up and recorded, really judged, under many names and with a history."""

from __future__ import annotations

import datetime
import json
import random
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.engine import PublishedPort
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import (
    NEW,
    REGRESSED,
    UNCHANGED,
    FindingAge,
    FindingKey,
    FixedFinding,
    Fleet,
    FleetHost,
    RunTotals,
    VanishedHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import STATES, Audit, not_audited
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import is_waived, resource_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

from tests.unit.audits import audit_of, waiver
from tests.unit.docker_host import WILDCARD, DockerHost, big_host
from tests.unit.recorded_host import NAMES, recorded_host
from tests.unit.synthetic_host import SyntheticHost

AT = "2026-11-30T06:{minute:02}:12+00:00"
STARTED = "2026-11-30T06:00:00+00:00"
BEFORE = "2026-11-23T06:00:00+00:00"
GATE = Gate("high")

_ROLES = ("web", "db", "ci", "edge", "mail", "build", "metrics", "shop", "cache", "auth")
_PLACES = ("fra", "ams", "lis", "osl")
_WAIVERS = [
    waiver(check="publish.wildcard", reason="behind the company firewall", owner="network team"),
    waiver(check="network.overlap", reason="moved in January", owner="platform"),
]
_CONTRACT = """
intents:
  - {name: the shop is open, from: outside, to: {container: proxy, published: true}, expect: reached, why: customers}
  - {name: app is private, from: {container: proxy}, to: {container: app, port: any}, expect: blocked, why: demo}
  - {name: cached, from: {container: proxy}, to: {container: redis, port: 6379}, expect: reached, why: sessions}
"""
_ERRORS = (
    ("unreachable", "ssh: connect to host 192.0.2.77 port 22: Connection timed out"),
    ("failed", "become: sudo is not installed on it: install it, or set ansible_become_method"),
)


def shop_host() -> DockerHost:
    """A host with networks for a shop: proxies outside, an application, and data on an internal network."""
    host = DockerHost(layout=28)
    front, back, data = host.network(), host.network(), host.network(internal=True)
    host.container(
        "proxy",
        [front],
        [PublishedPort("tcp", 80, WILDCARD, 80), PublishedPort("tcp", 443, WILDCARD, 443)],
        [("tcp", 80), ("tcp", 443)],
    )
    host.container("app", [front, back], [], [("tcp", 8080)])
    host.container("worker", [back, data], [], [])
    host.container("postgres", [data], [], [("tcp", 5432)])
    host.container("redis", [back], [PublishedPort("tcp", 6379, "127.0.0.1", 6379)], [("tcp", 6379)])
    return host


@cache
def documents() -> list[str]:
    """Documents, as JSON, of hosts that differ, with all facts and the whole matrix; worst ones are not first."""
    given: dict[str, Any] = {"detail": "full", "waivers": _WAIVERS}
    well = SyntheticHost().container("web", publish=("192.0.2.10|8080|80/tcp",))
    forward = SyntheticHost().container("web", publish=("0.0.0.0|8080|80/tcp",))
    forward.sysctls["net.ipv4.conf.eth0.forwarding"] = "0"
    unread = SyntheticHost().unread("ruleset", reason="iptables-save: Permission denied")
    hosts = [recorded_host(name) for name in NAMES]
    hosts += [item.snapshot() for item in (well, forward, unread, big_host(4, 40, proxy=False))]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as contract:
        contract.write(_CONTRACT)
        contract.flush()
        shop = audit_of(shop_host().snapshot(), contract=contract.name, **given)
    return [json.dumps(document) for document in (shop, *(audit_of(host, **given) for host in hosts))]


@dataclass(frozen=True)
class _Hosts:
    """Each walk makes the hosts anew, one at a time."""

    count: int
    seed: int
    history: bool

    def __iter__(self) -> Iterator[FleetHost]:
        for number in range(self.count):
            yield synthetic_fleet_host(number, self.seed, history=self.history)


def host_name(number: int) -> str:
    """A name as inventories have them."""
    role, place = _ROLES[number % len(_ROLES)], _PLACES[(number // 7) % len(_PLACES)]
    return f"{role}{number:05}.{place}.example.org"


def synthetic_fleet_host(number: int, seed: int = 1, *, history: bool = True) -> FleetHost:
    """One host of the fleet, always the same for a number and seed."""
    dice = random.Random(f"{seed} {number}")  # noqa: S311  # no secret
    name = host_name(number)
    if number % 41 == 5:
        kind, error = _ERRORS[number % 2]
        return fleet_host(Audit(name, not_audited(name, kind, error), error_kind=kind, error=error), {})
    document = json.loads(dice.choice(documents()))
    document["host"] |= {"inventory_name": name, "hostname": name.partition(".")[0], "kernel": "6.12.57+deb13-amd64"}
    document["host"]["taken_at"] = AT.format(minute=number % 60)
    _remediate(document, dice, dice.choices((0.0, 0.1, 0.5), (55, 33, 12))[0])
    audit = Audit.from_document(name, document)
    host = fleet_host(audit, _ages(audit, dice) if history else {})
    if history and dice.random() < 0.2:
        changes = ("new: outside reaches db:5432/tcp at 192.0.2.10:5432", "lost: container web reaches cache:6379/tcp")
        fixed = FixedFinding("forwarding.persistent", "host", "medium")
        return replace(host, fixed=[fixed], reachability_changes=changes[: dice.randint(1, 2)])
    return host


def fleet_host(audit: Audit, ages: dict[FindingKey, FindingAge]) -> FleetHost:
    """A host as a run has it."""
    return FleetHost(audit, audit.complaint(GATE), ages)


def _remediate(document: dict[str, Any], dice: random.Random, left: float) -> None:
    """Leave this part of what failed, and less of what is unknown, so that hosts differ."""
    for finding in document["findings"]:
        most = left / 5 if finding["outcome"] == "unknown" else left
        if finding["outcome"] in ("fail", "unknown") and not finding.get("waiver") and dice.random() >= most:
            finding["outcome"] = "pass"
            finding.pop("remediation", None)
            finding.pop("impact", None)


def _ages(audit: Audit, dice: random.Random) -> dict[FindingKey, FindingAge]:
    ages = {}
    for finding in audit.findings:
        if finding.outcome == "fail" and not is_waived(finding):
            status = dice.choices((UNCHANGED, NEW, REGRESSED), (90, 7, 3))[0]
            since = BEFORE if status == UNCHANGED else audit.document["host"]["taken_at"]
            ages[finding.check, resource_text(finding)] = FindingAge(status, since)
    return ages


def synthetic_fleet(count: int, *, seed: int = 1, runs: int = 12) -> Fleet:
    """A fleet of so many hosts, and so many runs; with one run there is no history."""
    hosts = _Hosts(count, seed, runs > 1)
    totals = totals_of(hosts)
    if runs == 1:
        return Fleet(hosts, totals)
    trend = [_earlier(totals, runs - 1 - at) for at in range(runs - 1)]
    vanished = [VanishedHost("old-db.fra.example.org", BEFORE, "medium"), VanishedHost("lab3", BEFORE, "unreachable")]
    problems = ["web7/audit.json is no JSON: Unterminated string starting at: line 31 column 5 (char 20417)"]
    return Fleet(hosts, totals, [*trend, totals], vanished, problems, "Production: Docker host networks")


def totals_of(hosts: Iterable[FleetHost]) -> RunTotals:
    """The run in numbers, by a walk over its hosts."""
    states = dict.fromkeys(STATES, 0)
    findings: dict[str, int] = {}
    closed = fixed = 0
    changes = {NEW: 0, REGRESSED: 0}
    for host in hosts:
        states[host.audit.state] += 1
        closed += bool(host.closed)
        fixed += len(host.fixed)
        for finding in host.audit.findings:
            kind = "waived" if is_waived(finding) else finding.outcome
            kind = finding.severity if kind == "fail" else kind
            findings[kind] = findings.get(kind, 0) + 1
        for age in host.ages.values():
            if age.status in changes:
                changes[age.status] += 1
    findings = {kind: count for kind, count in findings.items() if kind not in ("pass", "not_applicable")}
    return RunTotals(
        "20261130T060000",
        STARTED,
        sum(states.values()),
        states,
        findings,
        closed,
        changes[NEW],
        fixed,
        changes[REGRESSED],
    )


def _earlier(totals: RunTotals, ago: int) -> RunTotals:
    """A run some weeks ago: more of its hosts were bad."""
    states = dict(totals.states)
    moved = min(states["well"], round(totals.hosts * (0.035 * ago + 0.03 * (ago % 3))))
    states["well"] -= moved
    for state, part in (("high", 0.4), ("medium", 0.35), ("low", 0.25)):
        states[state] += round(moved * part)
    at = datetime.datetime.fromisoformat(STARTED) - datetime.timedelta(weeks=ago)
    closed, at_text = totals.gate_closed + moved // 2, at.isoformat()
    return replace(totals, run=f"{at:%Y%m%dT%H%M%S}", started_at=at_text, states=states, gate_closed=closed)
