# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The audit of a host as JUnit XML, in the shape that Apache Ant writes and CI systems read.

One test suite for the host, one test case for each check. A test case holds one result at most, the worst of what the
check has to say: failure, error, skipped, or none where it passed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import (
    ERROR,
    FAILED,
    PASSED,
    SKIPPED,
    Gate,
)

PACKAGE = "dockernet.baseline"
HEAD, FOOT = "<?xml version='1.0' encoding='us-ascii'?>\n<testsuites>\n", "</testsuites>\n"
"""What stands before the suites, and after them."""
_WORST_FIRST = (FAILED, ERROR, SKIPPED, PASSED)
_ELEMENTS = {FAILED: "failure", ERROR: "error"}


@dataclass(frozen=True)
class Suite:
    """What is reported of one host."""

    host: str
    findings: Sequence[Finding] = ()
    error: str = ""
    """Why there was no audit; empty where there was one."""
    error_kind: str = ""
    """``unreachable`` or ``failed``."""
    timestamp: str = ""
    """When the host was read, ISO 8601."""
    seconds: float = 0.0
    """How long the audit took."""
    properties: Mapping[str, str] = field(default_factory=dict)


def junit(suite: Suite, gate: Gate) -> str:
    """Return the document, in ASCII; a host without an audit has one test case ``audit``, with an error."""
    return f"{HEAD}{suite_text(suite, gate, 0)}{FOOT}"


def suite_text(suite: Suite, gate: Gate, number: int) -> str:
    """Return the element of a host, the one of that number, as it stands between HEAD and FOOT."""
    cases = [_case(suite, check, members, gate) for check, members in _by_check(suite.findings).items()]
    if suite.error or not cases:
        cases.append(_unaudited(suite))
    count = Counter(child.tag for case in cases for child in case)
    totals = {"tests": len(cases), "failures": count["failure"], "errors": count["error"]}
    attributes = {
        "name": suite.host,
        "package": PACKAGE,
        "id": str(number),
        "hostname": suite.host,
        "timestamp": suite.timestamp.partition("+")[0].partition(".")[0].rstrip("Z") or "1970-01-01T00:00:00",
        **{name: str(number) for name, number in totals.items()},
        "skipped": str(count["skipped"]),
        "time": f"{suite.seconds:.3f}",
    }
    element = ElementTree.Element("testsuite", {name: _legal(value) for name, value in attributes.items()})
    properties = _child(element, "properties", {})
    for name, value in suite.properties.items():
        _child(properties, "property", {"name": name, "value": value})
    element.extend(cases)
    _child(element, "system-out", {})
    _child(element, "system-err", {})
    ElementTree.indent(element, level=1)
    body: bytes = ElementTree.tostring(element, encoding="us-ascii", xml_declaration=False)
    return f"  {body.decode('ascii')}\n"


def _by_check(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.check, []).append(finding)
    return groups


def _case(suite: Suite, check: str, findings: Sequence[Finding], gate: Gate) -> ElementTree.Element:
    case = _new_case(suite, check)
    standings = [(finding, gate.standing(finding)) for finding in findings]
    kind = min((standing.kind for dummy, standing in standings), key=_WORST_FIRST.index)
    deciding = [(finding, standing) for finding, standing in standings if standing.kind == kind]
    if kind in _ELEMENTS:
        sentences = [finding.summary for finding, dummy in deciding]
        attributes = {"message": _message(sentences), "type": f"{check}.{deciding[0][0].severity}"}
        _child(case, _ELEMENTS[kind], attributes).text = _legal(
            "\n\n".join(_details_of(finding) for finding, dummy in deciding)
        )
    elif kind == SKIPPED:
        reasons = list(dict.fromkeys(standing.reason for dummy, standing in deciding))
        _child(case, "skipped", {"message": _message(reasons)})
    return case


def _unaudited(suite: Suite) -> ElementTree.Element:
    case = _new_case(suite, "audit")
    reason = suite.error or "the audit ran no check"
    _child(case, "error", {"message": _message([reason]), "type": suite.error_kind or "failed"}).text = _legal(reason)
    return case


def _new_case(suite: Suite, check: str) -> ElementTree.Element:
    attributes = {"classname": f"{PACKAGE}.{suite.host}", "name": check, "time": "0"}
    return ElementTree.Element("testcase", {name: _legal(value) for name, value in attributes.items()})


def _message(sentences: Sequence[str]) -> str:
    more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
    return f"{sentences[0]}{more}"


def _details_of(finding: Finding) -> str:
    """All that there is to say, for a person who has nothing but the report before them."""
    resource = finding.resource
    lines = [f"{resource.kind} {resource.name}: {finding.summary}"]
    lines += [f"evidence: {name}: {_value(value)}" for name, value in finding.evidence.items()]
    lines += [f"CIS Docker Benchmark: {finding.cis}"] if finding.cis else []
    lines += [f"impact: {finding.impact}"] if finding.impact else []
    lines += [f"remediation: {finding.remediation.text}"] if finding.remediation else []
    return "\n".join(safe(line) for line in lines)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _child(parent: ElementTree.Element, tag: str, attributes: Mapping[str, str]) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {name: _legal(value) for name, value in attributes.items()})


def _legal(text: str) -> str:
    """Escape what XML 1.0 (section 2.2) has no place for, and what a terminal would act on; keep line breaks."""
    return "\n".join(safe(line) for line in text.split("\n"))
