# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of the audit: show what was found, write it down, and close the gate. See the module's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import to_plain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.fleet.manifest import RUN, begin_run, stamped
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_csv import audit_csv
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_document import document_text
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_markdown import audit_markdown
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.audit_report import Audit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.baseline import Baseline, read_baseline
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show_toned
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.gate import (
    LEVELS,
    NEVER,
    NOT_AUDITED,
    VARIABLE,
    Gate,
    closing,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    problem_in_words,
    write_whole,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.junit import junit
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.last_run import compare_with_last_run, words_of
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
    "baseline": {"type": "str", "default": ""},
    "fail": {"type": "bool", "default": True},
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
        """Report one host; the result fails where the gate closes, and is unreachable where it was not audited."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        try:
            audit = Audit.from_result(host, arguments["result"])
        except (OSError, ValueError) as error:
            return _unreported(arguments, host, f"result: not what docker_netcheck returned: {error}")
        baseline = read_baseline(arguments["baseline"], host, _own_document(audit, arguments))
        gate = Gate(arguments["fail_on"], arguments["fail_on_unknown"], arguments["fail_on_variable"], baseline)
        answer: dict[str, Any] = {"changed": False}
        known = audit.last_run
        if arguments["output_dir"]:
            try:
                if _JSON in arguments["formats"]:
                    begin_run(folder_of(arguments["output_dir"]), task_vars or {})
                audit, answer["files"] = _write(audit, gate, arguments["output_dir"], arguments["formats"])
            except OSError as error:
                return _unreported(arguments, host, f"output_dir: {problem_in_words(error)}")
        # Not what the audit's own result has: Ansible prints the whole result where the gate fails.
        if audit.last_run and audit.last_run is not known:
            answer["since_last_run"] = to_plain(audit.last_run)
        if baseline.path and not audit.error_kind:
            taken = {"path": baseline.path, "taken_at": baseline.taken_at, "problem": baseline.problem}
            answer["baseline"] = {**taken, **baseline.count(audit.findings)}
        lines = _lines(audit, baseline, arguments["detail"], arguments["width"])
        said = audit.complaint(gate) or gate.passed
        return {**answer, **show_toned(lines), **_ended(arguments, host, audit.gate_state(gate), said)}


def _lines(audit: Audit, baseline: Baseline, detail: str, width: int) -> list[Line]:
    """With what is known by the baseline below what is shown of the host."""
    lines = _DETAILS[detail](audit, width)
    known = baseline.lines(audit.findings, width) if lines and not audit.error_kind else []
    # Some end in a line that keeps hosts apart.
    end = len(lines) - 1 if lines and not lines[-1].text else len(lines)
    return [*lines[:end], *known, *lines[end:]]


def _own_document(audit: Audit, arguments: Mapping[str, Any]) -> Path | None:
    """The document that this run writes of the host, or has written."""
    folder = arguments["output_dir"]
    return file_of(audit.host, folder_of(folder), _JSON) if folder else audit.path


def _unreported(arguments: Mapping[str, Any], host: str, reason: str) -> dict[str, Any]:
    return {"changed": False, **_ended(arguments, host, NOT_AUDITED, reason)}


def _ended(arguments: Mapping[str, Any], host: str, state: str, said: str) -> dict[str, Any]:
    """The gate, and the task's end: at once, or left to audit_gate."""
    return {"gate": state, **(closing(state, said, host) if arguments["fail"] else {"msg": said})}


def _write(audit: Audit, gate: Gate, directory: str, formats: Sequence[str]) -> tuple[Audit, dict[str, str]]:
    """Write the files, and return their paths, and the audit, compared with the last run if the task had not done so.

    The document of a host that was audited may be there already, and was compared then, before it was written.
    """
    folder = folder_of(directory)
    written: dict[str, Path] = {}
    if _JSON in formats:
        written[_JSON] = file_of(audit.host, folder, _JSON)
        if audit.path != written[_JSON]:
            text = document_text({key: value for key, value in audit.document.items() if key != RUN})
            if not audit.error_kind:
                audit = replace(audit, last_run=compare_with_last_run(written[_JSON], text) or audit.last_run)
            write_whole(written[_JSON], stamped(text, words_of(audit.last_run)))
    for name, (kind, text_of) in _WRITERS.items():
        if name in formats:
            written[kind] = file_of(audit.host, folder, kind)
            write_whole(written[kind], text_of(audit, gate))
    return audit, {kind: str(path) for kind, path in written.items()}
