# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of docker_netcheck: policy before the host is asked, and judging of what was read there."""

from __future__ import annotations

import datetime
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.audit import judged, sources_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.context import AuditContext
from ansible_collections.dockernet.baseline.plugins.plugin_utils.checks.learned import learned_from
from ansible_collections.dockernet.baseline.plugins.plugin_utils.connection_plugins import load_connection_plugins
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import begin_run, stamped
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import read_host, reading
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    LimitError,
    NoAnswerError,
    is_answer,
    judge_within,
    read_snapshot_text,
    seconds_of,
    unjudged,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import (
    AUDIT,
    AUDIT_SPEC,
    FILE,
    REQUIRED_BY,
    SAVE,
    WrongValueError,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.policy.policy import Policy, read_policy
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import (
    document_of,
    document_text,
    waiver_lines,
    warning_of,
    weighed,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    problem_in_words,
    write_whole,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import (
    LastRun,
    compare_with_last_run,
    words_of,
)

load_connection_plugins()

MODULE = "dockernet.baseline.docker_netcheck"
_TEXT = "text"
_BESIDE = ("learned_contract",)
"""What is returned beside the document where it was asked for."""


class ActionModule(ActionBase):
    """What Ansible runs for a task of docker_netcheck."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        # Ansible makes this process from one that has much in memory. To search that for garbage would copy it.
        gc.freeze()
        super().run(tmp, task_vars)
        options, policy = self._options()
        seconds = seconds_of(options)
        saves = options["snapshot"] == SAVE
        if options["output_dir"] and options["document_in"] == FILE and not saves:
            _begin(options["output_dir"], task_vars or {})
        told = reading(options, self._task.args, path="load" if options["snapshot"] == AUDIT else "save")
        answer = read_host(self._execute_module, MODULE, told, task_vars)
        if not is_answer(answer):
            return answer
        packed = answer.pop(WIRE, None)
        host = str((task_vars or {})["inventory_hostname"])
        judge = _as_saved(options["snapshot_path"]) if saves else _audit(policy, options, host)
        hand_over = _as_text if options["document_in"] == FILE and not saves else dict
        try:
            found = judge_within(seconds, packed, read_snapshot_text, judge, hand_over)
        except NoAnswerError as error:
            raise AnsibleActionFail(f"the host did not answer like {MODULE}: {error}") from None
        except LimitError as error:
            found = hand_over(judge(unjudged(error)))
        for defect in found.get("defects", []):
            self._display.warning(warning_of(defect))
        if _TEXT in found:
            path = file_of(host, _folder(options["output_dir"]), "json")
            compared = compare_with_last_run(path, found[_TEXT]) if options["output_dir"] else None
            found = {**_written(found, path, compared), **({"since_last_run": to_plain(compared)} if compared else {})}
        return {**answer, **found}

    def _options(self) -> tuple[dict[str, Any], Policy]:
        dummy_validation, options = cast(Any, self).validate_argument_spec(AUDIT_SPEC, required_by=REQUIRED_BY)
        try:
            return options, read_policy(options)
        except WrongValueError as error:
            raise AnsibleActionFail(str(error), obj=error.value) from None


def _audit(policy: Policy, options: dict[str, Any], inventory_name: str) -> Callable[[HostSnapshot], dict[str, Any]]:
    def judge(snapshot: HostSnapshot) -> dict[str, Any]:
        today = datetime.datetime.now(datetime.timezone.utc).date()
        answer = judged(AuditContext(snapshot, policy.settings_on(inventory_name)), options["reachability"])
        learned = {"learned_contract": learned_from(snapshot)} if options["learn_contract"] else {}
        return {**weighed(answer, policy, inventory_name, today, options["facts"]), **learned}

    return judge


def _as_text(found: dict[str, Any]) -> dict[str, Any]:
    """The document as a text, and the little that is returned beside a file of it."""
    return {
        "msg": found["msg"],
        "summary": found["summary"],
        "used_waivers": waiver_lines(found["waivers"], used=True),
        "unused_waivers": waiver_lines(found["waivers"], used=False),
        **{key: found[key] for key in _BESIDE if key in found},
        "defects": found["defects"],
        _TEXT: document_text(document_of(found)),
    }


def _folder(output_dir: str) -> Path:
    """Where the file goes: by default into what Ansible removes at the end of its run, whatever becomes of hosts."""
    if output_dir:
        return folder_of(output_dir)
    return Path(cast(Any, constants).DEFAULT_LOCAL_TMP) / "dockernet-audits"


def _begin(output_dir: str, task_vars: dict[str, Any]) -> None:
    """Leave the manifest, for all hosts of the play at once. Raises AnsibleActionFail where it cannot be written."""
    try:
        begin_run(folder_of(output_dir), task_vars)
    except OSError as error:
        raise AnsibleActionFail(f"output_dir: {problem_in_words(error)}") from None


def _written(found: dict[str, Any], path: Path, compared: LastRun | None) -> dict[str, Any]:
    """Write the text, and return the rest of the result. Raises AnsibleActionFail where it cannot be written."""
    try:
        write_whole(path, stamped(found[_TEXT], words_of(compared)))
    except OSError as error:
        raise AnsibleActionFail(f"output_dir: {problem_in_words(error)}") from None
    kept = ("msg", "summary", "used_waivers", "unused_waivers", *_BESIDE)
    return {**{key: found[key] for key in kept if key in found}, "document_path": str(path)}


def _as_saved(path: str) -> Callable[[HostSnapshot], dict[str, Any]]:
    def judge(snapshot: HostSnapshot) -> dict[str, Any]:
        return {"msg": f"Nothing was evaluated; the snapshot was saved in {path}", "sources": sources_of(snapshot)}

    return judge
