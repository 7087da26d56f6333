# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the audit: show what was found, write it down, and close the gate. See the module's page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from ansible.constants import config
from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import UNREACHABLE, Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import WAIVED, Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import LEVELS, NEVER, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    write_whole,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import junit

_FOR_PEOPLE = ("default", "ansible.builtin.default")
"""Callbacks for standard output whose output people read as it is; with others it may be a program that reads."""
_COLOURS = {
    "high": "COLOR_ERROR",
    "medium": "COLOR_CHANGED",
    "low": "COLOR_SKIP",
    "unknown": "COLOR_WARN",
    WAIVED: "COLOR_DEBUG",
}
"""Ansible's own settings for colours, which users may have changed, by the tone of a line."""
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "result": {"type": "dict", "required": True},
    "fail_on": {"type": "str", "choices": list(LEVELS), "default": NEVER},
    "fail_on_unknown": {"type": "bool", "default": True},
    "output_dir": {"type": "str", "default": ""},
    "width": {"type": "int", "default": 110},
}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Report one host; the result fails, or is unreachable, where the gate closes."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        gate = Gate(arguments["fail_on"], arguments["fail_on_unknown"])
        host = str((task_vars or {})["inventory_hostname"])
        try:
            audit = Audit.from_result(host, arguments["result"])
        except (OSError, ValueError) as error:
            return {"failed": True, "changed": False, "msg": f"result: not what docker_netcheck returned: {error}"}
        answer: dict[str, Any] = {"changed": False}
        if arguments["output_dir"]:
            try:
                answer["files"] = _write(audit, gate, arguments["output_dir"])
            except OSError as error:
                return {**answer, "failed": True, "msg": f"output_dir: {error}"}
        lines = audit.lines(arguments["width"])
        if config.get_config_value("DEFAULT_STDOUT_CALLBACK") in _FOR_PEOPLE:
            self._display.display("\n" + "\n".join(_coloured(lines)) + "\n")
        else:
            answer.update(report=[line.text for line in lines], _ansible_verbose_always=True)
        return {**answer, **_verdict(audit, gate)}


def _verdict(audit: Audit, gate: Gate) -> dict[str, Any]:
    complaint = audit.complaint(gate)
    if not complaint:
        return {"msg": f"nothing closes the gate (audit_fail_on: {gate.fail_on})"}
    return {"msg": complaint, "unreachable" if audit.error_kind == UNREACHABLE else "failed": True}


def _write(audit: Audit, gate: Gate, directory: str) -> dict[str, str]:
    """Write the files and return their paths. The document of a host that was audited may be there already."""
    paths = {kind: file_of(audit.host, folder_of(directory), kind) for kind in ("json", "xml")}
    if audit.path != paths["json"]:
        write_whole(paths["json"], document_text(audit.document))
    write_whole(paths["xml"], junit(audit.suite(), gate))
    return {kind: str(path) for kind, path in paths.items()}


def _coloured(lines: Iterable[Line]) -> list[str]:
    """Colour the lines by their kind on a terminal, unless a log is written, which would get the colours, too."""
    if config.get_config_value("DEFAULT_LOG_PATH"):
        return [line.text for line in lines]
    return [_coloured_line(line) for line in lines]


def _coloured_line(line: Line) -> str:
    if line.tone not in _COLOURS or not line.text:
        return line.text
    return str(stringc(line.text, config.get_config_value(_COLOURS[line.tone])))
