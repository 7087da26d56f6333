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
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._host.regular_file import read_regular
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import OUTCOMES, SEVERITIES, Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import LARGEST
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import NAME, VERSION

_LONGEST = 200
"""Characters of what is quoted of it."""

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
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    header = document.get("document") if isinstance(document, dict) else None
    if not isinstance(header, dict) or header.get("name") != NAME:
        raise ValueError("it is no document of an audit")
    if header.get("version") != VERSION:
        raise ValueError(f"its version is {str(header.get('version'))[:_LONGEST]}, and not {VERSION}")
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
    """Return a time that has a zone; None for other texts."""
    try:
        time = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def minute_of(taken_at: str) -> str:
    """Return a time as people read it: to the minute, in UTC."""
    time = datetime.datetime.fromisoformat(taken_at).astimezone(datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%MZ")
