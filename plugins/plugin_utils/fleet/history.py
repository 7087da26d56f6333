# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What earlier runs found, in a file of SQLite: runs in numbers, hosts, and since when which finding fails.

A finding is one row for as long as it fails, however many runs see it, so the file grows by what changes. A run is
recorded in one transaction: a process that is killed leaves the history as it was. To record a run again, as with
``serial``, replaces what was recorded of it. What is wrong with the file is said, and nothing of it is removed.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    SEVERITIES,
    UNKNOWN,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.collecting import HostDocument
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.fleet import (
    NEW,
    REGRESSED,
    UNCHANGED,
    FindingAge,
    FindingKey,
    FixedFinding,
    RunTotals,
    VanishedHost,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import is_waived, resource_text

_APPLICATION = 0x646E6266
"""By which a file of SQLite is known as ours (pragma application_id)."""
_VERSION = 1
_PATIENCE = 60.0
"""Seconds to wait for another run that is being recorded."""
_LONGEST = 500
"""Characters of a check or a resource: a name can be as long as a stranger likes."""
_PRIVATE = 0o600

_TABLES = tuple(
    " ".join(words.split())
    for words in (
        """CREATE TABLE run (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, started_at TEXT NOT NULL,
        totals TEXT NOT NULL,
        CHECK (typeof(id) = 'text' AND typeof(started_at) = 'text' AND typeof(totals) = 'text'))""",
        """CREATE TABLE host (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_run INTEGER NOT NULL,
        seen_at TEXT NOT NULL, read_at TEXT NOT NULL, state TEXT NOT NULL, CHECK (typeof(name) = 'text' AND
        typeof(last_run) = 'integer' AND typeof(seen_at) = 'text' AND typeof(read_at) = 'text' AND
        typeof(state) = 'text'))""",
        """CREATE TABLE subject (number INTEGER PRIMARY KEY, check_id TEXT NOT NULL, resource TEXT NOT NULL,
        UNIQUE (check_id, resource), CHECK (typeof(check_id) = 'text' AND typeof(resource) = 'text'))""",
        # fixed: the run that did not see it any more. again: it had been fixed before.
        """CREATE TABLE finding (host INTEGER NOT NULL, subject INTEGER NOT NULL, opened INTEGER NOT NULL,
        fixed INTEGER, since TEXT NOT NULL, severity INTEGER NOT NULL, waived INTEGER NOT NULL,
        again INTEGER NOT NULL, PRIMARY KEY (host, subject, opened), CHECK (typeof(opened) = 'integer' AND
        typeof(fixed) IN ('integer', 'null') AND typeof(since) = 'text' AND severity IN (0, 1, 2, 3) AND
        waived IN (0, 1) AND again IN (0, 1))) WITHOUT ROWID""",
    )
)


class HistoryError(Exception):
    """The history cannot be used; the message says why."""


@dataclass(frozen=True)
class HostPast:
    """What the history knows of a host that was recorded."""

    ages: dict[FindingKey, FindingAge]
    fixed: list[FixedFinding]


@dataclass(frozen=True)
class _Failed:
    severity: int
    waived: bool


class History:
    """The history in a file, with one run that is being recorded, or was."""

    def __init__(self, path: Path) -> None:
        """Open it, or begin one. Raises HistoryError."""
        self._name = path.name
        self._run = 0
        self._is_first = True
        with self._explained():
            self._base = _opened(path)

    def close(self) -> None:
        """Close it; what was not recorded to its end is as if it had not begun."""
        self._base.close()

    def begin(self, run: str, started_at: str) -> None:
        """Begin to record a run; others wait until it is finished. Raises HistoryError."""
        with self._explained():
            self._base.execute("BEGIN IMMEDIATE")
            last = self._one("SELECT max(number) FROM run") or 0
            known = self._one("SELECT number FROM run WHERE id = ?", run)
            if known is not None and known != last:
                self._base.execute("ROLLBACK")
                raise HistoryError(f"{self._name} has this run already, and later ones, so nothing is compared")
            self._run = known if known is not None else last + 1
            self._is_first = self._one("SELECT 1 FROM run WHERE number < ?", self._run) is None
            self._base.execute("INSERT OR IGNORE INTO run VALUES (?, ?, ?, '')", (self._run, run, started_at))

    def record(self, document: HostDocument, seen_at: str) -> bool:
        """Record a host of the run; seen_at: when the run had its turn with it.

        Return False where a later reading of it is recorded, which stays then. Raises HistoryError.
        """
        audit = document.audit
        with self._explained():
            name = _cut(audit.host)
            row = self._base.execute("SELECT number, read_at FROM host WHERE name = ?", (name,)).fetchone()
            number, read_at = row or (None, "")
            if number is None:
                values = (name, self._run, seen_at, "", audit.state)
                number = self._base.execute(
                    "INSERT INTO host (name, last_run, seen_at, read_at, state) VALUES (?, ?, ?, ?, ?)", values
                ).lastrowid
            if not audit.error_kind and document.read_at < read_at:
                self._base.execute("UPDATE host SET last_run = ? WHERE number = ?", (self._run, number))
                return False
            if not audit.error_kind:
                read_at = document.read_at
                self._record_findings(int(number or 0), audit, document.read_at or seen_at)
            self._base.execute(
                "UPDATE host SET last_run = ?, seen_at = ?, read_at = ?, state = ? WHERE number = ?",
                (self._run, document.read_at or seen_at, read_at, audit.state, number),
            )
        return True

    def changes(self) -> tuple[int, int, int]:
        """Return how many findings of the run are new, fixed and regressed; none in the first. Raises HistoryError."""
        if self._is_first:
            return 0, 0, 0
        with self._explained():
            opened = "SELECT count(*) FROM finding WHERE opened = ? AND waived = 0 AND again = ?"
            fixed = "SELECT count(*) FROM finding WHERE fixed = ? AND waived = 0"
            return (
                self._one(opened, self._run, 0) or 0,
                self._one(fixed, self._run) or 0,
                self._one(opened, self._run, 1) or 0,
            )

    def finish(self, totals: RunTotals, days: int) -> None:
        """Keep the run, and forget what is older than so many days. Raises HistoryError."""
        with self._explained():
            self._base.execute("UPDATE run SET totals = ? WHERE number = ?", (json.dumps(asdict(totals)), self._run))
            self._prune(totals.started_at, days)
            self._base.execute("COMMIT")

    def past(self, host: str) -> HostPast:
        """Return what is new about a host, since when the rest is so, and what was fixed. Raises HistoryError."""
        past = HostPast({}, [])
        query = (
            "SELECT check_id, resource, opened, fixed, since, severity, waived, again FROM host"
            " JOIN finding ON finding.host = host.number JOIN subject ON subject.number = finding.subject"
            " WHERE name = ? AND (fixed IS NULL OR fixed = ?) ORDER BY check_id, resource"
        )
        with self._explained():
            for check, resource, opened, fixed, since, severity, waived, again in self._base.execute(
                query, (_cut(host), self._run)
            ):
                if fixed is None:
                    is_old = opened != self._run or self._is_first
                    status = UNCHANGED if is_old else REGRESSED if again else NEW
                    past.ages[check, resource] = FindingAge(status, since)
                elif not waived:
                    past.fixed.append(FixedFinding(check, resource, SEVERITIES[severity]))
        return past

    def vanished(self) -> list[VanishedHost]:
        """Return the hosts of earlier runs that are not part of this one. Raises HistoryError."""
        with self._explained():
            rows = self._base.execute(
                "SELECT name, seen_at, state FROM host WHERE last_run < ? ORDER BY name", (self._run,)
            )
            return [VanishedHost(*map(str, row)) for row in rows]

    def trend(self) -> list[RunTotals]:
        """Return the runs, oldest first. Raises HistoryError."""
        with self._explained():
            rows = self._base.execute("SELECT totals FROM run WHERE totals != '' ORDER BY started_at, number")
            return [_totals_of(text) for (text,) in rows]

    def _record_findings(self, host: int, audit: Audit, since: str) -> None:
        failed = _failed(audit)
        # What was recorded of this run before, of the same host.
        self._base.execute("DELETE FROM finding WHERE host = ? AND opened = ?", (host, self._run))
        self._base.execute("UPDATE finding SET fixed = NULL WHERE host = ? AND fixed = ?", (host, self._run))
        rows = self._base.execute(
            "SELECT check_id, resource, subject, opened, severity, waived FROM finding"
            " JOIN subject ON subject.number = finding.subject WHERE host = ? AND fixed IS NULL",
            (host,),
        ).fetchall()
        # What a check could not evaluate may fail as before.
        judged = {_cut(finding.check) for finding in audit.findings}
        judged -= {_cut(finding.check) for finding in audit.findings if finding.outcome == UNKNOWN}
        for check, resource, subject, opened, severity, waived in rows:
            now = failed.pop((check, resource), None)
            place = (host, subject, opened)
            if now is None and check in judged:
                self._base.execute(
                    "UPDATE finding SET fixed = ? WHERE host = ? AND subject = ? AND opened = ?", (self._run, *place)
                )
            elif now is not None and (now.severity, now.waived) != (severity, bool(waived)):
                self._base.execute(
                    "UPDATE finding SET severity = ?, waived = ? WHERE host = ? AND subject = ? AND opened = ?",
                    (now.severity, now.waived, *place),
                )
        for (check, resource), found in failed.items():
            subject = self._subject(check, resource)
            again = self._one("SELECT 1 FROM finding WHERE host = ? AND subject = ?", host, subject) is not None
            self._base.execute(
                "INSERT INTO finding VALUES (?, ?, ?, NULL, ?, ?, ?, ?)",
                (host, subject, self._run, since, found.severity, found.waived, again),
            )

    def _subject(self, check: str, resource: str) -> int:
        number = self._one("SELECT number FROM subject WHERE check_id = ? AND resource = ?", check, resource)
        if number is None:
            added = self._base.execute("INSERT INTO subject (check_id, resource) VALUES (?, ?)", (check, resource))
            number = added.lastrowid
        return int(number or 0)

    def _prune(self, started_at: str, days: int) -> None:
        try:
            oldest = (datetime.datetime.fromisoformat(started_at) - datetime.timedelta(days=days)).isoformat()
        except (ValueError, OverflowError):
            return
        self._base.execute("DELETE FROM run WHERE started_at < ? AND number != ?", (oldest, self._run))
        if not self._base.execute("SELECT changes()").fetchone()[0]:
            return
        first = self._one("SELECT min(number) FROM run")
        self._base.execute("DELETE FROM host WHERE last_run < ?", (first,))
        self._base.execute("DELETE FROM finding WHERE fixed < ? OR host NOT IN (SELECT number FROM host)", (first,))
        self._base.execute("DELETE FROM subject WHERE number NOT IN (SELECT subject FROM finding)")

    def _one(self, query: str, *values: object) -> int | None:
        row = self._base.execute(query, values).fetchone()
        return None if row is None else row[0]

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what goes wrong in words. Raises HistoryError."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise HistoryError(
                    f"{self._name} is in use by another run for more than {_PATIENCE:g} seconds"
                ) from None
            raise HistoryError(f"{self._name} cannot be used: {error}") from None
        except sqlite3.DatabaseError as error:
            raise HistoryError(f"{self._name} is damaged, or no history: {error}") from None
        except OSError as error:
            raise HistoryError(f"{self._name} cannot be used: {error.strerror}") from None
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise HistoryError(f"{self._name} is damaged: {error}") from None


def past_key(check: str, resource: str) -> FindingKey:
    """Return by what the history knows a finding."""
    return _cut(check), _cut(resource)


def _cut(text: str) -> str:
    """As the file takes it: without what is no UTF-8, and of limited length, though texts that differ still do."""
    whole: str = encodable(text)
    if len(whole) <= _LONGEST:
        return whole
    return f"{whole[:_LONGEST]}... {hashlib.sha256(whole.encode()).hexdigest()[:16]}"


def _failed(audit: Audit) -> dict[FindingKey, _Failed]:
    """What fails, once: of several findings about one resource the worst counts, and one that is not waived."""
    found: dict[FindingKey, _Failed] = {}
    for finding in audit.findings:
        if finding.outcome == FAIL:
            key = past_key(finding.check, resource_text(finding))
            severity, waived = SEVERITIES.index(finding.severity), is_waived(finding)
            other = found.get(key, _Failed(severity, waived))
            found[key] = _Failed(min(severity, other.severity), waived and other.waived)
    return found


def _totals_of(text: str) -> RunTotals:
    """Raises ValueError, TypeError."""
    plain = json.loads(text)
    totals = RunTotals(**plain)
    numbers = [totals.hosts, totals.gate_closed, totals.new, totals.fixed, totals.regressed]
    numbers += [*totals.states.values(), *totals.findings.values()]
    if not all(isinstance(number, int) for number in numbers):
        raise ValueError("a run has numbers that are none")
    return totals


def _opened(path: Path) -> sqlite3.Connection:
    """Raises OSError, sqlite3.Error, HistoryError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # It names what runs on hosts, so it is not for everybody.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE))
    if not stat.S_ISREG(path.stat().st_mode):
        raise HistoryError(f"{path.name} is not a regular file")
    base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    try:
        # The author of the file has no say in what is run here.
        base.execute("PRAGMA trusted_schema = OFF")
        base.execute("BEGIN IMMEDIATE")
        _prepare(base, path.name)
        base.execute("COMMIT")
    except BaseException:
        base.close()
        raise
    return base


def _prepare(base: sqlite3.Connection, name: str) -> None:
    (application,) = base.execute("PRAGMA application_id").fetchone()
    (version,) = base.execute("PRAGMA user_version").fetchone()
    tables = [sql for (sql,) in base.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    if not tables and not application and not version:
        for table in _TABLES:
            base.execute(table)
        base.execute(f"PRAGMA application_id = {_APPLICATION}")
        base.execute(f"PRAGMA user_version = {_VERSION}")
    elif application != _APPLICATION:
        raise HistoryError(f"{name} is a database of another program")
    elif version != _VERSION:
        raise HistoryError(f"{name} has the version {version}, and not {_VERSION}: another release wrote it")
    elif sorted(tables) != sorted(_TABLES):
        raise HistoryError(f"{name} is not as a history is made: it has been changed")
    # Of what was changed by hand, too: SQLite itself keeps anything in any column.
    (said,) = base.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise HistoryError(f"{name} is damaged: {said}")
