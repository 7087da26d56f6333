# Copyright (c) 2026, dockernet.baseline contributors
# SPDX-License-Identifier: GPL-3.0-or-later

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

    Two are the same when kind and name are; the rest is what a waiver can choose by.
    """

    kind: str
    """``host``, ``daemon``, ``container``, ``network``, ``port``, ``interface``, ``file`` or ``intent``."""
    name: str
    container: str = field(default="", compare=False)
    """Name of the container that it is, or is part of; empty where there is none."""
    image: str = field(default="", compare=False)
    """Of that container."""
    networks: list[str] = field(default_factory=list, compare=False)
    """Names of the Docker networks that it is, or is on."""
    labels: dict[str, str] = field(default_factory=dict, compare=False)
    """Of the container or network."""
    published: list[str] = field(default_factory=list, compare=False)
    """Sockets of the host that lead to it, as ``192.0.2.1:8080/tcp``, of a container and of its ports."""


@dataclass(frozen=True)
class Remediation:
    """How to remediate it: a module of this collection with arguments, or what to decide and do by hand."""

    text: str
    module: Optional[str] = None
    """Short name inside the collection, e.g. ``ip_forward``."""
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AppliedWaiver:
    """What somebody decided about a finding that failed: it is known, and accepted until a day."""

    reason: str
    owner: str
    expires: str
    """Last day on which it holds, ISO 8601."""


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
    remediation: Optional[Remediation] = None
    default_severity: str = ""
    """What the catalogue says, where the policy says otherwise; empty where it does not."""
    cis: str = ""
    """Number of the item of the CIS Docker Benchmark that it judges, in the policy's version; empty where none."""
    waiver: Optional[AppliedWaiver] = None
    """Set on the controller. The outcome stays what it is."""
