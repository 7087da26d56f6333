# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action what_if: has a host read, applies changes to what was read, and compares who reaches what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import read_host, reading
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    is_answer,
    judge_snapshot,
    seconds_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.changes import BadChangeError, read_changes
from ansible_collections.dockernet.baseline.plugins.plugin_utils.what_if.prediction import (
    lines_of,
    plan_lines,
    planned,
    predicted,
)

MODULE = "dockernet.baseline.what_if"

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "changes": {"type": "list", "elements": "dict"},
    "repairs": {"type": "dict"},
    "snapshot_path": {"type": "path"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "read_timeout": {"type": "int", "default": 60},
    "judge_timeout": {"type": "int", "default": 60},
}


class ActionModule(ActionBase):
    """What Ansible runs for a task of what_if."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        one = [["changes", "repairs"]]
        dummy_validation, options = cast(Any, self).validate_argument_spec(
            _ARGUMENTS, mutually_exclusive=one, required_one_of=one
        )
        seconds = seconds_of(options)
        judge = _judge_of(options)
        read = read_host(self._execute_module, MODULE, reading(options, self._task.args), task_vars)
        if not is_answer(read):
            return read
        packed = read.pop(WIRE, None)
        found = judge_snapshot(seconds, packed, judge, MODULE, "what would change was not worked out")
        if found.get("failed"):
            return {**read, "changed": False, **found}
        if options["repairs"] is not None:
            return {**read, "changed": False, **found, "listing": plan_lines(found)}
        return {**read, "changed": False, **found, **show([_title(task_vars), *lines_of(found)])}


def _judge_of(options: Mapping[str, Any]) -> Callable[[HostSnapshot], dict[str, Any]]:
    """What makes the answer of a snapshot. Raises AnsibleActionFail for changes that are written wrongly."""
    if options["repairs"] is not None:
        return partial(planned, modules=options["repairs"])
    try:
        return partial(predicted, changes=read_changes(options["changes"]))
    except BadChangeError as error:
        raise AnsibleActionFail(safe(str(error))) from None


def _title(task_vars: dict[str, Any] | None) -> str:
    return safe(f"{(task_vars or {}).get('inventory_hostname', '')}: on paper, nothing was changed:")
