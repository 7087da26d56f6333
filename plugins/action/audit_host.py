# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The audit of a host and its report in one task, since Ansible makes a process of its own for each host and task."""

from __future__ import annotations

from typing import Any, cast

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.action import audit_report, docker_netcheck
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import is_answer
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import SAVE

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "audit": {"type": "dict", "default": {}},
    "report": {"type": "dict", "default": {}},
    "docker_host": {"type": "str"},
}
_SHOWN = "_ansible_verbose_always"


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what both returned. A host that cannot be reached is reported, too, and left to audit_gate."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        options = arguments["audit"]
        if arguments["docker_host"]:
            options = {"docker_host": arguments["docker_host"], **options}
        try:
            audit = self._result_of(docker_netcheck, options, task_vars)
        except AnsibleConnectionFailure as error:
            audit = {"unreachable": True, "msg": str(error)}
        else:
            if not is_answer(audit):
                return audit
            if options.get("snapshot") == SAVE:
                return {"changed": audit.get("changed", False), "audit": audit}
        report = self._result_of(audit_report, {**arguments["report"], "fail": False, "result": audit}, task_vars)
        # Ansible looks for it in the result of the task alone.
        shown = {_SHOWN: report.pop(_SHOWN)} if _SHOWN in report else {}
        return {"changed": audit.get("changed", False), "audit": audit, "report": report, **shown}

    def _result_of(self, plugin: Any, options: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Return what that plugin returns for this task and host with these options."""
        task = self._task.copy()
        task.args = options
        action = plugin.ActionModule(
            task, self._connection, self._play_context, self._loader, self._templar, self._shared_loader_obj
        )
        result: dict[str, Any] = action.run(task_vars=task_vars)
        return result
