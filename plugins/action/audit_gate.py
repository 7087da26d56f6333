# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of an audit: fail a host by what its report says, once all reports are written. See the module's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import (
    CLOSED,
    EXIT_STATUSES,
    NOT_AUDITED,
    OPEN,
    closing,
)

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "report": {"type": "dict", "required": True},
    "summary": {"type": "dict"},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """End the host's run: passed, failed by findings, or unreachable by an error."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        state, said = _state(host, arguments["report"], arguments["summary"])
        return {"changed": False, "gate": state, **closing(state, said, host)}


def _state(host: str, report: Mapping[str, Any], summary: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the state of the gate and why; what is no report or summary never leaves it open."""
    said = str(report.get("msg") or "nothing was reported")
    state = str(report.get("gate"))
    if state not in EXIT_STATUSES:
        return NOT_AUDITED, f"report: not what audit_report returned: {said}"
    if state != OPEN or summary is None:
        return state, said
    total = str(summary.get("msg") or "nothing was summarized")
    failed = summary.get("gate_failed")
    if not isinstance(failed, list):
        return NOT_AUDITED, f"summary: not what audit_summary returned: {total}"
    return (CLOSED, total) if host in failed else (OPEN, said)
