# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action connection_diagnosis: has a host read, probed and traced, and judges all of it on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.answers import (
    Answers,
    judge_all,
    plan_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.question import Inquiry, inquiry_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import QuestionError
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import read_host, reading
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    is_answer,
    judge_snapshot,
    seconds_of,
    unpack,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import PACKET_PROTOCOLS
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    problem_in_words,
    write_whole,
)

MODULE = "dockernet.baseline.connection_diagnosis"
PROBING = "dockernet.baseline.container_probe"
TRACING = "dockernet.baseline.kernel_trace"

_NONE, _DRY, _LIVE = "none", "dry", "live"

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "from": {"type": "str", "aliases": ["container"]},
    "to": {"type": "str", "aliases": ["target"]},
    "port": {"type": "int"},
    "protocol": {"type": "str", "choices": list(PACKET_PROTOCOLS)},
    "source": {"type": "str"},
    "published": {"type": "int"},
    "trace": {"type": "str", "choices": [_NONE, _DRY, _LIVE], "default": _DRY},
    "probe": {"type": "bool", "default": True},
    "output_dir": {"type": "str", "default": ""},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "probe_timeout": {"type": "int", "default": 3},
    "trace_timeout": {"type": "int", "default": 5},
    "read_timeout": {"type": "int", "default": 60},
    "judge_timeout": {"type": "int", "default": 60},
}


class ActionModule(ActionBase):
    """What Ansible runs for a task of connection_diagnosis."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        dummy_validation, options = cast(Any, self).validate_argument_spec(_ARGUMENTS)
        seconds = seconds_of(options)
        try:
            inquiry = inquiry_of(options)
        except QuestionError as error:
            raise AnsibleActionFail(safe(str(error))) from None
        # What others do to a host changes it: its connections are read before any of ours is made.
        read = read_host(self._execute_module, MODULE, reading(options, self._task.args), task_vars)
        if not is_answer(read):
            return read
        packed = read.pop(WIRE, None)
        answers = self._ask(options, inquiry, seconds, packed, task_vars)
        found = _judged(seconds, packed, lambda snapshot: judge_all(snapshot, inquiry, answers))
        keeps = found.pop("keeps_snapshot", False)
        if keeps and options["output_dir"]:
            host = str((task_vars or {})["inventory_hostname"])
            found["snapshot_path"] = _kept(host, options["output_dir"], packed)
        return {**read, "changed": False, **found}

    def _ask(
        self,
        options: Mapping[str, Any],
        inquiry: Inquiry,
        seconds: int,
        packed: Any,
        task_vars: dict[str, Any] | None,
    ) -> Answers:
        """Probe and trace what the question means on this host."""
        plan = _judged(seconds, packed, lambda snapshot: plan_of(snapshot, inquiry))
        answers = Answers()
        if plan.get("lookup") and not options["probe"]:
            raise AnsibleActionFail(safe(f"probe: {options['to']} is a name, which only a probe can look up"))
        if plan.get("lookup"):
            answers = answers.with_lookup(self._probe(options, plan["lookup"], task_vars))
            known = answers
            plan = _judged(seconds, packed, lambda snapshot: plan_of(snapshot, inquiry, known))
        if plan.get("failed"):
            return answers
        for task in plan.get("probes", []) if options["probe"] else []:
            answers = answers.with_probe(self._probe(options, task, task_vars), tells_process=task["tells_process"])
        if options["trace"] != _NONE and plan.get("trace"):
            answers = answers.with_trace(self._trace(options, plan["trace"], task_vars))
        return answers

    def _probe(
        self, options: Mapping[str, Any], task: Mapping[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        arguments = {
            "from": task["origin"],
            "probes": task["probes"],
            "layers": task["layers"],
            "timeout": options["probe_timeout"],
        }
        return self._call(PROBING, arguments, options, task_vars)

    def _trace(
        self, options: Mapping[str, Any], numbers: Mapping[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        arguments = {**numbers, "mode": options["trace"], "seconds": options["trace_timeout"]}
        return self._call(TRACING, arguments, options, task_vars)

    def _call(
        self, module: str, arguments: dict[str, Any], options: Mapping[str, Any], task_vars: dict[str, Any] | None
    ) -> dict[str, Any]:
        """What a module on the host answers; as a failure where it could not be run."""
        given = {**arguments, **({"docker_host": options["docker_host"]} if "docker_host" in self._task.args else {})}
        try:
            result: dict[str, Any] = self._execute_module(module_name=module, module_args=given, task_vars=task_vars)
        except AnsibleError as error:
            return {"failed": True, "msg": str(error)}
        return result


def _judged(seconds: int, packed: Any, judge: Any) -> dict[str, Any]:
    return judge_snapshot(seconds, packed, judge, MODULE, "the connection was not diagnosed")


def _kept(host: str, output_dir: str, packed: Any) -> str:
    """Write the snapshot, and return where. Raises AnsibleActionFail where it cannot be written."""
    path = file_of(host, folder_of(output_dir), "snapshot.json")
    try:
        write_whole(path, unpack(packed))
    except OSError as error:
        raise AnsibleActionFail(f"output_dir: {problem_in_words(error)}") from None
    return str(path)
