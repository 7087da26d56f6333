# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""A fleet out of directories of documents and a history: two walks over the documents, one of them in memory at a time.

The first counts, and records the run. Each later one, for a report, reads the documents again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import FAIL, UNKNOWN, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.collecting import (
    Collected,
    HostDocument,
    NoDocumentError,
    NotReachedError,
    Reading,
    collect,
    document_of,
    load,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import (
    Fleet,
    FleetHost,
    RunTotals,
    VanishedHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.history import History, HistoryError, past_key
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import now
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import DocumentError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import FAILED, Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline import read_baseline_here
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import counted
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    WAIVED,
    is_waived,
    resource_text,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_stem

_PROBLEMS = 100
"""Problems that are named."""


class NoHostError(ValueError):
    """Directories without any host; the message says which."""


class ChangedError(Exception):
    """A document was replaced while its report was made."""


@dataclass(frozen=True)
class Sources:
    """What a fleet is made of."""

    directories: Sequence[Path]
    gate: Gate
    title: str
    history: Path | None = None
    """None for none."""
    history_days: int = 400
    baseline: str = ""
    """A directory with documents of an earlier run, or one of them: what they know does not close a gate."""


@contextmanager
def fleet_of(sources: Sources) -> Iterator[Fleet]:
    """Give the body the fleet, as long as its history is open.

    A history that cannot be used is a problem of the fleet, which then has no trend. Raises OSError where a directory
    cannot be read, and NoHostError.
    """
    collected = collect(sources.directories)
    if not collected.readings:
        raise NoHostError(f"no document of an audit in {', '.join(safe(str(path)) for path in sources.directories)}")
    collected = replace(collected, started_at=collected.started_at or now())
    problems = list(collected.problems)
    past = _Past(sources, collected, problems)
    try:
        count = _Count()
        walk = _Walk(collected.readings, sources, past)
        for document, closed in walk.first(problems):
            count.add(document, closed)
            past.record(document)
        totals = past.finish(count.totals(collected))
        gone = past.vanished()
        yield Fleet(
            walk,
            totals,
            past.trend() or [totals],
            sorted([*gone, *_vanished(collected, gone)], key=lambda host: host.host),
            _named(problems),
            sources.title,
            count.closed,
            walk.not_reached,
        )
    finally:
        past.close()


class _Past:
    """The history while it can be used; where it cannot, nothing is known, and a problem says why."""

    def __init__(self, sources: Sources, collected: Collected, problems: list[str]) -> None:
        self._days = sources.history_days
        self._problems = problems
        self._history: History | None = None
        self._seen_at = collected.started_at
        self._later: list[str] = []
        if sources.history is not None:
            try:
                self._history = History(sources.history)
                self._history.begin(collected.run, self._seen_at)
                # What is wrong with it is to be known before anything depends on it.
                self._history.trend()
            except HistoryError as error:
                self._drop(error)

    def record(self, document: HostDocument) -> None:
        if self._history is not None:
            try:
                if not self._history.record(document, self._seen_at):
                    self._later.append(document.audit.host)
            except HistoryError as error:
                self._drop(error)

    def finish(self, totals: RunTotals) -> RunTotals:
        """The totals with what changed."""
        if self._later:
            hosts = counted(len(self._later), "host")
            names = listed([safe(host) for host in self._later], 5)
            self._problems.append(f"{hosts} not compared, the history has later readings: {names}")
        if self._history is not None:
            try:
                new, fixed, regressed = self._history.changes()
                changed = replace(totals, new=new, fixed=fixed, regressed=regressed)
                self._history.finish(changed, self._days)
                return changed
            except HistoryError as error:
                self._drop(error)
        return totals

    def of(self, host: FleetHost) -> FleetHost:
        """The host with its past. Raises HistoryError where it can no longer be read."""
        if self._history is None or host.audit.error_kind or host.audit.host in self._later:
            return host
        past = self._history.past(host.audit.host)
        keys = {
            (finding.check, resource_text(finding))
            for finding in host.audit.findings
            if finding.outcome == FAIL and not is_waived(finding)
        }
        ages = {key: past.ages[past_key(*key)] for key in keys if past_key(*key) in past.ages}
        return replace(host, ages=ages, fixed=past.fixed)

    def vanished(self) -> list[VanishedHost]:
        return self._history.vanished() if self._history is not None else []

    def trend(self) -> list[RunTotals]:
        return self._history.trend() if self._history is not None else []

    def close(self) -> None:
        if self._history is not None:
            self._history.close()

    def _drop(self, error: HistoryError) -> None:
        self._problems.append(f"without history: {error}")
        self.close()
        self._history = None


class _Walk:
    """The hosts, one after the other, as often as they are asked for."""

    def __init__(self, readings: Sequence[Reading], sources: Sources, past: _Past) -> None:
        self._readings = readings
        self._sources = sources
        self._past = past
        self._seen: dict[str, tuple[int, int, int]] = {}
        self.not_reached: list[str] = []
        """Hosts of batches that the run has not begun, once first() is through."""

    def first(self, problems: list[str]) -> Iterator[tuple[HostDocument, str]]:
        """Each document, and why its gate is closed. What is wrong with one is a problem."""
        for reading in self._readings:
            try:
                document = document_of(reading)
            except DocumentError as error:
                document = _missing(reading, error)
                if isinstance(error, NotReachedError):
                    self.not_reached.append(reading.host)
                if not isinstance(error, NoDocumentError):
                    problems.append(f"{safe(reading.host)}: {error}")
            self._seen[reading.host] = document.status
            yield document, document.audit.complaint(self._gate_of(reading))

    def __iter__(self) -> Iterator[FleetHost]:
        for reading in self._readings:
            try:
                document = document_of(reading)
            except DocumentError as error:
                document = _missing(reading, error)
            if document.status != self._seen[reading.host]:
                raise ChangedError(f"the document of {safe(reading.host)} was replaced while the report was made")
            gate = self._gate_of(reading)
            closed, reached = document.audit.complaint(gate), document.reachability_changes
            yield self._past.of(FleetHost(document.audit, closed, reachability_changes=reached, gate=gate))

    def _gate_of(self, reading: Reading) -> Gate:
        known = read_baseline_here(self._sources.baseline, reading.host, reading.path)
        return replace(self._sources.gate, baseline=known)


def _missing(reading: Reading, error: DocumentError) -> HostDocument:
    return HostDocument(Audit.not_audited(reading.host, FAILED, str(error)), "", "", (), (0, 0, 0))


class _Count:
    """The numbers of a run."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter()
        self._findings: Counter[str] = Counter()
        self.closed: list[str] = []

    def add(self, document: HostDocument, closed: str) -> None:
        self._states[document.audit.state] += 1
        self._findings.update(_counted(finding) for finding in document.audit.findings if _is_counted(finding))
        self.closed += [document.audit.host] if closed else []

    def totals(self, collected: Collected) -> RunTotals:
        states: Mapping[str, int] = dict(self._states)
        hosts = sum(states.values())
        return RunTotals(collected.run, collected.started_at, hosts, states, dict(self._findings), len(self.closed))


def _is_counted(finding: Finding) -> bool:
    return finding.outcome in (FAIL, UNKNOWN)


def _counted(finding: Finding) -> str:
    return UNKNOWN if finding.outcome == UNKNOWN else WAIVED if is_waived(finding) else finding.severity


def _vanished(collected: Collected, known: Sequence[VanishedHost]) -> Iterator[VanishedHost]:
    """Of documents that lie there and are of no host of the run; what the history knows is not read again."""
    files = {f"{file_stem(host.host)}.json" for host in known}
    taken = {reading.host for reading in collected.readings} | {host.host for host in known}
    found: dict[str, VanishedHost] = {}
    for path in collected.others:
        if path.name not in files:
            try:
                document = load(path)
            except (OSError, DocumentError):
                # It may be of anything: the manifest says that nothing of the run is in it.
                continue
            host = document.audit.host
            if host not in taken and (host not in found or found[host].last_seen < document.read_at):
                found[host] = VanishedHost(host, document.read_at, document.audit.state)
    yield from found.values()


def _named(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _PROBLEMS
    return [*problems[:_PROBLEMS], *([f"... and {counted(more, 'problem')} more"] if more > 0 else [])]
