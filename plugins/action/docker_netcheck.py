# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of docker_netcheck: policy before the host is asked, and weighing of what it answers."""

from __future__ import annotations

import datetime
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.options import (
    ARGUMENT_SPEC,
    ON_THE_CONTROLLER,
    REQUIRED_BY,
    SAVE,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._checks.parameters import WrongValueError
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError
from ansible_collections.dockernet.baseline.plugins.plugin_utils._audit_document import weighed
from ansible_collections.dockernet.baseline.plugins.plugin_utils._policy import Policy, read_policy

MODULE = "dockernet.baseline.docker_netcheck"
_WITHOUT_ANSWER = ("failed", "unreachable", "skipped")


class ActionModule(ActionBase):
    """What Ansible runs for a task of docker_netcheck."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        policy = self._policy()
        answer: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=self._for_the_host(policy), task_vars=task_vars
        )
        if any(answer.get(word) for word in _WITHOUT_ANSWER) or self._task.args.get("snapshot") == SAVE:
            return answer
        try:
            today = datetime.datetime.now(datetime.timezone.utc).date()
            return {**answer, **weighed(answer, policy, str((task_vars or {})["inventory_hostname"]), today)}
        except (DecodeError, KeyError, TypeError) as error:
            raise AnsibleActionFail(f"the host did not answer like {MODULE}: {error!r}") from None

    def _policy(self) -> Policy:
        dummy_validation, options = cast(Any, self).validate_argument_spec(ARGUMENT_SPEC, required_by=REQUIRED_BY)
        try:
            return read_policy(options)
        except WrongValueError as error:
            raise AnsibleActionFail(str(error), obj=error.value) from None

    def _for_the_host(self, policy: Policy) -> dict[str, Any]:
        """The options of the module. Those that the policy has no part in go as they came: paths are the host's."""
        return {
            **{name: value for name, value in self._task.args.items() if name not in ON_THE_CONTROLLER},
            "checks": list(policy.checks),
            "exclude": list(policy.exclude),
            "parameters": {check: dict(values) for check, values in policy.parameters.items()},
            "userland_proxy": policy.userland_proxy,
        }
