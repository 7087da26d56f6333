# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as SARIF 2.1.0 (OASIS standard), the format of code scanning.

A result for each finding that failed or is unknown; what passed or does not apply is none. What is waived is a result
with a suppression. GitHub wants a file for each result: it is the result document, in which each finding is a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    UNKNOWN,
    Finding,
    Resource,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import encodable, safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import resource_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import ERROR, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import file_stem

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_NAME = "dockernet.baseline"
_HOME = "https://github.com/dockernet/baseline"
_PAGE = f"{_HOME}/blob/main/docs/checks.md"
_LEVELS = {HIGH: "error", MEDIUM: "warning", LOW: "note", INFO: "note"}
_CATALOGUE = {check.id: check for check in CHECKS}
# Of the kinds of logical locations none is for what an audit is about, and others are allowed (3.33.7).
_HOST = "host"


def sarif(audit: Audit, gate: Gate) -> str:
    """Return the log, in ASCII, with one run; that of a host without an audit has one result, with the reason."""
    rules = SarifRules(audit.document.get("checks", []))
    results = [item for item, dummy in rules.results(audit, gate)]
    run = {
        "tool": rules.tool(),
        "automationDetails": automation_of(audit.host),
        "invocations": [invocation_of([audit])],
        "results": results,
    }
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]}) + "\n"


class SarifRules:
    """The rules of a run, by number, as results name them."""

    def __init__(self, checks: Iterable[Mapping[str, Any]] = ()) -> None:
        """Begin with the checks of a document."""
        self._checks: dict[str, Mapping[str, Any]] = {}
        self._numbers: dict[str, int] = {}
        self.add(checks)

    def add(self, checks: Iterable[Mapping[str, Any]]) -> None:
        """Add those that are not there yet."""
        for check in checks:
            self._checks.setdefault(check["id"], check)
            self._numbers.setdefault(check["id"], len(self._numbers))

    def results(self, audit: Audit, gate: Gate) -> Iterator[tuple[dict[str, Any], Finding]]:
        """Return the results of a host, each with its finding."""
        shown = [finding for finding in audit.findings if finding.outcome in (FAIL, UNKNOWN)]
        stands = [(gate.standing(finding).kind, gate.baseline.state_of(finding)) for finding in shown]
        if audit.error_kind:
            # Code scanning takes a run without results for one in which all is fixed, whatever its invocation says.
            shown = [Finding("audit", UNKNOWN, HIGH, Resource(_HOST, audit.host), _not_audited(audit))]
            stands = [(ERROR, "")]
        self.add({"id": finding.check, "severity": finding.severity} for finding in shown)
        for finding, (standing, known) in zip(shown, stands, strict=True):
            yield _result(audit.host, finding, self._numbers[finding.check], standing, known), finding

    def tool(self) -> dict[str, Any]:
        """Return the tool with all rules that results name."""
        rules = [_rule(check, about) for check, about in self._checks.items()]
        return {"driver": {"name": _NAME, "informationUri": _HOME, "rules": rules}}


def automation_of(name: str) -> dict[str, Any]:
    """Return what tells runs apart: of two with the same name, code scanning takes the later one alone."""
    return {"id": f"{_NAME}/{_uri(name)}/"}


def _rule(check: str, about: Mapping[str, Any]) -> dict[str, Any]:
    known = _CATALOGUE.get(check)
    rule: dict[str, Any] = {
        "id": check,
        "shortDescription": _message(str(about.get("title") or check)),
        "defaultConfiguration": {"level": _level(str(about["severity"]))},
        "properties": {"severity": about["severity"], "tags": ["docker", "network"]},
    }
    if known is None:
        return {**rule, "help": _message(f"See {_PAGE}"), "helpUri": _PAGE}
    grades = "; ".join(f"{grade.severity}: {grade.meaning.text}, {grade.why}" for grade in known.grades)
    return {
        **rule,
        "fullDescription": _message(known.rationale),
        "help": _message(f"{known.rationale} Severity: {grades}"),
        "helpUri": f"{_PAGE}#{check.replace('.', '')}",
    }


def _result(host: str, finding: Finding, number: int, standing: str, baseline: str) -> dict[str, Any]:
    resource, waiver = finding.resource, finding.waiver
    is_of_host = resource.kind == _HOST
    about = host if is_of_host else f"{resource_text(finding)} on {host}"
    places = [_place(host, _HOST, host)]
    places += [] if is_of_host else [_place(resource.name, resource.kind, f"{host}/{resource.kind}/{resource.name}")]
    texts = [f"{about}: {finding.summary}", finding.impact]
    texts += [f"Remediation: {finding.remediation.text}"] if finding.remediation else []
    # What was not evaluated is open (3.27.9), and has no level then (3.27.10).
    is_unknown = finding.outcome == UNKNOWN
    fingerprint = _fingerprint(host, finding)
    result: dict[str, Any] = {
        "ruleId": finding.check,
        "ruleIndex": number,
        "kind": "open" if is_unknown else "fail",
        "level": "none" if is_unknown else _level(finding.severity),
        "message": _message("\n".join(safe(text) for text in texts if text)),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(f"{file_stem(host)}.json")},
                    "region": {"startLine": 1},
                },
                "logicalLocations": places,
            }
        ],
        # The second is the one name by which GitHub knows a result again.
        "partialFingerprints": {"dockernetFinding/v1": fingerprint, "primaryLocationLineHash": fingerprint},
        "properties": {
            "severity": finding.severity,
            "outcome": finding.outcome,
            "gate": standing,
            **({"cis": finding.cis} if finding.cis else {}),
        },
    }
    if baseline:
        result["baselineState"] = baseline
    if waiver is not None:
        reason = safe(f"{waiver.reason} ({waiver.owner}, until {waiver.expires})")
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": reason}]
    return result


def _place(name: str, kind: str, path: str) -> dict[str, str]:
    return {"name": safe(name), "kind": kind, "fullyQualifiedName": safe(path)}


def invocation_of(audits: Iterable[Audit]) -> dict[str, Any]:
    """Return whether all hosts were audited, and which were not, and why."""
    reasons = [_message(safe(f"{audit.host}: {_not_audited(audit)}")) for audit in audits if audit.error_kind]
    notes = [{"level": "error", "message": reason} for reason in reasons]
    return {"executionSuccessful": not notes, **({"toolExecutionNotifications": notes} if notes else {})}


def _not_audited(audit: Audit) -> str:
    return f"not audited ({audit.error_kind}): {audit.error}"


def _fingerprint(host: str, finding: Finding) -> str:
    """What stays the same from run to run: findings are the same if host, check and resource are."""
    parts = [host, finding.check, finding.resource.kind, finding.resource.name]
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _level(severity: str) -> str:
    return _LEVELS.get(severity, "warning")


def _message(text: str) -> dict[str, str]:
    """A message whose braces are no placeholder (3.11.5) and whose brackets are no link (3.11.6).

    A backslash before the bracket would not do where the text has one there already.
    """
    return {"text": text.replace("{", "{{").replace("}", "}}").replace("](", "] (")}


def _uri(text: str) -> str:
    return quote(encodable(text), safe="")
