# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the audit: show what was found, write it down, and close the gate. See the module's page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import begin_run, stamped
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import audit_csv
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_markdown import audit_markdown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import UNREACHABLE, Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show_toned
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import LEVELS, NEVER, VARIABLE, Gate
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    write_whole,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import junit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import compare_with_last_run
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.prometheus import prometheus
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.sarif import sarif

_DETAILS: dict[str, Callable[[Audit, int], list[Line]]] = {
    "summary": Audit.screen,
    "brief": Audit.brief,
    "full": Audit.lines,
    "none": lambda audit, width: [],
}
_JSON = "json"
_WRITERS: dict[str, tuple[str, Callable[[Audit, Gate], str]]] = {
    "junit": ("xml", lambda audit, gate: junit(audit.suite(), gate)),
    "csv": ("csv", audit_csv),
    "sarif": ("sarif", sarif),
    "prometheus": ("prom", prometheus),
    "markdown": ("md", audit_markdown),
}
"""By format, how the names of its files end, and what makes their text; the document is written by itself."""
_FORMATS = (_JSON, *_WRITERS)
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "result": {"type": "dict", "required": True},
    "fail_on": {"type": "str", "choices": list(LEVELS), "default": NEVER},
    "fail_on_unknown": {"type": "bool", "default": True},
    "fail_on_variable": {"type": "str", "default": VARIABLE},
    "output_dir": {"type": "str", "default": ""},
    "formats": {"type": "list", "elements": "str", "choices": list(_FORMATS), "default": [_JSON, "junit"]},
    "detail": {"type": "str", "choices": list(_DETAILS), "default": "summary"},
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
        gate = Gate(arguments["fail_on"], arguments["fail_on_unknown"], arguments["fail_on_variable"])
        host = str((task_vars or {})["inventory_hostname"])
        try:
            audit = Audit.from_result(host, arguments["result"])
        except (OSError, ValueError) as error:
            return {"failed": True, "changed": False, "msg": f"result: not what docker_netcheck returned: {error}"}
        answer: dict[str, Any] = {"changed": False}
        known = audit.last_run
        if arguments["output_dir"]:
            try:
                if _JSON in arguments["formats"]:
                    begin_run(folder_of(arguments["output_dir"]), task_vars or {})
                audit, answer["files"] = _write(audit, gate, arguments["output_dir"], arguments["formats"])
            except OSError as error:
                return {**answer, "failed": True, "msg": f"output_dir: {error}"}
        # Not what the audit's own result has: Ansible prints the whole result where the gate fails.
        if audit.last_run and audit.last_run is not known:
            answer["since_last_run"] = to_plain(audit.last_run)
        lines = _DETAILS[arguments["detail"]](audit, arguments["width"])
        return {**answer, **show_toned(lines), **_verdict(audit, gate)}


def _verdict(audit: Audit, gate: Gate) -> dict[str, Any]:
    complaint = audit.complaint(gate)
    if not complaint:
        return {"msg": f"gate passed ({gate.variable}: {gate.fail_on})"}
    return {"msg": complaint, "unreachable" if audit.error_kind == UNREACHABLE else "failed": True}


def _write(audit: Audit, gate: Gate, directory: str, formats: Sequence[str]) -> tuple[Audit, dict[str, str]]:
    """Write the files, and return their paths, and the audit, compared with the last run if the task had not done so.

    The document of a host that was audited may be there already, and was compared then, before it was written.
    """
    folder = folder_of(directory)
    written: dict[str, Path] = {}
    if _JSON in formats:
        written[_JSON] = file_of(audit.host, folder, _JSON)
        if audit.path != written[_JSON]:
            text = document_text(stamped(audit.document))
            if not audit.error_kind:
                audit = replace(audit, last_run=compare_with_last_run(written[_JSON], text) or audit.last_run)
            write_whole(written[_JSON], text)
    for name, (kind, text_of) in _WRITERS.items():
        if name in formats:
            written[kind] = file_of(audit.host, folder, kind)
            write_whole(written[kind], text_of(audit, gate))
    return audit, {kind: str(path) for kind, path in written.items()}
