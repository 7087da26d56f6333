# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A fleet as Markdown, for a comment on a pull request: the counts, the worst hosts, what fails on most of them.

It is of limited length, however many hosts there are; the other formats have all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, SEVERITIES, UNKNOWN
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import Fleet, FleetHost
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_markdown import cell, table_row
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import STATES
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import is_waived
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_formats import FleetStream
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.fleet_words import (
    changes_in_words,
    findings_in_words,
    states_in_words,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate

_HOSTS = 30
"""Rows of hosts at most."""
_CHECKS = 30
"""Rows of checks at most."""
_KNOWN = 1_000
"""Checks that are counted; there are some sixty, but a document can name as many as it likes."""
_NAMES = 20
"""Names in one line at most."""
_NAME = 80
"""Characters of a name at most."""
_TEXT = 200
"""Characters of a sentence at most."""

_Rank = tuple[int, int, str]


class FleetMarkdown(FleetStream):
    """The text (CommonMark with tables, as GitHub and GitLab show it)."""

    def __init__(self, write: Callable[[str], object], fleet: Fleet, gate: Gate) -> None:
        """Take what is said of the whole; all is written at the end."""
        self._write = write
        self._fleet = fleet
        self._worst: list[tuple[_Rank, Sequence[str]]] = []
        self._hosts: dict[tuple[str, str], int] = {}

    def host(self, host: FleetHost) -> None:
        """Count a host, and keep it while it is among the worst."""
        audit = host.audit
        failed = [finding for finding in audit.findings if finding.outcome == FAIL and not is_waived(finding)]
        if host.closed or failed:
            new = sum(age.status != "unchanged" for age in host.ages.values())
            row = [
                cell(audit.host, _NAME),
                audit.state,
                str(len(failed)),
                str(new) if host.ages else "",
                cell(host.closed, _TEXT),
            ]
            self._worst.append(((STATES.index(audit.state), -len(failed), audit.host), row))
            if len(self._worst) > 2 * _HOSTS:
                self._worst = sorted(self._worst)[:_HOSTS]
        for key in {(finding.severity, finding.check) for finding in failed} | {
            (UNKNOWN, finding.check) for finding in audit.findings if finding.outcome == UNKNOWN
        }:
            if key in self._hosts or len(self._hosts) < _KNOWN:
                self._hosts[key] = self._hosts.get(key, 0) + 1

    def end(self) -> None:
        """Write all of it."""
        totals = self._fleet.totals
        said = f"gate failed on {totals.gate_closed} of {counted(totals.hosts, 'host')}"
        passed = f"gate passed on {counted(totals.hosts, 'host')}"
        self._write(f"## {cell(self._fleet.title, _NAME)}: {cell(said if totals.gate_closed else passed, _TEXT)}\n\n")
        facts = [states_in_words(totals), findings_in_words(totals), *changes_in_words(self._fleet)]
        self._write("".join(f"* {cell(fact, _TEXT)}\n" for fact in facts if fact))
        worst = [row for dummy, row in sorted(self._worst)[:_HOSTS]]
        self._table(("host", "state", "failed", "of these new", "gate"), worst)
        self._table(("severity", "check", "hosts"), _most(self._hosts))
        self._list("Not part of this run", [host.host for host in self._fleet.vanished])
        self._list("Problems", self._fleet.problems)

    def _table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if rows:
            lines = [table_row(headings), table_row(["---"] * len(headings)), *map(table_row, rows)]
            self._write("\n" + "".join(f"{line}\n" for line in lines))

    def _list(self, heading: str, names: Sequence[str]) -> None:
        if names:
            shown = ", ".join(cell(name, _TEXT) for name in names[:_NAMES])
            more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
            self._write(f"\n{heading} ({len(names)}): {shown}{more}\n")


def _most(hosts: Mapping[tuple[str, str], int]) -> list[Sequence[str]]:
    """Highest severity first, and of one severity those of most hosts."""
    order = (*SEVERITIES, UNKNOWN)
    ordered = sorted(hosts.items(), key=lambda item: (order.index(item[0][0]), -item[1], item[0][1]))
    return [[severity, cell(check, _NAME), str(number)] for (severity, check), number in ordered[:_CHECKS]]
