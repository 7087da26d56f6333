# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What became of the audit of one host, as a task registered it: what is said of it, and its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import decoder_of, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    UNKNOWN,
    Finding,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import counts_in_words, summary_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.platform import ENGINE_CHECK, WITHOUT_DOCKER
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import EXPIRED, REFUSED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    KEYS,
    NAME,
    VERSION,
    document_of,
    read_document,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.check_rows import (
    ONE_LINE,
    TWO_LINES,
    Row,
    counted,
    enumerated,
    remediations,
    row_lines,
    rows_of,
    shortened,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    Line,
    findings_table,
    group_of,
    is_waived,
    sections,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import CLOSED, NOT_AUDITED, OPEN, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import Suite
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import (
    LastRun,
    host_change_line,
    host_change_lines,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import cells, indented, wrap

# Ansible makes a process for each host and task from the one that loads this file.
decoder_of(Finding)
decoder_of(LastRun)

MARGIN = "  "
BULLET = f"{MARGIN}* "
_SCREEN = 25
"""Lines that a host takes at most, with all that it has."""
_ROWS = 12
"""Rows of checks on one screen."""
_FEW = 4
"""Lines that remediations may take in any case, their heading among them."""
_WHOLE = 1_000
"""Lines of a remediation that is not cut."""
_BRIEF_ROWS = 4
"""Rows of what is broken on one host of many."""

UNREACHABLE = "unreachable"
FAILED = "failed"
WELL = "well"
NO_DOCKER = "without docker"
OPEN_KINDS = (HIGH, MEDIUM, UNKNOWN, LOW, INFO)
"""What an open finding is to a summary, worst first: unknown may be anything."""
STATES = (UNREACHABLE, FAILED, *OPEN_KINDS, WELL, NO_DOCKER)
"""What a host is to a summary, worst first."""

_PROGRAMS = "sudo|su|doas|dzdo|pbrun|pfexec|pmrun|ksu|machinectl"
# The first that matches what Ansible, the shell of the host or the program says; a group has the program.
_BECOME_FAILURES = (
    (
        rf"\b({_PROGRAMS}): (?:command )?not found",
        "{program} is not installed on {host}: install it, or set ansible_become_method",
    ),
    (rf"Incorrect ({_PROGRAMS}) password", "wrong password for {program} on {host}: set ansible_become_password (-K)"),
    (
        rf"\b({_PROGRAMS}): Authentication failure",
        "{program} on {host} refused the password: set ansible_become_password (-K)",
    ),
    (
        rf"Missing ({_PROGRAMS}) password|\bsudo: a (?:terminal|password) is required",
        "{program} on {host} asks for a password: set ansible_become_password (-K), or allow it without one",
    ),
    (
        r"not in the sudoers file|is not allowed to (?:run|execute)|may not run sudo",
        "the user may not use {program} on {host}: allow it in sudoers, or set ansible_user",
    ),
    (
        r"waiting for (?:privilege escalation|become) (?:prompt|success)",
        "no answer on {host} to the request for root: set ansible_become_password (-K), or ansible_become_method",
    ),
)
_PREFIX = re.compile(
    r'^(?:Task failed: |Action failed: )*(?:Data could not be sent to remote host "[^"]*"\. Make sure this '
    r"host can be reached over ssh: )?(?:Finalization of task args for '[^']*' failed: )?"
    r"(?:Error while resolving value for '[^']*': )*"
)


@dataclass(frozen=True)
class Audit:
    """The audit of a host, or why there was none."""

    host: str
    """As the inventory calls it."""
    document: Mapping[str, Any]
    findings: Sequence[Finding] = ()
    error_kind: str = ""
    """``unreachable`` or ``failed``; empty where there was an audit."""
    error: str = ""
    path: Path | None = None
    """Where its document is, where there was an audit."""
    last_run: LastRun | None = None
    """What changed since the last run, where that left a document."""

    @classmethod
    def from_result(cls, host: str, result: Mapping[str, Any]) -> Audit:
        """Read the document that a result of docker_netcheck names or has, or what kept it from being run.

        Raises OSError, and ValueError where it is neither.
        """
        kind = UNREACHABLE if result.get("unreachable") else FAILED if result.get("failed") else ""
        if kind:
            become = become_failure(host, result)
            # A host that does not let the audit become root was reached.
            return cls.not_audited(host, FAILED, become) if become else cls.not_audited(host, kind, failure_of(result))
        path = result.get("document_path")
        if not isinstance(path, str):
            if set(KEYS) <= set(result):
                return cls.from_document(host, document_of(result))
            raise ValueError("it has no document_path, and not the document of an audit")
        document = read_document(Path(path))
        if document["host"]["inventory_name"] != host:
            raise ValueError(f"{path} is of the host {document['host']['inventory_name']}")
        last = result.get("since_last_run")
        last_run = from_plain(LastRun, last) if last is not None else None
        return replace(cls.from_document(host, document), path=Path(path), last_run=last_run)

    @classmethod
    def from_document(cls, host: str, document: Mapping[str, Any]) -> Audit:
        """Read the document of a host that was audited. Raises DecodeError."""
        if not document["findings"]:
            return cls.not_audited(host, FAILED, "the audit ran no check")
        return cls(host, document, [from_plain(Finding, finding) for finding in document["findings"]])

    @classmethod
    def not_audited(cls, host: str, kind: str, reason: str) -> Audit:
        """Return what stands for the audit of a host without one."""
        return cls(host, not_audited(host, kind, reason), error_kind=kind, error=reason)

    def complaint(self, gate: Gate) -> str:
        """Return why the host fails; empty where it does not."""
        if self.error_kind == UNREACHABLE:
            return f"not audited, the host could not be reached: {safe(self.error)}"
        if self.error_kind:
            return f"not audited: {safe(self.error)}"
        complaint = gate.complaint(self.findings)
        unasked = any(finding.check == ENGINE_CHECK for finding in self.findings)
        return f"{self.label}: {complaint}" if complaint and unasked else complaint

    def gate_state(self, gate: Gate) -> str:
        """Return whether the gate is open or closed, or the host was not audited."""
        return NOT_AUDITED if self.error_kind else CLOSED if self.complaint(gate) else OPEN

    @property
    def label(self) -> str:
        """The engine in a few words, or why it was not asked; empty where there was no audit."""
        return "" if self.error_kind else safe(str(self.document["platform"]["label"]))

    @property
    def is_without_docker(self) -> bool:
        """Whether there is no Docker Engine, so that no check applies."""
        return not self.error_kind and self.document["platform"]["state"] in WITHOUT_DOCKER

    @property
    def state(self) -> str:
        """The worst of it, one of STATES: why there was no audit, its highest open severity, or that all is well."""
        if self.error_kind:
            return self.error_kind
        if self.is_without_docker:
            return NO_DOCKER
        # What is waived is well.
        groups = {
            UNKNOWN if finding.outcome == UNKNOWN else group_of(finding)
            for finding in self.findings
            if (finding.outcome in (FAIL, UNKNOWN) and not is_waived(finding))
        }
        return min(groups, key=STATES.index, default=WELL)

    def suite(self) -> Suite:
        """Return it as a test suite."""
        if self.error_kind:
            return Suite(self.host, error=self.error, error_kind=self.error_kind)
        host = self.document["host"]
        phases = self.document["timings"]["phases"]
        engine = self.document["engine"] or {}
        policy = self.document["policy"]
        about = {
            "kernel": host["kernel"],
            "engine": engine.get("version"),
            "platform": self.document["platform"]["label"],
            "profile": policy["profile"],
            "cis_benchmark": policy["cis_benchmark"],
            # Of all checks, those that pass as well: a test case has no place for it.
            **{f"cis.{finding.check}": finding.cis for finding in self.findings},
        }
        return Suite(
            self.host,
            self.findings,
            timestamp=str(host["taken_at"]),
            seconds=sum(seconds or 0.0 for seconds in phases.values()),
            properties={name: str(value) for name, value in about.items() if value},
        )

    def lines(self, width: int) -> list[Line]:
        """Return all findings, a line each, with every remediation."""
        if self.error_kind:
            return [Line(text, "high") for text in self._titled("not audited", width)]
        extra = [Line(text) for text in sections(self._notes(), width)]
        title = f"{self.host}: {self.label}"
        table = findings_table(self.findings, width)
        changes = host_change_lines(self.last_run, width)
        return [
            *(Line(""), Line(safe(title)), *self._platform_note(width), Line("")),
            *(*table[:-1], *extra, *changes, *([Line("")] if changes else [])),
            *(table[-1], Line("")),
        ]

    def brief(self, width: int) -> list[Line]:
        """Return a line, what is broken, and one reason why checks are unknown; nothing of a host without any.

        The summary of the run has the rest.
        """
        rows = rows_of(self.findings)
        broken = [row for row in rows if row.group in (HIGH, MEDIUM)]
        unknown = [row for row in rows if row.group == UNKNOWN][:1]
        notes = self._few_notes(width)
        if not (broken or unknown or notes or self.error_kind):
            return []
        changes = [host_change_line(self.last_run, width - len(MARGIN))] if self.last_run else []
        return [
            *self._title(width),
            *_capped(broken, _BRIEF_ROWS, width, ONE_LINE),
            *row_lines(unknown, width),
            *(Line(f"{MARGIN}{line.text}") for line in changes),
            *notes,
        ]

    def screen(self, width: int) -> list[Line]:
        """Return a line a check and one remediation a check, as many as one screen takes; a line for what is well."""
        title = [*self._title(width), *self._platform_note(width)]
        lines = [Line(""), *title, *_capped(rows_of(self.findings), _ROWS, width, TWO_LINES)]
        changes, notes = host_change_lines(self.last_run, width), self._few_notes(width)
        room = max(_FEW, _SCREEN - len(lines) - len(changes) - len(notes) - 1)
        return [*lines, *remediation_lines(self.findings, width, room), *changes, *notes, Line("")]

    def _title(self, width: int) -> list[Line]:
        if self.error_kind:
            reason = "the host could not be reached: " if self.error_kind == UNREACHABLE else ""
            text = shortened(f"not audited, {reason}{self.error}", width - cells(safe(self.host)) - len(": "), 1)
            return [Line(line, "high") for line in self._titled(text, width)]
        if self.is_without_docker:
            return [Line(line) for line in self._titled(f"not applicable: {safe(self.findings[0].summary)}", width)]
        counts = counts_in_words(summary_of(list(self.findings)))
        left = len(self.document["not_evaluated"])
        more = f"; {counted(left, 'check')} not evaluated" if left else ""
        return [Line(line) for line in self._titled(f"{self.label}: {counts}{more}", width)]

    def _platform_note(self, width: int) -> list[Line]:
        """What is to be known of an audit of such a platform."""
        note = "" if self.error_kind or self.is_without_docker else self.document["platform"]["note"]
        return [Line(line) for line in indented(f"{MARGIN}Platform: ", note, width)] if note else []

    def _titled(self, text: str, width: int) -> list[str]:
        first, *more = wrap(f"{safe(self.host)}: {text}", width)
        return [first, *(indented(MARGIN, " ".join(more), width) if more else [])]

    def _notes(self) -> list[tuple[str, list[str]]]:
        """What is said about the audit besides its findings, under headings."""
        if self.error_kind:
            return []
        waivers = self.document["waivers"]
        return [
            ("Expired waivers, which cover nothing any more:", _expired(waivers)),
            ("Waivers that are refused, and cover nothing:", _refused(waivers)),
            ("Waivers that could not be asked of every resource:", _problems(waivers)),
            ("Errors of dockernet.baseline itself, to be reported to its developers:", _defects(self.document)),
        ]

    def _few_notes(self, width: int) -> list[Line]:
        """A line for each heading: the first note below it, and how many there are besides."""
        return [
            Line(f"{MARGIN}{line}")
            for heading, items in self._notes()
            if items
            for line in wrap(f"{heading} {enumerated(items, width - len(heading))}", width - len(MARGIN))
        ]


def become_failure(host: str, result: Mapping[str, Any]) -> str:
    """Return what keeps the audit from becoming root on a host, by the result of its task; empty where nothing does.

    Ansible says of a host without sudo that the result of a module could not be read, and of a missing password that
    the host could not be reached.
    """
    said = "\n".join(str(result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout"))
    for pattern, words in _BECOME_FAILURES:
        found = re.search(pattern, said)
        if found:
            program = next(filter(None, found.groups()), "sudo")
            return f"become: {words.format(program=program, host=host)}"
    return ""


def failure_of(result: Mapping[str, Any]) -> str:
    """Return the message of a task that failed, without what Ansible puts before it."""
    return _PREFIX.sub("", str(result.get("msg") or "")) or "the audit failed"


def remediation_lines(findings: Iterable[Finding], width: int, most: int) -> list[Line]:
    """Return one remediation a check under a heading, worst first, in at most so many lines.

    Each has a line at least. What lines are left go to the first ones; what is cut ends in three dots.
    """
    texts = remediations(findings)
    kept = [_cut(text, width, 1) for text in texts[: most - 1]]
    spare = most - 1 - len(kept)
    for at, text in enumerate(texts[: len(kept)]):
        kept[at] = _cut(text, width, 1 + spare)
        spare -= len(kept[at]) - 1
    if len(texts) > len(kept):
        kept[-1] = [f"{BULLET}{len(texts) - len(kept) + 1} more"]
    is_whole = len(texts) == len(kept) and all(lines == _cut(text, width, _WHOLE) for lines, text in zip(kept, texts))
    heading = "Remediation:" if is_whole else "Remediation (audit_detail: full shows all of it):"
    return [Line(text) for text in (heading, *(line for lines in kept for line in lines))] if kept else []


def _cut(text: str, width: int, lines: int) -> list[str]:
    return indented(BULLET, shortened(text, width - len(BULLET), lines), width)


def _capped(rows: Sequence[Row], most: int, width: int, lines_of: Mapping[str, int]) -> list[Line]:
    left_out = f"{MARGIN}... and {counted(len(rows) - most, 'more row')}, with audit_detail: full"
    return row_lines(rows[:most], width, lines_of=lines_of) + ([Line(left_out)] if len(rows) > most else [])


def not_audited(host: str, kind: str, reason: str) -> dict[str, Any]:
    """Return the document of a host that was not audited: its name, and why."""
    return {
        "document": {"name": NAME, "version": VERSION},
        "host": {"inventory_name": host},
        "error": {"kind": kind, "reason": reason},
        "findings": [],
    }


def _expired(waivers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{waiver['check']}, expired {waiver['expires']}, {waiver['findings']} failed: {waiver['reason']} "
        f"({waiver['owner']})"
        for waiver in waivers
        if waiver["state"] == EXPIRED
    ]


def _refused(waivers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{waiver['check']}, {waiver['selector']}, {waiver['findings']} failed: {waiver['problem']} ({waiver['owner']})"
        for waiver in waivers
        if waiver["state"] == REFUSED
    ]


def _problems(waivers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{waiver['check']}, {waiver['selector']}: {waiver['problem']}"
        for waiver in waivers
        if waiver["problem"] and waiver["state"] != REFUSED
    ]


def _defects(document: Mapping[str, Any]) -> list[str]:
    return [f"{item['error']} at {item['place']}, in {', '.join(item['parts'])}" for item in document["defects"]]
