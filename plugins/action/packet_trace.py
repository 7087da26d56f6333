# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of packet_trace: a packet followed through what was read of a host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain, to_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.kernel_trace import KernelTrace
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import Packet, Path
from ansible_collections.dockernet.baseline.plugins.module_utils._model.snapshot import HostSnapshot
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.module_utils._model.wire import WIRE
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.host_view import HostView
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.predict import (
    BadPacketError,
    predict,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.datapath.question import (
    Question,
    QuestionError,
    packet_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import (
    HopWriter,
    diagram_of,
    line_of,
    listing_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.host_reading import read_host, reading
from ansible_collections.dockernet.baseline.plugins.plugin_utils.limits import (
    is_answer,
    judge_snapshot,
    seconds_of,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.options import NONE, TRACE_SPEC
from ansible_collections.dockernet.baseline.plugins.plugin_utils.trace.traced_result import (
    TracedPath,
    followed_packet,
    probe_of,
)

MODULE = "dockernet.baseline.packet_trace"
TRACER = "dockernet.baseline.kernel_trace"
_OPTIONS = {"origin": "from", "destination": "to"}
_PROBE = "probe"
"""Key of what is traced, on its way from where the path was worked out."""
_LONGEST_WAIT = 600


class ActionModule(ActionBase):
    """What Ansible runs for a task of packet_trace."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the result of the task. Raises AnsibleActionFail for options that are wrong."""
        super().run(tmp, task_vars)
        dummy_validation, wanted = cast(Any, self).validate_argument_spec(TRACE_SPEC)
        seconds = seconds_of(wanted)
        _refuse_contradictions(wanted)
        question = Question(
            wanted["from"], wanted["to"], wanted["protocol"] or "", wanted["port"], wanted["source"] or ""
        )
        told = reading(wanted, self._task.args, sources="packets")
        answer = read_host(self._execute_module, MODULE, told, task_vars)
        if not is_answer(answer):
            return answer
        packed = answer.pop(WIRE, None)
        found = _judged(seconds, packed, lambda snapshot: _followed(snapshot, question))
        probe = found.pop(_PROBE, None)
        if probe is not None and wanted["trace"] != NONE:
            reply = self._execute_module(
                module_name=TRACER,
                module_args={**probe, "mode": wanted["trace"], "wait": wanted["trace_wait"], **self._engine()},
                task_vars=task_vars,
            )
            if not is_answer(reply):
                return {**answer, **found, **_without_trace(reply)}
            found = _judged(seconds, packed, lambda snapshot: _held(snapshot, question, reply.get("trace")))
            found.pop(_PROBE, None)
        return {**answer, **found}

    def _engine(self) -> dict[str, Any]:
        """Where the engine is asked, as far as the task says: else that is for the host to know, as for reading it."""
        return {name: value for name, value in self._task.args.items() if name == "docker_host"}


def _refuse_contradictions(wanted: Mapping[str, Any]) -> None:
    if wanted["trace"] != NONE and wanted["snapshot_path"] is not None:
        raise AnsibleActionFail(
            f"trace: {wanted['trace']} asks the kernel as it is now, and snapshot_path names a host as it was; "
            "leave one of the two out"
        )
    if not 0 <= wanted["trace_wait"] <= _LONGEST_WAIT:
        raise AnsibleActionFail(f"trace_wait: {wanted['trace_wait']} is not from 0 to {_LONGEST_WAIT} seconds")


def _judged(seconds: int, packed: Any, judge: Callable[[HostSnapshot], dict[str, Any]]) -> dict[str, Any]:
    return judge_snapshot(seconds, packed, judge, MODULE, "where the packet goes was not worked out")


def _without_trace(reply: Mapping[str, Any]) -> dict[str, Any]:
    """The failure of a task whose prediction is there, and whose trace is not."""
    said = {name: reply[name] for name in ("failed", "unreachable", "skipped") if name in reply}
    return {**said, "msg": f"trace: {safe(str(reply.get('msg', 'the host did not answer')))}"}


def _followed(snapshot: HostSnapshot, question: Question) -> dict[str, Any]:
    """The packet and its path, or why there is none."""
    try:
        packet = packet_of(snapshot, question)
        view = HostView.of(snapshot)
        path = predict(view, packet)
    except QuestionError as error:
        return {"failed": True, "msg": safe(str(error))}
    except BadPacketError as error:
        return {"failed": True, "msg": safe(f"{_OPTIONS.get(error.part, error.part)}: {error.problem}")}
    return _said(view, packet, path)


def _said(view: HostView, packet: Packet, path: Path) -> dict[str, Any]:
    return {
        "msg": line_of(packet, path),
        "packet": to_plain(packet),
        "path": to_plain(path),
        "listing": listing_of(packet, path),
        "diagram": diagram_of(packet, path),
        "hops": HopWriter(view.snapshot).hops_of(packet, path),
        _PROBE: probe_of(view, packet),
    }


def _held(snapshot: HostSnapshot, question: Question, plain: Any) -> dict[str, Any]:
    """The same with what the kernel did beside it."""
    try:
        trace = from_plain(KernelTrace, plain)
    except DecodeError as error:
        return {"failed": True, "msg": safe(f"the host did not answer like {TRACER}: {error}")}
    view = HostView.of(snapshot)
    packet = followed_packet(packet_of(snapshot, question), trace)
    path = predict(view, packet)
    beside = TracedPath(view, packet, path, trace)
    said = _said(view, packet, path)
    return {**said, "listing": f"{said['listing']}\n\n{beside.listing()}", "traced": beside.to_plain()}
