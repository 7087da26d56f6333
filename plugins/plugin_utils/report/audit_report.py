# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What became of the audit of one host, as a task registered it: what is said of it, and its files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import decoder_of, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import EXPIRED, REFUSED
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    NAME,
    VERSION,
    read_document,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import (
    Line,
    findings_table,
    sections,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import Suite

# Ansible makes a process for each host and task from the one that loads this file.
decoder_of(Finding)

UNREACHABLE = "unreachable"
FAILED = "failed"


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

    @classmethod
    def from_result(cls, host: str, result: Mapping[str, Any]) -> Audit:
        """Read the document that a result of docker_netcheck names, or what kept it from being run.

        Raises OSError, and ValueError where it is neither.
        """
        kind = UNREACHABLE if result.get("unreachable") else FAILED if result.get("failed") else ""
        if kind:
            return cls._without(host, kind, str(result.get("msg") or "the audit failed"))
        path = result.get("document_path")
        if not isinstance(path, str):
            raise ValueError("it has no document_path, as with document_in=file")
        document = read_document(Path(path))
        if document["host"]["inventory_name"] != host:
            raise ValueError(f"{path} is of the host {document['host']['inventory_name']}")
        return replace(cls.from_document(host, document), path=Path(path))

    @classmethod
    def from_document(cls, host: str, document: Mapping[str, Any]) -> Audit:
        """Read the document of a host that was audited. Raises DecodeError."""
        if not document["findings"]:
            return cls._without(host, FAILED, "the audit ran no check")
        return cls(host, document, [from_plain(Finding, finding) for finding in document["findings"]])

    @classmethod
    def _without(cls, host: str, kind: str, reason: str) -> Audit:
        return cls(host, not_audited(host, kind, reason), error_kind=kind, error=reason)

    def complaint(self, gate: Gate) -> str:
        """Return why the host fails; empty where it does not."""
        if self.error_kind == UNREACHABLE:
            return f"not audited, the host could not be reached: {safe(self.error)}"
        if self.error_kind:
            return f"not audited: {safe(self.error)}"
        return gate.complaint(self.findings)

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
        """Return what a person reads of it."""
        title = f"{self.host}: "
        if self.error_kind:
            return [Line(f"{safe(title)}not audited", "high")]
        engine = (self.document["engine"] or {}).get("version")
        title += f"Docker Engine {engine}" if engine else "no Docker Engine that answers"
        notes = [
            ("Expired waivers, which cover nothing any more:", _expired(self.document["waivers"])),
            ("Waivers that are refused, and cover nothing:", _refused(self.document["waivers"])),
            ("Waivers that could not be asked of every resource:", _problems(self.document["waivers"])),
            ("Errors of dockernet.baseline itself, to be reported to its developers:", _defects(self.document)),
        ]
        extra = [Line(text) for text in sections(notes, width)]
        table = findings_table(self.findings, width)
        return [Line(safe(title)), Line(""), *table[:-1], *extra, table[-1]]


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
