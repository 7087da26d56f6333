# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of docker_netcheck: policy before the host is asked, and judging of what was read there."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.options import (
    AUDIT_SPEC,
    READ_BY_AUDIT,
    REQUIRED_BY,
    SAVE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged, sources_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.parameters import WrongValueError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    LimitError,
    NoAnswerError,
    is_answer,
    judge_within,
    read_snapshot_text,
    seconds_of,
    unjudged,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import Policy, read_policy
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import warning_of, weighed

MODULE = "dockernet.baseline.docker_netcheck"


class ActionModule(ActionBase):
    """What Ansible runs for a task of docker_netcheck."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        options, policy = self._options()
        seconds = seconds_of(options)
        # They go as they came: paths are the host's.
        to_read = {name: value for name, value in self._task.args.items() if name in READ_BY_AUDIT}
        answer: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=to_read, task_vars=task_vars)
        if not is_answer(answer):
            return answer
        packed = answer.pop(WIRE, None)
        if options["snapshot"] == SAVE:
            judge = _as_saved(options["snapshot_path"])
        else:
            judge = _audit(policy, options["reachability"], str((task_vars or {})["inventory_hostname"]))
        try:
            found = judge_within(seconds, packed, read_snapshot_text, judge)
        except NoAnswerError as error:
            raise AnsibleActionFail(f"the host did not answer like {MODULE}: {error}") from None
        except LimitError as error:
            found = judge(unjudged(error))
        for defect in found.get("defects", []):
            self._display.warning(warning_of(defect))
        return {**answer, **found}

    def _options(self) -> tuple[dict[str, Any], Policy]:
        dummy_validation, options = cast(Any, self).validate_argument_spec(AUDIT_SPEC, required_by=REQUIRED_BY)
        try:
            return options, read_policy(options)
        except WrongValueError as error:
            raise AnsibleActionFail(str(error), obj=error.value) from None


def _audit(policy: Policy, detail: str, inventory_name: str) -> Callable[[HostSnapshot], dict[str, Any]]:
    def judge(snapshot: HostSnapshot) -> dict[str, Any]:
        today = datetime.datetime.now(datetime.timezone.utc).date()
        return weighed(judged(AuditContext(snapshot, policy.settings), detail), policy, inventory_name, today)

    return judge


def _as_saved(path: str) -> Callable[[HostSnapshot], dict[str, Any]]:
    def judge(snapshot: HostSnapshot) -> dict[str, Any]:
        return {"msg": f"Nothing was judged; saved is what was read, in {path}", "sources": sources_of(snapshot)}

    return judge
