# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges hosts that were built for a check."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._checks.check import Settings
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.examined import Examined
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.runner import run_checks
from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot


def judged(snapshot: HostSnapshot, check: str, **parameters: Any) -> list[Finding]:
    """What one check says of a host."""
    return run_checks(Examined(snapshot, Settings(checks=(check,), parameters={check: parameters})))


def only(snapshot: HostSnapshot, check: str, **parameters: Any) -> Finding:
    """The one finding of a check."""
    (finding,) = judged(snapshot, check, **parameters)
    return finding


def failing(snapshot: HostSnapshot, check: str, **parameters: Any) -> dict[str, Finding]:
    """What fails of a check, by the name of the resource."""
    return {item.resource.name: item for item in judged(snapshot, check, **parameters) if item.outcome == "fail"}
