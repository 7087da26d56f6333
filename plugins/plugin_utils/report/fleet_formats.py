# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A fleet in the formats of programs, each written as a stream: a host is in memory while it is written, and no longer.

What a file says of a host is made by the same functions as that host's own file.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from typing import IO, Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet, FleetHost
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report import prometheus, sarif
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import FLEET_COLUMNS, fleet_rows
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.csv_text import csv_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import counted_as
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_stem
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import FOOT, HEAD, suite_text

Write = Callable[[str], object]

NAME = "dockernet.baseline.fleet"
VERSION = 1
_REASONS = 1_000
"""Hosts of which SARIF says at its end why they were not audited; each of them has a result."""


class FleetStream:
    """A file that is written host by host."""

    def host(self, host: FleetHost) -> None:
        """Write a host, or keep what is needed of it."""
        raise NotImplementedError

    def end(self) -> None:
        """Write what stands below the hosts."""

    def close(self) -> None:
        """Let go of what it has open, also where its file is not finished."""


class FleetJson(FleetStream):
    """The result for programs, see docs/fleet-report.schema.json: a line a host."""

    def __init__(self, write: Write, fleet: Fleet, gate: Gate) -> None:
        """Write what is said of the whole."""
        self._write = write
        self._between = "\n"
        about = {
            "document": {"name": NAME, "version": VERSION},
            "title": fleet.title,
            "gate": {"fail_on": gate.fail_on, "fail_on_unknown": gate.fail_on_unknown},
            "run": plain(fleet.totals),
            "trend": [plain(run) for run in fleet.trend],
            "vanished": [plain(host) for host in fleet.vanished],
            "problems": list(fleet.problems),
        }
        lines = [f"{json.dumps(key)}: {json.dumps(encodable(value))},\n" for key, value in about.items()]
        write("".join(["{\n", *lines, '"hosts": [']))

    def host(self, host: FleetHost) -> None:
        """Write a host."""
        self._write(f"{self._between}  {json.dumps(encodable(_host(host)))}")
        self._between = ",\n"

    def end(self) -> None:
        """Close the list of hosts."""
        self._write("\n]\n}\n")


def plain(item: Any) -> dict[str, Any]:
    """Return a noun of a fleet as plain data."""
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(item).items()}


def _host(host: FleetHost) -> dict[str, Any]:
    audit = host.audit
    error = {"error": {"kind": audit.error_kind, "reason": audit.error}} if audit.error_kind else {}
    outcomes = Counter(counted_as(finding) for finding in audit.findings)
    about = {} if audit.error_kind else {"taken_at": audit.document["host"]["taken_at"], "platform": audit.label}
    return {
        "host": audit.host,
        "document": f"{file_stem(audit.host)}.json",
        "state": audit.state,
        "gate": {"open": not host.closed, "reason": host.closed},
        **error,
        **about,
        "outcomes": dict(outcomes),
        "findings": [_finding(host, finding) for finding in audit.findings if finding.outcome in (FAIL, UNKNOWN)],
        "fixed": [plain(finding) for finding in host.fixed],
        "reachability_changes": list(host.reachability_changes),
    }


def _finding(host: FleetHost, finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "severity": finding.severity,
        "outcome": counted_as(finding),
        "resource": {"kind": finding.resource.kind, "name": finding.resource.name},
        "summary": finding.summary,
        **_age(host, finding),
    }


def _age(host: FleetHost, finding: Finding) -> dict[str, str]:
    age = host.age(finding)
    return {"age": age.status, "since": age.since} if age else {}


class FleetCsv(FleetStream):
    """A row for each finding that failed or is unknown; a host without any has one that says so."""

    def __init__(self, write: Write, fleet: Fleet, gate: Gate) -> None:
        """Write the names of the columns."""
        self._write = write
        write(csv_of([FLEET_COLUMNS]))

    def host(self, host: FleetHost) -> None:
        """Write the rows of a host."""
        self._write(fleet_rows(host.audit, host.gate, lambda finding: _age(host, finding)))


class FleetJunit(FleetStream):
    """A test suite for each host, a test case for each check."""

    def __init__(self, write: Write, fleet: Fleet, gate: Gate) -> None:
        """Write what stands above the suites."""
        self._write = write
        self._hosts = 0
        write(HEAD)

    def host(self, host: FleetHost) -> None:
        """Write the suite of a host."""
        self._write(suite_text(host.audit.suite(), host.gate, self._hosts))
        self._hosts += 1

    def end(self) -> None:
        """Write what stands below them."""
        self._write(FOOT)


class FleetSarif(FleetStream):
    """One run with the results of all hosts. Its rules stand below them, since only then is known which there are."""

    def __init__(self, write: Write, fleet: Fleet, gate: Gate) -> None:
        """Write what stands above the results."""
        self._write = write
        self._rules = sarif.SarifRules()
        self._between = "\n"
        self._not_audited: list[Audit] = []
        name = json.dumps(sarif.automation_of("fleet"))
        write(f'{{"$schema": "{sarif.SCHEMA}", "version": "{sarif.VERSION}", "runs": [{{"automationDetails": {name},\n')
        write('"results": [')

    def host(self, host: FleetHost) -> None:
        """Write the results of a host."""
        self._rules.add(host.audit.document.get("checks", []))
        if host.audit.error_kind and len(self._not_audited) < _REASONS:
            self._not_audited.append(host.audit)
        for result, finding in self._rules.results(host.audit, host.gate):
            result["properties"] |= _age(host, finding)
            self._write(f"{self._between}{json.dumps(result)}")
            self._between = ",\n"

    def end(self) -> None:
        """Write the rules, and which hosts were not audited."""
        invocation, tool = json.dumps(sarif.invocation_of(self._not_audited)), json.dumps(self._rules.tool())
        self._write(f'\n],\n"invocations": [{invocation}],\n"tool": {tool}}}]}}\n')


_HOSTS, _CHECKS, _CHANGES, _VANISHED = (
    "dockernet_fleet_hosts",
    "dockernet_fleet_findings",
    "dockernet_fleet_changes",
    "dockernet_fleet_hosts_vanished",
)


class FleetPrometheus(FleetStream):
    """The metrics of all hosts, and those of the fleet.

    Findings that passed or do not apply are counted over all hosts alone: there are many times more of them. All
    samples of a metric stand together, so each metric has a file of its own until the end.
    """

    def __init__(self, write: Write, fleet: Fleet, gate: Gate) -> None:
        """Write the totals."""
        self._write = write
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._parts: dict[str, IO[str]] = {}
        totals = fleet.totals
        changes = {"new": totals.new, "fixed": totals.fixed, "regressed": totals.regressed}
        self._metric(_HOSTS, "Hosts of the run by state.", "state", totals.states)
        self._metric(_CHANGES, "Findings that changed since the run before.", "change", changes)
        write(prometheus.head_of(_VANISHED, "Hosts of earlier runs that are not part of this one."))
        write(f"{_VANISHED} {len(fleet.vanished)}\n")

    def host(self, host: FleetHost) -> None:
        """Keep the samples of a host."""
        for finding in host.audit.findings:
            self._counts[finding.check, finding.severity, counted_as(finding)] += 1
        for name, samples in prometheus.samples_of(host.audit, host.gate).items():
            kept = [sample for sample in samples if sample[0].get("outcome") not in (PASS, NOT_APPLICABLE)]
            if name not in self._parts:
                self._parts[name] = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (see close)
            self._parts[name].write(prometheus.samples_text(name, kept))

    def end(self) -> None:
        """Write all metrics one after the other."""
        self._write(prometheus.head_of(_CHECKS, "Findings of the run by check, severity and outcome, over all hosts."))
        for (check, severity, outcome), number in self._counts.items():
            labels = {"check": check, "severity": severity, "outcome": outcome}
            self._write(prometheus.samples_text(_CHECKS, [(labels, number)]))
        for name, part in self._parts.items():
            part.seek(0)
            self._write(prometheus.head_of(name))
            shutil.copyfileobj(part, _Sink(self._write))

    def close(self) -> None:
        """Remove what was kept."""
        for part in self._parts.values():
            part.close()

    def _metric(self, name: str, about: str, label: str, numbers: Mapping[str, int]) -> None:
        self._write(prometheus.head_of(name, about))
        self._write(prometheus.samples_text(name, [({label: value}, number) for value, number in numbers.items()]))


class _Sink:
    def __init__(self, write: Write) -> None:
        self.write = write
