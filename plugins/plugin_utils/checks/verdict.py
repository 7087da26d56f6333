# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to the collection: it can change at any time.

"""What a check says of one resource."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    UNKNOWN,
    Remediation,
    Resource,
)


class NotJudgedError(Exception):
    """Raised where a check asks for what is not known; the message is the reason of its unknown."""


@dataclass(frozen=True)
class Verdict:
    """A finding without what it takes from its check: id and severity."""

    outcome: str
    resource: Resource
    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
    impact: str = ""
    remediation: Remediation | None = None
    severity: str = ""
    """Where it is not the check's."""


def passed(resource: Resource, summary: str, evidence: dict[str, Any]) -> Verdict:
    """All is well."""
    return Verdict(PASS, resource, summary, evidence)


def failed(
    resource: Resource,
    summary: str,
    evidence: dict[str, Any],
    impact: str,
    remediation: Remediation,
    severity: str = "",
) -> Verdict:
    """Something is wrong, with what it means and its remediation; severity: where it is not the check's."""
    return Verdict(FAIL, resource, summary, evidence, impact, remediation, severity)


def unknown(resource: Resource, reason: str, evidence: dict[str, Any] | None = None) -> Verdict:
    """It could not be judged; reason is a sentence."""
    return Verdict(UNKNOWN, resource, f"Not evaluated: {reason}", evidence or {})


def not_applicable(resource: Resource, reason: str, evidence: dict[str, Any] | None = None) -> Verdict:
    """There is nothing here that it could be about."""
    return Verdict(NOT_APPLICABLE, resource, reason, evidence or {})
