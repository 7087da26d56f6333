# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one check says of a host."""

from __future__ import annotations

from typing import Any

from ansible_collections.dockernet.baseline.plugins.module_utils._model.finding import Finding
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext, Settings
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.runner import run_checks


def judge(snapshot: HostSnapshot, check: str, **settings: Any) -> list[Finding]:
    """All its findings."""
    return run_checks(AuditContext(snapshot, Settings(checks=(check,), **settings)))


def only(snapshot: HostSnapshot, check: str, **settings: Any) -> Finding:
    """The one it has."""
    (finding,) = judge(snapshot, check, **settings)
    return finding


def failing(snapshot: HostSnapshot, check: str, **settings: Any) -> dict[str, Finding]:
    """Those that fail, by the name of the resource."""
    return {item.resource.name: item for item in judge(snapshot, check, **settings) if item.outcome == "fail"}
