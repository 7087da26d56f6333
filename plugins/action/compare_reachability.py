# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action compare_reachability: what became reachable between two files on the controller. See the module's page."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.saved_flows import (
    SavedFlowsError,
    comparison_of,
)

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "before": {"type": "path", "required": True},
    "after": {"type": "path", "required": True},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Compare the files, and show what changed. Raises AnsibleActionFail where that cannot be done."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        try:
            found = comparison_of(Path(arguments["before"]), Path(arguments["after"]))
        except (SavedFlowsError, OSError) as error:
            raise AnsibleActionFail(safe(str(error))) from None
        number, (host, later) = len(found.changes), found.hosts
        said = f"{number} change{'s' if number > 1 else ''} of reachability" if number else "no change of reachability"
        if host != later:
            said += f", between two hosts: {safe(host)} before, {safe(later)} after"
        result = {"msg": said, "changes": found.changes, "hosts": {"before": host, "after": later}}
        return {"changed": False, **result, **show([said, *found.changes])}
