# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of trace_report: how a packet ends, what decided, its hops and steps. See its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.module_utils._model.path import (
    DELIVERED,
    PROXY_REQUEST,
    REFUSED,
    REQUEST,
    Packet,
    Path,
    PathStep,
)
from ansible_collections.dockernet.baseline.plugins.module_utils._model.text import safe
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import ending_of, place_of, rows_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.terminal import indented, table

_HEADINGS = ("", "leg", "place", "action", "devices", "rule, route or setting")
_LIMITS = (2, 13, 12, 17, 34)
_LABEL = 14
_SAME, _DIFFERS = "ok", "!="
"""Marks of a step where a trace showed the same, and where it first showed something else."""

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


def trace_screen(host: str, result: Mapping[str, Any], width: int) -> list[str]:
    """Return the lines for a result of packet_trace on a host of the inventory, none wider than width.

    Raises DecodeError, KeyError and TypeError where it is none.
    """
    packet, path = from_plain(Packet, result["packet"]), from_plain(Path, result["path"])
    said = [("verdict", f"{path.verdict}, the sender sees: {path.observed}")]
    deciding = _deciding(path)
    if path.verdict == DELIVERED:
        said += [("result", ending_of(path)), ("accepted by", _accepting(path, deciding))]
    else:
        said += [("reason", path.because), ("decided by", _stopping(path, deciding))]
    traced = result.get("traced")
    if traced is not None:
        said += _traced(traced)
    lines = [f"{safe(host)}: {safe(str(packet))}", ""]
    for label, text in said:
        lines += indented(f"  {label:<{_LABEL}}", text, width)
    lines += ["", "  hops"]
    for hops in result["hops"]:
        lines += indented(f"  {safe(hops['leg']):<{_LABEL}}", hops["hops"], width)
    lines += ["", *_steps(path, _marks(traced, deciding), width)]
    if traced is not None and traced["agree"] is not True and traced["steps"]:
        beside = Path(path.verdict, path.observed, "", [from_plain(PathStep, step) for step in traced["steps"]])
        ends = {} if traced["traced_step"] is None else {traced["traced_step"]: _DIFFERS}
        lines += ["", f"  in the kernel ({safe(traced['mode'])} trace)", *_steps(beside, ends, width)]
    return lines


def _steps(path: Path, marks: Mapping[int, str], width: int) -> list[str]:
    return [f"  {line}".rstrip() for line in table(_HEADINGS, rows_of(path, marks), _LIMITS, width - 2)]


def _traced(traced: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a trace says, as labels and texts."""
    said = [(f"{traced['mode']} trace", traced["summary"])]
    texts = {"difference": traced["difference"], "problem": traced["problem"], "run outside": traced["command"]}
    return [*said, *((label, text) for label, text in texts.items() if text)]


def _marks(traced: Mapping[str, Any] | None, deciding: int | None) -> dict[int, str]:
    """What stands before steps: that the kernel did the same, where it first did not, and what decided."""
    marks = {} if traced is None else dict.fromkeys(traced["same"], _SAME)
    if traced is not None and traced["predicted_step"] is not None:
        marks[traced["predicted_step"]] = _DIFFERS
    if deciding is not None and marks.get(deciding) != _DIFFERS:
        marks[deciding] = "=>"
    return marks


def _deciding(path: Path) -> int | None:
    """Index of the step that stopped a packet, or of the last rule that accepted a request; None where none is."""
    if path.verdict != DELIVERED:
        # What decides on a refusal is where nothing listens; the refusal's own way back is no reason for it.
        refusing = [index for index, step in enumerate(path.steps) if step.action == "refuse"]
        return refusing[-1] if path.verdict == REFUSED and refusing else path.decided_at
    passed = [
        index
        for index, step in enumerate(path.steps)
        if step.leg in (REQUEST, PROXY_REQUEST) and step.action == "accept" and step.rule
    ]
    return passed[-1] if passed else None


def _accepting(path: Path, index: int | None) -> str:
    if index is None:
        return "no rule; none on its way stops it"
    step = path.steps[index]
    return f"{place_of(step)}: {step.rule}"


def _stopping(path: Path, index: int | None) -> str:
    if index is None:
        return "not known"
    step = path.steps[index]
    told = step.rule or step.note
    told = "" if told in path.because else told
    parts = (f"{step.leg}, {step.place}, {step.action}", place_of(step), told)
    return ": ".join(part for part in parts if part)
