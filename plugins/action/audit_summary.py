# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the audit's summary: read what became of each host, and show it. See the module's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show_toned
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import plain_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.run_summary import (
    HostRun,
    changes_of,
    no_docker_anywhere,
    run_summary,
)

_Result = Mapping[str, Any]
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "results": {"type": "dict", "required": True},
    "reports": {"type": "dict", "default": {}},
    "width": {"type": "int", "default": 110},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Summarize the hosts that have had their turn."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        results = arguments["results"]
        # Those of a later batch are still in the play; those that a task before the audit lost are not.
        waiting = {host for host in (task_vars or {}).get("ansible_play_hosts", ()) if not results.get(host)}
        try:
            runs = [
                HostRun.from_results(host, *_halves(result or {}, arguments["reports"].get(host) or {}))
                for host, result in results.items()
                if host not in waiting
            ]
        except (OSError, ValueError) as error:
            return {"failed": True, "changed": False, "msg": f"results: not what docker_netcheck returned: {error}"}
        lines = run_summary(runs, len(results), arguments["width"])
        shown = {"changed": False, **show_toned(lines)}
        nowhere = no_docker_anywhere(runs, len(results))
        if nowhere:
            return {
                **shown,
                "failed": True,
                "msg": f"gate failed: {nowhere}",
                "gate_failed": [run.host for run in runs],
            }
        failed = [run.host for run in runs if run.closed]
        said = f"gate failed on {len(failed)} of {len(runs)} hosts" if failed else f"gate passed on {len(runs)} hosts"
        changes = changes_of(runs)
        compared = {"since_last_run": plain_changes(changes)} if changes else {}
        return {**shown, "msg": said, "gate_failed": failed, **compared}


def _halves(result: _Result, report: _Result) -> tuple[_Result, _Result]:
    """Return what was registered of a host's audit and of its report; audit_host returns both."""
    return result.get("audit", result), result.get("report", report)
