# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of change_report: lines about what a role changed, as text. See the module's page."""

from __future__ import annotations

from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "title": {"type": "str", "required": True},
    "lines": {"type": "list", "elements": "str", "required": True},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show the lines about one host, under its name."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        lines = [safe(line) for line in arguments["lines"]]
        last = next((line for line in reversed(lines) if line), "")
        return {"changed": False, "msg": last, **show([f"{safe(host)}: {arguments['title']}", "", *lines])}
