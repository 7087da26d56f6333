# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""The document that an earlier run left of a host, as far as it is compared with a later one.

It may have been changed, cut off, or written by another release: each error says what is wrong with it. To be read in
a process with limits.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import OUTCOMES, SEVERITIES, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_in

FindingKey = tuple[str, str, str]
"""A check, and the kind and the name of its resource."""


@dataclass(frozen=True)
class EarlierHost:
    """Which host it is of."""

    inventory_name: str
    taken_at: str = ""


@dataclass(frozen=True)
class EarlierAudit:
    """Of a document what is compared."""

    host: EarlierHost
    findings: list[Finding]


@dataclass(frozen=True)
class EarlierDocument:
    """The same, and who reaches what, which is read where it is needed."""

    audit: EarlierAudit
    reachability: Any


def read_earlier(path: Path) -> EarlierDocument:
    """Read the earlier document. Raises OSError, ValueError."""
    return loaded(read_regular(path, LARGEST).data)


def loaded(content: str | bytes) -> EarlierDocument:
    """Read the text of a document. Raises ValueError where it is none of a host that was audited."""
    document = document_in(content)
    if "error" in document:
        raise ValueError("in that run the host was not audited")
    audit = from_plain(EarlierAudit, document)
    for finding in audit.findings:
        if finding.outcome not in OUTCOMES or finding.severity not in SEVERITIES:
            raise ValueError(f"a finding has the outcome {finding.outcome!r} and the severity {finding.severity!r}")
    return EarlierDocument(audit, document.get("reachability"))


def key_of(finding: Finding) -> FindingKey:
    """Return what makes two findings the same: check and resource."""
    return finding.check, finding.resource.kind, finding.resource.name


def time_of(text: str) -> datetime.datetime | None:
    """Return a time of a document, in UTC; None where the text is none.

    Without a zone it is UTC, as all times of a document are: a snapshot that was saved elsewhere can say anything.
    """
    try:
        time = datetime.datetime.fromisoformat(text)
        time = time if time.tzinfo else time.replace(tzinfo=datetime.timezone.utc)
        return time.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def second_of(text: str) -> str:
    """Return a time of a document to the second: ISO 8601 in UTC, empty where the text is none."""
    time = time_of(text)
    return time.isoformat(timespec="seconds") if time is not None else ""


def minute_of(text: str) -> str:
    """Return a time of a document as people read it: to the minute, in UTC; empty where the text is none."""
    time = time_of(text)
    return time.strftime("%Y-%m-%dT%H:%MZ") if time is not None else ""
