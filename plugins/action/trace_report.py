# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of trace_report: show the path of a packet. See the module's page."""

from __future__ import annotations

from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.trace_screen import trace_screen

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "result": {"type": "dict", "required": True},
    "width": {"type": "int", "default": 120},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show the path on one host. Raises AnsibleActionFail for what packet_trace did not return."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        try:
            lines = trace_screen(host, arguments["result"], arguments["width"])
        except (DecodeError, KeyError, TypeError) as error:
            raise AnsibleActionFail(f"result: not what packet_trace returned: {error!r}") from None
        return {"changed": False, "msg": arguments["result"].get("msg", ""), **show(lines)}
