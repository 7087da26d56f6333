# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a check has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Optional

PASS = "pass"  # noqa: S105 (an outcome, no password)
FAIL = "fail"
UNKNOWN = "unknown"
NOT_APPLICABLE = "not_applicable"
OUTCOMES = (PASS, FAIL, UNKNOWN, NOT_APPLICABLE)

HIGH = "high"
MEDIUM = "medium"
LOW = "low"
INFO = "info"
SEVERITIES = (HIGH, MEDIUM, LOW, INFO)


@dataclass(frozen=True)
class Resource:
    """What a finding is about.

    kind is ``host``, ``daemon``, ``container``, ``network``, ``port``, ``interface`` or ``file``.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Remedy:
    """How to mend it: a module of this collection with arguments, or words for a human who must decide."""

    text: str
    module: Optional[str] = None
    """Short name inside the collection, e.g. ``ip_forward``."""
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One outcome of one check for one resource."""

    check: str
    """``area.name``, stable for ever."""
    outcome: str
    severity: str
    resource: Resource
    summary: str
    """One line: what is so."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """What was read, by the name of where it was read."""
    impact: str = ""
    """What it means for those who use the host; empty for a pass."""
    remedy: Optional[Remedy] = None
