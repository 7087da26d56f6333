# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The result of an audit as a document: what checks found, weighed by the policy.

docs/audit-document.schema.json describes it. What is added to it, or changed in it, changes the schema; what would
break those who read it, changes VERSION as well.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import KEEP_LABELS
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import listed
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import sentence_of, summary_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.check import Check
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.facts import in_detail
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.registry import CHECKS, describe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import Policy
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.waivers import (
    EXPIRED,
    UNUSED,
    WaiverUse,
    apply_waivers,
)

NAME = "dockernet.baseline.audit"
VERSION = 3
_LONGEST = 200
"""Characters of what is quoted of a document."""
KEYS = (
    "document",
    "host",
    "platform",
    "engine",
    "sources",
    "facts",
    "policy",
    "checks",
    "not_evaluated",
    "findings",
    "waivers",
    "summary",
    "reachability",
    "defects",
    "timings",
)


def weighed(
    answer: Mapping[str, Any], policy: Policy, inventory_name: str, today: datetime.date, facts: str
) -> dict[str, Any]:
    """Return what docker_netcheck returns: the document, with facts in that detail, and ``msg`` for people.

    answer is what checks/audit.py says of a snapshot.
    """
    began = time.monotonic()
    found = [_weighed(item, policy) for item in answer["findings"]]
    withheld = () if answer["host"]["labels"] == KEEP_LABELS else ("labels",)
    findings, uses = apply_waivers(found, policy.waivers, inventory_name, today, withheld)
    unread = [source["reason"] for source in answer["sources"].values() if not source["read"]]
    checks = policy.chosen
    evaluated = {finding.check for finding in findings}
    not_evaluated = [check.id for check in checks if check.id not in evaluated]
    document = {
        "document": {"name": NAME, "version": VERSION},
        "host": {"inventory_name": inventory_name, **answer["host"]},
        "platform": answer["platform"],
        "engine": answer["engine"],
        "sources": answer["sources"],
        "facts": in_detail(answer["facts"], facts),
        "policy": _policy(policy, today),
        "checks": [_check(check, policy) for check in checks],
        "not_evaluated": not_evaluated,
        "findings": [plain_finding(finding) for finding in findings],
        "waivers": to_plain(uses),
        "summary": _summary(findings, uses),
        "reachability": answer["reachability"],
        "defects": answer["defects"],
    }
    timings = answer["timings"]
    phases = {**timings["phases"], "policy": round(time.monotonic() - began, 6)}
    return {
        **document,
        "timings": {**timings, "phases": phases},
        "msg": answer["msg"] or sentence_of(findings, len(checks), len(not_evaluated), unread),
    }


def document_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document in a result of docker_netcheck. Raises KeyError when there is none, as after ``save``."""
    return {key: result[key] for key in KEYS}


def plain_finding(finding: Finding) -> dict[str, Any]:
    """Return a finding as it stands in the document: as codec.py has it, without what is empty."""
    plain = _without_what_is_empty(to_plain(finding))
    return {
        name: _without_what_is_empty(value) if name in ("resource", "remediation") else value
        for name, value in plain.items()
    }


def _without_what_is_empty(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value or name in ("name", "summary")}


def document_text(document: Mapping[str, Any]) -> str:
    """Return a document as a JSON text in ASCII, a line a finding, so that two of them can be compared line by line."""
    keys = (f"{json.dumps(key)}: {_in_lines(value)}" for key, value in document.items())
    return "{\n" + ",\n".join(keys) + "\n}\n"


def _in_lines(value: Any) -> str:
    if not isinstance(value, list) or not value:
        return json.dumps(value)
    return "[\n" + ",\n".join(f"  {json.dumps(item)}" for item in value) + "\n]"


class DocumentError(ValueError):
    """A document of an audit that cannot be used; the message says why, as a clause that begins with ``it``."""


class NoAuditError(DocumentError):
    """What is no document of an audit at all."""


def document_in(content: str | bytes) -> dict[str, Any]:
    """Return the document of an audit in a JSON text: of this version, and of a host that it names.

    The one place where that is checked. What else the document has may be anything. Raises DocumentError.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise NoAuditError(f"it is no JSON: {error}") from None
    except RecursionError:
        raise NoAuditError("it is nested too deeply") from None
    header = document.get("document") if isinstance(document, dict) else None
    if not isinstance(header, dict) or header.get("name") != NAME:
        raise NoAuditError("it is no document of an audit")
    if header.get("version") != VERSION:
        raise DocumentError(f"its version is {str(header.get('version'))[:_LONGEST]}, and not {VERSION}")
    host = document.get("host")
    if not isinstance(host, dict) or not isinstance(host.get("inventory_name"), str):
        raise DocumentError("it does not say of which host it is")
    return dict(document)


def missing_keys(document: Mapping[str, Any]) -> list[str]:
    """Return which of KEYS a document does not have; a document of a host that was audited has all of them."""
    return [key for key in KEYS if key not in document]


def read_document(path: Path) -> dict[str, Any]:
    """Read the document of a host that was audited. Raises OSError, and DocumentError for what is none."""
    try:
        document = document_in(path.read_bytes())
    except DocumentError as error:
        raise DocumentError(f"{path}: {error}") from None
    missing = missing_keys(document)
    if missing:
        raise DocumentError(f"{path}: it lacks {', '.join(missing)}")
    return document


def waiver_lines(waivers: Iterable[Mapping[str, Any]], *, used: bool) -> list[str]:
    """Return a line for each of the document's waivers that covers something on this host, or for each other one."""
    return [_waiver_line(waiver) for waiver in waivers if (waiver["state"] != UNUSED) == used]


def _waiver_line(waiver: Mapping[str, Any]) -> str:
    chosen = f" where {waiver['selector']}" if waiver["selector"] else ""
    hosts = "" if waiver["hosts"] == ["*"] else f" on {', '.join(waiver['hosts'])}"
    return f"{waiver['check']}{chosen}{hosts} ({waiver['owner']}: {waiver['reason']})"


_ITEMS = {check.id: check.cis for check in CHECKS}


def _weighed(finding: Finding, policy: Policy) -> Finding:
    severity = policy.severity(finding.check, finding.severity)
    cis = _ITEMS.get(finding.check, {}).get(policy.cis_benchmark, "")
    default = finding.severity if severity != finding.severity else ""
    return replace(finding, severity=severity, default_severity=default, cis=cis)


def _check(check: Check, policy: Policy) -> dict[str, Any]:
    severity = policy.severity(check.id, check.severity)
    changed = {"severity": severity, "default_severity": check.severity} if severity != check.severity else {}
    return {**describe(check), **changed}


def _policy(policy: Policy, today: datetime.date) -> dict[str, Any]:
    return {
        "profile": policy.profile,
        "cis_benchmark": policy.cis_benchmark,
        "judged_on": today.isoformat(),
        "userland_proxy": policy.userland_proxy,
        "checks": list(policy.checks),
        "exclude": list(policy.exclude),
        "severities": policy.changed_severities,
        "refuse_waivers_by": list(policy.refuse_waivers_by),
        "parameters": {check: dict(values) for check, values in policy.parameters.items()},
    }


def _summary(findings: list[Finding], uses: list[WaiverUse]) -> dict[str, Any]:
    return {**summary_of(findings), "expired": sum(use.state == EXPIRED for use in uses)}


_NAMED = 5


def warning_of(defect: Mapping[str, Any]) -> str:
    """Return the warning for an entry of ``defects`` of the document."""
    parts = listed(defect["parts"], _NAMED)
    return (
        f"An error of dockernet.baseline itself, please report it: {defect['error']} at {defect['place']}. "
        f"Because of it unknown: {parts}"
    )
