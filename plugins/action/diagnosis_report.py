# Copyright (c) 2026, dockernet.baseline contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's half of diagnosis_report: a diagnosis on one screen, and as files. See its page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.dockernet.baseline.plugins.module_utils._model.codec import DecodeError, from_plain
from ansible_collections.dockernet.baseline.plugins.plugin_utils.diagnosis.diagnosis import Diagnosis
from ansible_collections.dockernet.baseline.plugins.plugin_utils.firewall.path_text import diagram_of, listing_of
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_page import (
    diagnosis_markdown,
    diagnosis_page,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.diagnosis_screen import (
    Report,
    diagnosis_screen,
)
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.display_lines import show_toned
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.findings_table import Line
from ansible_collections.dockernet.baseline.plugins.plugin_utils.report.host_files import (
    file_of,
    folder_of,
    problem_in_words,
    write_whole,
)

_ARGUMENTS: dict[str, dict[str, Any]] = {
    "result": {"type": "dict", "required": True},
    "output_dir": {"type": "str", "default": ""},
    "width": {"type": "int", "default": 110},
}
_WRITERS = {"html": diagnosis_page, "md": diagnosis_markdown}


class ActionModule(ActionBase):
    """What Ansible asks an action plugin's file for."""

    _requires_connection = False
    _supports_async = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show and write the diagnosis of one host. Raises AnsibleActionFail for what is none, or cannot be written."""
        super().run(tmp, task_vars)
        dummy, arguments = cast(Any, self).validate_argument_spec(argument_spec=_ARGUMENTS)
        host = str((task_vars or {})["inventory_hostname"])
        try:
            report = report_of(host, arguments["result"])
        except (DecodeError, KeyError, TypeError) as error:
            raise AnsibleActionFail(f"result: not what connection_diagnosis returned: {error!r}") from None
        lines = diagnosis_screen(report, arguments["width"])
        written = _written(report, arguments["output_dir"]) if arguments["output_dir"] else {}
        kept = arguments["result"].get("snapshot_path")
        files = [*written.values(), *([str(kept)] if kept else [])]
        lines += [Line(""), *(Line(f"  written to    {path}") for path in files)] if files else []
        return {"changed": False, "msg": report.found.summary, **written, **show_toned([Line(""), *lines, Line("")])}


def report_of(host: str, result: Mapping[str, Any]) -> Report:
    """Return what people read of a result of connection_diagnosis. Raises DecodeError, KeyError and TypeError."""
    found = from_plain(Diagnosis, result["diagnosis"])
    hops = [(str(item["leg"]), str(item["hops"])) for item in result["hops"]]
    diagram = diagram_of(found.packet, found.predicted)
    return Report(host, found, hops, diagram, listing_of(found.packet, found.predicted))


def _written(report: Report, output_dir: str) -> dict[str, str]:
    """Write the files, and return their paths by the names of results."""
    paths = {}
    for kind, text_of in _WRITERS.items():
        path = file_of(report.host, folder_of(output_dir), f"diagnosis.{kind}")
        try:
            write_whole(path, text_of(report))
        except OSError as error:
            raise AnsibleActionFail(f"output_dir: {problem_in_words(error)}") from None
        paths[f"{kind}_path"] = str(path)
    return paths
